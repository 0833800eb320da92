"""Coefficients of the objective's terms: the paper's, or shares of the targets.

The paper's loss is a sum of sums of squares whose sizes differ by orders of magnitude between networks,
layers and pictures, so that alpha/beta must be found anew for each. The relative loss divides each
term by what it would be if there were nothing at all in the picture (F = 0, G = 0):

content    1/2 sum m (F - P)^2  /  1/2 sum m P^2        = relative squared error of the features
style      sum (G - A)^2  /  sum A^2                    = relative squared error of the Gram matrix

Both are near 1 where the picture has nothing of the target and 0 where it has all of it, for any network,
size and layer. One number, strength, then sets their ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nst_core.array_types import Array
from nst_core.settings import LayerWeight, Settings

STYLE_SHARE = {0.0: 0.1, 25.0: 1.5, 50.0: 10.0, 75.0: 60.0, 100.0: 500.0}
"""Ratio of style to content by strength, log-interpolated.

Chosen by looking at Tuebingen and the Golden Gate as the Starry Night, The Scream and the Shipwreck: below
0.1 nothing but a tint comes over, between 1 and 20 most of the change happens (at 6 skies were left half
unpainted, at 20 The Scream had taken half of Tuebingen's houses), above 500 no more does.
"""

STATISTIC_GAIN = {"gram": 1.0, "moments": 1.5, "wasserstein": 0.9}
"""Weight of a style term by its statistic, so that a strength means about the same with each.

``python -m tests.bench.statistics``, VGG-16, Tuebingen at 192 pixels: the relative content error after 60
evaluations, as the Starry Night and as The Scream, is 0.670 and 0.812 with Gram matrices, 0.698 and 0.803
with moments at a gain of 1.5 (0.575 and 0.658 at 1), 0.747 and 0.789 with Wasserstein at 0.9 (0.487 and 0.538
at 0.5, 0.788 and 0.832 at 1, 1.045 and 1.068 at 2). The pictures agree: at these gains as much of the houses
is left with each.
"""

FADE = 0.25
"""Value of a strength mask below which the painting fades into the photograph."""

TINY = 1e-12
"""Energies below this (a black picture, a dead layer) count as this."""


def style_share(strength: float) -> float:
    """Return the weight of the relative style loss, the content's being 1, for ``strength`` 0..100."""
    logarithms = [math.log(share) for share in STYLE_SHARE.values()]
    return math.exp(float(np.interp(strength, list(STYLE_SHARE), logarithms)))


def strength_by_place(mask: Array, settings: Settings) -> tuple[Array, Array]:
    """Turn a strength mask (h, w) in 0..1 into (the style's scale, the share of change kept), both (h, w).

    Half of the mask is half of the strength: the style is scaled by the ratio of the shares that these stand
    for. As even a strength of 0 tints, the change fades to nothing over the lowest ``FADE`` of the mask. With
    the paper's loss, which has no strength, the style is scaled by the mask itself.
    """
    if settings.loss == "paper":
        scale = mask
    else:
        steps = np.linspace(0.0, 1.0, 257)
        normalised_weights = [
            style_share(settings.strength * step) / style_share(settings.strength) for step in steps
        ]
        scale = np.interp(mask, steps, normalised_weights).astype(np.float32)
    change = np.minimum(mask / np.float32(FADE), np.float32(1.0))
    return np.asarray(scale, dtype=np.float32), np.asarray(change, dtype=np.float32)


def normalise(layers: Sequence[LayerWeight]) -> list[float]:
    """Return the layers' weights divided by their sum (all 0 stays 0)."""
    return normalised_weights([layer.weight for layer in layers])


def normalised_weights(weights: Sequence[float]) -> list[float]:
    """Return ``weights``, 0 or more and of any size, divided by their sum (all 0 stays 0)."""
    largest = max(weights, default=0.0)
    if largest <= 0.0:
        return [0.0] * len(weights)
    parts = [weight / largest for weight in weights]  # their sum neither overflows nor vanishes
    return [part / sum(parts) for part in parts]


def relative_content_weight(target: Array, mask: Array | None) -> float:
    """Return the ContentTerm weight that makes the term a relative squared error."""
    ones = np.float64(1.0) if mask is None else mask
    energy = sum(float((np.square(plane, dtype=np.float64) * ones).sum()) for plane in target)
    return 2.0 / max(energy, TINY)


def relative_style_weight(target: Array) -> float:
    """Return the StyleTerm weight that makes the term a relative squared error of the Gram matrix."""
    energy = float(np.square(target, dtype=np.float64).sum())
    channels = len(target)
    return 4.0 * channels * channels / max(energy, TINY)
