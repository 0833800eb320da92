"""Light and dark alone: how a picture is painted whose result has the photograph's colours.

The network sees the painting in grey there, and what would give it colours is taken out of the gradient:
nothing is spent on colours that are thrown away. (Tuebingen at 160 pixels as the Starry Night and as The
Scream, VGG-16, 60 evaluations: the loss of the result is 0.148 and 0.164; 0.211 and 0.225 where the painting
may have colours until it is finished.) Wraps an evaluator, knows nothing of what it evaluates.
"""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator

WHOLE = 0.999
"""Share above which all of a pixel is grey: resizing leaves ones a little below."""


class LuminanceEvaluator:
    """An evaluator of the painting in grey; see :class:`nst_core.backends.interface.Evaluator`.

    ``share`` (h, w) says, 0..1, how much of each pixel is.
    """

    def __init__(self, evaluator: Evaluator, backend: Backend, share: Array) -> None:
        self.evaluator = evaluator
        self.share = None if is_whole(share) else backend.upload(share[None])

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture`` in grey; the gradient leads to no colours."""
        loss, gradient, terms = self.evaluator(self.composed(picture))
        if self.share is None:
            gradient[...] = _mean(gradient)
        else:
            gradient += (_mean(gradient) - gradient) * self.share
        return Evaluation(loss, gradient, terms)

    def composed(self, picture: DeviceArray) -> DeviceArray:
        """Return ``picture`` (3, h, w) as it is seen.

        Where all of it is grey it is so already: it began so, and steps are sums of gradients.
        """
        return picture if self.share is None else _towards_grey(picture, self.share)


def in_grey(picture: Array, share: Array) -> Array:
    """Return ``picture`` (3, h, w), to begin with, in grey by ``share`` (h, w)."""
    found: Array = _towards_grey(picture, 1.0 if is_whole(share) else share)
    return found.astype(np.float32, copy=False)


def is_whole(share: Array) -> bool:
    """Whether everything is grey."""
    return float(share.min()) >= WHOLE


def _towards_grey(picture: DeviceArray, share: DeviceArray | float) -> DeviceArray:
    return picture + (_mean(picture) - picture) * share


def _mean(picture: DeviceArray) -> DeviceArray:
    """Return the mean of the three channels, (1, h, w)."""
    return array_namespace(picture).mean(picture, axis=0, keepdims=True)
