"""The contact sheet of a batch: all results, small, with their names, on one picture.

Takes paths and writes a picture. A sheet says inside its file that it is one, so that the next run of the
same batch may replace it, and nothing else is overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from nst_core import __version__
from nst_core.batch.folder import FoundTasks
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images.contact_sheet import contact_sheet
from nst_core.images.display_name import display_name
from nst_core.images.metadata import read_metadata
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import shrink_to
from nst_core.images.write import check_writable, write_picture
from nst_core.job.metadata import SHEET

LARGEST_CELL, SMALLEST_CELL = 320, 48
"""Long side, in pixels, of the pictures on a sheet of a few and of thousands."""

MOST_PIXELS = 24e6
"""Pixels of the pictures on a sheet: cells shrink so that it stays a file that programs open at once."""

SHAPE = 4 / 3
"""Width of a sheet of square cells, as a multiple of its height."""


def check_sheet(sheet: Path, found: FoundTasks, *, force: bool) -> None:
    """Check, before anything is painted, that the sheet of ``found`` may be written to ``sheet``.

    A file that is there is replaced if it is a sheet, or with ``force``.

    Raises:
        NstError: ``bad-setting`` for a place where it would be taken for a photograph or a result;
            ``output-exists``, ``unwritable-output`` or ``disk-full``.
    """
    place, name = sheet.parent.resolve(), display_name(sheet)
    if any(picture.parent.resolve() == place for picture in found.contents.pictures):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{name} would be among the pictures, and be painted by the next run.",
            "Write the sheet into another folder with --sheet.",
        )
    if any(result.parent.resolve() / result.name == place / sheet.name for result in found.results):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{name} is the name of one of the results.",
            "Choose another name for the sheet.",
        )
    check_writable(sheet, force=force or _is_sheet(sheet))


def _is_sheet(path: Path) -> bool:
    """Return whether there is a sheet that an earlier run wrote."""
    try:
        return SHEET in read_metadata(path)
    except NstError:
        return False


def write_sheet(sheet: Path, results: Sequence[Path], output: Path, on_notice: OnNotice) -> int:
    """Write the sheet of those of ``results`` that exist, with their names in the folder ``output``.

    Returns their number. Without any, nothing is written. A result that cannot be read is told and left out.

    Raises:
        NstError: the sheet cannot be written.
    """
    existing = [result for result in results if result.exists()]
    cell = cell_side(len(existing))
    pictures, names = list[Picture](), list[str]()
    for result in existing:
        try:
            pictures.append(shrink_to(read_picture(result), cell))
        except NstError as error:
            on_notice(Notice("not-on-the-sheet", f"{display_name(result)} is not on the sheet: {error}"))
        else:
            names.append(display_name(result.relative_to(output)))
    if not pictures:
        return 0
    page = contact_sheet(pictures, names, sheet_columns(len(pictures)), cell)
    metadata = {"version": __version__, SHEET: str(len(pictures))}
    write_picture(Picture(page), sheet, force=True, metadata=metadata, on_notice=on_notice)
    return len(pictures)


def cell_side(count: int) -> int:
    """Return the long side, in pixels, of each of ``count`` pictures."""
    return max(SMALLEST_CELL, min(LARGEST_CELL, math.isqrt(int(MOST_PIXELS / max(1, count)))))


def sheet_columns(count: int) -> int:
    """Return the number of pictures in a row."""
    return max(1, round(math.sqrt(SHAPE * count)))
