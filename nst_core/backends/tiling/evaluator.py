"""Loss and gradient of a picture of any size, tile by tile: exactly those of the whole picture.

Every style loss is a function of sums over positions, so two passes over the tiles give the same answer as
one over the whole picture. The first pass runs each tile forward and adds up the sums over the positions that
it owns (:mod:`nst_core.backends.tiling.layout`). Then each style term's loss and its gradients by the sums,
matrices of a layer's channels, are computed once. The second pass runs each tile forward again, puts the
terms' gradients at the positions that it owns, goes back to the window's pixels, and adds these, margins
included, to the picture's gradient. Only the order of additions differs.

This costs one and a half times the arithmetic of the whole, and the margins: with windows of 1024 pixels and
the default layers 1.3 times the pixels. A backend implements :class:`TileWorker`. Nothing here depends on a
framework, on how large tiles should be, or on who is waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.backends.interface import Evaluation, Tiling
from nst_core.backends.tiling.layout import Tile, make_tiles, network_reach, window_pixels
from nst_core.loss.layer_losses import StyleSums, style_loss_of_sums
from nst_core.loss.objective import Objective
from nst_core.loss.priors import add_prior
from nst_core.loss.statistics.base import StyleTarget
from nst_core.vgg.layers import Architecture

TWO_PASSES = 1.5
"""Arithmetic of both passes as a multiple of one evaluation: the forward pass, half of it, runs twice."""


class SumGradients(NamedTuple):
    """A style term's gradients by its sums: ``d_s2`` (N, N), symmetric, and ``d_s1`` (N,) or None."""

    d_s2: DeviceArray
    d_s1: DeviceArray | None


class TileWorker(Protocol):
    """A backend's work on one window, bound to an objective.

    ``picture`` is a window's pixels, (3, h, w) on the device; terms are in the objective's order. ``last``
    means that no window of this size follows in the same pass, so memory kept for it may be freed.
    """

    def sums(self, picture: DeviceArray, tile: Tile, *, last: bool) -> list[StyleSums]:
        """Return each style term's sums over the positions that ``tile`` owns."""
        ...

    def gradient(
        self, picture: DeviceArray, tile: Tile, sum_gradients: Sequence[SumGradients], *, last: bool
    ) -> tuple[list[DeviceArray], DeviceArray]:
        """Return each content term's value at owned positions, and the window's whole gradient."""
        ...


class Group(Protocol):
    """Processes that share the tiles of a picture; each takes every ``size``-th, starting at its ``rank``."""

    rank: int
    size: int

    def settle(self, error: Exception | None) -> None:
        """Wait until all have done their tiles; raise if an ``error`` of any process prevented that."""

    def add_up(self, arrays: Sequence[DeviceArray]) -> Sequence[DeviceArray]:
        """Return the sums of all processes' ``arrays``, of the same shapes."""
        ...


class Alone:
    """A group of one."""

    rank, size = 0, 1

    def settle(self, error: Exception | None) -> None:
        """Raise ``error``."""
        if error is not None:
            raise error

    def add_up(self, arrays: Sequence[DeviceArray]) -> Sequence[DeviceArray]:
        """Return ``arrays``."""
        return arrays


