"""Opening files to read, and replacing files so that an interruption never leaves half a file.

Takes paths and bytes; does not depend on pictures. Every failure is an :class:`NstError` in one sentence.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.part_files import write_part

FORBIDDEN_ERRNOS = (errno.EACCES, errno.EPERM, errno.EROFS)
INVALID_NAME_ERRNOS = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)

FileState: TypeAlias = tuple[int, int, int]


@contextmanager
def open_input(path: str | os.PathLike[str], *, name: str = "") -> Iterator[io.BufferedReader]:
    """Open a regular, non-empty file for reading, and close it afterwards.

    Messages call it ``name``, by default its path.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-image`` for an empty file.
    """
    name = name or display_name(path)
    with _open(path, name) as file:
        yield file


def _open(path: str | os.PathLike[str], name: str) -> io.BufferedReader:
    try:
        # Check the file's type first: opening a pipe would wait for its other end.
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise NstError(ErrorCode.UNREADABLE_FILE, f"{name} is a folder.", "Give the path of a picture.")
        if not stat.S_ISREG(status.st_mode):
            raise NstError(ErrorCode.UNREADABLE_FILE, f"{name} is not a file.", "Give the path of a picture.")
        if status.st_size == 0:
            raise NstError(ErrorCode.BAD_IMAGE, f"{name} is empty.", "Copy or export it again.")
        return Path(path).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise NstError(ErrorCode.MISSING_FILE, f"There is no file {name}.", "Check the path.") from None
    except PermissionError:
        raise NstError(
            ErrorCode.UNREADABLE_FILE,
            f"You do not have permission to read {name}.",
            "Check the permissions of the file and its folder.",
        ) from None
    except OSError as error:
        if error.errno in INVALID_NAME_ERRNOS:
            raise _invalid_name_error(ErrorCode.MISSING_FILE, name) from None
        reason = f"{name} cannot be opened: {error.strerror}."
        raise NstError(ErrorCode.UNREADABLE_FILE, reason) from None
    except ValueError:
        # The name contains a zero byte.
        raise _invalid_name_error(ErrorCode.MISSING_FILE, name) from None


def _invalid_name_error(code: ErrorCode, name: str) -> NstError:
    return NstError(code, f"{name} is not a valid file name.", "Check the path.")


def check_not_an_input(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Check that ``path``, which will be written, is not one of the ``inputs`` of the same run.

    Raises:
        NstError: ``output-exists``, even if files may be overwritten.
    """
    if any(_is_same_file(path, input_path) for input_path in inputs):
        raise NstError(
            ErrorCode.OUTPUT_EXISTS,
            f"{display_name(path)} is one of the pictures to read.",
            "Choose another name for the result.",
        )


def _is_same_file(path: str | os.PathLike[str], other_path: str | os.PathLike[str]) -> bool:
    try:
        return Path(path).samefile(other_path)
    except (OSError, ValueError):
        return False


def file_state(path: Path) -> FileState | None:
    """Return what changes when a file is replaced: inode, bytes and time; None if there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- a hostile name raises in Path
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def check_replaceable(path: str | os.PathLike[str], *, force: bool) -> None:
    """Check that :func:`replace_file` could write ``path`` now, by writing one byte next to it.

    Raises:
        NstError: ``output-exists`` (without ``force``), ``unwritable-output`` or ``disk-full``.
    """
    name = display_name(path)
    target = _resolve_target(path, name, force)
    with _translate_write_errors(name), write_part(target.parent, b"\0"):
        pass


def replace_file(path: str | os.PathLike[str], data: bytes, *, force: bool) -> None:
    """Write ``data`` to ``path``; at any moment, ``path`` is the complete new file, the old file, or missing.

    The data goes to a temporary file in the same folder, which is flushed to the disk and renamed. Links are
    followed, and a replaced file keeps its permissions.

    Raises:
        NstError: ``output-exists`` (without ``force``), ``unwritable-output`` or ``disk-full``.
    """
    name = display_name(path)
    target = _resolve_target(path, name, force)
    with _translate_write_errors(name), write_part(target.parent, data) as temporary:
        if target.exists():
            # Another program may have created it since the check.
            _refuse_existing(name, force)
            with suppress(OSError):
                shutil.copymode(target, temporary)
        if force or not _link_new(temporary, target, name):
            temporary.replace(target)


def _link_new(temporary: Path, target: Path, name: str) -> bool:
    """Give a temporary file the name of a file that does not exist, even if two programs do so at once.

    Returns False if the file system has no second names for files.

    Raises:
        NstError: ``output-exists``.
    """
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        _refuse_existing(name, force=False)
    except (OSError, NotImplementedError):
        return False
    return True


def _refuse_existing(name: str, force: bool) -> None:
    if not force:
        raise NstError(
            ErrorCode.OUTPUT_EXISTS, f"{name} already exists.", "Choose another name, or overwrite it."
        )


def _resolve_target(path: str | os.PathLike[str], name: str, force: bool) -> Path:
    """Return the file that ``path`` names, with links followed; refuse a path that cannot be a new file."""
    with _translate_write_errors(name):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT, f"{name} is a folder.", "Give the name of a picture to write."
            )
        if target.exists():
            if not target.is_file():
                raise NstError(ErrorCode.UNWRITABLE_OUTPUT, f"{name} is not a file.", "Choose another name.")
            _refuse_existing(name, force)
        elif not target.parent.is_dir():
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"There is no folder {display_name(target.parent)} to write into.",
                "Create it, or choose another folder.",
            )
        return target


@contextmanager
def _translate_write_errors(name: str) -> Iterator[None]:
    """Convert the system's write errors to :class:`NstError`."""
    try:
        yield
    except ValueError:
        raise _invalid_name_error(ErrorCode.UNWRITABLE_OUTPUT, name) from None
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"The disk is too full to write {name}.",
                "Free some space, or write to another disk.",
            ) from None
        if error.errno in FORBIDDEN_ERRNOS:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"You do not have permission to write {name}.",
                "Check the permissions of its folder.",
            ) from None
        if error.errno in INVALID_NAME_ERRNOS:
            raise _invalid_name_error(ErrorCode.UNWRITABLE_OUTPUT, name) from None
        raise NstError(
            ErrorCode.UNWRITABLE_OUTPUT, f"{name} cannot be written: {error.strerror}.", "Write elsewhere."
        ) from None
