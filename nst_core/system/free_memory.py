"""How much memory a process may still take: what the machine has free, and what its container allows.

A container's limit (Docker, Kubernetes, systemd: Linux's control groups) is not seen in what the machine has
free, and whoever goes past it is killed. Bytes go out; knows nothing of what they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


class _Names(NamedTuple):
    """What files and figures are called in a version of control groups."""

    limit: str
    used: str
    cached: str


SECOND = _Names("memory.max", "memory.current", "inactive_file")
FIRST = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory() -> int:
    """Return the bytes that can be taken without anybody being swapped out, or being killed."""
    return max(0, min([int(psutil.virtual_memory().available), *_left_in_groups()]))


def _left_in_groups() -> Iterator[int]:
    """Yield what is left of the limit of each control group that this process is in."""
    with suppress(OSError, ValueError):
        for line in OWN_GROUPS.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                root, names = GROUPS, SECOND
            elif "memory" in controllers.split(","):
                root, names = GROUPS / "memory", FIRST
            else:
                continue
            group = root / path.lstrip("/")
            # In a container the path is often the host's; the group itself then lies at the root.
            for folder in (group, *group.parents):
                yield from _left(folder, names)
                if folder == root:
                    break


def _left(folder: Path, names: _Names) -> Iterator[int]:
    with suppress(OSError, ValueError):  # no such group, or "max" for no limit
        limit = int((folder / names.limit).read_text("utf-8"))
        used = int((folder / names.used).read_text("utf-8"))
        figures = dict(line.split() for line in (folder / "memory.stat").read_text("utf-8").splitlines())
        yield limit - used + int(figures.get(names.cached, 0))
