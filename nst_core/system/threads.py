"""The number of processor threads that people, schedulers and Ray set with OMP_NUM_THREADS.

Returns the number, and a notice if the variable sets none. Does not start threads.
"""

from __future__ import annotations

import os

from nst_core.events import Notice

VARIABLE = "OMP_NUM_THREADS"

THREADS_PER_CORE = 8
"""More threads for each core mean nothing. Some thousand cannot be started at all, and end the process."""


def thread_count() -> int:
    """Return the number of threads set by OMP_NUM_THREADS, or 0 (one per core) if it sets none.

    ONNX Runtime's usual builds ignore the variable. But people, schedulers and Ray set it when several
    programs share a machine, and torch follows it.
    """
    first = os.environ.get(VARIABLE, "").split(",")[0].strip()
    if not (first.isascii() and first.isdigit()) or len(first) > 9:
        return 0
    return int(first) if int(first) <= THREADS_PER_CORE * (os.cpu_count() or 1) else 0


def discard_thread_count() -> Notice | None:
    """Remove OMP_NUM_THREADS from the environment if it sets no number of threads; return a notice about it.

    OpenMP, on which torch computes, prints a line of its own about some of these values, and ends the process
    on others.
    """
    value = os.environ.get(VARIABLE)
    if value is None or thread_count():
        return None
    del os.environ[VARIABLE]
    if not value.strip():
        return None
    return Notice(
        "thread-count",
        f"OMP_NUM_THREADS is {value[:20]!r}, which is no possible number of threads; one per core is used.",
        "Set it to a whole number from 1 up, or remove it.",
    )
