"""A level whose tiles are painted one after another, each to its end on its own.

A large level only refines the enlarged picture of the level before. So each tile, with a margin around it,
is painted as a small picture towards its own targets (:mod:`nst_core.painting.tile_objective`), with an
optimiser of its own, and blended with its neighbours. All tiles start from the picture of the level before,
so they depend neither on their order nor on each other, and memory holds one at a time. Evaluations that go
through all tiles need a pass for the statistics first; here there is none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.tiling.layout import Tile, window_pixels
from nst_core.painting.level import check_loss, take_step
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.mosaic import MeanLoss, Mosaic
from nst_core.painting.progress import RunEnded
from nst_core.painting.run_context import RunContext
from nst_core.painting.run_state import RunState
from nst_core.painting.subject import Subject
from nst_core.painting.tiled_level import OpenTile, TiledLevel, open_tile, open_tiled_level
from nst_core.system.resource_errors import is_out_of_memory


def paint_tile_by_tile(
    context: RunContext, subject: Subject, layout: MemoryLayout, start: RunState
) -> Array | None:
    """Paint the reporter's level, going on from ``start``, which has the picture of the level before.

    Returns the picture (3, height, width): what was painted, and the enlarged picture of the level before
    where the run ended earlier; None if it ended before the first step.

    Raises:
        NstError: ``diverged`` if a loss is not a finite number, ``out-of-memory``.
    """
    assert start.previous is not None  # noqa: S101 -- such a level is not the first
    context.matcher.maps, context.matcher.kept = list(start.maps), start.kept
    if context.curvature.bytes > layout.machine_left:
        context.curvature.forget()
    if not context.backend.limits.own_memory:
        context.backend.close()  # what the level before computed with would take memory beside the targets
    try:
        level = open_tiled_level(context, subject, layout, start.previous)
    except RunEnded:
        return None
    context.reporter.add_work(context.reporter.work.opening + context.reporter.work.targets)
    try:
        return _Painting(context, level, start).paint()
    finally:
        context.curvature.forget()


class _Painting:
    """Paints the tiles of a level, reports, and keeps states."""

    def __init__(self, context: RunContext, level: TiledLevel, start: RunState) -> None:
        self.context, self.level, self.start = context, level, start
        self.reporter, self.mean = context.reporter, MeanLoss()
        picture = level.targets.start
        if np.may_share_memory(picture, level.previous):  # tiles start from that
            picture = picture.copy()
        self.mosaic = Mosaic(picture)
        if start.picture is not None and start.picture.shape == picture.shape:
            np.copyto(picture, start.picture)
            self.mosaic.finished = min(start.tiles, len(level.tiles))
        self.has_steps = self.mosaic.finished > 0

    def paint(self) -> Array | None:
        """Paint all tiles that are not finished; return the picture of the whole level."""
        for tile in self.level.tiles[self.mosaic.finished :]:
            opened = self._open(tile)
            finished = not self.reporter.ended if opened is None else self._iterate(opened)
            if finished:
                self._finish(tile, opened)
            if self.reporter.ended:
                self._end(None if finished else opened)
                break
            if self.context.states.is_due() and not self.reporter.is_finished:
                self._keep_state()
        return self.level.whole(self.mosaic.picture) if self.has_steps else None

    def _open(self, tile: Tile) -> OpenTile | None:
        """Open a tile; return None if nothing is to be painted in it, or if the run has ended."""
        try:
            opened = open_tile(self.context, self.level, tile)
        except RunEnded:
            return None
        except Exception as error:
            self._end_without_memory(error)
            return None
        if opened is not None:
            self.reporter.add_work(opened.work)
        return opened

    def _iterate(self, opened: OpenTile) -> bool:
        """Iterate a tile; return whether it was painted to its end."""
        reporter, backend = self.reporter, self.context.backend
        iterations = reporter.level.iterations
        try:
            for iteration in range(1, iterations + 1):
                opened.take(take_step(opened.optimizer, reporter))
                self.has_steps = True
                reporter.add_work(opened.work)
                is_new = self._count(opened, iteration)
                last = iteration == iterations
                if last or reporter.is_report_due(asynchronous=backend.asynchronous):
                    self._report(opened)
                if (is_new or not reporter.callbacks.frames_every) and reporter.is_preview_due(
                    last=reporter.is_level_finished
                ):
                    self._send_preview(opened)
                if reporter.ended:
                    return last
        except RunEnded:
            return False
        except Exception as error:
            self._end_without_memory(error)
            return False
        return True

    def _count(self, opened: OpenTile, iteration: int) -> bool:
        """Set the reporter's iteration, as if the level were painted as a whole; return whether it is new."""
        before, iterations = self.reporter.iteration, self.reporter.level.iterations
        pixels = window_pixels(self.level.tiles[: self.mosaic.finished]) * iterations
        pixels += window_pixels([opened.tile]) * iteration
        self.reporter.iteration = max(1, pixels // self.level.pixels)
        return self.reporter.iteration != before

    def _report(self, opened: OpenTile) -> None:
        """Report the loss, restart an optimiser that is stuck, and check for a stop."""
        loss = float(opened.loss)
        check_loss(loss)
        mean = self.mean.plus(opened.area, loss, opened.best_terms.by_name(self.context.backend))
        self.reporter.report(mean.loss, dict(mean.terms))
        if opened.optimizer.stuck:
            opened.optimizer.restart()
        self.reporter.check_stop()

    def _send_preview(self, opened: OpenTile) -> None:
        with self.mosaic.with_unfinished(opened.tile, opened.change(self.context)) as picture:
            self.reporter.send_preview(self.level.whole(picture), np.asarray)

    def _finish(self, tile: Tile, opened: OpenTile | None) -> None:
        """Blend a tile that is painted to its end into the picture."""
        self.mosaic.finished += 1
        if opened is None:
            return
        self.mosaic.add(tile, opened.change(self.context))
        terms = opened.best_terms.by_name(self.context.backend)
        self.mean = self.mean.plus(opened.area, float(opened.loss), terms)

    def _keep_state(self) -> None:
        """Keep the finished tiles as the state of the run."""
        self.context.states.keep(
            replace(
                self.start,
                picture=self.mosaic.picture,
                iteration=0,
                tiles=self.mosaic.finished,
                tile_window=self.level.layout.window or 0,
            )
        )

    def _end(self, opened: OpenTile | None) -> None:
        """Keep the state of a run that is to go on later, and blend the unfinished tile into the picture."""
        if (self.reporter.stopped or self.reporter.out_of_memory) and not self.reporter.is_finished:
            self._keep_state()
        if opened is not None:
            self.mosaic.add(opened.tile, opened.change(self.context))

    def _end_without_memory(self, error: Exception) -> None:
        """End the run, with what it has, if ``error`` says that memory ran out; otherwise raise it."""
        if not self.has_steps or not is_out_of_memory(error):
            raise error
        self.reporter.out_of_memory = True
