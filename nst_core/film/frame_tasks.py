"""Frames as tasks: what is left to paint of a film's shots, and the painter who takes the tasks.

A shot does not depend on others, so its frames may be painted anywhere, one after another. Pictures come from
an iterator, finished frames from their folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from nst_core.backends.choose import Engine
from nst_core.film.finished import FinishedFrames
from nst_core.film.painter import SPANS, PaintedFrame, ShotPainter, is_invisible
from nst_core.images.picture import Picture
from nst_core.job.model import Job
from nst_core.painting.run import RunCallbacks


@dataclass(frozen=True)
class ShotStart:
    """Where a shot is begun, or gone on with.

    ``first`` is the first of its frames that were painted before in which something is visible; None for
    none. ``earlier`` are the last ones of them, as read and as painted, in order.
    """

    first: Picture | None = None
    earlier: tuple[tuple[Picture, PaintedFrame], ...] = ()


@dataclass(frozen=True)
class FrameTask:
    """A frame to paint: its ``number`` in the film, its ``shot``, and its ``picture``.

    ``start`` is given with the first task of each shot, and None with those that follow it.
    """

    number: int
    shot: range
    picture: Picture = field(repr=False)
    start: ShotStart | None = field(default=None, repr=False)


def frames_to_paint(
    pictures: Iterable[Picture], shots: Sequence[range], finished: FinishedFrames
) -> Iterator[FrameTask]:
    """Yield a task for each frame of ``shots`` that is not finished; ``pictures`` are those of their frames.

    Raises:
        NstError: ``unreadable-file`` if a finished frame is damaged.
    """
    pictures = iter(pictures)
    for shot in shots:
        count = finished.count(shot)
        first: Picture | None = None
        read: list[Picture] = []
        start: ShotStart | None = None
        for number in shot:
            picture = next(pictures)
            if number < shot.start + count:
                if first is None and not is_invisible(picture):
                    first = picture
                read = [*read, picture][-max(SPANS) :]
                continue
            if number == shot.start + count:
                painted = finished.before(shot, count)
                start = ShotStart(first, tuple(zip(read, painted, strict=True)))
            yield FrameTask(number, shot, picture, start)
            start = None


class FramePainter:
    """Paints tasks in the styles and with the settings of ``job``, whose content is ignored."""

    def __init__(self, job: Job, engine: Engine, callbacks: RunCallbacks | None = None) -> None:
        self.job, self.engine, self.callbacks = job, engine, callbacks
        self.shot: ShotPainter | None = None

    def paint(self, task: FrameTask) -> PaintedFrame:
        """Paint a frame; those of a shot come in their order.

        Raises:
            NstError: it cannot be painted.
        """
        if task.start is not None:
            self._begin(task.start)
        if self.shot is None:
            if is_invisible(task.picture):
                return PaintedFrame(picture=task.picture, painting=None)
            self.shot = self._open(task.picture)
        return self.shot.paint(task.picture)

    def _begin(self, start: ShotStart) -> None:
        self.shot = None
        if start.first is None:
            return
        self.shot = self._open(start.first)
        for content, frame in start.earlier:
            self.shot.go_on_from(content, frame)

    def _open(self, first: Picture) -> ShotPainter:
        return ShotPainter(replace(self.job, content=first), self.engine, self.callbacks)
