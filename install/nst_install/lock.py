"""A file lock that lets one installer run at a time. The system releases it when its holder ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_install.errors import InstallError, from_os

LOCKED_BY_ANOTHER = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""Error numbers that mean that another process holds the lock. Others come from a disk without locks."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on ``path``, creating its folder. Remove the folders created here if they stay empty.

    Raises:
        InstallError: another installer holds the lock, or the folder cannot be written.
    """
    new_folders = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _acquire(path)
    except OSError as error:
        raise from_os(path.parent, error) from None
    try:
        yield
    finally:
        _release(path, descriptor)
        for folder in new_folders:
            try:
                folder.rmdir()
            except OSError:
                break


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in LOCKED_BY_ANOTHER:
                raise
            raise InstallError(
                "Another installation is running.", "Wait for it to finish, then run the command again."
            ) from None
        try:
            # The previous holder may have deleted the file that was just locked.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _release(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":  # an open file cannot be deleted there
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
