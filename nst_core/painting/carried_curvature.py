"""The curvature that one level's optimiser learnt, for the optimiser of the next level.

The loss is relative, so it changes by about as much when the enlarged picture takes the enlarged step: a
pair of a step s and the change y of the gradient along it becomes (up(s), up(y) times the ratio of pixels),
which keeps s.y. Takes and gives host arrays. Does not depend on how the optimiser keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import Backend
from nst_core.optim.lbfgs import Lbfgs
from nst_core.painting.resample import resize_change, resize_change_part


@dataclass
class CarriedCurvature:
    """Pairs (s, y), each (3, h, w), of the level before, oldest first; none if it had tiles of its own."""

    pairs: list[tuple[Array, Array]] = field(default_factory=list, repr=False)

    def keep(self, optimizer: Lbfgs, backend: Backend) -> None:
        """Keep the pairs of ``optimizer`` instead of those before."""
        self.pairs = [(backend.download(s), backend.download(y)) for s, y in optimizer.curvature()]

    @property
    def bytes(self) -> int:
        """Memory of the pairs."""
        return sum(s.nbytes + y.nbytes for s, y in self.pairs)

    def forget(self) -> None:
        """Release the pairs."""
        self.pairs = []

    def in_part(self, size: tuple[int, int], rows: slice, columns: slice) -> Iterator[tuple[Array, Array]]:
        """Yield the pairs at another ``size``, in its ``rows`` and ``columns``, oldest first."""
        for s, y in self.pairs:
            ratio = s.shape[1] * s.shape[2] / (size[0] * size[1])
            step, change = (resize_change_part(vector, size, rows, columns) for vector in (s, y))
            yield step, change * np.float32(ratio)

    def enlarged(self, height: int, width: int) -> Iterator[tuple[Array, Array]]:
        """Yield the pairs at another size, oldest first, and forget them."""
        pairs, self.pairs = self.pairs, []
        for s, y in pairs:
            ratio = s.shape[1] * s.shape[2] / (height * width)
            yield resize_change(s, height, width), resize_change(y, height, width) * ratio
