"""The picture files of a folder, recognised by their names alone."""

from __future__ import annotations

import functools
from pathlib import Path

EXCLUDED_SUFFIXES = frozenset({".pdf", ".ps", ".eps", ".mpg", ".mpeg"})
"""Suffixes that Pillow registers, but that are not pictures to a user."""


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the lower-case suffixes of the files that count as pictures in a folder."""
    from PIL import Image

    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    return frozenset(readable) - EXCLUDED_SUFFIXES


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures directly in ``folder``, sorted by name, without hidden files.

    Raises:
        OSError, ValueError: the folder cannot be read.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in picture_suffixes() and not path.name.startswith(".") and path.is_file()
    )
