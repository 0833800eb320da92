"""Errands of a batch over the devices of one machine or of a cluster, through Ray.

A painter (:mod:`nst_core.batch.ray_painter`) is a process with one GPU, or, where the cluster has none, with a share
of a machine's processors; where there are more painters than GPUs, several share one. The machines need nst
installed, in the same version.

Ray is imported here and nowhere else. On one machine without a cluster it is started for the batch alone,
listens on the loopback address only, reports to nobody, and is ended with the batch.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core import __version__
from nst_core.batch.folder import FATAL_ERRORS, BatchTask, Outcome
from nst_core.batch.ray_painter import BatchPayload, Painter, TaskPayload, TaskResult
from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.images.file_io import replace_file

if TYPE_CHECKING:
    from types import ModuleType

LOCAL = "local"
"""The address that means: this machine, without a cluster."""

LONGEST_SCRATCH = 40
"""Characters of the path of Ray's folder on this machine."""

LOOK_SECONDS = 0.1
"""Between two looks at what painters have finished."""

FAREWELL_SECONDS = 10.0
"""How long painters are given to delete their folders."""


def check_installed() -> None:
    """Make sure that Ray is there.

    Raises:
        NstError: ``bad-setting``.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--ray needs Ray, which is not installed beside nst.",
            "Install it into the same environment: python -m pip install ray.",
        ) from None


@contextmanager
def connect_to_ray(address: str, painters: int) -> Iterator[ModuleType]:
    """Connect to the cluster at ``address``, or start Ray on this machine for as long as the block runs.

    Raises:
        NstError: ``bad-setting`` where nobody answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    with _surroundings(address) as scratch:
        try:
            _connect(ray, address, painters, scratch)
            yield ray
        finally:
            with suppress(Exception):
                ray.shutdown()


@contextmanager
def _surroundings(address: str) -> Iterator[str]:
    """Set the variables that Ray goes by, and make its folder; all is as it was when the block ends."""
    former = {name: os.environ.get(name) for name in ("RAY_ADDRESS", "TMPDIR")}
    scratch = _short_folder() if address == LOCAL else ""
    try:
        os.environ.pop("RAY_ADDRESS", None)  # names a cluster that nobody asked for
        if scratch:
            os.environ["TMPDIR"] = scratch  # the painters' too: they inherit it
        yield scratch
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _connect(ray: ModuleType, address: str, painters: int, scratch: str) -> None:
    heard = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    here: dict[str, Any] = {
        "num_cpus": max(painters, os.cpu_count() or 1),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": scratch,
    }
    try:
        ray.init(address=address, **quiet, **(here if address == LOCAL else {}))
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"Ray cannot be reached at {address}: {first_line(error)}.",
            "Name the address that `ray start --head` printed, or local.",
        ) from None
    finally:
        if heard is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, heard)  # Ray puts its own there


@dataclass(frozen=True)
class Share:
    """What of a machine one painter has, and how many there may be on one machine."""

    cpus: float
    gpus: float
    beside: int


