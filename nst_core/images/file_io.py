"""Files on disk: opening what is there, and putting a new file in place whole or not at all.

Paths and bytes; nothing about pictures. Every failure is an :class:`NstError` with one sentence.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError
from nst_core.images.display_name import display_name

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


@contextmanager
def open_input(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader]:
    """Open a regular file that is not empty for reading, and close it afterwards.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-image`` for an empty file.
    """
    name = display_name(path)
    with _open(path, name) as file:
        yield file


def _open(path: str | os.PathLike[str], name: str) -> io.BufferedReader:
    try:
        # What the name stands for is asked first: opening a pipe would wait for its other end.
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
            ErrorCode.UNREADABLE_FILE, f"{name} may not be read.", "Check the permissions of file and folder."
        ) from None
    except OSError as error:
        if error.errno in NO_NAME:
            raise _impossible(ErrorCode.MISSING_FILE, name) from None
        reason = f"{name} cannot be opened: {error.strerror}."
        raise NstError(ErrorCode.UNREADABLE_FILE, reason) from None
    except ValueError:
        # A zero byte in the name.
        raise _impossible(ErrorCode.MISSING_FILE, name) from None


def _impossible(code: ErrorCode, name: str) -> NstError:
    return NstError(code, f"{name} is no possible file name.", "Check the path.")


def check_not_an_input(path: str | os.PathLike[str], read: Iterable[str | os.PathLike[str]]) -> None:
    """Make sure that ``path``, which will be written, is none of the files that are ``read`` for it.

    Raises:
        NstError: ``output-exists``, whatever may be overwritten.
    """
    if any(_same_file(path, other) for other in read):
        raise NstError(
            ErrorCode.OUTPUT_EXISTS,
            f"{display_name(path)} is one of the pictures to read.",
            "Write elsewhere.",
        )


def _same_file(path: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    try:
        return Path(path).samefile(other)
    except (OSError, ValueError):
        return False


def check_replaceable(path: str | os.PathLike[str], force: bool) -> None:
    """Make sure that :func:`replace_file` could write ``path`` now, by writing a byte beside it.

    Raises:
        NstError: ``output-exists`` (and not ``force``), ``unwritable-output`` or ``disk-full``.
    """
    name = display_name(path)
    target = _target(path, name, force)
    with _reported(name):
        temporary = _write_beside(target, b"\0")
        temporary.unlink()


def replace_file(path: str | os.PathLike[str], data: bytes, force: bool) -> None:
    """Write ``data`` to ``path`` so that at any moment there is the whole file, the file before, or none.

    A temporary file beside it takes the data, is flushed to the disk and renamed. A link is followed;
    the permissions of a replaced file are kept.

    Raises:
        NstError: ``output-exists`` (and not ``force``), ``unwritable-output`` or ``disk-full``.
    """
    name = display_name(path)
    target = _target(path, name, force)
    with _reported(name):
        temporary = _write_beside(target, data)
        try:
            if target.exists():
                # Somebody may have put it there since it was looked for.
                _refuse_existing(name, force)
                with suppress(OSError):
                    shutil.copymode(target, temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _refuse_existing(name: str, force: bool) -> None:
    if not force:
        raise NstError(ErrorCode.OUTPUT_EXISTS, f"{name} exists.", "Choose another name, or overwrite it.")


def _target(path: str | os.PathLike[str], name: str, force: bool) -> Path:
    """Return the file that a link, if ``path`` is one, stands for; refuse what cannot be a new file."""
    with _reported(name):
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
                "Make it, or choose another.",
            )
        return target


def _write_beside(target: Path, data: bytes) -> Path:
    """Write a temporary file beside ``target`` and flush it to the disk; on failure leave nothing."""
    # A name of its own, since the target's may already be as long as the file system allows.
    temporary = target.parent / f".nst-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # 0o666 less the umask, as for any file a program writes; mkstemp would leave the picture private.
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Turn the system's errors while writing into sentences."""
    try:
        yield
    except ValueError:
        raise _impossible(ErrorCode.UNWRITABLE_OUTPUT, name) from None
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"There is no room left to write {name}.",
                "Free some space.",
            ) from None
        if error.errno in FORBIDDEN:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"{name} may not be written.",
                "Check the permissions of its folder.",
            ) from None
        if error.errno in NO_NAME:
            raise _impossible(ErrorCode.UNWRITABLE_OUTPUT, name) from None
        raise NstError(
            ErrorCode.UNWRITABLE_OUTPUT, f"{name} cannot be written: {error.strerror}.", "Write elsewhere."
        ) from None
