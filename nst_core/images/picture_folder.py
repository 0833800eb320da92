"""The files of a folder: the pictures, and what looks like pictures but cannot be read."""

from __future__ import annotations

import functools
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.images import file_kind
from nst_core.images.decode import PLUG_INS, RAW_SUFFIXES, REFUSED_FORMATS
from nst_core.images.file_kind import FileKind
from nst_core.images.plug_ins import open_plug_ins

EXCLUDED_SUFFIXES = frozenset({".pdf", ".ps", ".eps", ".mpg", ".mpeg"})
"""Suffixes that Pillow registers, but that are not pictures to a user."""

LINK = FileKind("a link to a file that does not exist", (), "Copy the file itself into the folder.")

DRAWINGS = FileKind("a drawing or a project of another program", (), file_kind.CONVERT)
DRAWING_SUFFIXES = frozenset(
    (
        *(".svgz", ".ai", ".wmf", ".emf", ".cdr", ".psb", ".kra", ".ora", ".clip", ".pdn", ".procreate"),
        *(".afphoto", ".afdesign", ".sketch", ".indd", ".djvu", ".exr", ".hdr", ".jxr", ".wdp", ".bpg"),
    )
)
"""Suffixes of files that show a picture in the program that made them."""

PICTURE_KINDS = frozenset(
    (
        *(file_kind.HEIC, file_kind.AVIF, file_kind.JPEG_XL, file_kind.XCF, file_kind.SVG),
        *(file_kind.PDF, file_kind.POSTSCRIPT, file_kind.RAW),
    )
)
"""Kinds, told by the first bytes, that are pictures to a user."""

MOST_ENTRIES = 500
"""Entries of a folder that are looked at to see whether there are pictures in it."""


@dataclass(kw_only=True)
class FolderContents:
    """What is in ``folder``.

    ``unreadable`` are files that look like pictures, each with its kind; ``folders`` are folders with
    pictures that were not entered; ``others`` is the number of files that are plainly no pictures.
    """

    folder: Path
    pictures: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, FileKind]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    others: int = 0


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the lower-case suffixes of the files that count as pictures in a folder."""
    from PIL import Image

    open_plug_ins()
    readable = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in REFUSED_FORMATS
    }
    return frozenset(readable) - EXCLUDED_SUFFIXES


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures directly in ``folder``, sorted by name, without hidden files.

    Raises:
        OSError, ValueError: the folder cannot be read.
    """
    return sorted(path for path in folder.iterdir() if _is_named_as_picture(path) and path.is_file())


def scan_folder(folder: Path, *, recursive: bool = False, excluded: Iterable[Path] = ()) -> FolderContents:
    """Look through a folder, and if ``recursive`` through those in it, but not through ``excluded``.

    Each list is sorted by name, folder by folder. Links to folders are followed; no folder is entered twice.

    Raises:
        OSError, ValueError: the folder cannot be read.
    """
    contents = FolderContents(folder=folder)
    visited = {_identity(path) for path in (folder, *excluded)}
    _scan(folder, contents, visited, recursive=recursive)
    return contents


def _scan(
    folder: Path, contents: FolderContents, visited: set[tuple[int, int] | None], *, recursive: bool
) -> None:
    for path in sorted(folder.iterdir()):
        mode = _mode(path)
        if path.name.startswith("."):
            contents.others += 0 if mode and stat.S_ISDIR(mode) else 1
        elif mode is None:
            if _is_named_as_picture(path) or _kind_by_name(path) or not path.suffix:
                contents.unreadable.append((path, LINK))
            else:
                contents.others += 1
        elif stat.S_ISDIR(mode):
            identity = _identity(path)
            if identity in visited or identity is None:
                continue
            visited.add(identity)
            if recursive:
                _scan_subfolder(path, contents, visited)
            elif _has_pictures(path):
                contents.folders.append(path)
        elif stat.S_ISREG(mode):
            _sort_file(path, contents)
        else:
            contents.others += 1


def _scan_subfolder(path: Path, contents: FolderContents, visited: set[tuple[int, int] | None]) -> None:
    try:
        _scan(path, contents, visited, recursive=True)
    except OSError:
        contents.folders.append(path)


def _sort_file(path: Path, contents: FolderContents) -> None:
    """Put a regular file where it belongs: by its suffix, else by its first bytes."""
    if _is_named_as_picture(path):
        contents.pictures.append(path)
        return
    try:
        with path.open("rb") as file:
            head = file_kind.read_head(file)
    except OSError:
        head = b""
    kind = file_kind.kind_of(head)
    by_name = _kind_by_name(path)
    is_readable = kind in file_kind.PICTURES.values() or kind in PLUG_INS
    if is_readable and (not path.suffix or by_name is file_kind.RAW):
        contents.pictures.append(path)  # a name without a suffix, or a raw photograph's JPEG
    elif by_name is not None or kind in PICTURE_KINDS:
        contents.unreadable.append((path, by_name or kind or DRAWINGS))
    else:
        contents.others += 1


def _is_named_as_picture(path: Path) -> bool:
    return path.suffix.lower() in picture_suffixes() and not path.name.startswith(".")


def _kind_by_name(path: Path) -> FileKind | None:
    """Return the kind of a picture that cannot be read, by its suffix."""
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return file_kind.RAW
    if suffix in (".eps", ".ps"):
        return file_kind.POSTSCRIPT
    return file_kind.kind_by_suffix(suffix) or (DRAWINGS if suffix in DRAWING_SUFFIXES else None)


def _has_pictures(folder: Path) -> bool:
    """Return whether there are pictures in ``folder`` or in a folder within it."""
    return any(
        _is_named_as_picture(path) or _kind_by_name(path) is not None
        for path in itertools.islice(_walk(folder, depth=2), MOST_ENTRIES)
    )


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if path.name.startswith("."):
            continue
        if depth and stat.S_ISDIR(_mode(path) or 0):
            yield from _walk(path, depth - 1)
        else:
            yield path


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
