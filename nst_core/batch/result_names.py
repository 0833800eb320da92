"""Names for the results of a folder's pictures, no two of which are equal on any file system."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nst_core.images.file_names import fit_name


def name_results(pictures: Sequence[Path], folder: Path, suffix: str) -> list[str]:
    """Return a file name for the result of each of ``pictures``, to be written into ``folder``.

    The name is that of the picture with another suffix: ``a.png`` for ``a.jpg``. Pictures whose results would
    have one name keep their own suffix in it, ``a.jpg.png``; a number makes the rest different. Names that
    differ only in case, or in how accents are stored, count as equal. The names depend on the pictures alone,
    so the same folder gives the same names again.
    """
    keeps_suffix = [False] * len(pictures)
    while True:
        names = [
            fit_name(path.name if keeps else path.stem, suffix, folder)
            for path, keeps in zip(pictures, keeps_suffix, strict=True)
        ]
        counts = Counter(map(_key, names))
        clashing = [counts[_key(name)] > 1 for name in names]
        if not any(clash and not keeps for clash, keeps in zip(clashing, keeps_suffix, strict=True)):
            return _number(names, suffix, folder)
        keeps_suffix = [keeps or clash for keeps, clash in zip(keeps_suffix, clashing, strict=True)]


def _number(names: list[str], suffix: str, folder: Path) -> list[str]:
    """Add numbers to equal names, except to the first of them."""
    taken = set(map(_key, names))
    seen = set[str]()
    numbered = list[str]()
    for name in names:
        unique, number = name, 1
        while _key(unique) in (seen if number == 1 else taken):
            number += 1
            unique = fit_name(name.removesuffix(suffix), f"-{number}{suffix}", folder)
        seen.add(_key(unique))
        taken.add(_key(unique))
        numbered.append(unique)
    return numbered


def _key(name: str) -> str:
    """Return what is equal for names that some file system takes for one."""
    readable = os.fsencode(name).decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", readable).casefold())
