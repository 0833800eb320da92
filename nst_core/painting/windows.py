"""Which part of a picture has to be computed where only part of it is painted.

What no region covers has no part in any loss: it matters only where features that count can see it. So a
level is painted in a window around what is covered, wide enough that every position that counts sees in it
what it sees in the whole picture; loss and gradient are those of the whole, but for a constant (the
smoothness of what stays as it is). Levels, styles, masks and noise are made at the whole picture's size and
then cut, so strokes have the size that they have without a window.

The box of what is covered and the size of a level come in, windows go out. Knows nothing of what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.interface import Backend
from nst_core.backends.tiling.layout import Reach, network_reach
from nst_core.painting.memory import VECTOR_BYTES, MemoryBudget, MemoryLayout, choose_memory_layout
from nst_core.painting.pyramid import SMALLEST_SIDE, Level
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings
from nst_core.vgg.layers import Architecture

LARGEST_SHARE = 0.9
"""Share of a level's pixels above which a window is not worth its while."""

RESAMPLING_REACH = 3
"""Pixels, of the coarser of two sizes, by which resizing a mask may widen it: Lanczos' three lobes."""

HOST_PICTURES = 2
"""Pictures of a level's whole size on the host, beside what is painted and the styles: content, result."""


@dataclass(frozen=True)
class BoundingBox:
    """The box of what may be painted: rows and columns, past the end the last, of a picture's ``size``."""

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
        """Cut the window out of an array of a level, whose last two axes are rows and columns."""
        if array.shape[-2:] == self.size:
            return array
        return np.ascontiguousarray(array[..., self.rows, self.columns])

    def cut_mask(self, mask: Array | None) -> Array | None:
        """Cut the window out of a mask of a level; None stays None."""
        return None if mask is None else self.cut(mask)

    def set_into(self, whole: Array, part: Array) -> Array:
        """Return ``whole`` (3, H, W) with ``part`` (3, h, w) in the window."""
        found = whole.copy()
        found[..., self.rows, self.columns] = part
        return found


def bounding_box(mask: Array) -> BoundingBox | None:
    """Return the box of what ``mask`` (H, W) covers; None where that is nothing."""
    rows, columns = (np.flatnonzero((mask > 0).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    height, width = mask.shape
    return BoundingBox(
        (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1), (height, width)
    )


def level_window(
    part: BoundingBox | None, level: Level, settings: Settings, architecture: Architecture
) -> Window:
    """Return the window of ``level`` that is computed where ``part`` is painted: all of it for None."""
    whole = Window(slice(0, level.height), slice(0, level.width))
    if part is None:
        return whole
    layers = [pair.layer for pair in (*settings.content_layers, *settings.style_layers)]
    reach = network_reach(layers, architecture)
    # Where everything that sees the region counts, what counts reaches a margin over its edge.
    margins = 2 if settings.guides == "all" else 1
    found = Window(
        _stretch(part.rows, part.size[0], level.height, reach, margins),
        _stretch(part.columns, part.size[1], level.width, reach, margins),
    )
    worth = math.prod(found.size) <= LARGEST_SHARE * level.height * level.width
    return found if worth else whole


def _stretch(covered: tuple[int, int], length: int, wanted: int, reach: Reach, margins: int) -> slice:
    """Bring a stretch of ``length`` to ``wanted`` pixels, and widen it to what its positions see."""
    scale = wanted / length
    widened = 1 + RESAMPLING_REACH * math.ceil(max(1.0, scale)) if wanted != length else 0
    first, last = math.floor(covered[0] * scale) - widened, math.ceil(covered[1] * scale) + widened
    margin = margins * reach.margin + (margins - 1) * reach.step
    start = max(0, (first // reach.step) * reach.step - margin)
    stop = min(wanted, -(-last // reach.step) * reach.step + margin)
    if wanted - stop < reach.step:
        stop = wanted  # what pools drop at the end of the picture they drop here too
    start = max(0, min(start, (stop - SMALLEST_SIDE) // reach.step * reach.step))
    return slice(start, min(wanted, max(stop, start + SMALLEST_SIDE)))


def choose_level_layout(
    backend: Backend,
    settings: Settings,
    level: Level,
    part: BoundingBox | None,
    room: MemoryBudget,
    demand: Workload = ONE_STYLE,
) -> MemoryLayout:
    """Plan the memory of a level's window; the work of an evaluation is told as a multiple of the whole's.

    Raises:
        NstError: ``out-of-memory``, as :func:`nst_core.painting.memory.plan_memory`.
    """
    height, width = level_window(part, level, settings, backend.network.architecture).size
    plan = choose_memory_layout(backend, settings, height, width, room, demand)
    whole, seen = level.height * level.width, height * width
    if seen == whole:
        return plan
    pictures = HOST_PICTURES + demand.styles * settings.style_scale**2
    beside = round(pictures * VECTOR_BYTES * (whole - seen))
    return replace(plan, work=plan.work * seen / whole, machine=plan.machine + beside)
