"""Layout of tiles in which the network computes the same as in the whole picture.

Takes sizes and layers, and returns windows; nothing here reads a pixel. Every position of every layer is
*owned* by one tile. A tile's *window* reaches past what it owns by a margin, half of the deepest layer's
receptive field, so that features at owned positions, and the gradients that they send back, are those of the
whole picture. Windows start at multiples of the deepest stride, so that pooling pairs the same rows and
columns; the last windows drop the rows and columns that floor-pooling drops at the right and at the bottom of
the picture. They start at multiples of four deepest strides, so that convolutions computed in tiles of four
positions (Winograd's) have the same tiles and round alike: a ReLU whose input is 0 except for rounding is
then open in both or in neither.

Windows have the same size wherever possible, because an engine may prepare itself for each size: one size if
the picture's sides are multiples of the step between windows, otherwise four.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nst_core.vgg.layers import LAYERS, Architecture, Layer, up_to_deepest

Slices = tuple[slice, slice]

ALIGNED_POSITIONS = 4
"""Positions of the deepest layer between the possible starts of windows."""


class Span(NamedTuple):
    """Rows or columns of a window, in pixels of the picture, and those that its tile owns."""

    start: int
    stop: int
    owned_start: int
    owned_stop: int

    @property
    def length(self) -> int:
        """Pixels of the window."""
        return self.stop - self.start

    def owned(self, stride: int) -> slice:
        """Return the owned positions of a layer of ``stride``, counted from the picture's first."""
        return slice(self.owned_start // stride, self.owned_stop // stride)

    def owned_in_window(self, stride: int) -> slice:
        """Return the owned positions of a layer of ``stride``, counted from the window's first."""
        first = self.start // stride
        return slice(self.owned_start // stride - first, self.owned_stop // stride - first)


@dataclass(frozen=True)
class Tile:
    """One tile of a picture."""

    rows: Span
    columns: Span

    @property
    def window(self) -> Slices:
        """Rows and columns of the window in the picture."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the window."""
        return self.rows.length, self.columns.length

    def owned(self, stride: int) -> Slices:
        """Return the owned positions of a layer, counted from the picture's first."""
        return self.rows.owned(stride), self.columns.owned(stride)

    def owned_in_window(self, stride: int) -> Slices:
        """Return the owned positions of a layer, counted from the window's first."""
        return self.rows.owned_in_window(stride), self.columns.owned_in_window(stride)


@dataclass(frozen=True)
class Reach:
    """Requirements of a set of layers on tiles, in pixels.

    ``step`` is the deepest stride, and ``margin`` a multiple of it; windows start at multiples of ``align``.
    """

    margin: int
    step: int
    align: int

    @property
    def smallest_window(self) -> int:
        """The smallest window that owns something in the middle of a picture."""
        return 2 * self.margin + self.align


def network_reach(layers: Iterable[str], architecture: Architecture) -> Reach:
    """Return the requirements of ``layers`` on tiles; without layers, single pixels.

    A position of a layer with stride s and receptive field r sees (r - s) / 2 pixels on each side of its own
    s x s: both convolutions and pooling widen fields symmetrically.
    """
    names = set(layers)
    if not names:
        return Reach(0, 1, ALIGNED_POSITIONS)
    computed = up_to_deepest(names, LAYERS[architecture])
    step = max(layer.stride for layer in computed)
    sides = ((layer.receptive_field - layer.stride + 1) // 2 for layer in computed if layer.name in names)
    return Reach(_round_up(max(sides), step), step, ALIGNED_POSITIONS * step)


def strides_of(layers: Iterable[str], architecture: Architecture) -> dict[str, int]:
    """Return the stride of each of ``layers``."""
    table: dict[str, Layer] = {layer.name: layer for layer in LAYERS[architecture]}
    return {name: table[name].stride for name in layers}


def make_spans(length: int, window: int, reach: Reach) -> tuple[Span, ...]:
    """Cut ``length`` pixels into windows of at most ``window``, all but the last of equal length.

    The last one is moved back to be as long as the others, up to the alignment of its start.

    Raises:
        ValueError: ``window`` is smaller than the margins and one step.
    """
    if window >= length:
        return (Span(0, length, 0, length),)
    if window < reach.smallest_window:
        raise ValueError(f"a window of {window} pixels has no room within margins of {reach.margin}")
    inner = (window - 2 * reach.margin) // reach.align * reach.align
    count = -(-(length - 2 * reach.margin) // inner)
    inner = _round_up(-(-(length - 2 * reach.margin) // count), reach.align)
    window = inner + 2 * reach.margin
    last = max(0, _round_up(length - window, reach.align))
    starts = sorted({min(index * inner, last) for index in range(count)} | {last})
    bounds = [0, *(start + reach.margin for start in starts[1:]), length]
    return tuple(
        Span(start, min(start + window, length), bounds[index], bounds[index + 1])
        for index, start in enumerate(starts)
    )


def make_tiles(height: int, width: int, window: int, reach: Reach) -> tuple[Tile, ...]:
    """Cut a picture into tiles with windows of at most ``window`` x ``window``, sorted by size."""
    rows, columns = make_spans(height, window, reach), make_spans(width, window, reach)
    tiles = [Tile(row, column) for row in rows for column in columns]
    return tuple(sorted(tiles, key=lambda tile: tile.size, reverse=True))


def window_pixels(tiles: Sequence[Tile]) -> int:
    """Return the pixels of all windows, which one pass over the tiles computes."""
    return sum(tile.rows.length * tile.columns.length for tile in tiles)


def _round_up(value: int, step: int) -> int:
    """Round up to a multiple of ``step``."""
    return -(-value // step) * step
