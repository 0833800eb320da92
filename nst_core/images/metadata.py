"""Settings stored inside a picture file, written and read back.

Takes a mapping of names to texts and returns the same mapping. PNG stores it as text under the keyword "nst",
TIFF as ImageDescription, JPEG, WebP and AVIF as EXIF UserComment. It is one line of ASCII JSON, so that no
reader can misinterpret its encoding. It contains only what the caller passes: no times, no machine names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import ExifTags

from nst_core.images import libvips
from nst_core.images.decode import guard_decoding, open_with_pillow, pixel_limit
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input
from nst_core.images.write_info import ASCII_COMMENT

KEYWORD = "nst"
"""The keyword of the text in a PNG."""

MARK = "nst settings: "
"""The beginning of the line, because other programs write to the same fields."""


def to_line(metadata: Mapping[str, str]) -> str:
    """Format ``metadata`` as one line, in its own order; an empty mapping gives an empty line."""
    return MARK + json.dumps(dict(metadata), ensure_ascii=True) if metadata else ""


def from_line(line: str) -> dict[str, str]:
    """Parse a line that :func:`to_line` wrote; any other line gives an empty dictionary."""
    if not line.startswith(MARK):
        return {}
    try:
        content = json.loads(line[len(MARK) :].rstrip("\0 \n"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: value for name, value in content.items() if isinstance(value, str)}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the settings in the file at ``path``, or an empty dictionary if it has none.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-image`` for files that are not pictures.
    """
    name = display_name(path)
    with open_input(path) as file, guard_decoding(name, pixel_limit()):
        image = open_with_pillow(file, Path(path), name)
        if image is None:
            file.seek(0)
            return from_line(libvips.description(file.read()))
        with image:
            exif = image.getexif()
            comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
            fields = [image.info.get(KEYWORD), exif.get(ExifTags.Base.ImageDescription), comment]
    for field in fields:
        text = field.decode("latin-1") if isinstance(field, bytes) else str(field)
        metadata = from_line(text.removeprefix(ASCII_COMMENT.decode("ascii")))
        if metadata:
            return metadata
    return {}
