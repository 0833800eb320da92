"""Limits on the memory of this process alone: ``ulimit -v`` and ``-d``, and what Windows lets it commit.

Past such a limit an allocation fails, although the machine may have memory. Returns bytes. Standard library
only, and little of it: it also answers when there is hardly any memory left.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

STATM = Path("/proc/self/statm")
"""Sizes of this process in pages: the whole address space first, data and stack sixth."""

EXHAUSTED = 128 * 2**20
"""Bytes left below which a failure of any kind is put down to the limit: libraries are loaded, and threads
started, in pieces of up to this size, and many fail without saying that it was for want of memory."""


LEAST_TO_START = 256 * 2**20
"""Bytes without which the libraries of the engine cannot be loaded. Some end the process when they fail."""


class MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX. ``avail_page_file`` is what this process may still commit."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("memory_load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total_phys", "avail_phys", "total_page_file")),
        *((name, ctypes.c_uint64) for name in ("avail_page_file", "total_virtual", "avail_virtual")),
        ("avail_extended_virtual", ctypes.c_uint64),
    )


def memory_left() -> int | None:
    """Return the bytes that this process may still take under its own limits; None if it has none."""
    return min((max(0, left) for left in _left()), default=None)


def is_memory_exhausted(needed: int = EXHAUSTED) -> bool:
    """Return whether the process has a limit that leaves it fewer than ``needed`` bytes."""
    left = memory_left()
    return left is not None and left < needed


def limit_threads() -> None:
    """Let numpy and libvips start no threads if the process has a limit: each takes room in advance.

    Acts only before they are imported, and leaves numbers that the user has set.
    """
    if sys.platform != "win32" and memory_left() is not None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("VIPS_CONCURRENCY", "1")


def _left() -> Iterator[int]:
    if sys.platform == "win32":
        yield from _left_to_commit(ctypes.windll.kernel32)
    elif sys.platform == "linux":
        yield from _left_of_limits()


def _left_to_commit(kernel32: Any) -> Iterator[int]:
    """Yield what Windows lets this process commit: its page file and memory, and the limit of its job."""
    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    if kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        yield int(status.avail_page_file)


def _left_of_limits() -> Iterator[int]:
    """Yield what the limits of POSIX on addresses and on data leave. Other systems do not enforce them."""
    import resource

    with suppress(OSError, ValueError, IndexError):
        pages = STATM.read_text("ascii").split()
        for limit, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            allowed, _ = resource.getrlimit(limit)
            if allowed != resource.RLIM_INFINITY:
                yield allowed - int(used) * resource.getpagesize()
