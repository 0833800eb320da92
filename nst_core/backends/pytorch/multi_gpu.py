"""The tiles of one picture over several devices of a machine, through torch.distributed.

One process a device; the first is the caller's. It tells the others what to bind and when to evaluate, and
sends the picture; each takes its share of the tiles (:mod:`nst_core.backends.tiling.evaluator`), sums are
added up between the passes, gradients after them, and only the first optimises. So every process holds a
network, a picture and a gradient, and no optimizer. Small pictures are evaluated by the first device alone.

Tensors travel by NCCL between CUDA devices and by gloo otherwise; the processes meet in a file in a folder
of their own, and talk within the machine.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from nst_core.array_types import Array
from nst_core.backends.interface import Evaluation, Evaluator, Tiling
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.errors import ErrorCode, NstError, is_out_of_memory
from nst_core.loss.objective import Objective
from nst_core.vgg.network import Network

PATIENCE = timedelta(days=7)
"""How long a process waits for the first, which may wait for a person."""

FAREWELL_SECONDS = 10.0
"""How long a process that was told to end is given."""

FINE, INTERRUPTED, OUT_OF_MEMORY = 0, 1, 2
"""What a process says when it has done its tiles; the worst of all counts."""

WHOLE_PIXELS = 1.5e6
"""Pixels up to which the first device evaluates pictures alone: below, there are too few tiles to share."""


class ProcessGroup:
    """The processes that share tiles; see :class:`nst_core.backends.tiling.evaluator.Group`."""

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    def settle(self, error: Exception | None) -> None:
        """Wait for all; raises ``error``, or ``out-of-memory`` or InterruptedError for another's."""
        told = FINE if error is None else OUT_OF_MEMORY if is_out_of_memory(error) else INTERRUPTED
        worst = torch.tensor([told], device=self.device)
        dist.all_reduce(worst, op=dist.ReduceOp.MAX)
        if error is not None:
            raise error
        if int(worst) == OUT_OF_MEMORY:
            raise NstError(ErrorCode.OUT_OF_MEMORY, "One of the devices has not enough memory for its tiles.")
        if int(worst) == INTERRUPTED:
            raise NstError(ErrorCode.NO_ENGINE, "One of the devices failed.", "Leave it out of --device.")

    def add_up(self, arrays: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        """Return the sums of everybody's ``arrays``."""
        added = []
        for array in arrays:
            whole = torch.as_tensor(array, device=self.device).clone(memory_format=torch.contiguous_format)
            dist.all_reduce(whole)
            added.append(whole)
        return added


class DistributedBackend:
    """Several torch devices as one. See :class:`nst_core.backends.interface.Backend`."""

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
        self.local = TorchBackend(network, device=devices[0], pooling=pooling, padding=padding, dtype=dtype)
        self.network = network
        self.device = ",".join(devices)
        self.asynchronous = self.local.asynchronous
        alone = self.local.limits
        sharers = 1 if alone.own_memory else len(devices)  # processes that compute in the same memory
        self.limits = replace(
            alone,
            bytes_per_pixel=alone.bytes_per_pixel * sharers,
            tile_bytes_per_pixel=alone.tile_bytes_per_pixel * sharers,
            fixed_bytes=alone.fixed_bytes * sharers,
            devices=len(devices),
            whole_pixels=WHOLE_PIXELS,
        )
        self._in_step = True
        self._folder = Path(tempfile.mkdtemp(prefix="nst-group-"))
        context = multiprocessing.get_context("spawn")
        meeting, ears = str(self._folder / "meeting"), list[Connection]()
        self._processes = list[Any]()
        try:
            for rank in range(1, len(devices)):
                ear, mouth = context.Pipe(duplex=False)
                with mouth:
                    given = (mouth, rank, list(devices), meeting, network, pooling, padding, dtype)
                    process = context.Process(target=_serve, args=given, daemon=True)
                    process.start()
                self._processes.append(process)
                ears.append(ear)
            for ear, name in zip(ears, devices[1:], strict=True):
                _hear(ear, name)
            self.group = _join(0, list(devices), meeting)
        except BaseException:
            self._in_step = False
            self.end()
            raise

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

    def features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        """Return features, computed on the first device."""
        return self.local.features(picture, layers)

    def evaluator(
        self, objective: Objective, height: int, width: int, tiling: Tiling | None = None
    ) -> Evaluator:
        """Bind ``objective``: without tiling on the first device alone."""
        if tiling is None:
            return self.local.evaluator(objective, height, width)
        with self.together():
            _tell("bind", objective, height, width, tiling.window)
        return SharedEvaluator(self.local.evaluator(objective, height, width, tiling, self.group), self)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Do what all processes take part in; afterwards they wait for orders, or are lost.

        Raises:
            NstError: ``no-engine`` where one of them has ended; what the block raises passes else.
        """
        try:
            yield
        except Exception as error:
            # What travels between processes fails with RuntimeError, a moment before the process is gone.
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
            self._in_step = False  # broken off at any point: the others may wait for what never comes
            raise

    def close(self) -> None:
        """Give cached memory back, here; the other processes keep theirs for the next level."""
        self.local.close()

    def end(self) -> None:
        """End the other processes; nothing can be evaluated afterwards."""
        if self._processes and self._in_step:
            with contextlib.suppress(RuntimeError):
                _tell("end")
        for process in self._processes:
            process.join(timeout=FAREWELL_SECONDS if self._in_step else 0)
            if process.is_alive():
                process.terminate()
                process.join()
        if self._processes and dist.is_initialized():
            dist.destroy_process_group()
        self._processes = []
        shutil.rmtree(self._folder, ignore_errors=True)


class SharedEvaluator:
    """The first process's evaluator: has the others evaluate with it."""

    def __init__(self, evaluator: Evaluator, backend: DistributedBackend) -> None:
        self.evaluator, self.backend = evaluator, backend

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Evaluate at ``picture`` (3, height, width), together."""
        with self.backend.together():
            _tell("evaluate", tuple(picture.shape), picture.dtype)
            dist.broadcast(picture.contiguous(), src=0)
            return self.evaluator(picture)


def _hear(ear: Connection, device: str) -> None:
    """Wait until the process of ``device`` can begin.

    Raises:
        NstError: ``no-device``.
    """
    try:
        ear.recv()
    except EOFError:
        raise NstError(
            ErrorCode.NO_DEVICE, f"No process could be started for {device}.", "Leave it out of --device."
        ) from None


def _join(rank: int, devices: list[str], meeting: str) -> ProcessGroup:
    """Meet the other processes."""
    on_cuda = all(device.startswith("cuda") for device in devices)
    if on_cuda:
        torch.cuda.set_device(torch.device(devices[rank]))
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
        init_method=Path(meeting).as_uri(),
        rank=rank,
        world_size=len(devices),
        timeout=PATIENCE,
    )
    return ProcessGroup(rank, len(devices), torch.device(devices[rank]))


def _tell(*order: Any) -> None:
    """Send an order to all other processes."""
    dist.broadcast_object_list([order], src=0, device=torch.device("cpu"))


def _serve(
    mouth: Connection,
    rank: int,
    devices: list[str],
    meeting: str,
    network: Network,
    pooling: Literal["max", "average"],
    padding: Literal["zero", "edge"],
    dtype: torch.dtype,
) -> None:
    """Do what the first process says until it says end, or is gone; ``mouth`` tells that it can begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the first decides what it means
    backend = TorchBackend(network, device=devices[rank], pooling=pooling, padding=padding, dtype=dtype)
    torch.zeros(1, device=backend.torch_device)
    with mouth:
        mouth.send(rank)
    group = _join(rank, devices, meeting)
    evaluator: Evaluator | None = None
    parent = os.getppid()
    while os.getppid() == parent:
        heard: list[Any] = [None]
        try:
            dist.broadcast_object_list(heard, src=0, device=torch.device("cpu"))
        except RuntimeError:
            return  # the first is gone
        order, *details = heard[0]
        if order == "end":
            break
        if order == "bind":
            evaluator = None
            backend.close()
            objective, height, width, window = details
            evaluator = backend.evaluator(objective, height, width, Tiling(window), group)
        elif evaluator is not None:
            shape, kind = details
            picture = torch.empty(shape, dtype=kind, device=backend.torch_device)
            dist.broadcast(picture, src=0)
            # What goes wrong here is told to the first process, which decides.
            with contextlib.suppress(NstError, MemoryError, RuntimeError):
                evaluator(picture)
    dist.destroy_process_group()
