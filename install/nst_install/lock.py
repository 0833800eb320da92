"""One installer at a time: a lock on a file, which the system lets go of however its holder ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_install.errors import InstallError, from_os

HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""How a system says that another holds the lock; other errors are those of a disk that has no locks."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path``, making its folder; an empty folder that was made is taken away again.

    Raises:
        InstallError: another installer holds it, or the folder cannot be written.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _take(path)
    except OSError as error:
        raise from_os(path.parent, error) from None
    try:
        yield
    finally:
        _let_go(path, descriptor)
        for folder in made:
            try:
                folder.rmdir()
            except OSError:
                break


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in HELD:
                raise
            raise InstallError(
                "Another installation is going on.", "Wait for it to end, then run the command again."
            ) from None
        try:
            # The one that held it before may have deleted the file that was just locked.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _let_go(path: Path, descriptor: int) -> None:
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
