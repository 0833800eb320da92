"""Reading picture files: any format Pillow opens, 8 and 16 bit, turned upright and converted to sRGB.

A path comes in, a :class:`Picture` goes out, or an :class:`NstError` that says in a sentence what is wrong
with the file. Files are taken for hostile: their size in pixels is checked before they are decoded, no
external program is run (so no EPS), nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.images.decode import MAX_PIXELS, decode_file
from nst_core.images.file_io import open_input
from nst_core.images.interpret import to_picture
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.raster import upright

OnNotice: TypeAlias = Callable[[Notice], None]


def ignore(notice: Notice) -> None:
    """Take a notice that nobody asked for."""


def read_picture(
    path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, on_notice: OnNotice = ignore
) -> Picture:
    """Read the picture at ``path``; of animations and many-page files the first.

    EXIF rotation is applied. Colours are converted to sRGB from the file's profile, which the picture
    keeps, to be put back on writing, unless colours cannot be put back to it (CMYK, look-up tables).
    ``on_notice`` is told what the user should know: ``bad-profile``, ``profile-not-kept``,
    ``clipped-values``.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-image``, ``too-large`` or ``out-of-memory``.
    """
    name = display_name(path)
    try:
        with open_input(path) as file:
            raster = decode_file(file, Path(path), name, max_pixels)
        return to_picture(upright(raster), str(path), name, on_notice)
    except MemoryError:
        raise NstError(
            ErrorCode.OUT_OF_MEMORY, f"{name} does not fit into memory.", "Make the picture smaller."
        ) from None
