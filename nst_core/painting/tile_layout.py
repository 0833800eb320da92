"""The tiles of a level that is painted tile by tile, and the weights with which they are blended.

Takes sizes and settings, returns :class:`~nst_core.backends.tiling.layout.Tile`: a tile is painted in its
whole window, and ``MARGIN`` pixels around what it owns are shared with its neighbours. Does not depend on
what is painted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.backends.tiling.layout import Reach, Span, Tile, make_tiles, network_reach
from nst_core.loss.structure import LARGEST_CELL
from nst_core.loss.weights import loss_layers
from nst_core.settings import Settings
from nst_core.vgg.layers import Architecture

MARGIN = 32
"""Pixels that a tile is painted beyond what it owns. More helps small tiles only, and costs time:
nst_core/docs/painting.md compares others."""

RAMP = 32
"""Pixels over which one tile passes into the next, half of them on each side of the border."""

STEPS = 2048
"""Weights along one side are multiples of the inverse: so they, and their products, add up to exactly 1."""


def painting_reach(settings: Settings, architecture: Architecture, *, halved: bool) -> Reach:
    """Return the margin of tiles that are painted on their own, and the step between their corners.

    Windows start at whole positions of all layers, and at whole cells of the structure.
    """
    step = max(network_reach(loss_layers(settings), architecture).step, LARGEST_CELL)
    step *= 2 if halved else 1
    return Reach(MARGIN, step, step)


def painting_tiles(size: tuple[int, int], window: int, reach: Reach) -> tuple[Tile, ...]:
    """Cut a level of ``size`` (height, width) into tiles to paint, in windows of at most ``window``."""
    return make_tiles(*size, max(window, reach.smallest_window), reach)


def blend_weights(tile: Tile, size: tuple[int, int]) -> Array:
    """Return the weights (h, w) of a tile's window; those of all tiles add up to exactly 1 at each pixel."""
    rows, columns = (
        _weights(span, length) for span, length in zip((tile.rows, tile.columns), size, strict=True)
    )
    return np.asarray(rows[:, None] * columns[None, :], dtype=np.float32)


def _weights(span: Span, length: int) -> npt.NDArray[np.float64]:
    """Return the weights along one side: from the tile's own border on, up to the next tile's."""
    pixels = np.arange(span.start, span.stop)
    return _past(span.owned_start, pixels, length) - _past(span.owned_stop, pixels, length)


def _past(border: int, pixels: npt.NDArray[np.int_], length: int) -> npt.NDArray[np.float64]:
    """Return how far ``pixels`` are past a ``border``, 0..1 along a smooth ramp."""
    if border <= 0 or border >= length:
        return np.full(len(pixels), float(border <= 0))
    share = np.clip((pixels + 0.5 - border) / RAMP + 0.5, 0.0, 1.0)
    return np.round(share * share * (3.0 - 2.0 * share) * STEPS) / STEPS
