"""The contact sheet of a batch: its measures, and whether its file may be written. Works without GIMP."""

from __future__ import annotations

import math
import os

MARK = "Contact sheet of a Neural Style batch"
"""Comment in the file of a sheet, so that the next run may replace it, and no other file."""

LARGEST_CELL, SMALLEST_CELL = 320, 48
"""Longest side, in pixels, of the pictures on a sheet of a few and of thousands."""

MOST_PIXELS = 24_000_000
"""Pixels of all pictures on a sheet together: cells shrink so that it stays a file that opens at once."""

SHAPE = 4 / 3
"""Width of a sheet of square cells, as a multiple of its height."""


def cell_side(count: int) -> int:
    """Return the longest side, in pixels, of each of ``count`` pictures."""
    return max(SMALLEST_CELL, min(LARGEST_CELL, math.isqrt(MOST_PIXELS // max(1, count))))


def columns(count: int) -> int:
    """Return the number of pictures in a row."""
    return max(1, round(math.sqrt(SHAPE * count)))


def fit(width: int, height: int, side: int) -> tuple:
    """Return the (width, height) of a picture whose longer side is at most ``side`` pixels."""
    share = min(1.0, side / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def shorten(text: str, fits) -> str:
    """Return ``text``, its middle left out as far as ``fits`` (a function of a text) asks for."""
    if fits(text):
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = text[: kept - kept // 2] + "…" + text[len(text) - kept // 2 :]
        if fits(shorter):
            return shorter
    return text[:1]


def problem_with(sheet: str, pictures, results, *, overwrite: bool) -> str:
    """Return why the sheet may not be written to the path ``sheet``, or "" if it may.

    ``pictures`` are the paths to paint, ``results`` those of the results.
    """
    path = os.path.realpath(sheet)
    if path in map(os.path.realpath, results):
        return f"{sheet} is the name of one of the results; choose another --sheet."
    if os.path.dirname(path) in {os.path.dirname(os.path.realpath(picture)) for picture in pictures}:
        return f"{sheet} would be among the pictures, and be painted by the next run; choose another --sheet."
    if os.path.isdir(path):
        return f"{sheet} is a folder; --sheet takes the name of a file."
    if os.path.lexists(path) and not overwrite and not is_sheet(path):
        return (
            f"{sheet} exists and is no contact sheet; choose another --sheet, or replace it with --overwrite."
        )
    return ""


def is_sheet(path: str) -> bool:
    """Return whether the file at ``path`` is a sheet that an earlier run wrote."""
    try:
        with open(path, "rb") as file:
            return MARK.encode() in file.read()
    except OSError:
        return False
