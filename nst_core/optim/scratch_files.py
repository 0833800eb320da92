"""Temporary files for what memory does not hold: without a name, and on a disk.

The system's folder for temporary files lies in memory on many machines (Linux's tmpfs), where a file saves
nothing. Knows nothing of what is kept.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import IO

import platformdirs
import psutil

from nst_core.errors import DISK_FULL_ERRNOS

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
"""Kinds of file systems that are memory."""


def anonymous_file(folder: Path | None = None, size: int = 0) -> IO[bytes]:
    """Open a file in ``folder``, None being one on a disk, that is gone when it is closed.

    ``size`` bytes are taken at once, where the system can: a mapped file that finds the disk full later ends
    the process.

    Raises:
        OSError: there is no room for it.
    """
    folder = folder or _on_a_disk()
    file = tempfile.TemporaryFile(dir=folder, prefix="nst-", buffering=0)  # noqa: SIM115 -- the caller's
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:  # not every file system can
            if error.errno in DISK_FULL_ERRNOS:
                file.close()
                raise
    return file


@functools.cache
def _on_a_disk() -> Path:
    """Return the system's folder for temporary files, or where that is memory, another that is not."""
    usual = Path(tempfile.gettempdir())
    cache = platformdirs.user_cache_path("nst", appauthor=False)
    for folder in (usual, Path("/var/tmp"), cache):  # noqa: S108 -- names there are chosen by tempfile
        if not _in_memory(folder) and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return usual


def _in_memory(folder: Path) -> bool:
    """Whether ``folder`` lies in memory, by the innermost of the file systems that it is below of."""
    try:
        place, mounted = folder.resolve(), psutil.disk_partitions(all=True)
    except OSError:
        return False  # nobody tells
    above = [part for part in mounted if place.is_relative_to(part.mountpoint)]
    innermost = max(above, key=lambda part: len(part.mountpoint), default=None)
    return innermost is not None and innermost.fstype in IN_MEMORY
