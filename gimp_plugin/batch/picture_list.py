"""The pictures to paint, what is passed over, and the names of the results. Looks only at files' names.

Belongs to neural-style-batch.py. Works without GIMP.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, namedtuple
from pathlib import Path

from nst_gimp.image.file_kinds import has_picture_suffix, is_picture, split_name

Listing = namedtuple("Listing", "pictures others unusable")
"""``pictures`` are paths. ``others`` are the names of files that are no pictures and of folders within
folders. ``unusable`` is a dictionary from the path of a picture that cannot be opened to the reason."""

MOST_BYTES = 255
"""Longest name, in bytes, if the file system does not say what it takes."""

MOST_NAMES = 10
"""Names in one sentence."""

JOINERS = "\u200d"
"""Joins two characters into one, as in many emoji."""


def list_pictures(paths, output: Path) -> Listing:
    """Return what the command line names. A folder stands for its pictures, without hidden files.

    A file that the command line names itself is always a picture.

    Raises:
        OSError: a folder cannot be read.
    """
    pictures, others, unusable = [], [], {}
    for path in paths:
        if not path.is_dir():
            pictures.append(absolute(path))
            continue
        for item in sorted(path.iterdir()):
            if item.name.startswith("."):
                continue
            if item.is_dir():
                if not is_same(item, output):
                    others.append(item.name + os.sep)
            elif item.is_symlink() and not item.exists() and has_picture_suffix(item.name):
                unusable[str(absolute(item))] = "It is a link to a file that does not exist."
            elif item.is_file() and is_picture(str(item)):
                pictures.append(absolute(item))
            else:
                others.append(item.name)
    return Listing(list(dict.fromkeys(pictures)), list(dict.fromkeys(others)), unusable)


def describe_passed_over(names) -> list:
    """Return sentences that list ``names`` of files, and of folders with a separator at the end."""
    files = [name for name in names if not name.endswith(os.sep)]
    folders = [name for name in names if name.endswith(os.sep)]
    sentences = []
    if files:
        sentences.append(f"Passed over {len(files)}, because they are no pictures: {_enumerate(files)}.")
    if folders:
        sentences.append(
            f"Passed over {len(folders)}, because they are folders in a folder: {_enumerate(folders)}. "
            "Name them on the command line to paint the pictures in them."
        )
    return sentences


def _enumerate(names) -> str:
    rest = len(names) - MOST_NAMES
    return printable(", ".join(names[:MOST_NAMES])) + (f" and {rest} more" if rest > 0 else "")


def printable(text: str) -> str:
    """Return ``text`` with characters that would steer a terminal replaced by their codes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def absolute(path: Path) -> Path:
    """Return the absolute path, without following links: a result has the name that the user sees."""
    return Path(os.path.abspath(path))


def is_same(path: Path, other: Path) -> bool:
    """Return whether two paths are the same file or folder. Paths that do not exist are not."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def result_paths(pictures, output: Path, extension: str) -> list:
    """Return the path of each result in the folder ``output``. No two of them are the same.

    A result has the name of its picture. It keeps the picture's suffix if there are several pictures of that
    name, or if the rest of the name ends like a picture, too: a.jpg.tif becomes a.jpg.tif.png, so that it
    never has the name of the result of a.jpg. Names that are still the same are numbered. Capital letters
    make no difference, as some file systems do not distinguish them.
    """
    longest = longest_name(output)
    stems = [split_name(picture.name)[0] for picture in pictures]
    counts = Counter(comparable(stem) for stem in stems)
    taken, results = set(), []
    for picture, stem in zip(pictures, stems):  # noqa: B905 - strict came with 3.10
        keeps_suffix = counts[comparable(stem)] > 1 or has_picture_suffix(stem)
        name = picture.name if keeps_suffix else stem
        number = 1
        while True:
            ending = f".{extension}" if number == 1 else f"-{number}.{extension}"
            result = cut_name(name, longest - len(os.fsencode(ending))) + ending
            if comparable(result) not in taken:
                break
            number += 1
        taken.add(comparable(result))
        results.append(absolute(output) / result)
    return results


def comparable(name: str) -> str:
    """Return the form of a name in which two names are equal if some file system takes them as equal."""
    return unicodedata.normalize("NFC", name).casefold()


def longest_name(folder: Path) -> int:
    """Return the most bytes that the name of a file in ``folder`` can have."""
    try:
        return min(MOST_BYTES, os.pathconf(folder, "PC_NAME_MAX"))
    except (AttributeError, OSError, ValueError):  # Windows, or a folder that does not exist yet
        return MOST_BYTES


def cut_name(name: str, most_bytes: int) -> str:
    """Return as much of the beginning of ``name`` as fits into ``most_bytes``, in whole characters."""
    if len(os.fsencode(name)) <= most_bytes:
        return name
    kept, size = 0, 0
    for index, character in enumerate(name):
        continues = unicodedata.category(character) in ("Mn", "Me", "Mc") or character in JOINERS
        joined = index > 0 and name[index - 1] in JOINERS
        if not continues and not joined:
            kept = index  # everything before it is whole
        size += len(os.fsencode(character))
        if size > most_bytes:
            break
    return name[:kept].rstrip(" .") or name[:1]
