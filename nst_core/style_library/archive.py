"""Several styles in one JSON file, to be handed on: pictures, names and settings.

Kept styles come in and bytes go out; a file's path comes in and :class:`PackedStyle` go out. Like any
picture, such a file is taken for hostile. What may be kept is the library's business
(:mod:`nst_core.style_library.library`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input
from nst_core.style_library.model import KeptStyle, PackedStyle

LARGEST_FILE = 1 << 30
"""Bytes of a file of styles that are read, and written."""

FORMAT = 1
"""Number in a file of styles; a reader refuses others."""


class _Style(BaseModel):
    """A style in a file of styles; ``picture`` is its file in Base64."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    suffix: str
    settings: dict[str, Any] = {}
    picture: str


class _File(BaseModel):
    """A file of styles."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    nst_styles: int
    styles: list[_Style]


def pack(styles: Iterable[KeptStyle]) -> bytes:
    """Return a file of ``styles``.

    Raises:
        NstError: ``too-large``, or what keeps one of the pictures from being read.
    """
    packed, room = [], LARGEST_FILE
    for style in styles:
        with open_input(style.path) as file:
            picture = base64.b64encode(file.read(room)).decode("ascii")
        room -= len(picture)
        if room <= 0:
            raise _too_large("These styles together take")
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
    """Return the styles in a file of styles, as it names them.

    Raises:
        NstError: ``bad-setting`` for a file that is none; ``too-large``; ``missing-file`` and the like.
    """
    with open_input(path) as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise _too_large(f"{display_name(path)} takes")
    try:
        whole = _File.model_validate_json(data)
        if whole.nst_styles != FORMAT:
            raise ValueError
        return [
            PackedStyle(
                style.name, style.suffix, style.settings, base64.b64decode(style.picture, validate=True)
            )
            for style in whole.styles
        ]
    except (ValueError, RecursionError):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{display_name(path)} is no file of styles.",
            "`nst styles export` writes one.",
        ) from None


def _too_large(what: str) -> NstError:
    return NstError(
        ErrorCode.TOO_LARGE,
        f"{what} more than {LARGEST_FILE >> 20} MB, the most that a file of styles may have.",
        "Export fewer of them at a time: nst styles export FILE NAME...",
    )
