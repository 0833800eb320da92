"""Writing picture files: the suffix sets the format, the file is replaced whole, the settings go inside.

Takes a :class:`Picture` and a path. A run may take hours, so :func:`check_writable` reports before it starts
whether writing would fail.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath

from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnNotice
from nst_core.images.display_name import display_name
from nst_core.images.encode import check_fits, encode, format_of
from nst_core.images.file_io import check_replaceable, replace_file
from nst_core.images.libvips import LibvipsError
from nst_core.images.picture import Picture
from nst_core.images.read import ignore_notice
from nst_core.system.resource_errors import is_out_of_memory


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


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
    on_notice: OnNotice = ignore_notice,
) -> None:
    """Write ``picture`` to ``path``, in the format of its suffix.

    16-bit pictures keep their 16 bits in PNG and TIFF. JPEG is written at quality 95, 4:4:4. Colours are
    converted to the picture's profile. ``metadata`` goes into PNG, TIFF, JPEG, WebP and AVIF files. An
    existing file is replaced only with ``force``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full``, ``too-large``, ``out-of-memory``.
    """
    file_format = format_of(PurePath(path))
    check_replaceable(path, force=force)
    try:
        data = encode(picture, file_format, metadata or {}, on_notice)
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
