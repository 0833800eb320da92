"""Sums and gradients of one window of a picture with ONNX Runtime.

A :class:`~nst_core.backends.tiling.evaluator.TileWorker`: takes an objective and windows as numpy arrays, and
returns sums and gradients. Sessions are opened for the few sizes that windows have, one for each pass. If
windows are small and of one size, a session's arena is given back when its pass is over. Otherwise the
session is closed, since arenas keep part of what they gave back (4 megapixels in windows of 1.2, four sizes
of them: 6.3 GB with all sessions kept, 4.0 without). Opening it again takes a third of a second, little
compared with what it computes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.gradient_graph import Form, Shape, pooling_feeds
from nst_core.backends.onnx_runtime.tile_graphs import WindowShape, window_form
from nst_core.backends.tiling.evaluator import SumGradients
from nst_core.backends.tiling.layout import Tile, strides_of
from nst_core.loss.layer_losses import StyleSums
from nst_core.loss.objective import Objective
from nst_core.vgg.features import check_finite
from nst_core.vgg.graph import INPUT
from nst_core.vgg.layers import Architecture
from nst_core.vgg.sessions import Session

KEPT_SESSIONS = 8
"""Two passes over four sizes of windows; sessions hold little without their arenas."""

KEPT_PIXELS = 750_000
"""Largest window, in pixels, whose sessions are kept; only if all windows have one size."""

Opener = Callable[[WindowShape], Session]


class WindowSessions:
    """Sessions for windows, the most recently used kept; ``open_session`` opens one."""

    def __init__(self, open_session: Opener) -> None:
        self.open_session = open_session
        self.kept: OrderedDict[WindowShape, Session] = OrderedDict()

    def get(self, window: WindowShape) -> Session:
        """Return the session for ``window``, opening it unless it is kept."""
        if window not in self.kept:
            self.kept[window] = self.open_session(window)
            if len(self.kept) > KEPT_SESSIONS:
                self.kept.popitem(last=False)
        self.kept.move_to_end(window)
        return self.kept[window]

    def drop(self, window: WindowShape) -> None:
        """Close one session."""
        self.kept.pop(window, None)

    def close(self) -> None:
        """Close all sessions."""
        self.kept.clear()


class OnnxTileWorker:
    """Sessions and an objective; see :class:`nst_core.backends.tiling.evaluator.TileWorker`.

    ``shape_of(form, picture)`` decides how a window's network is computed; ``translate_failure`` turns an
    exception of ONNX Runtime into an error for people; ``keep`` keeps sessions from evaluation to evaluation.
    """

    def __init__(
        self,
        sessions: WindowSessions,
        objective: Objective,
        architecture: Architecture,
        shape_of: Callable[[Form, Array], Shape],
        translate_failure: Callable[[Exception, Session, Array], Exception],
        *,
        keep: bool,
    ) -> None:
        self.keep = keep
        self.sessions, self.objective, self.shape_of = sessions, objective, shape_of
        self.translate_failure = translate_failure
        self.form = window_form(objective, style_only=False)
        self.style_form = window_form(objective, style_only=True)
        self.strides = strides_of(objective.layers, architecture)

    def sums(self, picture: Array, tile: Tile, *, last: bool) -> list[StyleSums]:
        """Return each style term's sums over the positions that ``tile`` owns."""
        shape = self.shape_of(self.style_form, picture)
        masks = [self._mask(shape, term.layer, tile, term.guide) for term in self.objective.style]
        feeds = {f"mask.{index}": mask for index, mask in enumerate(masks)}
        outputs = self._run(WindowShape("sums", shape), picture, feeds, last=last)
        return [
            StyleSums(
                outputs[f"s2.{index}"],
                outputs[f"s1.{index}"][:, 0] if term.statistic.needs_mean else None,
                float(mask.sum(dtype=np.float64)),
            )
            for index, (mask, term) in enumerate(zip(masks, self.objective.style, strict=True))
        ]

    def gradient(
        self, picture: Array, tile: Tile, sum_gradients: Sequence[SumGradients], *, last: bool
    ) -> tuple[list[Array], Array]:
        """Return each content term's value at owned positions, and the window's whole gradient."""
        shape = self.shape_of(self.form, picture)
        feeds = {
            **pooling_feeds(shape),
            **self._content_feeds(shape, tile),
            **self._style_feeds(shape, tile, sum_gradients),
        }
        outputs = self._run(WindowShape("gradient", shape), picture, feeds, last=last)
        return list(outputs["terms"]) if self.objective.content else [], outputs["gradient"]

    def _content_feeds(self, shape: Shape, tile: Tile) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        for index, term in enumerate(self.objective.content):
            stride = self.strides[term.layer]
            _, height, width = shape.sizes[term.layer]
            top, left = tile.rows.start // stride, tile.columns.start // stride
            target = term.target[:, top : top + height, left : left + width].reshape(len(term.target), -1)
            rows = _on_rows(shape, term.layer)
            feeds[f"target.{index}"] = np.ascontiguousarray(target.T if rows else target, dtype=np.float32)
            feeds[f"mask.{index}"] = self._mask(shape, term.layer, tile, term.mask)
            feeds[f"weight.{index}"] = np.array(term.weight, dtype=np.float32)
        return feeds

    def _style_feeds(
        self, shape: Shape, tile: Tile, sum_gradients: Sequence[SumGradients]
    ) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        pairs = zip(self.objective.style, sum_gradients, strict=True)
        for index, (term, gradients) in enumerate(pairs, start=len(self.objective.content)):
            feeds[f"d_s2.{index}"] = np.ascontiguousarray(gradients.d_s2, dtype=np.float32)
            feeds[f"mask.{index}"] = self._mask(shape, term.layer, tile, term.guide)
            if term.statistic.needs_mean:
                column = np.asarray(gradients.d_s1, dtype=np.float32).reshape(-1, 1)
                feeds[f"d_s1.{index}"] = column.reshape(1, -1) if _on_rows(shape, term.layer) else column
        return feeds

    def _mask(self, shape: Shape, layer: str, tile: Tile, mask: Array | None) -> Array:
        """Return the graph's mask input: ``mask`` in the window, 0 at positions outside ``tile``."""
        _, height, width = shape.sizes[layer]
        window = np.zeros((height, width), dtype=np.float32)
        stride = self.strides[layer]
        window[tile.owned_in_window(stride)] = 1.0 if mask is None else mask[tile.owned(stride)]
        return window.reshape((-1, 1) if _on_rows(shape, layer) else (1, -1))

    def _run(
        self, window: WindowShape, picture: Array, feeds: dict[str, Array], *, last: bool
    ) -> dict[str, Array]:
        session = self.sessions.get(window)
        names = [output.name for output in session.runtime.get_outputs()]
        image = np.ascontiguousarray(picture[None], dtype=np.float32)
        try:
            values = session.runtime.run(names, {INPUT: image, **feeds}, _run_options(session, last=last))
        except Exception as error:  # ONNX Runtime's own classes are not all public
            raise self.translate_failure(error, session, picture) from None
        check_finite(session.device, *values)
        if last and not self.keep:
            self.sessions.drop(window)
        return dict(zip(names, values, strict=True))


def _on_rows(shape: Shape, name: str) -> bool:
    return next(shape.is_rows(layer) for layer in shape.layers if layer.name == name)


def _run_options(session: Session, *, last: bool) -> onnxruntime.RunOptions | None:
    """Return options that give the arena back after the last run of a size in a pass."""
    if not last:
        return None
    options = onnxruntime.RunOptions()
    gpu = f";gpu:{session.device.index}" if session.device.kind == "cuda" else ""
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"cpu:0{gpu}")
    return options
