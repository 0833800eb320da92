"""Means over the cells of a grid, for numpy and torch arrays."""

from __future__ import annotations

from nst_core.array_types import DeviceArray, array_namespace


def mean_over_cells(planes: DeviceArray, side: int) -> DeviceArray:
    """Return the means of cells of ``side`` x ``side`` positions of ``planes`` (N, h, w).

    Rows and columns that fill no cell, at the bottom and at the right, are left out.
    """
    xp = array_namespace(planes)
    channels, height, width = planes.shape
    rows, columns = height // side, width // side
    whole = planes[:, : rows * side, : columns * side]
    return xp.mean(xp.reshape(whole, (channels, rows, side, columns, side)), axis=(2, 4))
