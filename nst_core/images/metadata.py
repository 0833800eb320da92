"""The settings a picture was painted with, written into its file and read back.

In goes a mapping of names to texts, out comes the same. PNG holds it as text under the keyword "nst", TIFF
as ImageDescription, JPEG, WebP and AVIF as EXIF UserComment: one line of JSON, ASCII only, so that no reader
can mistake its encoding. It holds what the caller gives: no times, no machine's names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import ExifTags, Image

from nst_core.images import libvips
from nst_core.images.decode import MAX_PIXELS, guarded, identify
from nst_core.images.file_io import open_input
from nst_core.images.display_name import display_name

KEYWORD = "nst"
"""The keyword of the text in a PNG."""

MARK = "nst settings: "
"""How the line begins: other programs put lines of their own into the same places."""

ASCII_COMMENT = b"ASCII\0\0\0"
"""How EXIF's UserComment begins when it is ASCII (EXIF 2.32, tag 0x9286)."""


def to_line(metadata: Mapping[str, str]) -> str:
    """Write ``metadata`` as one line, in its own order; an empty mapping is an empty line."""
    return MARK + json.dumps(dict(metadata), ensure_ascii=True) if metadata else ""


def from_line(line: str) -> dict[str, str]:
    """Read what :func:`to_line` wrote; anything else is an empty dictionary."""
    if not line.startswith(MARK):
        return {}
    try:
        found = json.loads(line[len(MARK) :].rstrip("\0 \n"))
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def to_exif(line: str) -> bytes:
    """Return an EXIF block with the line as UserComment; empty for an empty line."""
    if not line:
        return b""
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.UserComment: ASCII_COMMENT + line.encode("ascii")}
    return exif.tobytes()


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the settings in the file at ``path``; empty where it holds none.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-image`` for files that are no pictures.
    """
    name = display_name(path)
    with open_input(path) as file, guarded(name, MAX_PIXELS):
        image = identify(file, Path(path), name)
        if image is None:
            file.seek(0)
            return from_line(libvips.description(file.read()))
        with image:
            exif = image.getexif()
            comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
            notes = [image.info.get(KEYWORD), exif.get(ExifTags.Base.ImageDescription), comment]
    for note in notes:
        text = note.decode("latin-1") if isinstance(note, bytes) else str(note)
        found = from_line(text.removeprefix(ASCII_COMMENT.decode("ascii")))
        if found:
            return found
    return {}