def share_of(machines: Sequence[Mapping[str, float]], painters: int) -> Share:
    """Share ``machines``, each with its "CPU" and "GPU" by number, so that all ``painters`` find a place.

    A painter has a GPU where there are any, or a part of one where there are more painters; else processors.
    """
    kind = "GPU" if any(machine.get("GPU") for machine in machines) else "CPU"
    counts = [int(machine.get(kind, 0)) for machine in machines]
    counts = [count for count in counts if count] or [1]
    if kind == "GPU":
        share = _part(1, -(-painters // sum(counts)))
    else:
        share = _part(min(counts), -(-painters // len(counts)))
    beside = min(painters, int(max(counts) / share))
    return Share(0, share, beside) if kind == "GPU" else Share(share, 0, beside)


def _part(count: int, painters: int) -> float:
    """Return the share of ``count`` that each of ``painters`` gets: whole numbers, or Ray's 1/10000."""
    return count // painters if count >= painters else int(1e4 * count / painters) / 1e4


class WorkerPool:
    """Painters, started as they are needed, and those that are no longer."""

    def __init__(self, ray: ModuleType, commission: BatchPayload, share: Share) -> None:
        # Two at a time, so that one in the middle of a picture hears that it should delete its folder.
        resources = {"num_cpus": share.cpus, "num_gpus": share.gpus, "max_concurrency": 2}
        self.ray, self.actor = ray, ray.remote(**resources)(Painter)
        self.given = ray.put(commission), __version__, share.beside
        self.begun: dict[Any, Any] = {}

    def hire(self) -> Any:
        """Start a painter."""
        painter = self.actor.remote(*self.given)
        self.begun[painter] = painter.begun.remote()
        return painter

    def bury(self, painter: Any, error: Exception) -> NstError:
        """Let go of a painter that died of ``error``; returns what to say of the picture that it had.

        Raises:
            NstError: ``no-engine``, where it never began: the next would not either.
        """
        try:
            self.ray.get(self.begun.pop(painter))
        except self.ray.exceptions.RayError:
            raise _failed(error) from None
        with suppress(Exception):
            self.ray.kill(painter)  # it may only be out of reach
        return NstError(
            ErrorCode.NO_ENGINE,
            "The process that painted it has ended.",
            "It may have run out of memory: paint fewer at once with --painters.",
        )

    def dismiss(self) -> None:
        """Have all painters delete their folders, and end them."""
        with suppress(Exception):
            farewells = [painter.close.remote() for painter in self.begun]
            self.ray.wait(farewells, num_returns=len(farewells), timeout=FAREWELL_SECONDS)
        for painter in self.begun:
            with suppress(Exception):
                self.ray.kill(painter)


def paint_all(
    ray: ModuleType,
    errands: Sequence[BatchTask],
    commission: BatchPayload,
    painters: int,
    on_outcome: Callable[[Outcome, tuple[str, ...]], None],
    *,
    force: bool,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Paint ``errands`` with as many ``painters`` (0: as the cluster has GPUs, or machines), in any order.

    ``on_outcome`` hears of each picture when its file is written, and what was noticed about it. A painter
    that dies over a picture is replaced. ``look`` is called now and then while painters paint; what it raises
    ends the batch.

    Raises:
        NstError: what would keep the others from being painted too; ``no-engine`` where no painter can begin.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(machine.get("GPU", 0) for machine in machines))
    count = min(painters or gpus or len(machines), len(errands))
    crew = WorkerPool(ray, commission, share_of(machines, count))
    waiting = list(reversed(errands))
    busy: dict[Any, tuple[Any, BatchTask]] = {}

    def give_work(painter: Any) -> None:
        while waiting:
            errand = waiting.pop()
            try:
                work = TaskPayload.of(errand, commission.shared)
            except NstError as error:
                on_outcome(Outcome(errand, error=error), ())
                continue
            busy[painter.paint.remote(work)] = painter, errand
            return

    try:
        for _ in range(count):
            give_work(crew.hire())
        while busy:
            ready = _finished(ray, list(busy), look)
            painter, errand = busy.pop(ready)
            try:
                reply: TaskResult = ray.get(ready)
            except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:
                on_outcome(Outcome(errand, error=crew.bury(painter, error)), ())
                painter = crew.hire() if waiting else None
            else:
                outcome = _outcome(errand, reply, force)
                if outcome.error is not None and outcome.error.code in FATAL_ERRORS:
                    raise outcome.error
                on_outcome(outcome, reply.notices)
            give_work(painter)
    except ray.exceptions.RayError as error:
        raise _failed(error) from None
    finally:
        crew.dismiss()


def _finished(ray: ModuleType, answers: list[Any], look: Callable[[], None]) -> Any:
    """Wait for one of ``answers``. Ray itself, while it waits, loses what a signal's handler raises."""
    while True:
        ready, _ = ray.wait(answers, num_returns=1, timeout=0)
        if ready:
            return ready[0]
        look()
        time.sleep(LOOK_SECONDS)


def _failed(error: Exception) -> NstError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return NstError(
        ErrorCode.NO_ENGINE,
        f"A painter of the cluster failed: {reason}",
        "Check that every machine has this version of nst, and memory; then run the command again.",
    )


def _outcome(errand: BatchTask, reply: TaskResult, force: bool) -> Outcome:
    if reply.error is not None:
        code, message, hint = reply.error
        return Outcome(errand, error=NstError(ErrorCode(code), message, hint))
    try:
        replace_file(errand.target, reply.data, force)
    except NstError as error:
        return Outcome(errand, error=error)
    return Outcome(errand, reply.seconds)


def _short_folder() -> str:
    """Make a private folder for Ray's sockets, whose paths may have 107 characters, Ray's own 65 included."""
    folder = tempfile.mkdtemp(prefix="nst-")
    if os.name == "posix" and len(folder) > LONGEST_SCRATCH:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="nst-", dir="/tmp")
    return folder
