"""Reading picture files: any format that Pillow opens, 8 and 16 bit, turned upright and converted to sRGB.

Takes a path and returns a :class:`Picture`, or raises an :class:`NstError` that says in one sentence what is
wrong with the file. Files are not trusted: their size in pixels is checked before they are decoded, no
external program is run (so no EPS), and nothing is downloaded.
"""

from __future__ import annotations

import os
from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images import libvips
from nst_core.images.decode import decode_file, guard_decoding, open_with_pillow, pixel_limit
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input
from nst_core.images.interpret import to_picture
from nst_core.images.picture import Picture
from nst_core.images.raster import apply_orientation


def ignore_notice(notice: Notice) -> None:
    """Do nothing with a notice: the default for callers that do not ask for notices."""


def read_picture(
    path: str | os.PathLike[str],
    max_pixels: int | None = None,
    on_notice: OnNotice = ignore_notice,
    *,
    name: str = "",
) -> Picture:
    """Read the picture at ``path``; from an animation or a multi-page file, read the first one.

    Applies the EXIF rotation and converts colours from the file's profile to sRGB. The picture keeps the
    profile, so that writing can convert back to it, except for profiles that cannot be converted back to
    (CMYK, look-up tables). Calls ``on_notice`` for ``first-frame``, ``bad-profile``,
    ``profile-not-kept`` and ``clipped-values``. Messages call the picture ``name``, by default its path.
    ``max_pixels`` is the largest size, by default :func:`~nst_core.images.decode.pixel_limit`.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-image``, ``too-large`` or ``out-of-memory``.
    """
    name = name or display_name(path)
    try:
        with open_input(path, name=name) as file:
            raster = decode_file(file, Path(path), name, max_pixels or pixel_limit())
        if raster.frames:
            on_notice(Notice("first-frame", f"{name} has {raster.frames}; only the first is used."))
        return to_picture(apply_orientation(raster), str(path), name, on_notice)
    except MemoryError:
        raise NstError(
            ErrorCode.OUT_OF_MEMORY, f"{name} does not fit into memory.", "Make the picture smaller."
        ) from None


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return the (height, width) of the picture at ``path``, as it is stored, from the file's header.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-image`` or ``too-large``.
    """
    name = display_name(path)
    with open_input(path) as file, guard_decoding(name, pixel_limit()):
        image = open_with_pillow(file, Path(path), name)
        if image is None:
            file.seek(0)
            header = libvips.open_header(file.read(), "tiff")
            return int(header.height), int(header.width)
        with image:
            return image.height, image.width
