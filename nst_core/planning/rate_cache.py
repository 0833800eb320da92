"""Rates of engines on this machine, remembered from run to run so that plans can estimate seconds.

A small JSON file in the platform's cache folder: runs update it, plans read it. If the folder cannot be
written, the file is in a private folder among the temporary files; if there is none either, the process
remembers. Losing the file only makes the next estimate slower, so nothing here raises.
"""

from __future__ import annotations

import json
import math
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from nst_core.errors import NstError
from nst_core.images.file_io import replace_file
from nst_core.painting.clock import Rate

SMOOTHING = 0.75
"""Share of the newest run in the remembered rate. Other programs slow single runs down, and may have slowed
the first measurement down several times; two runs correct that."""

LEAST_SECONDS = 5.0
"""Shorter runs measure the start of the program rather than painting, and are not remembered."""


def rates_file() -> Path:
    """Return the path of the file of rates; the environment variable ``NST_CACHE`` moves it."""
    cache_folder = os.environ.get("NST_CACHE")
    folder = Path(cache_folder) if cache_folder else platformdirs.user_cache_path("nst", appauthor=False)
    return folder / "rates.json"


def fallback_file() -> Path:
    """Return the path of the file of rates that is used if the usual folder cannot be written."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"nst-cache-{user}" / "rates.json"


def load_rate(key: str) -> Rate | None:
    """Return the rate of ``key`` (an engine's name), or None if it never ran."""
    return _read().get(key)


def store_rate(key: str, rate: Rate) -> None:
    """Remember ``rate`` as that of ``key``."""
    rates = {**_read(), key: rate}
    content = json.dumps(rates).encode()
    with suppress(OSError, NstError):
        rates_file().parent.mkdir(parents=True, exist_ok=True)
        replace_file(rates_file(), content, force=True)
        return
    _remembered[rates_file()] = rates
    with suppress(OSError, NstError):
        fallback_file().parent.mkdir(mode=0o700, exist_ok=True)
        if _is_private(fallback_file().parent):
            replace_file(fallback_file(), content, force=True)


def update_rate(key: str, expected: float, seconds: float) -> None:
    """Correct the rate of ``key`` by a run that took ``seconds`` where it said ``expected``."""
    rate = load_rate(key)
    if rate is None or seconds < LEAST_SECONDS or expected <= 0:
        return
    factor = 1.0 + SMOOTHING * (seconds / expected - 1.0)
    store_rate(key, Rate._make(value * factor for value in rate))


_remembered: dict[Path, dict[str, Rate]] = {}
"""The rates that this process could not write, by the file they belong to."""


def _read() -> dict[str, Rate]:
    fallback = _read_file(fallback_file()) if _is_private(fallback_file().parent) else {}
    return {**fallback, **_remembered.get(rates_file(), {}), **_read_file(rates_file())}


def _is_private(folder: Path) -> bool:
    """Return whether ``folder`` is a folder of this user that nobody else can write; no link to one."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)


def _read_file(path: Path) -> dict[str, Rate]:
    try:
        stored = json.loads(path.read_text("utf-8"))
        rates = {
            str(key): Rate._make(map(float, values)) for key, values in stored.items() if _is_rate(values)
        }
        return {key: rate for key, rate in rates.items() if _is_possible(rate)}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, OverflowError):
        return {}


def _is_rate(value: object) -> bool:
    return isinstance(value, list) and len(value) == len(Rate._fields)


def _is_possible(rate: Rate) -> bool:
    return rate.megapixel > 0 and all(0 <= value < math.inf for value in rate)
