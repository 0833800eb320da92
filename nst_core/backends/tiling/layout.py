"""How a picture is cut into tiles so that the network sees in them what it sees in the whole.

Sizes and layers come in, windows go out; nothing here looks at a pixel. Every position of every layer is
*owned* by one tile. A tile's *window* reaches past what it owns by a margin, half of what the deepest layer
sees, so that features at owned positions, and the gradients that they send back, are those of the whole
picture. Windows begin on multiples of the deepest stride, so that pooling pairs the same rows and columns;
what floor-pooling drops at the right and at the bottom of the picture, the last windows drop too. They begin
on multiples of four of it, so that convolutions computed in tiles of four positions (Winograd's) have the
same tiles, and round alike: a ReLU whose input is 0 but for rounding is open in both or in neither.

Windows have the same size wherever possible: an engine that prepares itself for each size has few to
prepare for, one where the picture's sides are multiples of where windows begin, else four.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nst_core.vgg.layers import LAYERS, Architecture, Layer, up_to_deepest

Slices = tuple[slice, slice]

ALIGNED_POSITIONS = 4
"""Positions of the deepest layer between the places where windows may begin."""


class Span(NamedTuple):
    """A stretch of rows or columns, in pixels of the picture: a window, and what of it is owned."""

    start: int
    stop: int
    owned_start: int
    owned_stop: int

    @property
    def length(self) -> int:
        """Pixels of the window."""
        return self.stop - self.start

    def owned(self, stride: int) -> slice:
        """Return the owned positions of a layer of ``stride``, in those of the whole picture."""
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
        """Return the owned positions of a layer, in those of the whole picture."""
        return self.rows.owned(stride), self.columns.owned(stride)

    def owned_in_window(self, stride: int) -> Slices:
        """Return the owned positions of a layer, in those of the window."""
        return self.rows.owned_in_window(stride), self.columns.owned_in_window(stride)


@dataclass(frozen=True)
class Reach:
    """What a set of layers asks of tiles: ``margin`` and ``step``, both in pixels.

    ``step`` is the deepest stride, margins are multiples of it; windows begin on multiples of ``align``.
    """

    margin: int
    step: int
    align: int

    @property
    def smallest_window(self) -> int:
        """The smallest window that owns something in the middle of a picture."""
        return 2 * self.margin + self.align


def network_reach(layers: Iterable[str], architecture: Architecture) -> Reach:
    """Return what ``layers`` ask of tiles; without any, a single pixel.

    A position of a layer with stride s and receptive field r sees (r - s) / 2 pixels on each side of its own
    s x s: fields widen symmetrically, both by convolutions and by pooling.
    """
    wanted = set(layers)
    if not wanted:
        return Reach(0, 1, ALIGNED_POSITIONS)
    computed = up_to_deepest(wanted, LAYERS[architecture])
    step = max(layer.stride for layer in computed)
    sides = ((layer.receptive_field - layer.stride + 1) // 2 for layer in computed if layer.name in wanted)
    return Reach(_up(max(sides), step), step, ALIGNED_POSITIONS * step)


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
    inner = _up(-(-(length - 2 * reach.margin) // count), reach.align)
    window = inner + 2 * reach.margin
    last = max(0, _up(length - window, reach.align))
    starts = sorted({min(index * inner, last) for index in range(count)} | {last})
    bounds = [0, *(start + reach.margin for start in starts[1:]), length]
    return tuple(
        Span(start, min(start + window, length), bounds[index], bounds[index + 1])
        for index, start in enumerate(starts)
    )


def make_tiles(height: int, width: int, window: int, reach: Reach) -> tuple[Tile, ...]:
    """Cut a picture into tiles with windows of at most ``window`` x ``window``, those of a size together."""
    rows, columns = make_spans(height, window, reach), make_spans(width, window, reach)
    tiles = [Tile(row, column) for row in rows for column in columns]
    return tuple(sorted(tiles, key=lambda tile: tile.size, reverse=True))


def window_pixels(tiles: Sequence[Tile]) -> int:
    """Return the pixels of all windows: what one pass over the tiles computes."""
    return sum(tile.rows.length * tile.columns.length for tile in tiles)


def _up(value: int, step: int) -> int:
    """Round up to a multiple of ``step``."""
    return -(-value // step) * step
