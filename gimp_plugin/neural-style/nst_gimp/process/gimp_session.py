"""The running GIMP, told from all others, and a private folder that lasts as long as it does.

A process number alone is used again after a while, so the start of the process counts as well. The folder of
a GIMP that has ended is deleted when another one asks for its own. Works without GIMP.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from platform import node

from nst_gimp.process import locations

FOLDER = "results"
"""The folder of these folders, in the user's data folder."""

STALE_SECONDS = 7 * 24 * 3600.0
"""The folder of a process in another sandbox, which cannot be looked at from here, is deleted when it has not
changed for so long."""

NAME = re.compile(r"(?P<number>\d+)-(?P<start>\w+)-(?P<space>\w+)$")


def find_folder(number: int, *, create: bool):
    """Return the folder of the GIMP with that process number, or None.

    ``create`` makes it if it does not exist, after deleting the folders of GIMPs that have ended. It is None
    if it does not exist, if it cannot be made, or if nothing is known about the process.
    """
    start = start_of(number)
    if not start:
        return None
    name = f"{number}-{start}-{process_space()}"
    for data in locations.data_folders():
        folder = data / FOLDER / _machine() / name
        if not create:
            if folder.is_dir():
                return folder
            continue
        with suppress(OSError):
            for part in (data, folder.parent.parent, folder.parent, folder):
                locations.make_private_folder(part)
            delete_ended(folder.parent)
            return folder
    return None


def delete_ended(folder: Path) -> None:
    """Delete the folders in ``folder`` whose GIMP has ended."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        match = NAME.match(entry.name)
        if match is not None and _has_ended(entry, match):
            shutil.rmtree(entry, ignore_errors=True)


def _has_ended(folder: Path, match) -> bool:
    if match["space"] == process_space():
        return start_of(int(match["number"])) != match["start"]
    with suppress(OSError):
        return time.time() - folder.stat().st_mtime > STALE_SECONDS
    return False


def start_of(number: int, platform: str = sys.platform) -> str:
    """Return a word for the moment at which a process started, or "" if there is no such process."""
    with suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
        if platform.startswith("linux"):
            # The program's name, in brackets, may contain anything; the start is the 20th field after it.
            fields = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
            return f"{int(fields[19])}b{_boot()}"
        if platform == "win32":
            return _start_on_windows(number)
        line = ["ps", "-o", "lstart=", "-p", str(number)]
        done = subprocess.run(
            line, capture_output=True, env={**os.environ, "LC_ALL": "C"}, timeout=10, check=False
        )
        return re.sub(r"\W+", "_", done.stdout.decode("ascii", "replace").strip())
    return ""


def _boot() -> str:
    """Return a word for this start of the machine: the times of processes on Linux count from it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")[:12]


def _start_on_windows(number: int) -> str:
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = wintypes.HANDLE
    query_limited_information = 0x1000
    process = kernel.OpenProcess(query_limited_information, False, number)
    if not process:
        return ""
    times = [wintypes.FILETIME() for _time in range(4)]  # created, exited, in the kernel, in the program
    try:
        known = kernel.GetProcessTimes(wintypes.HANDLE(process), *map(ctypes.byref, times))
    finally:
        kernel.CloseHandle(wintypes.HANDLE(process))
    created, exited = times[:2]
    has_ended = bool(exited.dwLowDateTime or exited.dwHighDateTime)
    return "" if not known or has_ended else f"{created.dwHighDateTime << 32 | created.dwLowDateTime}"


def process_space() -> str:
    """Return a word for the space in which process numbers are unique: a sandbox has one of its own."""
    with suppress(OSError):
        return re.sub(r"\W", "", os.readlink("/proc/self/ns/pid")) or "all"
    return "all"


def _machine() -> str:
    """Return this machine's name for a folder: homes may be shared between machines."""
    return re.sub(r"\W", "-", node()) or "machine"
