"""Masks of a picture brought to the layers of a network, as guides of its features.

Takes masks ``(height, width)`` in 0..1 and returns masks of the height and width of a layer. Gatys et al.
2017, "Controlling Perceptual Factors in Neural Style Transfer", section 4.1, names three ways:

simple   the mask is shrunk as pictures are, by averaging
inside   a position counts as much as the minimum over its receptive field: all of it is in the region
all      a position counts as much as the maximum over its receptive field: some of it is in the region

The last two go through the network's own layers: 3 x 3 minima or maxima for a convolution, 2 x 2 for a pool.
So receptive fields are exact to the pixel, soft edges stay soft, and borders are those that the network sees.
Does not depend on features or losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from nst_core.array_types import Array

Guides: TypeAlias = Literal["simple", "inside", "all"]
Extreme: TypeAlias = Callable[..., Any]


def pooling_depth(layer: str) -> int:
    """Return the number of pools up to the features of ``layer``, including its own."""
    block = int(layer[4])
    return block if layer.startswith("pool") else block - 1


def halve_mask(mask: Array, times: int) -> Array:
    """Shrink a mask ``times`` times as pools shrink features.

    Each step averages 2 x 2 blocks and drops an odd last row or column.
    """
    for _ in range(times):
        rows, columns = mask.shape[0] // 2, mask.shape[1] // 2
        blocks = mask[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        mask = blocks.mean(axis=(1, 3), dtype=np.float32)
    return np.ascontiguousarray(mask, dtype=np.float32)


def guides_at_layers(
    mask: Array | None, layers: Sequence[str], network_layers: Sequence[str], guides: Guides
) -> dict[str, Array | None]:
    """Bring ``mask`` to each of ``layers``; a mask of None, which covers everything, stays None.

    ``network_layers`` names all layers of the network in order; only ``inside`` and ``all`` use it.
    """
    if mask is None:
        return dict.fromkeys(layers)
    if guides == "simple":
        by_depth = {depth: halve_mask(mask, depth) for depth in {pooling_depth(layer) for layer in layers}}
        return {layer: by_depth[pooling_depth(layer)] for layer in layers}
    extreme: Extreme = np.minimum if guides == "inside" else np.maximum
    at_layers: dict[str, Array | None] = {}
    at_layer = np.ascontiguousarray(mask, dtype=np.float32)
    for layer in network_layers:
        if layer.startswith("conv"):
            at_layer = _extreme_of_neighbours(at_layer, extreme)
        elif layer.startswith("pool"):
            at_layer = _extreme_of_blocks(at_layer, extreme)
        if layer in layers:
            at_layers[layer] = at_layer
        if len(at_layers) == len(set(layers)):
            break
    return at_layers


def _extreme_of_neighbours(mask: Array, extreme: Extreme) -> Array:
    """Return the extreme of each 3 x 3 neighbourhood, cut off at the borders."""
    for axis in (0, 1):
        lines = np.moveaxis(mask, axis, 0)
        extremes = lines.copy()
        extreme(extremes[1:], lines[:-1], out=extremes[1:])
        extreme(extremes[:-1], lines[1:], out=extremes[:-1])
        mask = np.moveaxis(extremes, 0, axis)
    return mask


def _extreme_of_blocks(mask: Array, extreme: Extreme) -> Array:
    """Return the extreme of each 2 x 2 block; an odd last row or column is dropped."""
    rows, columns = mask.shape[0] // 2 * 2, mask.shape[1] // 2 * 2
    even = mask[:rows, :columns]
    upper = extreme(even[0::2, 0::2], even[0::2, 1::2])
    lower = extreme(even[1::2, 0::2], even[1::2, 1::2])
    extremes: Array = extreme(upper, lower)
    return extremes
