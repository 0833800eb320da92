"""Bilinear enlargement of planes, at some of their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array


class Neighbours(NamedTuple):
    """For positions at a large size: two neighbours at the small size, and the share of the second."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    share: Array


def neighbours(length: int, enlarged: int, positions: slice) -> Neighbours:
    """Return the neighbours of ``positions`` of ``enlarged`` among ``length``; ends are repeated."""
    sources = (np.arange(enlarged)[positions] + 0.5) * length / enlarged - 0.5
    sources = np.clip(sources, 0, length - 1)
    first = np.floor(sources).astype(np.intp)
    return Neighbours(first, np.minimum(first + 1, length - 1), (sources - first).astype(np.float32))


def interpolate(planes: Array, rows: Neighbours, columns: Neighbours) -> Array:
    """Return ``planes`` (..., h, w) between the neighbouring ``rows`` and ``columns``, in float32.

    Needs the memory of two results.
    """
    between = _mix(planes[..., rows.first, :], planes[..., rows.second, :], rows.share[:, None])
    return _mix(between[..., columns.first], between[..., columns.second], columns.share)


def _mix(first: Array, second: Array, share: Array) -> Array:
    """Return first (1 - share) + second share. Both arrays are overwritten."""
    first *= 1 - share
    second *= share
    first += second
    return first
