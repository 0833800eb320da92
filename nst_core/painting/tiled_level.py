"""A level that is painted tile by tile, and one of its tiles, ready to be iterated.

Takes the picture of the level before; a tile has its own targets, evaluator and optimiser, and shares nothing
with the other tiles. Does not depend on their order, on reports, or on what becomes of the tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from nst_core.array_types import Array, DeviceArray
from nst_core.backends.tiling.layout import Tile, window_pixels
from nst_core.loss.layer_parts import LayerPart
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs, OptimizerState
from nst_core.painting.half_size import half_window, halved_pixels
from nst_core.painting.level import adopt_curvature, make_preconditioner, pixel_freedom, start_optimizer
from nst_core.painting.level_evaluator import (
    BestTerms,
    LevelTargets,
    Wrapper,
    bind_parts,
    compose,
    features_of,
    make_level_targets,
    wrap,
)
from nst_core.painting.masked import SMALLEST_CHANGE
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.resample import resize_planes_part
from nst_core.painting.run_context import RunContext
from nst_core.painting.subject import Subject, crop_to_window
from nst_core.painting.tile_layout import painting_reach, painting_tiles
from nst_core.painting.tile_objective import LevelObjective, has_features
from nst_core.painting.windows import Window


@dataclass(frozen=True, kw_only=True)
class TiledLevel:
    """A level of which tiles can be opened.

    ``previous`` (3, H, W) is the picture of the level before, of which ``targets.start`` is the enlarged
    window. ``parts`` are the objectives with the statistics of that. ``freedom`` (h, w) says how freely each
    pixel moves; None is freely.
    """

    targets: LevelTargets
    parts: Mapping[LayerPart, LevelObjective]
    previous: Array = field(repr=False)
    tiles: tuple[Tile, ...]
    layout: MemoryLayout
    freedom: Array | None = field(repr=False)

    @property
    def pixels(self) -> int:
        """Pixels of all tiles, with their margins."""
        return window_pixels(self.tiles)

    def whole(self, picture: Array) -> Array:
        """Return the ``picture`` (3, h, w) of the window in the whole level, the original where it stays."""
        images, around = self.targets.images, self.targets.surroundings
        if images.content is not None and images.changes is not None:
            picture = np.where(images.changes > SMALLEST_CHANGE, picture, images.content.pixels)
        return picture if around is None else self.targets.window.paste(around, picture)


@dataclass(kw_only=True)
class OpenTile:
    """A tile that is ready to be iterated from ``start`` (3, h, w) on.

    ``picture`` is the best so far, as the optimiser holds it, and ``loss`` its loss. ``work`` is the work of
    an evaluation, ``area`` the tile's share of the pixels of the level.
    """

    tile: Tile
    start: Array = field(repr=False)
    optimizer: Lbfgs | Adam
    best_terms: BestTerms
    wrappers: tuple[Wrapper, ...]
    picture: DeviceArray = field(repr=False)
    loss: DeviceArray
    work: float
    area: float

    def take(self, state: OptimizerState) -> None:
        """Take the result of a step."""
        self.picture, self.loss = state.picture, state.loss

    def change(self, context: RunContext) -> Array:
        """Return the change (3, h, w) that the best picture so far makes."""
        return context.backend.download(compose(self.wrappers, self.picture)) - self.start


def open_tiled_level(
    context: RunContext, subject: Subject, layout: MemoryLayout, previous: Array
) -> TiledLevel:
    """Make the level's targets, and measure the statistics of the picture that it starts from.

    Raises:
        RunEnded: the run ended before that.
        NstError: ``out-of-memory``.
    """
    reporter, level = context.reporter, context.reporter.level
    targets = make_level_targets(context, subject, layout, previous)
    features = features_of(
        context, layout, targets.window.size, lambda _done: reporter.on_tile(reporter.work.targets)
    )
    parts = {
        part: LevelObjective.at(_at_part(targets.start, part), objective, features)
        for part, objective in targets.parts.items()
    }
    reach = painting_reach(context.settings, context.backend.network.architecture, halved=level.halved)
    freedom = pixel_freedom(subject.anchor, level)
    return TiledLevel(
        targets=targets,
        parts=parts,
        previous=previous,
        tiles=painting_tiles(targets.window.size, layout.window or max(targets.window.size), reach),
        layout=layout,
        freedom=None if freedom is None else targets.window.cut(freedom),
    )


def open_tile(context: RunContext, level: TiledLevel, tile: Tile) -> OpenTile | None:
    """Make a tile's targets, bind its evaluator, and start its optimiser with a first evaluation.

    Returns None if nothing is to be painted in it.

    Raises:
        RunEnded: the run ended before that.
        NstError: ``diverged``, ``out-of-memory``.
    """
    backend, reporter, window = context.backend, context.reporter, Window(*tile.window)
    images = crop_to_window(level.targets.images, window)
    if images.changes is not None and float(images.changes.max()) <= SMALLEST_CHANGE:
        return None
    start = _start_of(level, window, context)
    features = features_of(context, level.layout, window.size, lambda _done: None)
    parts = {
        part: objective.of_tile(_at_part(start, part), _window_at_part(window, part), features)
        for part, objective in level.parts.items()
    }
    if not any(has_features(objective) for objective in parts.values()):
        return None
    pixels = window.size[0] * window.size[1]
    work = reporter.work.evaluation * pixels / level.pixels
    layout = replace(level.layout, window=max(window.size))
    evaluator = bind_parts(context, parts, window.size, layout, work)
    best_terms, wrappers = wrap(evaluator, backend, images, parts)
    picture = backend.upload(start)
    precondition = make_preconditioner(context, picture, window, level.freedom)
    optimizer = start_optimizer(context, best_terms, picture, layout, 0, precondition)
    size = level.targets.window.size
    adopt_curvature(context, optimizer, context.curvature.in_part(size, window.rows, window.columns))
    return OpenTile(
        tile=tile,
        start=start,
        optimizer=optimizer,
        picture=picture,
        loss=optimizer.loss,
        best_terms=best_terms,
        wrappers=wrappers,
        work=work,
        area=pixels / (size[0] * size[1]),
    )


def _start_of(level: TiledLevel, window: Window, context: RunContext) -> Array:
    """Return the picture (3, h, w) from which the tile in ``window`` starts."""
    of_level, size = level.targets.window, (context.reporter.level.height, context.reporter.level.width)
    rows, columns = (
        slice(whole.start + part.start, whole.start + part.stop)
        for whole, part in ((of_level.rows, window.rows), (of_level.columns, window.columns))
    )
    if level.previous.shape[1:] == size:
        return np.ascontiguousarray(level.previous[:, rows, columns])
    return resize_planes_part(level.previous, size, rows, columns)


def _at_part(picture: Array, part: LayerPart) -> Array:
    """Return ``picture`` (3, h, w) at the size at which a part of the layers sees it."""
    return halved_pixels(picture) if part is LayerPart.DEEP else picture


def _window_at_part(window: Window, part: LayerPart) -> Window:
    return half_window(window) if part is LayerPart.DEEP else window
