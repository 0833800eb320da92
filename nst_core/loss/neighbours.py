"""Nearest neighbours between the features of two pictures: for each position of one, a position of the other.

Kolkin et al. 2022, "Neural Neighbor Style Transfer", section 3.2: a position is described by its hypercolumn,
the features of several layers there, and matched with the position of the style whose hypercolumn has the
least cosine distance, both sets centred on their own means. Positions lie on a grid of one cell for each
``CELL`` x ``CELL`` pixels. The style's features at the matched positions are then the targets of terms like
the content's: squared errors with a known gradient.

Takes features as arrays, returns indices and targets. Does not depend on layers, pictures or frameworks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.cells import mean_over_cells

Indices = npt.NDArray[np.int32]

Device: TypeAlias = tuple[Callable[[Array], DeviceArray], Callable[[DeviceArray], npt.NDArray[np.generic]]]
"""Functions that bring an array to the device that computes, and back."""

HOST: Device = (lambda array: array, np.asarray)

CELL = 4
"""Side of a grid cell in pixels: the stride of block 3, as in the paper."""

DIRECTIONS = 64
"""Principal directions of the style's hypercolumns that are compared. At 256 pixels the matches have 0.959 of
the cosine similarity of exact ones, in two thirds of the time (``python -m tests.bench.matching``)."""

OVERSAMPLING = 16
"""Further random directions with which the principal ones are found (Halko, Martinsson and Tropp 2011)."""

BLOCK_BYTES = 2**25
"""Memory of the similarities that are computed at a time."""

LEAST_GUIDE = 0.5
"""Value of a guide from which a position of a style counts."""

BIAS = 0.1
"""Similarity by which a style of e times the weight of another is preferred."""

TINY = 1e-12

ROUNDING = 1e-4
"""Added before cells are rounded down: twice a third of a cell must not fall short of a whole one."""

STRIP_ROWS = 32
"""Rows of a layer whose targets are gathered at a time."""


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Return (rows, columns) of the grid of a picture; at least one cell."""
    return max(1, height // CELL), max(1, width // CELL)


def hypercolumns(layers: Sequence[tuple[Array, int, float]], guide: Array | None = None) -> Array:
    """Return the hypercolumns (rows * columns, D) of a picture's grid, centred.

    Each of ``layers`` is its features (N, h, w), its stride and its weight. They are scaled such that the
    root of their mean squared distance from their mean over positions is the weight. ``guide`` (rows,
    columns) says how much each position counts in both means; None, or a guide of zeros, is all alike.
    """
    sizes = [
        grid_size(features.shape[1] * stride, features.shape[2] * stride) for features, stride, _ in layers
    ]
    rows, columns = (max(lengths) for lengths in zip(*sizes, strict=True))
    counts = (
        np.ones(rows * columns) if guide is None else guide[:rows, :columns].reshape(-1).astype(np.float64)
    )
    counts = counts / counts.sum() if counts.any() else np.full(rows * columns, 1.0 / (rows * columns))
    depth = sum(len(features) for features, _, _ in layers)
    whole, first = np.empty((rows * columns, depth), dtype=np.float32), 0
    for features, stride, weight in layers:
        part = on_grid(features, stride, rows, columns)
        part -= (counts @ part).astype(np.float32)
        size = float(np.sqrt(counts @ np.square(part).sum(axis=1, dtype=np.float64)))
        whole[:, first : first + len(features)] = part * np.float32(weight / max(size, TINY))
        first += len(features)
    return whole


def on_grid(features: Array, stride: int, rows: int, columns: int) -> Array:
    """Bring features (N, h, w) of a layer to the grid: (rows * columns, N), averaged or repeated."""
    channels = len(features)
    if stride <= CELL:
        factor = CELL // stride
        blocks = features[:, : rows * factor, : columns * factor].astype(np.float32, copy=False)
        cells = mean_over_cells(blocks, factor)
    else:
        factor = stride // CELL
        down = np.minimum(np.arange(rows) // factor, features.shape[1] - 1)
        across = np.minimum(np.arange(columns) // factor, features.shape[2] - 1)
        cells = features[:, down[:, None], across[None, :]]
    return np.array(cells.reshape(channels, -1).T, dtype=np.float32, order="C")


def principal_directions(columns: Array, count: int, seed: int = 0) -> Array:
    """Return the ``count`` leading principal directions (D, count) of centred ``columns`` (n, D).

    A randomised range finder with one power iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4). With
    no more dimensions than ``count``, the identity.
    """
    dimensions = columns.shape[1]
    if dimensions <= count + OVERSAMPLING:
        return np.eye(dimensions, dtype=np.float32)
    random = np.random.default_rng(seed).standard_normal((dimensions, count + OVERSAMPLING), np.float32)
    basis = random
    for _ in range(2):
        basis = np.linalg.qr(columns.T @ (columns @ basis))[0]
    projected = columns @ basis
    _, vectors = np.linalg.eigh((projected.T @ projected).astype(np.float64))
    return np.asarray(basis @ vectors[:, ::-1][:, :count].astype(np.float32))


def unit_rows(columns: Array) -> Array:
    """Return ``columns`` (n, D) with rows of length 1; rows of zeros stay."""
    length = np.sqrt(np.square(columns).sum(axis=1, keepdims=True))
    return np.asarray(columns / np.maximum(length, np.float32(TINY)), dtype=np.float32)


def nearest(queries: Array, candidates: Array, bias: Array | None = None, device: Device = HOST) -> Indices:
    """Return, for each of ``queries`` (n, D), the index of the most similar of ``candidates`` (m, D).

    Rows have length 1, so that products are cosines; ``bias`` (m,) is added to them. The smallest index wins
    a tie. Memory is bounded.
    """
    upload, download = device
    across = upload(np.ascontiguousarray(candidates.T))
    xp = array_namespace(across)
    added = None if bias is None else upload(bias)
    step = max(1, BLOCK_BYTES // (4 * len(candidates)))
    found = np.empty(len(queries), dtype=np.int32)
    for start in range(0, len(queries), step):
        similarity = upload(queries[start : start + step]) @ across
        if added is not None:
            similarity = similarity + added
        found[start : start + step] = download(xp.argmax(similarity, axis=1))
    return found


@dataclass(frozen=True)
class NeighbourMap:
    """For each cell of a grid, a cell of a style.

    ``style`` (rows, columns) is the number of the style, ``row`` and ``column`` its cell there.
    ``style_grids`` are the (rows, columns) of the styles' own grids.
    """

    style: Indices
    row: Indices
    column: Indices
    style_grids: tuple[tuple[int, int], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.style.shape[0], self.style.shape[1]

    def cut(self, first: tuple[int, int], size: tuple[int, int]) -> NeighbourMap:
        """Return the part of ``size`` (rows, columns) that starts at cell ``first``."""
        rows, columns = (slice(start, start + length) for start, length in zip(first, size, strict=True))
        return self._map(lambda cells: cells[rows, columns])

    def padded(self, first: tuple[int, int], size: tuple[int, int]) -> NeighbourMap:
        """Return a grid of ``size`` with this one at cell ``first``, and its edges repeated around it."""
        pads = [
            (start, length - start - own) for start, length, own in zip(first, size, self.size, strict=True)
        ]
        return self._map(lambda cells: np.pad(cells, pads, mode="edge"))

    def where(self, keep: npt.NDArray[np.bool_], other: NeighbourMap) -> NeighbourMap:
        """Return this map's cells where ``keep`` (rows, columns), and those of ``other`` elsewhere."""
        style, row, column = (
            np.where(keep, getattr(self, part), getattr(other, part)) for part in ("style", "row", "column")
        )
        return replace(other, style=style, row=row, column=column)

    def taken(self, rows: Indices, columns: Indices) -> NeighbourMap:
        """Return the map whose cells are those at ``rows`` and ``columns``, each (rows, columns)."""
        return self._map(lambda cells: cells[rows, columns])

    def _map(self, change: Callable[[Indices], Indices]) -> NeighbourMap:
        return replace(self, style=change(self.style), row=change(self.row), column=change(self.column))

    def scaled(self, size: tuple[int, int], style_grids: Sequence[tuple[int, int]]) -> NeighbourMap:
        """Return the map on a grid of ``size``, for styles with other grids.

        Neighbourhoods stay together: at twice the size, nn(2p + d) = 2 nn(p) + d for d = 0 and 1.
        """
        down, down_rest = _sources(size[0], self.size[0])
        across, across_rest = _sources(size[1], self.size[1])
        old = self._map(lambda cells: cells[down[:, None], across[None, :]])
        row, column = old.row + down_rest[:, None], old.column + across_rest[None, :]
        for number, (before, after) in enumerate(zip(self.style_grids, style_grids, strict=True)):
            here = old.style == number
            row[here] = np.clip(row[here] * (after[0] / before[0]), 0, after[0] - 1)
            column[here] = np.clip(column[here] * (after[1] / before[1]), 0, after[1] - 1)
        return NeighbourMap(old.style, _floor(row), _floor(column), tuple(style_grids))


def _floor(positions: npt.NDArray[np.float64]) -> Indices:
    return np.floor(positions + ROUNDING).astype(np.int32)


def _sources(length: int, old: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the cell of the old grid in which each cell of the new one begins, and how far into it."""
    positions = np.arange(length) * (old / length)
    cells = np.minimum(np.floor(positions + ROUNDING).astype(np.intp), old - 1)
    return cells, np.maximum(positions - cells, 0.0)


def gather(matches: NeighbourMap, styles: Sequence[Array], stride: int, out: Array) -> Array:
    """Write the targets of a layer of ``stride`` into ``out`` (N, h, w), and return it.

    ``styles`` are the styles' features (N, h, w) there. A layer finer than the grid gets the style's block of
    positions; a coarser one the mean over the cells that a position covers.
    """
    _, height, width = out.shape
    for start in range(0, height, STRIP_ROWS):
        rows = np.arange(start, min(start + STRIP_ROWS, height))
        out[:, rows[0] : rows[-1] + 1] = _gather_rows(matches, styles, stride, rows, np.arange(width))
    return out


def _gather_rows(
    matches: NeighbourMap,
    styles: Sequence[Array],
    stride: int,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
) -> Array:
    if stride <= CELL:
        return _gather_blocks(matches, styles, CELL // stride, rows, columns)
    factor = stride // CELL
    total: Array | None = None
    for down in range(factor):
        for across in range(factor):
            part = _gather_cells(matches, styles, factor, (rows * factor + down, columns * factor + across))
            total = part if total is None else total + part
    assert total is not None  # noqa: S101 -- factor is at least 2
    return total / np.float32(factor * factor)


def _gather_blocks(
    matches: NeighbourMap,
    styles: Sequence[Array],
    factor: int,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
) -> Array:
    """Gather from layers as fine as the grid or finer: each cell is a block of ``factor`` x ``factor``."""
    cell_rows = np.minimum(rows // factor, matches.size[0] - 1)
    cell_columns = np.minimum(columns // factor, matches.size[1] - 1)
    cells = cell_rows[:, None], cell_columns[None, :]
    down = matches.row[cells] * factor + (rows - cell_rows * factor)[:, None]
    across = matches.column[cells] * factor + (columns - cell_columns * factor)[None, :]
    return _take(matches.style[cells], styles, down, across)


def _gather_cells(
    matches: NeighbourMap,
    styles: Sequence[Array],
    factor: int,
    positions: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
) -> Array:
    """Gather from layers coarser than the grid, at the style's position that contains a cell's match."""
    rows, columns = (
        np.minimum(cells, limit - 1) for cells, limit in zip(positions, matches.size, strict=True)
    )
    cells = rows[:, None], columns[None, :]
    return _take(matches.style[cells], styles, matches.row[cells] // factor, matches.column[cells] // factor)


def _take(which: Indices, styles: Sequence[Array], rows: Indices, columns: Indices) -> Array:
    """Take features at (``rows``, ``columns``) of the style that ``which`` names, all (h, w)."""
    if len(styles) == 1:
        return _at(styles[0], rows, columns)
    taken = np.empty((len(styles[0]), *which.shape), dtype=np.float32)
    for number, style in enumerate(styles):
        here = which == number
        if here.any():
            taken[:, here] = _at(style, rows[here], columns[here])
    return taken


def _at(style: Array, rows: Indices, columns: Indices) -> Array:
    _, height, width = style.shape
    values = style[:, np.minimum(rows, height - 1), np.minimum(columns, width - 1)]
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class Candidates:
    """The positions of a style: ``columns`` (m, D), their ``grid`` (rows, columns), and the style's weight.

    ``guide`` (rows, columns) says which of them count; None is all.
    """

    columns: Array
    grid: tuple[int, int]
    guide: Array | None = None
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SearchIndex:
    """The positions of a picture's styles, ready to be compared.

    ``rows`` (m, d) are their hypercolumns along the principal ``directions`` (D, d), of length 1. ``numbers``
    and ``cells`` (m,) say which style each is of, and which cell of its grid. ``bias`` (m,) is added to
    similarities; None is nothing. ``grids`` are the (rows, columns) of the styles.
    """

    directions: Array
    rows: Array
    numbers: npt.NDArray[np.intp]
    cells: npt.NDArray[np.intp]
    bias: Array | None
    grids: tuple[tuple[int, int], ...]


def search_index(styles: Sequence[Candidates], seed: int = 0) -> SearchIndex:
    """Return the index of the positions of ``styles`` that count."""
    usable = [_usable(style) for style in styles]
    parts = [
        style.columns if style.guide is None else style.columns[cells]
        for style, cells in zip(styles, usable, strict=True)
    ]
    columns = parts[0] if len(parts) == 1 else np.concatenate(parts)
    numbers = np.concatenate([np.full(len(cells), number) for number, cells in enumerate(usable)])
    weights = np.array([style.weight for style in styles])
    bias = (BIAS * np.log(weights / weights.max()))[numbers].astype(np.float32)
    directions = principal_directions(columns, DIRECTIONS, seed)
    return SearchIndex(
        directions=directions,
        rows=unit_rows(columns @ directions),
        numbers=numbers,
        cells=np.concatenate(usable),
        bias=bias if len(styles) > 1 else None,
        grids=tuple(style.grid for style in styles),
    )


def match_positions(
    query: Array, size: tuple[int, int], index: SearchIndex, device: Device = HOST
) -> NeighbourMap:
    """Match the hypercolumns ``query`` (n, D) of a grid of ``size`` with the positions in ``index``."""
    found = nearest(unit_rows(query @ index.directions), index.rows, index.bias, device)
    numbers = index.numbers[found]
    widths = np.array([columns for _, columns in index.grids])[numbers]
    rows, across = np.divmod(index.cells[found], widths)
    return NeighbourMap(
        numbers.reshape(size).astype(np.int32),
        rows.reshape(size).astype(np.int32),
        across.reshape(size).astype(np.int32),
        index.grids,
    )


def _usable(style: Candidates) -> npt.NDArray[np.intp]:
    """Return the positions of a style that count: at least half covered, or as much as any is."""
    if style.guide is None:
        return np.arange(len(style.columns))
    rows, columns = style.grid
    guide = style.guide[:rows, :columns].reshape(-1)
    return np.flatnonzero(guide >= min(LEAST_GUIDE, float(guide.max())))
