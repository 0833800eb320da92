"""Strips of rows, for work on a picture in bounded memory."""

from __future__ import annotations


def row_strips(height: int, width: int, pixels: int) -> list[slice]:
    """Cut the rows of a picture into strips of about ``pixels`` pixels, at least one row each."""
    rows = max(1, pixels // width)
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]
