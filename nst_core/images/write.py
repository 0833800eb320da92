"""Writing picture files: the suffix sets the format, the file is replaced whole, the settings go inside.

Takes a :class:`Picture` and a path. A run may take hours, so :func:`check_writable` reports before it starts
whether writing would fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images.display_name import display_name
from nst_core.images.encode import FileFormat, check_fits, encode, format_of
from nst_core.images.file_io import check_replaceable, replace_file
from nst_core.images.libvips import LibvipsError
from nst_core.images.photo_info import NO_INFO
from nst_core.images.picture import Picture
from nst_core.images.read import ignore_notice
from nst_core.system.resource_errors import is_out_of_memory

CORNER = 16
"""Side, in pixels, of the piece of a picture that is stored for a trial."""


def check_writable(
    path: str | os.PathLike[str], *, force: bool = False, size: tuple[int, int] | None = None
) -> None:
    """Check that a picture, of ``size`` (height, width) if known, can be written to ``path``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full`` or ``too-large``.
    """
    file_format = format_of(PurePath(path))
    if size is not None:
        check_fits(file_format, *size)
    check_replaceable(path, force=force)


def storable(picture: Picture, path: str | os.PathLike[str], on_notice: OnNotice = ignore_notice) -> Picture:
    """Return ``picture`` without what cannot be stored at ``path``: a profile, information about the photo.

    It is found out by storing a corner of the picture in memory, before hours are spent on painting. Calls
    ``on_notice`` for ``profile-not-kept`` and ``no-metadata``.

    Raises:
        NstError: ``unwritable-output`` for an unknown suffix.
    """
    alpha = None if picture.alpha is None else picture.alpha[:CORNER, :CORNER]
    corner = replace(picture, pixels=picture.pixels[:CORNER, :CORNER], alpha=alpha)
    stored, _ = _encode_what_fits(corner, format_of(PurePath(path)), {}, on_notice, ignore_notice)
    return replace(picture, info=stored.info, profile=stored.profile)


def _encode_what_fits(
    picture: Picture,
    file_format: FileFormat,
    metadata: Mapping[str, str],
    on_loss: OnNotice,
    on_notice: OnNotice,
) -> tuple[Picture, bytes]:
    """Encode ``picture``, if need be without its profile or the information about the photograph.

    Returns the picture that was encoded, and its file. ``on_loss`` is called with what was left out.
    """
    bare = replace(picture, info=NO_INFO, profile=None)
    for attempt in (picture, replace(picture, info=NO_INFO), replace(picture, profile=None)):
        notices: list[Notice] = []
        try:
            data = encode(attempt, file_format, metadata, notices.append)
        # Encoders raise anything about damaged metadata, and a finished painting must not be lost.
        except Exception as error:
            if isinstance(error, NstError) or is_out_of_memory(error):
                raise
            continue
        break
    else:
        notices = []
        attempt, data = bare, encode(bare, file_format, metadata, notices.append)
    for loss in _losses(picture, attempt, file_format):
        on_loss(loss)
    for notice in notices:
        on_notice(notice)
    return attempt, data


def _losses(picture: Picture, stored: Picture, file_format: FileFormat) -> Iterator[Notice]:
    if stored.profile is not picture.profile:
        yield Notice(
            "profile-not-kept",
            f"The colour profile cannot be stored in a {file_format.name} file; the result will be sRGB.",
        )
    if stored.info is not picture.info:
        yield Notice(
            "no-metadata",
            f"Author, date and the like of the photo cannot be stored in a {file_format.name} file.",
        )


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
    on_notice: OnNotice = ignore_notice,
    keep_location: bool = False,
) -> None:
    """Write ``picture`` to ``path``, in the format of its suffix.

    16-bit pictures keep their 16 bits in PNG and TIFF. JPEG is written at quality 95, 4:4:4. Colours are
    converted to the picture's profile. ``metadata``, and what is known about the photograph, go into PNG,
    TIFF, JPEG, WebP and AVIF files; the place where it was taken only with ``keep_location``. An existing
    file is replaced only with ``force``. What cannot be written is left out, with a notice.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full``, ``too-large``, ``out-of-memory``.
    """
    file_format = format_of(PurePath(path))
    check_replaceable(path, force=force)
    if not keep_location:
        picture = replace(picture, info=picture.info.without_place())
    try:
        data = _encode_what_fits(picture, file_format, metadata or {}, on_notice, on_notice)[1]
    except (MemoryError, OSError, ValueError, LibvipsError) as error:
        if is_out_of_memory(error):
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                f"{display_name(path)} does not fit into memory.",
                "Write a smaller picture.",
            ) from None
        raise NstError(
            ErrorCode.UNWRITABLE_OUTPUT,
            f"The picture cannot be saved as {file_format.name}: {error}.",
            "Save it as PNG.",
        ) from error
    replace_file(path, data, force=force)
