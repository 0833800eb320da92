"""Masks brought from pictures to the layers of a network, as guides of its features.

Masks ``(height, width)`` in 0..1 come in, masks of a layer's height and width go out. Gatys et al. 2017,
"Controlling Perceptual Factors in Neural Style Transfer", section 4.1, names three ways:

simple   the mask is shrunk as pictures are, by averaging
inside   a position counts as much as the least of what it sees: all of its receptive field is in the region
all      a position counts as much as the most of what it sees: its receptive field touches the region

The last two go through the network's own layers, 3 x 3 minima or maxima for a convolution and 2 x 2 for a
pool, so receptive fields are respected to the pixel, soft edges stay soft, and borders are what the network
sees there. Knows nothing of features or losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from nst_core.array_types import Array

Guides: TypeAlias = Literal["simple", "inside", "all"]
Extreme: TypeAlias = Callable[..., Any]


def halvings(layer: str) -> int:
    """Return how many pools lie before the features of ``layer``, its own included."""
    block = int(layer[4])
    return block if layer.startswith("pool") else block - 1


def halved(mask: Array, times: int) -> Array:
    """Shrink a mask ``times`` times as pools shrink pictures.

    Each halving averages 2 x 2 blocks and drops an odd last row or column.
    """
    for _ in range(times):
        rows, columns = mask.shape[0] // 2, mask.shape[1] // 2
        blocks = mask[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        mask = blocks.mean(axis=(1, 3), dtype=np.float32)
    return np.ascontiguousarray(mask, dtype=np.float32)


def guides_at_layers(
    mask: Array | None, layers: Sequence[str], network_layers: Sequence[str], guides: Guides
) -> dict[str, Array | None]:
    """Bring ``mask`` to each of ``layers``; None, for everywhere, stays None.

    ``network_layers`` names all layers of the network in order; only ``inside`` and ``all`` look at it.
    """
    if mask is None:
        return dict.fromkeys(layers)
    if guides == "simple":
        by_depth = {depth: halved(mask, depth) for depth in {halvings(layer) for layer in layers}}
        return {layer: by_depth[halvings(layer)] for layer in layers}
    extreme: Extreme = np.minimum if guides == "inside" else np.maximum
    found: dict[str, Array | None] = {}
    seen = np.ascontiguousarray(mask, dtype=np.float32)
    for layer in network_layers:
        if layer.startswith("conv"):
            seen = _neighbours(seen, extreme)
        elif layer.startswith("pool"):
            seen = _blocks(seen, extreme)
        if layer in layers:
            found[layer] = seen
        if len(found) == len(set(layers)):
            break
    return found


def _neighbours(mask: Array, extreme: Extreme) -> Array:
    """Take the extreme of each 3 x 3 neighbourhood, as far as it lies in the picture."""
    for axis in (0, 1):
        moved = np.moveaxis(mask, axis, 0)
        found = moved.copy()
        extreme(found[1:], moved[:-1], out=found[1:])
        extreme(found[:-1], moved[1:], out=found[:-1])
        mask = np.moveaxis(found, 0, axis)
    return mask


def _blocks(mask: Array, extreme: Extreme) -> Array:
    """Take the extreme of each 2 x 2 block; an odd last row or column is dropped."""
    rows, columns = mask.shape[0] // 2 * 2, mask.shape[1] // 2 * 2
    cut = mask[:rows, :columns]
    found: Array = extreme(
        extreme(cut[0::2, 0::2], cut[0::2, 1::2]), extreme(cut[1::2, 0::2], cut[1::2, 1::2])
    )
    return found
