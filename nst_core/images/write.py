"""Writing picture files: the format by the suffix, whole or not at all, with the settings inside.

A :class:`Picture` and a path come in. A painting may have taken hours, so :func:`check_writable` answers
before it starts whether writing will be refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import PurePath

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.images.encode import check_fits, encode, format_of
from nst_core.images.file_io import check_replaceable, replace_file
from nst_core.images.libvips import LibvipsError
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.read import ignore


def check_writable(
    path: str | os.PathLike[str], force: bool = False, size: tuple[int, int] | None = None
) -> None:
    """Make sure that a picture, of ``size`` (height, width) if known, can be written to ``path``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full`` or ``too-large``.
    """
    kind = format_of(PurePath(path))
    if size is not None:
        check_fits(kind, *size)
    check_replaceable(path, force)


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
    on_notice: Callable[[Notice], None] = ignore,
) -> None:
    """Write ``picture`` to ``path``, in the format of its suffix.

    16-bit pictures stay so in PNG and TIFF; JPEG is written at quality 95, 4:4:4. Colours are converted to
    the picture's profile. ``metadata`` goes into PNG, TIFF, JPEG, WebP and AVIF files. An existing file is
    replaced only with ``force``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full``, ``too-large``, ``out-of-memory``.
    """
    kind = format_of(PurePath(path))
    check_replaceable(path, force)
    try:
        data = encode(picture, kind, metadata or {}, on_notice)
    except MemoryError:
        raise NstError(
            ErrorCode.OUT_OF_MEMORY,
            f"{display_name(path)} does not fit into memory.",
            "Write a smaller picture.",
        ) from None
    except (OSError, ValueError, LibvipsError) as error:
        raise NstError(
            ErrorCode.UNWRITABLE_OUTPUT,
            f"The picture cannot be stored as {kind.name}: {error}.",
            "Write it as PNG.",
        ) from error
    replace_file(path, data, force)
