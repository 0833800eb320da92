"""Names of files that nst makes up from others, as long as the file system allows."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

LONGEST_NAME = 255
"""Bytes of a file's name on the usual file systems."""

LONGEST_STEM = 120
"""Characters of a name that is put together from others: longer ones are hard to read."""

ZERO_WIDTH_JOINER = "\u200d"


def fit_name(stem: str, end: str, folder: Path, *, longest_stem: int = LONGEST_NAME) -> str:
    """Return ``stem + end`` as the name of a file in ``folder``; if it is too long, the stem is cut.

    File systems count bytes; ``longest_stem`` counts characters. The cut is between two characters as people
    see them, so never between a letter and its accent.
    """
    return _cut(stem, longest_name(folder) - len(os.fsencode(end)), longest_stem) + end


def longest_name(folder: Path) -> int:
    """Return how many bytes the name of a file in ``folder`` may have; the folder need not exist."""
    existing = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    try:
        return min(LONGEST_NAME, os.pathconf(existing or ".", "PC_NAME_MAX"))  # encrypted folders: 143
    except (AttributeError, OSError, ValueError):
        return LONGEST_NAME


def _cut(stem: str, room: int, longest: int) -> str:
    if len(os.fsencode(stem)) <= room and len(stem) <= longest:
        return stem
    end = min(len(stem), longest)
    while end and (len(os.fsencode(stem[:end])) > room or _is_within_character(stem, end)):
        end -= 1
    return stem[:end].rstrip(" .")


def _is_within_character(text: str, position: int) -> bool:
    """Return whether the characters before and after ``position`` are shown as one."""
    if position >= len(text):
        return False
    before, after = text[position - 1], text[position]
    return unicodedata.category(after).startswith("M") or ZERO_WIDTH_JOINER in (before, after)
