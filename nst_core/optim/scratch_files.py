"""Anonymous temporary files on a disk, for arrays that do not fit into memory.

On many machines the system's folder for temporary files is itself in memory (Linux's tmpfs), where a file
would save nothing. Does not depend on what the files hold.
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
"""Types of file systems that are in memory."""


def anonymous_file(folder: Path | None = None, size: int = 0) -> IO[bytes]:
    """Open a file in ``folder``, by default one on a disk, that disappears when it is closed.

    ``size`` bytes are allocated at once if the system can do that, because a mapped file that finds the disk
    full later kills the process.

    Raises:
        OSError: the disk is full.
    """
    folder = folder or _folder_on_disk()
    file = tempfile.TemporaryFile(dir=folder, prefix="nst-", buffering=0)  # noqa: SIM115 -- the caller's
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:  # not every file system can allocate
            if error.errno in DISK_FULL_ERRNOS:
                file.close()
                raise
    return file


@functools.cache
def _folder_on_disk() -> Path:
    """Return the system's folder for temporary files, or another one if that is in memory."""
    usual = Path(tempfile.gettempdir())
    cache = platformdirs.user_cache_path("nst", appauthor=False)
    for folder in (usual, Path("/var/tmp"), cache):  # noqa: S108 -- names there are chosen by tempfile
        if not _in_memory(folder) and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return usual


def _in_memory(folder: Path) -> bool:
    """Return whether ``folder`` is in memory, by the innermost file system that contains it."""
    try:
        path, mounted = folder.resolve(), psutil.disk_partitions(all=True)
    except OSError:
        return False  # unknown
    containing = [partition for partition in mounted if path.is_relative_to(partition.mountpoint)]
    innermost = max(containing, key=lambda partition: len(partition.mountpoint), default=None)
    return innermost is not None and innermost.fstype in IN_MEMORY
