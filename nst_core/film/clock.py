"""The time that the frames of a film take: planned before, and corrected by what has passed.

Takes numbers and events. The first frame of a shot takes longer than the others, which go on from it.
"""

from __future__ import annotations

import time
from dataclasses import KW_ONLY, dataclass, field, replace

from nst_core.events import Progress

LEAST_SHARE = 0.005
"""Share of the work from which the time that has passed says more than the plan."""


@dataclass(frozen=True)
class FrameSeconds:
    """The planned seconds of a ``first`` frame of a shot, and of a ``later`` one."""

    first: float
    later: float

    def of(self, frames: int, shots: int) -> float:
        """Return the planned seconds of ``frames``, of which ``shots`` begin one."""
        return shots * self.first + (frames - shots) * self.later


@dataclass
class FilmClock:
    """The clock of a film of ``total`` planned seconds, of which earlier runs painted those of ``before``."""

    total: float
    before: float = 0.0
    _: KW_ONLY
    started: float = field(default_factory=time.monotonic)

    @property
    def passed(self) -> float:
        """The seconds that have passed."""
        return time.monotonic() - self.started

    def of_film(self, progress: Progress, done: float) -> Progress:
        """Return the progress of the film from that of a frame, with ``done`` planned seconds painted."""
        share = done / max(self.total, 1e-6)
        return replace(progress, fraction=share, seconds=self.passed, seconds_left=self.left(done))

    def left(self, done: float) -> float | None:
        """Return the seconds left; None as long as too little was painted to tell."""
        here = done - self.before
        return self.passed * (self.total - done) / here if here > LEAST_SHARE * self.total else None
