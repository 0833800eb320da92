"""What a run tells while it goes on, and how it learns that it should end.

Losses, pictures and shares of work come in, events go out to whoever watches. Knows neither how anything is
computed nor what is done with the events.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.interface import Backend
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent, Preview, Progress
from nst_core.painting.clock import Clock, LevelWork
from nst_core.painting.pyramid import Level

TILE_SECONDS = 1.0
"""Between two reports within an evaluation."""

PREVIEW_SIDE = 2048
"""Long side, in pixels, that previews stay within; more is seen on no screen."""


@dataclass(frozen=True)
class RunCallbacks:
    """Who is told what, and how often; times in seconds."""

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
    """Somebody said stop, or the time is up, in the middle of an evaluation."""


class RunReporter:
    """What a run tells, and how it comes to its end: ``stopped`` by someone, or ``late``."""

    def __init__(self, watch: RunCallbacks, clock: Clock) -> None:
        self.watch, self.clock = watch, clock
        self.index, self.iteration = 0, 0
        self.level = clock.levels[0].level
        self.loss, self.terms = math.nan, dict[str, float]()
        self.curve: list[LossSample] = []
        self.stopped = self.late = False
        self.beyond = 0.0  # work done since the last was counted

    @property
    def ended(self) -> bool:
        """Whether the run is over before its plan is."""
        return self.stopped or self.late

    def enter(self, index: int, level: Level) -> None:
        """Begin a level."""
        self.index, self.level, self.iteration = index, level, 0

    @property
    def work(self) -> LevelWork:
        """The level's work."""
        return self.clock.levels[self.index]

    def advance(self, work: float) -> None:
        """Count work that is done."""
        self.clock.done += work
        self.beyond = 0.0

    def look(self) -> None:
        """Ask whether to go on."""
        self.stopped = self.watch.should_stop()
        self.late = not self.stopped and self.clock.over

    def between(self, done: float) -> None:
        """Before each tile: ask whether to go on, and tell how far it is: ``done`` is work since the last.

        Raises:
            RunEnded: the evaluation is not to be finished.
            NstError: ``cancelled``, stopped before there was any picture to keep.
        """
        self.beyond = done
        self.look()
        if self.stopped and not self.curve:
            raise NstError(ErrorCode.CANCELLED, "Stopped before anything was painted.")
        self.late = self.late and bool(self.curve)  # at least one step, however short the time
        if self.ended:
            raise RunEnded
        if self.curve and self.clock.seconds - self.clock.told >= TILE_SECONDS:
            self.clock.told = self.clock.seconds
            self._tell(done)

    def due(self, backend: Backend) -> bool:
        """Whether to look at the loss: each time where that costs nothing, else at intervals."""
        now = self.clock.seconds
        if backend.asynchronous and now - self.clock.told < self.watch.progress_seconds:
            return False
        self.clock.told = now
        return True

    def progress(self, loss: float, terms: dict[str, float]) -> None:
        """Take down and tell where the run is."""
        self.loss, self.terms = loss, terms
        self.curve.append(LossSample(self.index, self.iteration, loss, self.clock.seconds))
        self._tell(0.0)

    def _tell(self, beyond: float) -> None:
        fraction = self.clock.fraction(beyond)
        self.watch.on_event(
            Progress(
                self.index + 1,
                len(self.clock.levels),
                self.iteration,
                self.level.iterations,
                fraction,
                self.loss,
                self.clock.seconds,
                self.clock.left(fraction),
                self.terms,
            )
        )

    def frame_due(self, *, last: bool) -> bool:
        """Whether to show the picture."""
        watch, last = self.watch, last or self.ended
        if watch.frames_every:
            return last or self.iteration % watch.frames_every == 0
        if watch.preview_seconds is None:
            return False
        if last or self.clock.seconds - self.clock.shown >= watch.preview_seconds:
            self.clock.shown = self.clock.seconds
            return True
        return False

    def preview(self, picture: DeviceArray, download: Callable[[DeviceArray], Array]) -> None:
        """Show the picture; frames at their own size, previews of large ones at a whole fraction of it."""
        if not self.watch.frames_every:
            picture = _shrunk(picture)
        self.watch.on_event(Preview(self.index, self.iteration, as_rows(download(picture))))


def _shrunk(picture: DeviceArray) -> DeviceArray:
    """Average blocks of pixels until the long side is at most ``PREVIEW_SIDE``."""
    _, height, width = picture.shape
    side = -(-max(height, width) // PREVIEW_SIDE)
    if side == 1:
        return picture
    xp = array_namespace(picture)
    rows, columns = height // side, width // side
    blocks = xp.reshape(picture[:, : rows * side, : columns * side], (3, rows, side, columns, side))
    return xp.mean(blocks, axis=(2, 4))


def as_rows(pixels: Array) -> Array:
    """Turn (3, h, w) into (h, w, 3), clipped to 0..1, as events and files have it."""
    return np.ascontiguousarray(np.clip(pixels, 0.0, 1.0).transpose(1, 2, 0))