class TiledEvaluator:
    """An objective bound to a worker and a layout; see :class:`nst_core.backends.interface.Evaluator`.

    ``targets`` are those of the objective's style terms, on the device, where its priors are too. In a
    ``group`` each member has an evaluator, and all of them return the same.
    """

    def __init__(
        self,
        worker: TileWorker,
        objective: Objective,
        targets: Sequence[StyleTarget],
        tiles: Sequence[Tile],
        tiling: Tiling,
        group: Group | None = None,
    ) -> None:
        self.worker, self.objective, self.targets = worker, objective, targets
        self.group: Group = group or Alone()
        self.tiles = tiles[self.group.rank :: self.group.size]
        self.on_tile = tiling.on_tile
        self.passes = (1 if objective.style else 0) + (2 if objective.layer_terms else 0)
        self.total = max(1, self.passes * window_pixels(self.tiles))

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Return loss (), gradient and terms (K,) at ``picture`` (3, height, width)."""
        xp = array_namespace(picture)
        values, sum_gradients = self._style(picture)
        contents, gradient = self._back(picture, sum_gradients)
        priors = [add_prior(prior, picture, gradient) for prior in self.objective.priors]
        terms = xp.stack([xp.asarray(value, dtype=picture.dtype) for value in (*contents, *values, *priors)])
        return Evaluation(xp.sum(terms), gradient, terms)

    def _style(self, picture: DeviceArray) -> tuple[list[DeviceArray], list[SumGradients]]:
        """Run the first pass; return the style terms' values and their gradients by the sums."""
        if not self.objective.style:
            return [], []
        totals = self._zero_sums(picture)
        error: Exception | None = None
        try:
            for index, tile in enumerate(self.tiles):
                self.on_tile(window_pixels(self.tiles[:index]) / self.total)
                rows, columns = tile.window
                sums = self.worker.sums(picture[:, rows, columns], tile, last=self._last(index))
                totals = [a + b for a, b in zip(totals, sums, strict=True)]
        except Exception as raised:  # the other processes wait for this one
            error = raised
        self.group.settle(error)
        values, gradients = [], []
        for term, target, sums_of_term in zip(
            self.objective.style, self.targets, self._add_up(totals), strict=True
        ):
            value, *by_sums = style_loss_of_sums(term.statistic, sums_of_term, target, term.weight)
            values.append(value)
            gradients.append(SumGradients(*by_sums))
        return values, gradients

    def _add_up(self, totals: list[StyleSums]) -> list[StyleSums]:
        """Add the sums of all processes."""
        flat = [array for sums in totals for array in (sums.s2, sums.s1, sums.mass) if array is not None]
        added = iter(self.group.add_up(flat))
        return [
            StyleSums(next(added), None if sums.s1 is None else next(added), next(added)) for sums in totals
        ]

    def _zero_sums(self, picture: DeviceArray) -> list[StyleSums]:
        """Return each style term's sums over no positions."""
        xp = array_namespace(picture)
        zero = xp.sum(picture[:1, :1, :1]) * 0.0
        return [
            StyleSums(
                target.second * 0.0, target.second[0] * 0.0 if term.statistic.needs_mean else None, zero
            )
            for term, target in zip(self.objective.style, self.targets, strict=True)
        ]

    def _back(
        self, picture: DeviceArray, sum_gradients: list[SumGradients]
    ) -> tuple[list[DeviceArray], DeviceArray]:
        """Run the second pass; return the content terms' values and the picture's gradient."""
        xp = array_namespace(picture)
        gradient = xp.zeros_like(picture)
        contents = [xp.sum(picture[:1, :1, :1]) * 0.0 for _ in self.objective.content]
        if not self.objective.layer_terms:
            return contents, gradient
        before = window_pixels(self.tiles) if self.objective.style else 0
        error: Exception | None = None
        try:
            for index, tile in enumerate(self.tiles):
                self.on_tile((before + 2 * window_pixels(self.tiles[:index])) / self.total)
                rows, columns = tile.window
                values, of_window = self.worker.gradient(
                    picture[:, rows, columns], tile, sum_gradients, last=self._last(index)
                )
                contents = [a + b for a, b in zip(contents, values, strict=True)]
                gradient[:, rows, columns] += of_window
        except Exception as raised:  # the other processes wait for this one
            error = raised
        self.group.settle(error)
        gradient, *contents = self.group.add_up([gradient, *contents])
        return contents, gradient

    def _last(self, index: int) -> bool:
        """Return whether no window of this size follows; tiles are sorted by size."""
        return index + 1 == len(self.tiles) or self.tiles[index + 1].size != self.tiles[index].size


def tiles_for(
    objective: Objective, height: int, width: int, window: int, architecture: Architecture
) -> tuple[Tile, ...]:
    """Cut a picture into tiles that ``objective`` can be evaluated in; enlarge a window that is too small."""
    reach = network_reach(objective.layers, architecture)
    return make_tiles(height, width, max(window, reach.smallest_window), reach)


def tiling_overhead(tiles: Sequence[Tile], pixels: int) -> float:
    """Return the arithmetic of evaluating ``pixels`` in tiles as a multiple of that in a single tile."""
    return 1.0 if len(tiles) == 1 else TWO_PASSES * window_pixels(tiles) / pixels
