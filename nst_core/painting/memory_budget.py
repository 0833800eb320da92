"""The memory that a run may use: what is free, and the limits of the settings and of the system.

Takes a backend and settings, returns a :class:`MemoryBudget`; :mod:`nst_core.painting.memory` plans with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import psutil

from nst_core.backends.interface import Backend
from nst_core.settings import Settings, parse_bytes
from nst_core.system.free_memory import available_memory
from nst_core.system.process_limits import memory_left

WINDOWS = (2048, 1536, 1280, 1024, 896, 768, 704, 640, 576, 512, 448, 384, 320, 256)
"""Sides of windows, in pixels, starting with the one that wastes least on margins."""

MACHINE_SHARE, DEVICE_SHARE = 0.8, 0.9
"""Share of the free memory to use if no limit is set: other programs need the rest."""


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes that may be used. ``device`` is None if the device computes in the machine's memory."""

    machine: float
    device: float | None


def memory_budget(backend: Backend, settings: Settings, held_bytes: float | None = None) -> MemoryBudget:
    """Measure the free memory, and apply the limits of ``settings``.

    ``max_memory`` limits the whole process, including what it already uses. So does a limit of the system on
    this process (``ulimit -v``), which other programs take nothing of. ``held_bytes`` is the memory
    that the process will use when painting begins, if that is another process or not everything has been
    read yet; None is what this process uses now.
    """
    allowed = parse_bytes(settings.max_memory)
    used = psutil.Process().memory_info().rss
    needed = used if held_bytes is None else held_bytes
    machine = MACHINE_SHARE * (available_memory() + used - needed)
    own_limit = memory_left()
    if own_limit is not None:
        machine = min(machine, own_limit + used - needed)
    if allowed:
        machine = min(machine, allowed - needed)
    if not backend.limits.own_memory:
        return MemoryBudget(min(machine, MACHINE_SHARE * (backend.free_bytes() + used - needed)), None)
    device = DEVICE_SHARE * backend.free_bytes()
    allowed = parse_bytes(settings.max_device_memory)
    return MemoryBudget(machine, min(device, allowed) if allowed else device)


def window_for_memory(backend: Backend, size: tuple[int, int]) -> int | None:
    """Return the largest window for which the machine's free memory is enough now; None for all of ``size``.

    For a backend that computes in the machine's memory from now on. The smallest window is always returned.
    """
    limits, free = backend.limits, MACHINE_SHARE * available_memory()
    if limits.fixed_bytes + limits.bytes_per_pixel * math.prod(size) <= free:
        return None
    fitting = (
        window for window in WINDOWS if limits.fixed_bytes + limits.tile_bytes_per_pixel * window**2 <= free
    )
    return min(next(fitting, WINDOWS[-1]), max(size))
