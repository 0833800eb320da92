"""Shots painted side by side on a Ray cluster: each painter gets one shot at a time, frame by frame.

Frames travel as arrays, so only the machine that reads the film needs the files, and keeps the finished
frames. Ray itself is opened by :mod:`nst_core.batch.ray_cluster`; this module does not import it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core.backends.choose import open_engine
from nst_core.batch.ray_cluster import (
    WorkerPool,
    count_painters,
    divide_machines,
    living_machines,
    painter_error,
    wait_for_one,
)
from nst_core.batch.ray_painter import FilePayload, check_version, memory_share
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice
from nst_core.film.frame_tasks import FramePainter, FrameTask
from nst_core.film.painter import PaintedFrame
from nst_core.job.model import Job
from nst_core.painting.run import RunCallbacks
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class FilmPayload:
    """Data shared by all shots: the network's file, and the styles and settings of ``job``."""

    network: FilePayload
    job: Job

    @classmethod
    def pack(cls, network: Network, job: Job) -> FilmPayload:
        """Read the network's file.

        Raises:
            NstError: it cannot be read.
        """
        settings = job.settings.model_copy(update={"model": network.name})
        return cls(FilePayload.read(network.path), replace(job, content=None, settings=settings))


@dataclass(frozen=True)
class FrameResult:
    """A painter's answer: the frame, or an error as (code, message, hint); and the notices."""

    frame: PaintedFrame | None = None
    notices: tuple[Notice, ...] = ()
    error: tuple[str, str, str] | None = None


class ShotWorker:
    """A process of the cluster that paints the frames of one shot after another."""

    def __init__(self, payload: FilmPayload, version: str, workers_per_machine: int) -> None:
        check_version(version)
        self.folder = tempfile.TemporaryDirectory(prefix="nst-")
        store = ModelStore(Path(self.folder.name))
        payload.network.write(store.root)
        settings = payload.job.settings
        if workers_per_machine > 1:
            share = str(memory_share(settings, workers_per_machine))
            settings = settings.model_copy(update={"max_memory": share})
        self.notices: list[Notice] = []
        self.engine = open_engine(settings, store, self._on_event)
        job = replace(payload.job, settings=settings)
        self.painter = FramePainter(job, self.engine, RunCallbacks(on_event=self._on_event))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.notices.append(event)

    def ready(self) -> None:
        """Return once the worker is ready to paint."""

    def paint(self, task: FrameTask) -> FrameResult:
        """Paint one frame; those of a shot come in their order."""
        frame, error = None, None
        try:
            frame = self.painter.paint(task)
        except NstError as raised:
            error = raised.code.value, raised.message, raised.hint
        notices, self.notices[:] = tuple(self.notices), []
        return FrameResult(frame, notices, error)

    def close(self) -> None:
        """Delete the temporary folder."""
        self.engine.close()
        self.folder.cleanup()


@dataclass(frozen=True)
class ShotCallbacks:
    """Callbacks of a film on a cluster.

    ``on_frame`` is called with each task and its frame, ``on_notice`` with each notice about one.
    ``check_stop`` is called now and then; an exception that it raises ends the run.
    """

    on_frame: Callable[[FrameTask, PaintedFrame], None]
    on_notice: Callable[[Notice], None]
    check_stop: Callable[[], None] = lambda: None


def painters_for(ray: ModuleType, wanted: int, shots: int) -> int:
    """Return how many painters paint ``shots``: those ``wanted``; 0 is one per GPU, or per machine."""
    return count_painters(living_machines(ray), wanted, shots)


def paint_shots(
    ray: ModuleType,
    payload: FilmPayload,
    shots: Sequence[Iterator[FrameTask]],
    callbacks: ShotCallbacks,
    painters: int,
) -> None:
    """Paint ``shots``, each the tasks of one, in any order, ``painters`` of them at once.

    Raises:
        NstError: a frame cannot be painted, or no painter can start; ``no-engine`` if a painter died.
    """
    pool = WorkerPool(ray, payload, divide_machines(living_machines(ray), painters), ShotWorker)
    waiting = list(reversed(shots))
    running: dict[Any, tuple[Any, Iterator[FrameTask], FrameTask]] = {}

    def give_frame(painter: Any, shot: Iterator[FrameTask]) -> None:
        """Give a painter the next frame of its shot, or the first one of the next shot."""
        task = next(shot, None)
        while task is None and waiting:
            shot = waiting.pop()
            task = next(shot, None)
        if task is not None:
            running[painter.paint.remote(task)] = painter, shot, task

    try:
        for _ in range(min(painters, len(shots))):
            if waiting:
                give_frame(pool.start(), waiting.pop())
        while running:
            answer = wait_for_one(ray, list(running), callbacks.check_stop)
            painter, shot, task = running.pop(answer)
            try:
                result: FrameResult = ray.get(answer)
            except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:
                raise _dead_painter(pool.discard(painter, error), task) from None
            for notice in result.notices:
                callbacks.on_notice(notice)
            if result.error is not None:
                code, message, hint = result.error
                raise NstError(ErrorCode(code), message, hint)
            assert result.frame is not None  # noqa: S101 -- there is no error
            callbacks.on_frame(task, result.frame)
            give_frame(painter, shot)
    except ray.exceptions.RayError as error:
        raise painter_error(error) from None
    finally:
        pool.shutdown()


def _dead_painter(error: NstError, task: FrameTask) -> NstError:
    return NstError(
        error.code,
        f"The process that painted frame {task.number + 1} has ended.",
        "It may have run out of memory: paint fewer shots at once with --painters, and add --resume.",
    )
