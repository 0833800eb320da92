"""What is remembered of this machine's devices from run to run: a small JSON file of named entries.

It is in the platform's cache folder. If the folder cannot be written, the file is in a private folder among
the temporary files; if there is none either, the process remembers. Losing the file costs only the time to
measure again, so nothing here raises.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from nst_core.errors import NstError
from nst_core.images.file_io import replace_file


def rates_file() -> Path:
    """Return the path of the file; the environment variable ``NST_CACHE`` moves it."""
    cache_folder = os.environ.get("NST_CACHE")
    folder = Path(cache_folder) if cache_folder else platformdirs.user_cache_path("nst", appauthor=False)
    return folder / "rates.json"


def fallback_file() -> Path:
    """Return the path of the file that is used if the usual folder cannot be written."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"nst-cache-{user}" / "rates.json"


def load_entries() -> dict[str, Any]:
    """Return all entries by name, each as JSON has it."""
    fallback = _read_file(fallback_file()) if _is_private(fallback_file().parent) else {}
    return {**fallback, **_remembered.get(rates_file(), {}), **_read_file(rates_file())}


def store_entry(name: str, value: Any) -> None:
    """Remember ``value``, which JSON can have, as the entry ``name``."""
    entries = {**load_entries(), name: value}
    content = json.dumps(entries).encode()
    with suppress(OSError, NstError):
        rates_file().parent.mkdir(parents=True, exist_ok=True)
        replace_file(rates_file(), content, force=True)
        return
    _remembered[rates_file()] = entries
    with suppress(OSError, NstError):
        fallback_file().parent.mkdir(mode=0o700, exist_ok=True)
        if _is_private(fallback_file().parent):
            replace_file(fallback_file(), content, force=True)


_remembered: dict[Path, dict[str, Any]] = {}
"""The entries that this process could not write, by the file they belong to."""


def _is_private(folder: Path) -> bool:
    """Return whether ``folder`` is a folder of this user that nobody else can write; no link to one."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name): value for name, value in stored.items()} if isinstance(stored, dict) else {}
