"""Networks in half precision: their scales, and when they may be used. The same for every backend.

One small picture decides: a device, a driver or a network whose float16 differs from float32 by more than
:data:`FEATURES` and :data:`GRADIENT` computes in float32 instead. Knows of no framework.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

SIDE = 128
"""Side, in pixels, of the blocks of the picture that is compared."""

CUT = 10
"""Rows and columns that are cut off, so that pools have inputs with odd sides: those take other nodes."""

FEATURES, GRADIENT = 1e-2, 0.15
"""Largest differences, relative to float32, of features at a layer and of gradients.

Of VGG-16 on a CPU with float16 they are up to 7e-4 and 0.05, with bfloat16 5e-3 and 0.13. ReLUs and maxima
that flip make most of the gradient's; TF32, which rounds as float16 does, moves it as much.
"""

UNIT_SCALE = 57.4
"""``paper_scale`` of torchvision's networks, whose features lie between 0 and about a thousand."""

SHRINK = 0.25
"""Factor on the input of such a network in half precision, a power of two: float16 ends at 65504.

Convolutions, ReLUs and pools are homogeneous: with the biases scaled as well, all features are scaled alike.
"""

LARGEST_INJECTED = 16.0
"""The largest gradient of a layer in half precision, to which all of them are scaled.

The way back through VGG-16 makes gradients up to 7 times as large, and 80 times at the picture; float16 ends
at 65504, and has full precision down to 6e-5.
"""


def shrink_factor(paper_scale: float) -> float:
    """Return the factor on the input of a network, by its ``Normalisation.paper_scale``; a power of two."""
    return float(SHRINK * 2.0 ** round(math.log2(paper_scale / UNIT_SCALE)))


def worst_share(differences: Mapping[str, float]) -> float:
    """Return the largest of ``differences`` as a share of what is allowed; at most 1 is safe.

    They are of features, by layer, and of the ``gradient``; what is not a number counts as infinite.
    """
    shares = [value / (GRADIENT if name == "gradient" else FEATURES) for name, value in differences.items()]
    return max(share if math.isfinite(share) else math.inf for share in shares)


def trial_picture() -> npt.NDArray[np.float64]:
    """Return blocks of colour with grain, (3, SIDE - CUT, SIDE - CUT); noise hardly activates deep layers."""
    rng = np.random.default_rng(0)
    blocks = rng.random((3, SIDE // 16, SIDE // 16), np.float32).repeat(16, axis=1).repeat(16, axis=2)
    grain = rng.normal(scale=0.05, size=blocks.shape)
    return np.asarray(np.clip(blocks + grain, 0.0, 1.0)[:, : SIDE - CUT, : SIDE - CUT])
