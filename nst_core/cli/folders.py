"""Folders that a command fills: made where they are missing, left as they were where the command fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_replaceable


class Folder:
    """An existing folder; :meth:`new` hands out names in it, :meth:`undo` takes back what was written."""

    def __init__(self, path: Path, made: list[Path]) -> None:
        self.path = path
        self.made = made
        self.written: list[Path] = []

    def new(self, name: str) -> Path:
        """Return the path of a file that is about to be written."""
        path = self.path / name
        self.written.append(path)
        return path

    def undo(self) -> None:
        """Delete the files of this run, and the folders it made."""
        for path in self.written:
            path.unlink(missing_ok=True)
        for folder in self.made:
            with suppress(OSError):
                folder.rmdir()


def check_folder(path: Path, force: bool) -> None:
    """Make sure that ``path`` is, or can become, a folder to write into; empty, unless ``force``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full``.
    """
    try:
        if path.is_dir():
            if not force and any(path.iterdir()):
                raise NstError(
                    ErrorCode.OUTPUT_EXISTS,
                    f"The folder {display_name(path)} is not empty.",
                    "Choose another, or write into it with --force.",
                )
            check_replaceable(path / ".nst-probe", force=True)
        elif os.path.lexists(path):
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT, f"{display_name(path)} is not a folder.", "Choose another name."
            )
        else:
            check_replaceable(_first_existing(path) / ".nst-probe", force=True)
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from None


@contextmanager
def filling(path: Path) -> Iterator[Folder]:
    """Make ``path`` where it is missing; when the block raises, what it wrote is taken back.

    Raises:
        NstError: ``unwritable-output``.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(path, error) from None
    folder = Folder(path, missing)
    try:
        yield folder
    except BaseException:
        folder.undo()
        raise


def _first_existing(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.exists())


def _cannot(path: Path, error: Exception) -> NstError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no possible name"
    return NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"The folder {display_name(path)} cannot be written: {reason}.",
        "Choose another.",
    )
