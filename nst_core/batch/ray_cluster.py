"""Paint the tasks of a batch on the devices of one machine or of a cluster, through Ray.

A painter (:mod:`nst_core.batch.ray_painter`) is a process with one GPU or, if the cluster has none, with a
share of a machine's processors. If there are more painters than GPUs, several painters share one. All
machines need the same version of nst.

Only this module imports Ray. On one machine without a cluster, Ray is started for the batch alone: it listens
on the loopback address (but for one of Ray's agents), obeys only who has the batch's token (since Ray 2.52),
sends no telemetry, and is ended with the batch.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core import __version__
from nst_core.batch.folder import FATAL_ERRORS, BatchTask, TaskOutcome
from nst_core.batch.ray_painter import BatchPayload, Painter, TaskPayload, TaskResult
from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.images.file_io import replace_file

if TYPE_CHECKING:
    from types import ModuleType

LOCAL = "local"
"""Address that means this machine, without a cluster."""

RAY_VARIABLES = ("RAY_ADDRESS", "TMPDIR", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
"""Variables that are changed while Ray is used."""

LONGEST_FOLDER_PATH = 40
"""Most characters in the path of Ray's temporary folder."""

LOOPBACK = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
"""Address that other machines cannot reach. On Linux, Ray replaces 127.0.0.1 by the machine's own address."""

POLL_SECONDS = 0.1
"""Interval between two checks for finished tasks."""

SHUTDOWN_SECONDS = 10.0
"""Time that painters have to delete their folders."""


def check_ray_installed() -> None:
    """Check that Ray can be imported.

    Raises:
        NstError: ``bad-setting``.
    """
    # Ray reads its settings when it is imported, which is too early here.
    if importlib.util.find_spec("ray") is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--ray needs Ray, which is not installed.",
            "Install it into the environment of nst: python -m pip install ray.",
        )


@contextmanager
def connect_to_ray(address: str, painters: int) -> Iterator[ModuleType]:
    """Connect to the cluster at ``address``, or start Ray on this machine, for as long as the block runs.

    Raises:
        NstError: ``bad-setting`` if the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with _ray_environment(address) as folder:
        import ray

        try:
            _connect(ray, address, painters, folder)
            yield ray
        finally:
            with suppress(Exception):
                ray.shutdown()


@contextmanager
def _ray_environment(address: str) -> Iterator[str]:
    """Set the environment variables for Ray and create its folder; undo both when the block ends."""
    former = {name: os.environ.get(name) for name in RAY_VARIABLES}
    folder = _make_short_folder() if address == LOCAL else ""
    try:
        os.environ.pop("RAY_ADDRESS", None)  # it may name another cluster than ``address``
        if folder:
            os.environ["TMPDIR"] = folder  # painters inherit it
            # Other users of this machine can reach the ports, too, and whoever can may run code.
            os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
        yield folder
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _connect(ray: ModuleType, address: str, painters: int, folder: str) -> None:
    sigterm_handler = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    local: dict[str, Any] = {
        "num_cpus": max(painters, os.cpu_count() or 1),
        "include_dashboard": False,
        "_node_ip_address": LOOPBACK,
        "_temp_dir": folder,
    }
    try:
        ray.init(address=address, **quiet, **(local if address == LOCAL else {}))
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"Ray cannot be reached at {address}: {first_line(error)}.",
            "Give the address that `ray start --head` printed, or local.",
        ) from None
    finally:
        # Ray installs its own handler.
        if sigterm_handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, sigterm_handler)


@dataclass(frozen=True)
class PainterResources:
    """The processors and GPUs of one painter, and how many painters may run on one machine."""

    cpus: float
    gpus: float
    painters_per_machine: int


def living_machines(ray: ModuleType) -> list[Mapping[str, float]]:
    """Return the numbers of "CPU" and "GPU" of each machine of the cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def count_painters(machines: Sequence[Mapping[str, float]], wanted: int, tasks: int) -> int:
    """Return how many painters to start: those ``wanted``, or one per GPU, or per machine without GPUs."""
    gpus = int(sum(machine.get("GPU", 0) for machine in machines))
    return min(wanted or gpus or len(machines), tasks)


