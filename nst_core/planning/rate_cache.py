"""How fast this machine paints, remembered from run to run, so that the next plan can name its seconds.

A small JSON file in the platform's cache folder; a run adds what it measured, a plan reads it. Losing the
file costs nothing but the estimate, so nothing here raises.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from nst_core.errors import NstError
from nst_core.images.file_io import replace_file
from nst_core.painting.clock import Rate

SMOOTHING = 0.75
"""Share of the newest run in the remembered rate. Other programs slow single runs down, and may have slowed
the first measurement down several times: two runs bring that back to the truth."""

LEAST_SECONDS = 5.0
"""Runs that were over sooner say more of starting up than of painting, and are not remembered."""


def rates_file() -> Path:
    """Where the rates are kept; ``NST_CACHE`` moves it."""
    named = os.environ.get("NST_CACHE")
    folder = Path(named) if named else platformdirs.user_cache_path("nst", appauthor=False)
    return folder / "rates.json"


def _read() -> dict[str, Rate]:
    try:
        stored = json.loads(rates_file().read_text("utf-8"))
        found = {str(key): Rate(*map(float, value)) for key, value in stored.items() if _is_rate(value)}
        return {key: rate for key, rate in found.items() if _is_possible(rate)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _is_rate(value: object) -> bool:
    return isinstance(value, list) and len(value) == len(Rate._fields)


def _is_possible(rate: Rate) -> bool:
    return rate.megapixel > 0 and all(0 <= part < math.inf for part in rate)


def recall(key: str) -> Rate | None:
    """Return the rate of ``key`` (an engine's name), or None where it never ran."""
    return _read().get(key)


def keep(key: str, rate: Rate) -> None:
    """Remember ``rate`` as that of ``key``."""
    rates = {**_read(), key: rate}
    with suppress(OSError, NstError):
        rates_file().parent.mkdir(parents=True, exist_ok=True)
        replace_file(rates_file(), json.dumps(rates).encode(), force=True)


def remember(key: str, expected: float, seconds: float) -> None:
    """Take a finished run into the remembered rate of ``key``, by which ``seconds`` were ``expected``."""
    rate = recall(key)
    if rate is None or seconds < LEAST_SECONDS or expected <= 0:
        return
    factor = 1.0 + SMOOTHING * (seconds / expected - 1.0)
    keep(key, Rate(*(part * factor for part in rate)))
