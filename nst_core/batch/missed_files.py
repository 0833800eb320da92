"""Sentences about what a batch passes over: files that cannot be read, folders that are not entered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nst_core.images.display_name import display_name
from nst_core.images.file_kind import FileKind
from nst_core.images.picture_folder import FolderContents

MOST_NAMES = 20
"""Names in one sentence; the others are only counted."""


def describe_missed(contents: FolderContents) -> list[str]:
    """Return a sentence for each kind of file that cannot be read, and one about folders, with what to do."""
    by_kind: dict[FileKind, list[Path]] = {}
    for path, kind in contents.unreadable:
        by_kind.setdefault(kind, []).append(path)
    sentences = []
    for kind, paths in by_kind.items():
        names = _names(paths, contents.folder)
        if len(paths) == 1:
            sentences.append(f"{names} is not painted: it is {kind.name}. {kind.hint}")
        else:
            sentences.append(f"{names} are not painted: these {len(paths)} are each {kind.name}. {kind.hint}")
    if contents.folders:
        names, count = _names(contents.folders, contents.folder), len(contents.folders)
        words = "1 folder with pictures is" if count == 1 else f"{count} folders with pictures are"
        sentences.append(f"{words} not entered: {names}. Use --recursive to paint them too.")
    return sentences


def describe_others(contents: FolderContents) -> str:
    """Say how many files are no pictures; an empty string if there are none."""
    if not contents.others:
        return ""
    verb = "is no picture" if contents.others == 1 else "are no pictures"
    return f"{contents.others} other {'file' if contents.others == 1 else 'files'} {verb}."


def _names(paths: Iterable[Path], folder: Path) -> str:
    names = [display_name(path.relative_to(folder)) for path in paths]
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
