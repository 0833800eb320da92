"""The time that the frames of a film take: planned before, and corrected by what has passed.

Knows numbers only. The first frame of a shot takes longer than the others, which go on from it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

LEAST_SHARE = 0.005
"""Share of the work from which the time that has passed says more than the plan."""


@dataclass
class FilmClock:
    """The clock of one film.

    ``starts`` says for each frame whether it begins a shot. ``first`` and ``later`` are the planned seconds
    of a frame that does, and of one that does not.
    """

    starts: Sequence[bool]
    first: float
    later: float
    started: float = field(default_factory=time.monotonic)

    def work(self, frames: int) -> float:
        """Return the planned seconds of the first ``frames``."""
        shots = sum(self.starts[:frames])
        return shots * self.first + (frames - shots) * self.later

    def progress(self, number: int, fraction: float) -> tuple[float, float, float]:
        """Return (share of the film, seconds passed, seconds left) at ``fraction`` of frame ``number``."""
        total = max(self.work(len(self.starts)), 1e-6)
        before, after = self.work(number), self.work(number + 1)
        share = (before + fraction * (after - before)) / total
        passed = time.monotonic() - self.started
        left = passed * (1.0 - share) / share if share > LEAST_SHARE else total * (1.0 - share)
        return share, passed, left
