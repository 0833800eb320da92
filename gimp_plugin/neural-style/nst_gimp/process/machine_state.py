"""Free memory and the power supply of this machine, as far as its system tells them without a library."""

from __future__ import annotations

import sys
from pathlib import Path

from nst_gimp.text.words import _

LEAST_FREE_BYTES = 1_500_000_000
"""A trial needs less than 1 GB; the rest is for GIMP."""


def reason_to_rest(platform: str = sys.platform, root: Path = Path("/")) -> str:
    """Return why nothing should be computed without being asked for, or "". ``root`` is for tests."""
    free = free_memory(platform, root)
    if free is not None and free < LEAST_FREE_BYTES:
        return _("Little memory is free.")
    if is_on_battery(platform, root):
        return _("The computer runs on its battery.")
    return ""


def free_memory(platform: str, root: Path):
    """Return the bytes of memory that are available, or None if the system does not say."""
    if platform == "win32":
        return _windows_memory()
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def is_on_battery(platform: str, root: Path) -> bool:
    """Return whether a battery supplies the machine; False if the system does not say."""
    if platform == "win32":
        return _windows_is_on_battery()
    supplies = root / "sys/class/power_supply"
    try:
        states = [
            (path / "online").read_text().strip()
            for path in supplies.iterdir()
            if (path / "type").read_text().strip() in ("Mains", "USB") and (path / "online").exists()
        ]
    except OSError:
        return False
    return bool(states) and "1" not in states


def _windows_memory():
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32)] + [
            (name, ctypes.c_uint64)
            for name in ("total", "free", "page_total", "page_free", "virtual", "virtual_free", "extended")
        ]

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    return status.free if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _windows_is_on_battery() -> bool:
    import ctypes

    class PowerStatus(ctypes.Structure):
        _fields_ = [(name, ctypes.c_ubyte) for name in ("ac_line", "flag", "percent", "saver")] + [
            ("life", ctypes.c_uint32),
            ("full_life", ctypes.c_uint32),
        ]

    status = PowerStatus()
    return bool(ctypes.windll.kernel32.GetSystemPowerStatus(ctypes.byref(status))) and status.ac_line == 0
