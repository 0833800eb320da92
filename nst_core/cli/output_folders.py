"""Folders that a command fills: created if missing, and restored if the command fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_replaceable


class OutputFolder:
    """An existing folder that keeps a list of the files written into it, so that they can be removed."""

    def __init__(self, path: Path, created_folders: list[Path]) -> None:
        self.path = path
        self.created_folders = created_folders
        self.written_files: list[Path] = []

    def new_file(self, name: str) -> Path:
        """Return the path of a file that is about to be written."""
        path = self.path / name
        self.written_files.append(path)
        return path

    def undo(self) -> None:
        """Delete the written files, and the folders created for them if they are empty."""
        for path in self.written_files:
            path.unlink(missing_ok=True)
        for folder in self.created_folders:
            with suppress(OSError):
                folder.rmdir()


def check_folder(path: Path, force: bool) -> None:
    """Check that ``path`` is, or can become, a folder to write into. It must be empty, unless ``force``.

    Raises:
        NstError: ``unwritable-output``, ``output-exists``, ``disk-full``.
    """
    try:
        if path.is_dir():
            if not force and any(path.iterdir()):
                raise NstError(
                    ErrorCode.OUTPUT_EXISTS,
                    f"The folder {display_name(path)} is not empty.",
                    "Choose another folder, or write into it with --force.",
                )
            check_replaceable(path / ".nst-probe", force=True)
        elif os.path.lexists(path):
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT, f"{display_name(path)} is not a folder.", "Choose another name."
            )
        else:
            check_replaceable(_nearest_existing_parent(path) / ".nst-probe", force=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None


@contextmanager
def fill_folder(path: Path) -> Iterator[OutputFolder]:
    """Create ``path`` if it is missing; remove everything that the block wrote if it raises.

    Raises:
        NstError: ``unwritable-output``.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    folder = OutputFolder(path, missing)
    try:
        yield folder
    except BaseException:
        folder.undo()
        raise


def _nearest_existing_parent(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.exists())


def _unwritable(path: Path, error: Exception) -> NstError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
    return NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"Cannot write to the folder {display_name(path)}: {reason}.",
        "Choose another folder.",
    )
