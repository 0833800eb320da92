"""Memory that a process may still take: what is free on the machine, and what its limits allow.

The limit of a container (Docker, Kubernetes, systemd: Linux's control groups) does not show in the machine's
free memory, and a process that exceeds it is killed. Limits on the process itself are in
:mod:`nst_core.system.process_limits`. Returns bytes; does not depend on how they are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


class _FileNames(NamedTuple):
    """Names of files and figures in a version of control groups."""

    limit: str
    used: str
    cached: str


VERSION_2 = _FileNames("memory.max", "memory.current", "inactive_file")
VERSION_1 = _FileNames("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory() -> int:
    """Return the bytes that this process can take without swapping and without being killed."""
    return max(0, min([int(psutil.virtual_memory().available), *_left_in_groups()]))


def _left_in_groups() -> Iterator[int]:
    """Yield what is left of the limit of each control group that this process is in."""
    with suppress(OSError, ValueError):
        for line in OWN_GROUPS.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                root, names = GROUPS, VERSION_2
            elif "memory" in controllers.split(","):
                root, names = GROUPS / "memory", VERSION_1
            else:
                continue
            group = root / path.lstrip("/")
            # In a container the path is often the host's; the group itself is then at the root.
            for folder in (group, *group.parents):
                yield from _left_in_group(folder, names)
                if folder == root:
                    break


def _left_in_group(folder: Path, names: _FileNames) -> Iterator[int]:
    with suppress(OSError, ValueError):  # no such group, or "max" for no limit
        limit = int((folder / names.limit).read_text("utf-8"))
        used = int((folder / names.used).read_text("utf-8"))
        figures = dict(line.split() for line in (folder / "memory.stat").read_text("utf-8").splitlines())
        yield limit - used + int(figures.get(names.cached, 0))
