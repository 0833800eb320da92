"""Style archives: several styles with their pictures, names and settings in one JSON file.

:func:`pack` converts kept styles to bytes; :func:`unpack` reads an archive and returns :class:`PackedStyle`.
Like any picture, an archive is not trusted. :mod:`nst_core.style_library.library` checks what may be kept.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input
from nst_core.style_library.model import KeptStyle, PackedStyle

LARGEST_FILE = 1 << 30
"""Most bytes of an archive that are read or written."""

MOST_STYLES = 1000
"""Most styles in an archive. Far more would take hours to check, and nobody keeps as many."""

MOST_COMMAS = 300 * MOST_STYLES
"""Most commas in an archive, whose pictures have none: a style has less than 300 settings."""

FORMAT = 1
"""Format number of an archive; other formats are refused."""


class _ArchivedStyle(BaseModel):
    """A style in an archive; ``picture`` is its file in Base64."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    suffix: str
    settings: dict[str, Any] = {}
    picture: str


class _Archive(BaseModel):
    """The content of an archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    nst_styles: int
    styles: list[_ArchivedStyle] = Field(max_length=MOST_STYLES)


def pack(styles: Iterable[KeptStyle]) -> bytes:
    """Return an archive of ``styles``.

    Raises:
        NstError: ``too-large``, or a picture cannot be read.
    """
    packed: list[dict[str, Any]] = []
    bytes_left = LARGEST_FILE
    for style in styles:
        if len(packed) == MOST_STYLES:
            raise _too_many_error("This archive")
        with open_input(style.path) as file:
            picture = base64.b64encode(file.read(bytes_left)).decode("ascii")
        bytes_left -= len(picture)
        if bytes_left <= 0:
            raise _too_large_error("These styles together take")
        packed.append(
            {
                "name": style.name,
                "suffix": style.path.suffix.lower(),
                "settings": dict(style.settings),
                "picture": picture,
            }
        )
    return json.dumps({"nst_styles": FORMAT, "styles": packed}, ensure_ascii=False).encode()


def unpack(path: str | Path) -> list[PackedStyle]:
    """Return the styles in an archive, unchecked.

    Raises:
        NstError: ``bad-setting`` if the file is not an archive; ``too-large``; ``missing-file`` and the like.
    """
    with open_input(path) as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise _too_large_error(f"{display_name(path)} takes")
    try:
        if data.count(b",") > MOST_COMMAS:
            raise _too_many_error(display_name(path))
        archive = _Archive.model_validate_json(data)
        if archive.nst_styles != FORMAT:
            raise ValueError
        return [
            PackedStyle(
                style.name, style.suffix, style.settings, base64.b64decode(style.picture, validate=True)
            )
            for style in archive.styles
        ]
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError) and error.errors()[0]["type"] == "too_long":
            raise _too_many_error(display_name(path)) from None
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{display_name(path)} is not a style archive.",
            "Use a file that `nst styles export` wrote.",
        ) from None


def _too_many_error(what: str) -> NstError:
    return NstError(
        ErrorCode.TOO_LARGE,
        f"{what} has more than {MOST_STYLES} styles, the limit for a style archive.",
        "Export fewer styles at a time: nst styles export FILE NAME...",
    )


def _too_large_error(what: str) -> NstError:
    return NstError(
        ErrorCode.TOO_LARGE,
        f"{what} more than {LARGEST_FILE >> 20} MB, the limit for a style archive.",
        "Export fewer styles at a time: nst styles export FILE NAME...",
    )
