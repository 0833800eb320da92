"""Temporary files beside a result, complete before they are renamed; and those that killed runs left behind.

A run holds a lock on its temporary file until it is renamed. The system drops the lock when the run ends,
however it ends, so a file that nobody holds belongs to no run and is deleted by the next one.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART_NAME = re.compile(r"\.nst-[0-9a-f]{16}\.(part|claim)")
"""Also the claims of batches (:mod:`nst_core.batch.claims`), which are locked alike."""

OLD_SECONDS = 24 * 3600.0
"""Age at which a temporary file belongs to no run, where locks do not tell."""

ATTEMPTS = 5
"""Attempts to make a temporary file: another run may delete one before it is locked."""

_swept_folders: set[Path] = set()


def write_part(folder: Path, data: bytes) -> AbstractContextManager[Path]:
    """Write a temporary file with ``data`` into ``folder``; see :func:`fill_part`."""
    return fill_part(folder, lambda file: file.write(data))


@contextmanager
def fill_part(
    folder: Path, write: Callable[[BinaryIO], object], *, permissions: int = 0o666
) -> Iterator[Path]:
    """Let ``write`` fill a temporary file in ``folder``, flush it to the disk; delete it after the block.

    ``permissions`` are those of a new file, before the umask. The block may rename the file. The first call
    for a folder deletes what killed runs left there.

    Raises:
        OSError: it cannot be written; then it does not exist.
    """
    if folder not in _swept_folders:
        _swept_folders.add(folder)
        sweep_parts(folder)
    path, descriptor = _make_part(folder, permissions)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            if sys.platform != "win32":  # which renames no open file, nor deletes it
                yield path
        if sys.platform == "win32":
            yield path
    finally:
        path.unlink(missing_ok=True)


def sweep_parts(folder: Path) -> None:
    """Delete the temporary files of runs that have ended."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if PART_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    _delete_if_left(Path(entry.path))


def _make_part(folder: Path, permissions: int) -> tuple[Path, int]:
    """Make an empty temporary file and lock it; return its path and descriptor."""
    for attempt in range(ATTEMPTS):
        # A fresh name, since the target's may already be as long as the file system allows.
        path = folder / f".nst-{secrets.token_hex(8)}.part"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        # The umask applies, as for any file a program writes; mkstemp would make the picture private.
        descriptor = os.open(path, flags, permissions)
        if _lock(descriptor) is not False and (os.fstat(descriptor).st_nlink or attempt == ATTEMPTS - 1):
            return path, descriptor
        os.close(descriptor)
    raise FileExistsError(f"{folder}: another program deletes new files")


def _delete_if_left(path: Path) -> None:
    if sys.platform == "win32":
        if time.time() - path.stat().st_mtime > OLD_SECONDS:
            path.unlink()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        is_free = _lock(descriptor)
        if is_free is None:  # a file system without locks
            is_free = time.time() - os.fstat(descriptor).st_mtime > OLD_SECONDS
        if is_free:
            path.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Lock a file for this process; return whether that worked, or None where it is not known."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
