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
import numpy.typing as npt

from nst_core.settings import LayerWeight

Array = npt.NDArray[np.float32]

STYLE_SHARE = {0.0: 0.1, 25.0: 2.0, 50.0: 20.0, 75.0: 80.0, 100.0: 500.0}
"""Ratio of style to content by strength, log-interpolated.

Chosen by looking at Tuebingen as the Starry Night and as The Scream at 256 pixels: below 0.1 nothing but a
tint comes over, between 1 and 20 most of the change happens (at 6 skies were left half unpainted), above 500
no more does.
"""

STATISTIC_GAIN = {"gram": 1.0, "moments": 1.0, "wasserstein": 1.0}
"""Weight of a style term by its statistic, so that a strength means about the same with each."""

TINY = 1e-12
"""Energies below this (a black picture, a dead layer) count as this."""


def style_share(strength: float) -> float:
    """Return the weight of the relative style loss, the content's being 1, for ``strength`` 0..100."""
    logarithms = [math.log(share) for share in STYLE_SHARE.values()]
    return math.exp(float(np.interp(strength, list(STYLE_SHARE), logarithms)))


def normalise(layers: Sequence[LayerWeight]) -> list[float]:
    """Return the layers' weights divided by their sum (all 0 stays 0)."""
    total = sum(layer.weight for layer in layers)
    return [layer.weight / total if total > 0 else 0.0 for layer in layers]


def relative_content_weight(target: Array, mask: Array | None) -> float:
    """Return the ContentTerm weight that makes the term a relative squared error."""
    squares = np.square(target, dtype=np.float64).sum(axis=0)
    energy = float((squares if mask is None else squares * mask).sum())
    return 2.0 / max(energy, TINY)


def relative_style_weight(target: Array) -> float:
    """Return the StyleTerm weight that makes the term a relative squared error of the Gram matrix."""
    energy = float(np.square(target, dtype=np.float64).sum())
    channels = len(target)
    return 4.0 * channels * channels / max(energy, TINY)