def divide_machines(machines: Sequence[Mapping[str, float]], painters: int) -> PainterResources:
    """Divide ``machines``, given as the numbers of their "CPU" and "GPU", so that all ``painters`` can start.

    If there are GPUs, a painter gets one, or a part of one if there are more painters; otherwise, processors.
    """
    kind = "GPU" if any(machine.get("GPU") for machine in machines) else "CPU"
    counts = [int(machine.get(kind, 0)) for machine in machines]
    counts = [count for count in counts if count] or [1]
    if kind == "GPU":
        share = _divide(1, -(-painters // sum(counts)))
    else:
        share = _divide(min(counts), -(-painters // len(counts)))
    per_machine = min(painters, int(max(counts) / share))
    if kind == "GPU":
        return PainterResources(cpus=0, gpus=share, painters_per_machine=per_machine)
    return PainterResources(cpus=share, gpus=0, painters_per_machine=per_machine)


def _divide(count: int, painters: int) -> float:
    """Return the share of ``count`` per painter: a whole number, or a multiple of Ray's unit, 1/10000."""
    return count // painters if count >= painters else int(1e4 * count / painters) / 1e4


class WorkerPool:
    """Starts painters, discards those that died, and ends them all."""

    def __init__(
        self, ray: ModuleType, payload: object, resources: PainterResources, painter: type[Any] = Painter
    ) -> None:
        # Concurrency 2, so that a painter in the middle of a picture can still delete its folder.
        options = {"num_cpus": resources.cpus, "num_gpus": resources.gpus, "max_concurrency": 2}
        self.ray, self.actor_class = ray, ray.remote(**options)(painter)
        self.painter_arguments = ray.put(payload), __version__, resources.painters_per_machine
        self.ready_of: dict[Any, Any] = {}

    def start(self) -> Any:
        """Start a painter."""
        painter = self.actor_class.remote(*self.painter_arguments)
        self.ready_of[painter] = painter.ready.remote()
        return painter

    def discard(self, painter: Any, error: Exception) -> NstError:
        """Discard a painter that died of ``error``, and return the error to report for its picture.

        Raises:
            NstError: ``no-engine`` if the painter never became ready: the next one would not either.
        """
        try:
            self.ray.get(self.ready_of.pop(painter))
        except self.ray.exceptions.RayError:
            raise painter_error(error) from None
        with suppress(Exception):
            self.ray.kill(painter)  # it may be alive but unreachable
        return NstError(
            ErrorCode.NO_ENGINE,
            "The process that painted it has ended.",
            "It may have run out of memory: paint fewer pictures at once with --painters.",
        )

    def shutdown(self) -> None:
        """Have all painters delete their folders, and end them."""
        with suppress(Exception):
            closing = [painter.close.remote() for painter in self.ready_of]
            self.ray.wait(closing, num_returns=len(closing), timeout=SHUTDOWN_SECONDS)
        for painter in self.ready_of:
            with suppress(Exception):
                self.ray.kill(painter)


@dataclass(frozen=True)
class BatchCallbacks:
    """Callbacks of a batch.

    ``on_outcome`` is called for each task, once its file is written, with the notices about it.
    ``check_stop`` is called now and then while painters paint; an exception that it raises ends the batch.
    ``may_paint`` is asked before a task is given to a painter; a task that it refuses is left out.
    """

    on_outcome: Callable[[TaskOutcome, tuple[str, ...]], None]
    check_stop: Callable[[], None] = lambda: None
    may_paint: Callable[[BatchTask], bool] = lambda _task: True


def paint_all(
    ray: ModuleType,
    tasks: Sequence[BatchTask],
    payload: BatchPayload,
    callbacks: BatchCallbacks,
    *,
    painters: int = 0,
    force: bool = False,
) -> None:
    """Paint ``tasks``, in any order, with ``painters`` at once (0: one per GPU, or per machine without GPUs).

    A painter that dies while painting a picture is replaced.

    Raises:
        NstError: an error that would stop the other tasks too; ``no-engine`` if no painter can start.
    """
    machines = living_machines(ray)
    count = count_painters(machines, painters, len(tasks))
    pool = WorkerPool(ray, payload, divide_machines(machines, count))
    waiting = list(reversed(tasks))
    running: dict[Any, tuple[Any, BatchTask]] = {}

    def give_task(painter: Any) -> None:
        while waiting:
            task = waiting.pop()
            if not callbacks.may_paint(task):
                continue
            try:
                task_payload = TaskPayload.pack(task, payload.shared_files)
            except NstError as error:
                callbacks.on_outcome(TaskOutcome(task, error=error), ())
                continue
            running[painter.paint.remote(task_payload)] = painter, task
            return

    try:
        for _ in range(count):
            give_task(pool.start())
        while running:
            answer = wait_for_one(ray, list(running), callbacks.check_stop)
            painter, task = running.pop(answer)
            try:
                result: TaskResult = ray.get(answer)
            except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:
                callbacks.on_outcome(TaskOutcome(task, error=pool.discard(painter, error)), ())
                painter = pool.start() if waiting else None
            else:
                outcome = _write_result(task, result, force)
                if outcome.error is not None and outcome.error.code in FATAL_ERRORS:
                    raise outcome.error
                callbacks.on_outcome(outcome, result.notices)
            give_task(painter)
    except ray.exceptions.RayError as error:
        raise painter_error(error) from None
    finally:
        pool.shutdown()


def wait_for_one(ray: ModuleType, answers: list[Any], check_stop: Callable[[], None]) -> Any:
    """Wait for one of ``answers``. Polls, because Ray swallows what a signal handler raises meanwhile."""
    while True:
        ready, _ = ray.wait(answers, num_returns=1, timeout=0)
        if ready:
            return ready[0]
        check_stop()
        time.sleep(POLL_SECONDS)


def painter_error(error: Exception) -> NstError:
    """Return the error to report for what a painter, or Ray, failed with."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return NstError(
        ErrorCode.NO_ENGINE,
        f"A painter of the cluster failed: {reason}",
        "Check that every machine has this version of nst and enough memory, then run the command again.",
    )


def _write_result(task: BatchTask, result: TaskResult, force: bool) -> TaskOutcome:
    """Write the result's file and return the outcome of the task."""
    if result.error is not None:
        code, message, hint = result.error
        return TaskOutcome(task, error=NstError(ErrorCode(code), message, hint))
    try:
        replace_file(task.target, result.data, force=force)
    except NstError as error:
        return TaskOutcome(task, error=error)
    return TaskOutcome(task, result.seconds)


def _make_short_folder() -> str:
    """Make a private folder for Ray's sockets: their paths may have 107 characters, of which Ray needs 65."""
    folder = tempfile.mkdtemp(prefix="nst-")
    if os.name == "posix" and len(folder) > LONGEST_FOLDER_PATH:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="nst-", dir="/tmp")
    return folder
