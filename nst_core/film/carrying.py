"""What a frame takes over from earlier ones: the painting it is held to, its start, and its matches.

Takes motions and paintings, returns arrays. Does not depend on how frames are painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.film.flow import Motion, move, positions, warp
from nst_core.loss.cells import mean_over_cells
from nst_core.loss.neighbours import CELL, NeighbourMap, grid_size
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import Anchor
from nst_core.painting.resample import resize_change

KEPT_SHARE = 0.5
"""Share of a cell's pixels whose motion must be trusted for its match to be kept."""

FINISHED = 60.0
"""Evaluations after which a pixel counts as finished."""

SPREAD_SHARE = 1 / 16
"""Deviation, as a share of the long side, of the blur by which the change of the picture spreads to what
comes into view."""

TINY = 1e-3


@dataclass(frozen=True)
class Painting:
    """A painted frame: ``pixels`` (3, h, w), and the ``evaluations`` (h, w) that each of them has had."""

    pixels: Array
    evaluations: Array


@dataclass(frozen=True)
class Carried:
    """What earlier frames show of a frame: their painting, warped to it, where it is ``known`` (h, w)."""

    painting: Painting
    known: npt.NDArray[np.bool_]

    @property
    def anchor(self) -> Anchor:
        """What the frame is held to: firmly to what is finished, hardly to what has just begun.

        What comes into view would otherwise be held to the few strokes of its first frame.
        """
        share = np.minimum(self.painting.evaluations / np.float32(FINISHED), np.float32(1.0))
        return Anchor(self.painting.pixels, np.where(self.known, share * share, np.float32(0.0)))


def carry_painting(motions: Sequence[Motion], paintings: Sequence[Painting]) -> Carried:
    """Return what the ``paintings`` of earlier frames, nearest first, show of a frame.

    Each pixel is taken from the nearest frame that shows it: with c the trust in a motion, a farther frame
    counts by max(c - the sum of nearer ones, 0), eq. 8. Since c is 0 or 1, the terms never overlap, and are
    one.
    """
    moved = _move(paintings[0], motions[0])
    known = motions[0].trusted.copy()
    for motion, painting in zip(motions[1:], paintings[1:], strict=True):
        added = motion.trusted & ~known
        if added.any():
            farther = _move(painting, motion)
            moved.pixels[:, added] = farther.pixels[:, added]
            moved.evaluations[added] = farther.evaluations[added]
            known |= added
    return Carried(moved, known)


def _move(painting: Painting, motion: Motion) -> Painting:
    evaluations = np.maximum(warp(painting.evaluations[None], motion.backward)[0], np.float32(0.0))
    return Painting(move(painting.pixels, motion), evaluations)


def start_of_frame(
    carried: Carried, motion: Motion, before: tuple[Array, Array], content: Array, noise: Array
) -> Array:
    """Return the (3, h, w) picture from which a frame starts.

    It is what was ``carried`` where that is known. What comes into view starts as the ``content``, changed as
    the painting changes its surroundings, with the ``noise`` (3, h, w) from which strokes grow. ``before``
    are the content and the painting of the frame before.
    """
    if carried.known.all():
        return carried.painting.pixels
    known = carried.known.astype(np.float32)
    change = (warp(before[1] - before[0], motion.backward)) * known
    deviation = SPREAD_SHARE * max(content.shape[1:])
    weight = _blur(known, deviation)
    spread = np.stack([_blur(plane, deviation) for plane in change]) / np.maximum(weight, TINY)
    unknown = content + noise + spread * np.minimum(weight / TINY, 1.0)
    soft = cv2.GaussianBlur(known, (0, 0), 1.0) * known
    return np.asarray(unknown + (carried.painting.pixels - unknown) * soft, dtype=np.float32)


def _blur(plane: Array, deviation: float) -> Array:
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), deviation), np.float32)


def carry_maps(
    maps: Sequence[NeighbourMap], motion: Motion, level: Level
) -> tuple[tuple[NeighbourMap, ...], npt.NDArray[np.bool_]]:
    """Return the ``maps`` of the frame before, moved, and which cells (rows, columns) of them are kept."""
    rows, columns = grid_size(level.height, level.width)
    height, width, _ = motion.backward.shape
    backward, trusted = motion.backward.transpose(2, 0, 1), motion.trusted.astype(np.float32)[None]
    if (height, width) != (level.height, level.width):
        scale = np.array([level.width / width, level.height / height], np.float32)[:, None, None]
        backward = resize_change(np.ascontiguousarray(backward * scale), level.height, level.width)
        trusted = resize_change(trusted, level.height, level.width)
    used = slice(0, rows * CELL), slice(0, columns * CELL)
    by_cell = mean_over_cells(np.ascontiguousarray(backward[:, used[0], used[1]]), CELL) / np.float32(CELL)
    kept = mean_over_cells(np.ascontiguousarray(trusted[:, used[0], used[1]]), CELL)[0] >= KEPT_SHARE
    across, down = positions(by_cell.transpose(1, 2, 0))
    from_rows = np.clip(np.rint(down), 0, rows - 1).astype(np.int32)
    from_columns = np.clip(np.rint(across), 0, columns - 1).astype(np.int32)
    return tuple(matches.taken(from_rows, from_columns) for matches in maps), kept
