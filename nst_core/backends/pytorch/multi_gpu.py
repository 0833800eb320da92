"""The tiles of one picture shared by several devices of a machine, through torch.distributed.

There is one process for each device; the first is the caller's. It tells the others what to bind and when to
evaluate, and sends the picture. Each computes its share of the tiles
(:mod:`nst_core.backends.tiling.evaluator`). Sums are added up between the passes, gradients after them, and
only the first process optimises. So every process holds a network, a picture and a gradient, and no
optimiser. Small pictures are evaluated by the first device alone.

Tensors travel by NCCL between CUDA devices if PyTorch has it (on Linux), and by gloo otherwise. The processes
find each other through a file in a folder of their own, and communicate only within the machine.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from nst_core.array_types import Array
from nst_core.backends.interface import BackendLimits, Evaluation, Evaluator, SummedPart, Tiling
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.errors import ErrorCode, NstError
from nst_core.loss.layer_losses import StyleSums
from nst_core.loss.objective import Objective
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.network import Network

COMMAND_TIMEOUT = timedelta(days=7)
"""How long a process waits for the first one, which may wait for a person."""

SHUTDOWN_SECONDS = 10.0
"""How long a process may take to end when it is asked to."""

DONE, INTERRUPTED, OUT_OF_MEMORY = 0, 1, 2
"""Result of a process's tiles; the worst of all processes counts."""

WHOLE_PIXELS = 1.5e6
"""Largest picture, in pixels, for the first device alone: smaller ones have too few tiles to share."""


