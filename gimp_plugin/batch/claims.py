"""Claims on results, so that several programs can paint the same folder and share its pictures.

A claim is a locked file beside the result, the same as that of ``nst batch``. The system removes the lock
when its program ends, in whatever way, so no claim outlives its program. Works without GIMP.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


def private_path(result: str, suffix: str) -> str:
    """Return the path of a hidden file that belongs to ``result``, in the same folder.

    Its name is short: that of the result may be as long as the file system allows.
    """
    folder, name = os.path.split(result)
    return os.path.join(folder, f".nst-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{suffix}")


@contextmanager
def claim(result: str):
    """Yield whether the caller may paint ``result``; False means that another program is painting it now.

    On a file system without locks the answer is always True.
    """
    path = private_path(result, ".claim")
    descriptor = None
    try:
        descriptor = _lock(path)
    except BlockingIOError:
        yield False
        return
    except OSError:
        pass
    try:
        yield True
    finally:
        if descriptor is not None:
            if fcntl is not None:
                with suppress(OSError):
                    os.unlink(path)
            os.close(descriptor)
            if fcntl is None:  # Windows does not remove a file that is open
                with suppress(OSError):
                    os.unlink(path)


def _lock(path: str) -> int:
    """Create and lock a file, and return its descriptor.

    Raises:
        BlockingIOError: another program has locked it.
        OSError: files cannot be locked there.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                try:
                    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                except PermissionError:
                    raise BlockingIOError from None
            if _is_still_there(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last owner removed it before it was locked here


def _is_still_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
