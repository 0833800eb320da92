"""Which files of a folder are pictures, by their names alone."""

from __future__ import annotations

import functools
from pathlib import Path

NO_PICTURES = frozenset({".pdf", ".ps", ".eps", ".mpg", ".mpeg"})
"""Suffixes that Pillow can open and that nobody means by a picture."""


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of the files that are taken for pictures in a folder."""
    from PIL import Image

    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    return frozenset(known) - NO_PICTURES


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures that lie in ``folder`` itself, hidden ones left out, by name.

    Raises:
        OSError, ValueError: the folder cannot be read.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in picture_suffixes() and not path.name.startswith(".") and path.is_file()
    )
