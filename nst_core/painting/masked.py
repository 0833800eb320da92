"""What of a picture stays as it was while the rest is painted.

The network sees the painting blend_by_mask a frame that never moves: outside of what may change, the original. So
strokes are made to end well where the painting ends, and what was outside of it comes out as it was. Wraps an
evaluator, knows nothing of what it evaluates.
"""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator

SMALLEST_CHANGE = 1.0 / 512.0
"""Share of a change below which a pixel counts as kept: resizing rings a little past the edges of masks."""


class MaskedEvaluator:
    """An evaluator of the painting set into the original; see :class:`nst_core.backends.interface.Evaluator`.

    ``original`` is (3, h, w); ``changes`` (h, w) says, 0..1, how much of each pixel may change.
    """

    def __init__(self, evaluator: Evaluator, backend: Backend, original: Array, changes: Array) -> None:
        self.evaluator = evaluator
        self.free = backend.upload((changes > SMALLEST_CHANGE)[None].astype(np.float32))
        self.original = backend.upload(original)

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture`` set into the original; the gradient is 0 at what is kept."""
        loss, gradient, terms = self.evaluator(self.composed(picture))
        gradient *= self.free
        return Evaluation(loss, gradient, terms)

    def composed(self, picture: DeviceArray) -> DeviceArray:
        """Set ``picture`` into the original."""
        xp = array_namespace(picture)
        return xp.where(self.free > 0, picture, self.original)


def blend_by_mask(painted: Array, original: Array, changes: Array) -> Array:
    """Lay ``painted`` (h, w, 3) over ``original`` by ``changes`` (h, w) in 0..1.

    Where that is 0 it is the original to the bit, where it is 1 the painted.
    """
    share = changes[:, :, None]
    mixed = original + (painted - original) * share
    return np.where(share > 0, np.where(share < 1, mixed, painted), original).astype(np.float32, copy=False)
