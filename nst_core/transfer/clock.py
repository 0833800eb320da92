"""Where a run is: work done and left, what that means in seconds, and when to tell of it.

Levels with the work of an evaluation come in; shares of the whole and seconds left go out. Work is in
evaluations of a million pixels as a whole; tiles make more of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nst_core.transfer.plan import Level

TARGETS_WORK = 1.0
"""What a level's targets take, in its evaluations: half a one for each picture that features are had of."""


@dataclass(frozen=True)
class LevelWork:
    """A level and the work of one of its evaluations."""

    level: Level
    evaluation: float

    @property
    def total(self) -> float:
        """Work of the level: its targets, the first evaluation, and its iterations."""
        return self.evaluation * (TARGETS_WORK + 1 + self.level.iterations)


@dataclass
class Clock:
    """One run's progress; times in seconds since it began.

    ``limit`` is when the run should be over, None for whenever it is.
    """

    levels: Sequence[LevelWork]
    limit: float | None = None
    began: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    told: float = -math.inf
    shown: float = -math.inf

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.began

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.limit is not None and self.seconds > self.limit

    def fits(self, work: float) -> bool:
        """Whether there is time for ``work``, going by what the work so far took."""
        if self.limit is None or self.done <= 0:
            return True
        return self.seconds + work * self.seconds / self.done <= self.limit

    def fraction(self, beyond: float = 0.0) -> float:
        """Return the share of all work that is done, with ``beyond`` of an evaluation under way."""
        total = sum(level.total for level in self.levels)
        return min(1.0, (self.done + beyond) / total)

    def left(self, fraction: float) -> float | None:
        """Return the seconds that are left at ``fraction``, or None until enough has been measured."""
        return self.seconds * (1.0 - fraction) / fraction if fraction > 0.005 else None
