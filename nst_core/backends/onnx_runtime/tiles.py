"""What the ONNX Runtime backend does with one window of a picture; see :mod:`nst_core.backends.tiling.evaluator`.

Comes in: an objective, windows, as numpy arrays. Goes out: sums and gradients. Sessions are opened for the
few sizes that windows have, and each for both passes. Where windows are small and of one size, the arena of a
session is given back when its pass is over. Else the session is closed: arenas keep part of what they gave
back (4 megapixels in windows of 1.2, four sizes of them: 6.3 GB with all sessions kept, 4.0 without), and
opening it again, a third of a second, is little beside what it computes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.gradient_graph import Form, Shape, pooling_feeds
from nst_core.backends.onnx_runtime.tile_graphs import WindowShape, means_of, window_form
from nst_core.backends.tiling.evaluator import Pull
from nst_core.backends.tiling.layout import Tile, strides_of
from nst_core.loss.layer_losses import StyleSums
from nst_core.loss.objective import Objective
from nst_core.vgg.graph import INPUT
from nst_core.vgg.layers import Architecture
from nst_core.vgg.sessions import Session

KEPT_SESSIONS = 8
"""Two passes over four sizes of windows; without their arenas sessions hold little."""

KEPT_PIXELS = 750_000
"""Pixels of windows up to which sessions are kept where there is one size alone."""

Opener = Callable[[WindowShape], Session]


class WindowSessions:
    """Sessions for windows, the most recently used kept; ``open_session`` makes one."""

    def __init__(self, open_session: Opener) -> None:
        self.open_session = open_session
        self.kept: OrderedDict[WindowShape, Session] = OrderedDict()

    def get(self, wanted: WindowShape) -> Session:
        """Return the session for ``wanted``, opening it where it is not kept."""
        if wanted not in self.kept:
            self.kept[wanted] = self.open_session(wanted)
            if len(self.kept) > KEPT_SESSIONS:
                self.kept.popitem(last=False)
        self.kept.move_to_end(wanted)
        return self.kept[wanted]

    def drop(self, unwanted: WindowShape) -> None:
        """Let go of one."""
        self.kept.pop(unwanted, None)

    def close(self) -> None:
        """Let go of all of them."""
        self.kept.clear()


class OnnxTileWorker:
    """Sessions and an objective; see :class:`nst_core.backends.tiling.evaluator.TileWorker`.

    ``shape_of(form, picture)`` says how a window's network is computed; ``failure`` puts an error in words;
    ``keep`` whether sessions are kept from evaluation to evaluation.
    """

    def __init__(
        self,
        sessions: WindowSessions,
        objective: Objective,
        architecture: Architecture,
        shape_of: Callable[[Form, Array], Shape],
        failure: Callable[[Exception, Session, Array], Exception],
        *,
        keep: bool,
    ) -> None:
        self.keep = keep
        self.sessions, self.objective, self.shape_of, self.failure = sessions, objective, shape_of, failure
        self.means = means_of(objective)
        self.form = window_form(objective, style_only=False)
        self.style_form = window_form(objective, style_only=True)
        self.strides = strides_of(objective.layers, architecture)

    def sums(self, picture: Array, tile: Tile, *, last: bool) -> list[StyleSums]:
        """Return each style term's sums over the positions that ``tile`` owns."""
        shape = self.shape_of(self.style_form, picture)
        masks = [self._mask(shape, term.layer, tile, term.guide) for term in self.objective.style]
        feeds = {f"mask.{index}": mask for index, mask in enumerate(masks)}
        found = self._run(WindowShape("sums", shape, self.means), picture, feeds, last=last)
        return [
            StyleSums(
                found[f"s2.{index}"],
                found[f"s1.{index}"][:, 0] if mean else None,
                float(mask.sum(dtype=np.float64)),
            )
            for index, (mask, mean) in enumerate(zip(masks, self.means, strict=True))
        ]

    def gradient(
        self, picture: Array, tile: Tile, pulls: Sequence[Pull], *, last: bool
    ) -> tuple[list[Array], Array]:
        """Return each content term's value at owned positions, and the window's whole gradient."""
        shape = self.shape_of(self.form, picture)
        feeds = pooling_feeds(shape)
        for index, term in enumerate(self.objective.content):
            stride = self.strides[term.layer]
            _, height, width = shape.sizes[term.layer]
            top, left = tile.rows.start // stride, tile.columns.start // stride
            target = term.target[:, top : top + height, left : left + width].reshape(len(term.target), -1)
            rows = _on_rows(shape, term.layer)
            feeds[f"target.{index}"] = np.ascontiguousarray(target.T if rows else target, dtype=np.float32)
            feeds[f"mask.{index}"] = self._mask(shape, term.layer, tile, term.mask)
            feeds[f"weight.{index}"] = np.array(term.weight, dtype=np.float32)
        count = len(self.objective.content)
        for index, (style, pull) in enumerate(zip(self.objective.style, pulls, strict=True), start=count):
            feeds[f"d_s2.{index}"] = np.ascontiguousarray(pull.d_s2, dtype=np.float32)
            feeds[f"mask.{index}"] = self._mask(shape, style.layer, tile, style.guide)
            if self.means[index - count]:
                column = np.asarray(pull.d_s1, dtype=np.float32).reshape(-1, 1)
                feeds[f"d_s1.{index}"] = column.reshape(1, -1) if _on_rows(shape, style.layer) else column
        found = self._run(WindowShape("gradient", shape, self.means), picture, feeds, last=last)
        return list(found["terms"]) if count else [], found["gradient"]

    def _mask(self, shape: Shape, layer: str, tile: Tile, mask: Array | None) -> Array:
        """Return ``mask`` in the window, 0 outside what ``tile`` owns, as the graph wants it."""
        _, height, width = shape.sizes[layer]
        window = np.zeros((height, width), dtype=np.float32)
        stride = self.strides[layer]
        window[tile.owned_in_window(stride)] = 1.0 if mask is None else mask[tile.owned(stride)]
        return window.reshape((-1, 1) if _on_rows(shape, layer) else (1, -1))

    def _run(
        self, wanted: WindowShape, picture: Array, feeds: dict[str, Array], *, last: bool
    ) -> dict[str, Array]:
        session = self.sessions.get(wanted)
        names = [output.name for output in session.runtime.get_outputs()]
        image = np.ascontiguousarray(picture[None], dtype=np.float32)
        try:
            values = session.runtime.run(names, {INPUT: image, **feeds}, _run_options(session, last=last))
        except Exception as error:  # ONNX Runtime's own classes are not all public
            raise self.failure(error, session, picture) from None
        if last and not self.keep:
            self.sessions.drop(wanted)
        return dict(zip(names, values, strict=True))


def _on_rows(shape: Shape, layer: str) -> bool:
    return next(shape.is_rows(found) for found in shape.layers if found.name == layer)


def _run_options(session: Session, *, last: bool) -> onnxruntime.RunOptions | None:
    """Give the arena back after the last run of a size in a pass."""
    if not last:
        return None
    options = onnxruntime.RunOptions()
    gpu = f";gpu:{session.device.index}" if session.device.kind == "cuda" else ""
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"cpu:0{gpu}")
    return options
