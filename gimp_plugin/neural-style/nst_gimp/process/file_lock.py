"""A lock of the operating system on a file. It ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


class FileLock:
    """An exclusive lock on the file at ``path``, which is created if ``is_new`` or if it does not exist."""

    def __init__(self, path: str, *, is_new: bool = False) -> None:
        """Lock the file.

        Raises:
            FileExistsError: ``is_new``, and the file exists.
            BlockingIOError: another process holds the lock.
            OSError: files cannot be locked there.
        """
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | (os.O_EXCL if is_new else 0), 0o600)
        try:
            _lock(self._descriptor)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.release()

    def release(self, *, delete: bool = False) -> None:
        """Give the lock back, and delete its file if ``delete``."""
        if delete and fcntl is not None:  # while it is locked, so that nobody else locks it in between
            self._delete()
        os.close(self._descriptor)
        if delete and fcntl is None:  # Windows does not delete a file that is open
            self._delete()

    def _delete(self) -> None:
        with suppress(OSError):
            os.unlink(self.path)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        raise BlockingIOError from None
