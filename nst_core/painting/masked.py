"""Painting part of a picture while the rest keeps the original pixels.

Wraps an evaluator: the network sees the painting inside a fixed frame, which is the original outside of the
changeable area. So strokes end well at its border, and pixels outside come out as they were. Does not depend
on what the evaluator computes.
"""

from __future__ import annotations

import numpy as np

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.backends.interface import Backend, Evaluation, Evaluator

SMALLEST_CHANGE = 1.0 / 512.0
"""Mask value up to which a pixel keeps the original: resizing rings slightly past the edges of masks."""


class MaskedEvaluator:
    """Evaluates the painting set into the original; see :class:`nst_core.backends.interface.Evaluator`.

    ``original`` is (3, h, w). ``changes`` (h, w) in 0..1 says how much each pixel may change.
    """

    def __init__(self, evaluator: Evaluator, backend: Backend, original: Array, changes: Array) -> None:
        self.evaluator = evaluator
        self.free = backend.upload((changes > SMALLEST_CHANGE)[None].astype(np.float32))
        self.original = backend.upload(original)

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture`` set into the original; the gradient is 0 at pixels that stay."""
        loss, gradient, terms = self.evaluator(self.compose(picture))
        gradient *= self.free
        return Evaluation(loss, gradient, terms)

    def compose(self, picture: DeviceArray) -> DeviceArray:
        """Return ``picture`` (3, h, w) with the original's pixels where nothing may change."""
        xp = array_namespace(picture)
        return xp.where(self.free > 0, picture, self.original)


def blend_by_mask(painted: Array, original: Array, changes: Array) -> Array:
    """Blend ``painted`` (h, w, 3) over ``original`` by ``changes`` (h, w) in 0..1.

    At 0 the result is exactly the original, at 1 exactly the painted picture.
    """
    share = changes[:, :, None]
    mixed = original + (painted - original) * share
    return np.where(share > 0, np.where(share < 1, mixed, painted), original).astype(np.float32, copy=False)
