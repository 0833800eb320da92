"""The state of a run, from which it can go on later, and the one who keeps it.

Plain data and a protocol: painting hands states over and asks for the one to begin with. Does not depend on
where or how states are kept. The optimiser's history is no part of a state; it begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.loss.neighbours import NeighbourMap


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run that has finished ``iteration`` evaluations of the level with the index ``level``.

    ``picture`` (3, h, w) is what the optimiser holds: the window of the level, before masks are applied; None
    if the level has not begun. ``previous`` (3, h, w) is the picture of the level before, and ``maps`` are
    its matches, which stay as they are in the cells ``kept`` (rows, columns).

    Of a level that is painted tile by tile, ``tiles`` are finished, in windows of at most ``tile_window``
    pixels; ``picture`` has them, and is the enlarged picture of the level before elsewhere.
    """

    level: int = 0
    iteration: int = 0
    picture: Array | None = field(default=None, repr=False)
    previous: Array | None = field(default=None, repr=False)
    maps: tuple[NeighbourMap, ...] = field(default=(), repr=False)
    kept: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    tiles: int = 0
    tile_window: int = 0


class StateKeeper(Protocol):
    """Keeps the latest state of a run."""

    @property
    def start(self) -> RunState | None:
        """The state to go on from; None begins a run."""
        ...

    def is_due(self) -> bool:
        """Return whether it is time to keep a state again."""
        ...

    def keep(self, state: RunState) -> None:
        """Keep ``state`` instead of the one before."""
        ...


class NoStates:
    """Keeps nothing."""

    start: RunState | None = None

    def is_due(self) -> bool:
        """Return False."""
        return False

    def keep(self, state: RunState) -> None:
        """Forget ``state``."""


NO_STATES = NoStates()
