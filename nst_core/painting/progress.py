"""Reports of a run while it goes on, and the decision to end it.

Takes losses, pictures and work done, and sends events to the run's callbacks. Does not depend on how anything
is computed or what is done with the events.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent, Preview, Progress
from nst_core.painting.clock import Clock, LevelWork
from nst_core.painting.pyramid import Level

TILE_REPORT_SECONDS = 1.0
"""Seconds between two reports within an evaluation."""

LARGEST_PREVIEW_SIDE = 2048
"""Upper limit of a preview's long side, in pixels, for every caller of the engine: no screen shows more.

Two smaller sizes apply to GIMP's filter: the one that the plug-in asks for (in
``nst_gimp/process/job_folder.py``), and the default for requests that name none (``PreviewRequest.max_side``
in :mod:`nst_core.worker.protocol`).
"""


@dataclass(frozen=True, kw_only=True)
class RunCallbacks:
    """The receivers of a run's reports, and how often they get them; times are in seconds.

    ``frames_every`` iterations a preview is sent at the level's own size, for films; 0 is never. Otherwise
    previews are sent every ``preview_seconds``; None is never.
    """

    on_event: OnEvent = lambda _event: None
    should_stop: Callable[[], bool] = lambda: False
    progress_seconds: float = 0.25
    preview_seconds: float | None = None
    frames_every: int = 0


@dataclass(frozen=True)
class LossSample:
    """One point of the loss curve: level (from 0), evaluation within it, loss, seconds since the start."""

    level: int
    iteration: int
    loss: float
    seconds: float


class RunEnded(Exception):  # noqa: N818 -- nothing went wrong
    """A stop was requested, or the time is up, in the middle of an evaluation."""


class RunReporter:
    """Sends a run's reports, and knows why it ends early, if it does.

    It was ``stopped``, has ``timed_out``, or is ``out_of_memory``.
    """

    def __init__(self, callbacks: RunCallbacks, clock: Clock) -> None:
        self.callbacks, self.clock = callbacks, clock
        self.level_index, self.iteration = 0, 0
        self.level = clock.levels[0].level
        self.loss, self.terms = math.nan, dict[str, float]()
        self.curve: list[LossSample] = []
        self.stopped = self.timed_out = self.out_of_memory = False
        self.partial_work = 0.0  # done since work was last counted

    @property
    def ended(self) -> bool:
        """True if the run ends before all levels are finished."""
        return self.stopped or self.timed_out or self.out_of_memory

    @property
    def is_finished(self) -> bool:
        """True if the last level has had all its evaluations."""
        return self.level_index == len(self.clock.levels) - 1 and self.is_level_finished

    @property
    def is_level_finished(self) -> bool:
        """True if the current level has had all its evaluations."""
        return self.iteration >= self.level.iterations

    @property
    def work(self) -> LevelWork:
        """The work of the current level."""
        return self.clock.levels[self.level_index]

    def begin_level(self, index: int, level: Level) -> None:
        """Begin a level."""
        self.level_index, self.level, self.iteration = index, level, 0

    def add_work(self, work: float) -> None:
        """Count finished work."""
        self.clock.done += work
        self.partial_work = 0.0

    def check_stop(self) -> None:
        """Check whether a stop was requested or the time is up."""
        self.stopped = self.callbacks.should_stop()
        self.timed_out = not self.stopped and self.clock.time_is_up

    def on_tile(self, partial_work: float) -> None:
        """Check for a stop and report progress before each tile; ``partial_work`` is done but not counted.

        Raises:
            RunEnded: the evaluation is not to be finished.
            NstError: ``cancelled`` if there is no picture to keep yet.
        """
        self.partial_work = partial_work
        self.check_stop()
        if self.stopped and not self.curve:
            raise NstError(ErrorCode.CANCELLED, "Stopped before anything was painted.")
        self.timed_out = self.timed_out and bool(self.curve)  # at least one step, however short the time
        if self.ended:
            raise RunEnded
        if self.curve and self.clock.seconds - self.clock.last_report >= TILE_REPORT_SECONDS:
            self.clock.last_report = self.clock.seconds
            self._send_progress(partial_work)

    def is_report_due(self, *, asynchronous: bool) -> bool:
        """Return whether to read the loss: always if that is free, on an asynchronous device at intervals."""
        now = self.clock.seconds
        if asynchronous and now - self.clock.last_report < self.callbacks.progress_seconds:
            return False
        self.clock.last_report = now
        return True

    def report(self, loss: float, terms: dict[str, float]) -> None:
        """Record the loss of an iteration and send progress."""
        self.loss, self.terms = loss, terms
        self.curve.append(LossSample(self.level_index, self.iteration, loss, self.clock.seconds))
        self._send_progress(0.0)

    def _send_progress(self, partial_work: float) -> None:
        fraction = self.clock.fraction(partial_work)
        self.callbacks.on_event(
            Progress(
                level=self.level_index + 1,
                levels=len(self.clock.levels),
                iteration=self.iteration,
                iterations=self.level.iterations,
                fraction=fraction,
                loss=self.loss,
                seconds=self.clock.seconds,
                seconds_left=self.clock.seconds_left(fraction),
                terms=self.terms,
            )
        )

    def is_preview_due(self, *, last: bool) -> bool:
        """Return whether to send the picture; ``last`` says that this is the level's last iteration."""
        callbacks, last = self.callbacks, last or self.ended
        if callbacks.frames_every:
            return last or self.iteration % callbacks.frames_every == 0
        if callbacks.preview_seconds is None:
            return False
        if last or self.clock.seconds - self.clock.last_preview >= callbacks.preview_seconds:
            self.clock.last_preview = self.clock.seconds
            return True
        return False

    def send_preview(self, picture: DeviceArray, download: Callable[[DeviceArray], Array]) -> None:
        """Send the picture: frames at the level's size, previews of large levels shrunk."""
        if not self.callbacks.frames_every:
            picture = _shrink(picture)
        self.callbacks.on_event(
            Preview(level=self.level_index, iteration=self.iteration, picture=as_rows(download(picture)))
        )


def _shrink(picture: DeviceArray) -> DeviceArray:
    """Average blocks of pixels until the long side is at most ``LARGEST_PREVIEW_SIDE``."""
    _, height, width = picture.shape
    side = -(-max(height, width) // LARGEST_PREVIEW_SIDE)
    if side == 1:
        return picture
    xp = array_namespace(picture)
    rows, columns = height // side, width // side
    blocks = xp.reshape(picture[:, : rows * side, : columns * side], (3, rows, side, columns, side))
    return xp.mean(blocks, axis=(2, 4))


def as_rows(pixels: Array) -> Array:
    """Convert (3, h, w) to (h, w, 3), clipped to 0..1, the form of events and files."""
    return np.ascontiguousarray(np.clip(pixels, 0.0, 1.0).transpose(1, 2, 0))
