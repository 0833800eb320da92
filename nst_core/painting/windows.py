"""The window of a level that is computed if only part of the picture is painted.

Pixels that no region covers are in no feature loss. They matter only where features that count see them. So a
level is painted in a window around the covered box, wide enough that every position that counts sees what it
would see in the whole picture. Loss and gradient are those of the whole, up to a constant (the smoothness of
pixels that stay). Levels, styles, masks and noise are made at the size of the whole picture and then cut, so
strokes have the same size as without a window.

Takes the box and the level, returns windows. Does not depend on what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import Backend
from nst_core.backends.tiling.layout import Reach, network_reach
from nst_core.loss.structure import LARGEST_CELL, MARGIN
from nst_core.loss.weights import loss_layers
from nst_core.painting.memory import VECTOR_BYTES, MemoryLayout, choose_memory_layout
from nst_core.painting.memory_budget import MemoryBudget
from nst_core.painting.pyramid import SMALLEST_SIDE, Level
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings
from nst_core.vgg.layers import Architecture

LARGEST_SHARE = 0.9
"""Share of a level's pixels above which a window does not pay."""

RESAMPLING_REACH = 3
"""Pixels, of the coarser of two sizes, by which resizing can widen a mask: the three lobes of Lanczos."""

HOST_PICTURES = 2
"""Pictures of a level's whole size on the host, besides the window and the styles: content and result."""


@dataclass(frozen=True)
class BoundingBox:
    """The box that is painted: (first, past the last) rows and columns, in a picture of (height, width)."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Rows and columns of a level."""

    rows: slice
    columns: slice

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, array: Array) -> Array:
        """Cut the window out of an array of the level, whose last two axes are rows and columns."""
        if array.shape[-2:] == self.size:
            return array
        return np.ascontiguousarray(array[..., self.rows, self.columns])

    def cut_mask(self, mask: Array | None) -> Array | None:
        """Cut the window out of a mask of the level; None stays None."""
        return None if mask is None else self.cut(mask)

    def paste(self, whole: Array, pixels: Array) -> Array:
        """Return a copy of ``whole`` (3, H, W) with ``pixels`` (3, h, w) in the window."""
        result = whole.copy()
        result[..., self.rows, self.columns] = pixels
        return result


def bounding_box(mask: Array) -> BoundingBox | None:
    """Return the box of the pixels that ``mask`` (H, W) covers; None if it covers nothing."""
    rows, columns = (np.flatnonzero((mask > 0).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    height, width = mask.shape
    return BoundingBox(
        (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1), (height, width)
    )


def level_window(
    box: BoundingBox | None, level: Level, settings: Settings, architecture: Architecture
) -> Window:
    """Return the window of ``level`` to compute if only ``box`` is painted; the whole level for None."""
    whole = Window(slice(0, level.height), slice(0, level.width))
    if box is None:
        return whole
    reach = _reach(settings, architecture)
    if level.halved:  # the deepest layer sees twice as far, and its windows start at even cells
        reach = replace(reach, margin=2 * reach.margin, step=2 * reach.step)
    # If every feature that sees the region counts, those that count extend a margin beyond its edge.
    margins = 2 if settings.guides == "all" else 1
    window = Window(
        _stretch(box.rows, box.size[0], level.height, reach, margins),
        _stretch(box.columns, box.size[1], level.width, reach, margins),
    )
    pays = math.prod(window.size) <= LARGEST_SHARE * level.height * level.width
    return window if pays else whole


def _reach(settings: Settings, architecture: Architecture) -> Reach:
    """Return the requirements of the network and of the content's structure on windows."""
    reach = network_reach(loss_layers(settings), architecture)
    if settings.structure == 0:
        return reach
    return replace(reach, margin=max(reach.margin, MARGIN), step=max(reach.step, LARGEST_CELL))


def _stretch(covered: tuple[int, int], length: int, level_length: int, reach: Reach, margins: int) -> slice:
    """Scale a covered stretch of ``length`` pixels to ``level_length``, and widen it to what it sees."""
    scale = level_length / length
    widened = 1 + RESAMPLING_REACH * math.ceil(max(1.0, scale)) if level_length != length else 0
    first, last = math.floor(covered[0] * scale) - widened, math.ceil(covered[1] * scale) + widened
    margin = margins * reach.margin + (margins - 1) * reach.step
    start = max(0, (first // reach.step) * reach.step - margin)
    stop = min(level_length, -(-last // reach.step) * reach.step + margin)
    if level_length - stop < reach.step:
        stop = level_length  # what pools drop at the end of the picture, they drop here too
    start = max(0, min(start, (stop - SMALLEST_SIDE) // reach.step * reach.step))
    return slice(start, min(level_length, max(stop, start + SMALLEST_SIDE)))


def choose_level_layout(
    backend: Backend,
    settings: Settings,
    level: Level,
    box: BoundingBox | None,
    budget: MemoryBudget,
    workload: Workload = ONE_STYLE,
) -> MemoryLayout:
    """Choose the memory layout of a level's window. ``work`` is relative to an untiled whole level.

    Raises:
        NstError: ``out-of-memory``, see :func:`nst_core.painting.memory.choose_memory_layout`.
    """
    workload = replace(workload, halved=level.halved, refines=level.refines)
    height, width = level_window(box, level, settings, backend.network.architecture).size
    layout = choose_memory_layout(backend, settings, height, width, budget, workload)
    level_pixels, window_pixels = level.height * level.width, height * width
    if window_pixels == level_pixels:
        return layout
    pictures = HOST_PICTURES + workload.styles * settings.style_scale**2
    outside_bytes = round(pictures * VECTOR_BYTES * (level_pixels - window_pixels))
    return replace(
        layout,
        work=layout.work * window_pixels / level_pixels,
        machine=layout.machine + outside_bytes,
    )