class ProcessGroup:
    """The processes that share tiles; see :class:`nst_core.backends.tiling.evaluator.Group`."""

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    def settle(self, error: Exception | None) -> None:
        """Wait for all processes; raise this one's ``error``, or an error for a failure of another's.

        Raises:
            NstError: ``out-of-memory`` or ``no-engine`` in another process.
        """
        result = DONE if error is None else OUT_OF_MEMORY if is_out_of_memory(error) else INTERRUPTED
        worst = torch.tensor([result], device=self.device)
        dist.all_reduce(worst, op=dist.ReduceOp.MAX)
        if error is not None:
            raise error
        if int(worst) == OUT_OF_MEMORY:
            raise NstError(
                ErrorCode.OUT_OF_MEMORY, "One of the devices does not have enough memory for its tiles."
            )
        if int(worst) == INTERRUPTED:
            raise NstError(ErrorCode.NO_ENGINE, "One of the devices failed.", "Leave it out of --device.")

    def add_up(self, arrays: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        """Return the sums of all processes' ``arrays``."""
        sums = []
        for array in arrays:
            total = torch.as_tensor(array, device=self.device).clone(memory_format=torch.contiguous_format)
            dist.all_reduce(total)
            sums.append(total)
        return sums


@dataclass(frozen=True, kw_only=True)
class GroupConfig:
    """Start-up data of the processes of a group: their devices, where to meet, and the network."""

    devices: tuple[str, ...]
    rendezvous_file: str
    network: Network
    pooling: Literal["max", "average"]
    padding: Literal["zero", "edge"]
    dtype: torch.dtype

    def open_backend(self, rank: int) -> TorchBackend:
        """Open the backend of process ``rank``."""
        return TorchBackend(
            self.network,
            device=self.devices[rank],
            pooling=self.pooling,
            padding=self.padding,
            dtype=self.dtype,
        )


class DistributedBackend:
    """Several torch devices as one; see :class:`nst_core.backends.interface.Backend`."""

    engine = "torch"

    def __init__(
        self,
        network: Network,
        *,
        devices: Sequence[str],
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "edge"] = "edge",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network = network
        self.device = ",".join(devices)
        self._folder = Path(tempfile.mkdtemp(prefix="nst-group-"))
        config = GroupConfig(
            devices=tuple(devices),
            rendezvous_file=str(self._folder / "rendezvous"),
            network=network,
            pooling=pooling,
            padding=padding,
            dtype=dtype,
        )
        self._processes = list[Any]()
        self._in_step = True  # whether the other processes wait for a command
        try:
            self.local = config.open_backend(0)
            self.asynchronous = self.local.asynchronous
            self.limits = _shared_limits(self.local.limits, len(devices))
            self._start_processes(config)
            self.group = _join(0, config)
        except BaseException:
            self._in_step = False
            self.end()
            raise

    def _start_processes(self, config: GroupConfig) -> None:
        """Start a process for each device but the first, and wait until all are ready."""
        context = multiprocessing.get_context("spawn")
        ready_receivers = []
        for rank in range(1, len(config.devices)):
            ready_receiver, ready_sender = context.Pipe(duplex=False)
            with ready_sender:
                process = context.Process(target=_serve, args=(ready_sender, rank, config), daemon=True)
                process.start()
            self._processes.append(process)
            ready_receivers.append(ready_receiver)
        for ready_receiver, device in zip(ready_receivers, config.devices[1:], strict=True):
            _wait_until_ready(ready_receiver, device)

    @property
    def hardware(self) -> str:
        """The maker's name of the first card, or ""."""
        return self.local.hardware

    def free_bytes(self) -> int:
        """Return the free memory of the first device, or of the machine."""
        return self.local.free_bytes()

    def upload(self, array: Array) -> torch.Tensor:
        """Copy a host array to the first device."""
        return self.local.upload(array)

    def download(self, array: torch.Tensor) -> Array:
        """Copy an array of the first device to the host, waiting for it."""
        return self.local.download(array)

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        return self.network.layers

    @property
    def paper_scale(self) -> float:
        """Factor from the features to those of the paper."""
        return self.network.normalisation.paper_scale

    def features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        """Return features, computed on the first device."""
        return self.local.features(picture, layers)

    def style_sums(
        self, picture: Array, parts: Mapping[str, SummedPart], *, with_mean: bool
    ) -> dict[str, StyleSums]:
        """Return sums of features, computed on the first device."""
        return self.local.style_sums(picture, parts, with_mean=with_mean)

    def evaluator(
        self, objective: Objective, height: int, width: int, tiling: Tiling | None = None
    ) -> Evaluator:
        """Bind ``objective``; without tiling on the first device alone."""
        if tiling is None:
            return self.local.evaluator(objective, height, width)
        with self.in_step():
            _broadcast_command("bind", objective, height, width, tiling.window)
        return SharedEvaluator(self.local.evaluator(objective, height, width, tiling, self.group), self)

    @contextlib.contextmanager
    def in_step(self) -> Iterator[None]:
        """Run a block in which all processes take part; they wait for a command after it, or are lost.

        Raises:
            NstError: ``no-engine`` if one of them has ended; otherwise the block's exceptions pass through.
        """
        try:
            yield
        except Exception as error:
            # Communication fails with RuntimeError a moment before the other process is gone.
            patience = 1.0 if isinstance(error, RuntimeError) and not is_out_of_memory(error) else 0.0
            if not wait([process.sentinel for process in self._processes], patience):
                raise
            self._in_step = False
            raise NstError(
                ErrorCode.NO_ENGINE,
                "A process that shares the picture's tiles has ended.",
                "Its device may be out of memory; paint on fewer devices, or see the log.",
            ) from error
        except BaseException:
            # Interrupted at any point: the others may wait for something that never comes.
            self._in_step = False
            raise

    def use_cpu(self, failure: NstError) -> bool:
        """Return False: the processes share one kind of device."""
        del failure
        return False

    def close(self) -> None:
        """Release cached memory of this process; the others keep theirs for the next level."""
        self.local.close()

    def end(self) -> None:
        """End the other processes; nothing can be evaluated afterwards."""
        if self._processes and self._in_step:
            with contextlib.suppress(RuntimeError):
                _broadcast_command("end")
        for process in self._processes:
            process.join(timeout=SHUTDOWN_SECONDS if self._in_step else 0)
            if process.is_alive():
                process.terminate()
                process.join()
        if self._processes and dist.is_initialized():
            dist.destroy_process_group()
        self._processes = []
        shutil.rmtree(self._folder, ignore_errors=True)


class SharedEvaluator:
    """The first process's evaluator, which makes the others evaluate with it."""

    def __init__(self, evaluator: Evaluator, backend: DistributedBackend) -> None:
        self.evaluator, self.backend = evaluator, backend

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Evaluate at ``picture`` (3, height, width) in all processes."""
        with self.backend.in_step():
            _broadcast_command("evaluate", tuple(picture.shape), picture.dtype)
            dist.broadcast(picture.contiguous(), src=0)
            return self.evaluator(picture)


def _shared_limits(alone: BackendLimits, devices: int) -> BackendLimits:
    """Return the limits of ``devices`` processes, each of which has those of ``alone``."""
    sharers = 1 if alone.own_memory else devices  # processes that compute in the same memory
    return replace(
        alone,
        bytes_per_pixel=alone.bytes_per_pixel * sharers,
        tile_bytes_per_pixel=alone.tile_bytes_per_pixel * sharers,
        fixed_bytes=alone.fixed_bytes * sharers,
        devices=devices,
        whole_pixels=WHOLE_PIXELS,
    )


def _wait_until_ready(ready_receiver: Connection, device: str) -> None:
    """Wait until the process of ``device`` is ready.

    Raises:
        NstError: ``no-device``.
    """
    try:
        ready_receiver.recv()
    except EOFError:
        raise NstError(
            ErrorCode.NO_DEVICE, f"No process could be started for {device}.", "Leave it out of --device."
        ) from None


def _join(rank: int, config: GroupConfig) -> ProcessGroup:
    """Join the process group as ``rank``."""
    devices = config.devices
    if devices[rank].startswith("cuda"):
        torch.cuda.set_device(torch.device(devices[rank]))
    dist.init_process_group(
        communication(devices),
        init_method=Path(config.rendezvous_file).as_uri(),
        rank=rank,
        world_size=len(devices),
        timeout=COMMAND_TIMEOUT,
    )
    return ProcessGroup(rank, len(devices), torch.device(devices[rank]))


def communication(devices: Sequence[str]) -> str:
    """Return how processes with ``devices`` send tensors. NCCL serves only CUDA, and only on Linux."""
    on_cuda = all(device.startswith("cuda") for device in devices)
    return "cpu:gloo,cuda:nccl" if on_cuda and dist.is_nccl_available() else "gloo"


def _broadcast_command(*command: Any) -> None:
    """Send a command and its arguments to all other processes."""
    dist.broadcast_object_list([command], src=0, device=torch.device("cpu"))


def _serve(ready_sender: Connection, rank: int, config: GroupConfig) -> None:
    """Execute the first process's commands until "end", or until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first decides
    backend = config.open_backend(rank)
    torch.zeros(1, device=backend.torch_device)
    with ready_sender:
        ready_sender.send(rank)
    group = _join(rank, config)
    evaluator: Evaluator | None = None
    parent = os.getppid()
    while os.getppid() == parent:
        received: list[Any] = [None]
        try:
            dist.broadcast_object_list(received, src=0, device=torch.device("cpu"))
        except RuntimeError:
            return  # the first process is gone
        command, *arguments = received[0]
        if command == "end":
            break
        if command == "bind":
            evaluator = None
            backend.close()
            objective, height, width, window = arguments
            evaluator = backend.evaluator(objective, height, width, Tiling(window), group)
        elif evaluator is not None:
            shape, dtype = arguments
            picture = torch.empty(shape, dtype=dtype, device=backend.torch_device)
            dist.broadcast(picture, src=0)
            # Errors are reported to the first process, which decides what to do.
            with contextlib.suppress(NstError, MemoryError, RuntimeError):
                evaluator(picture)
    dist.destroy_process_group()
