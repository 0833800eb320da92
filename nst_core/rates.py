"""How fast this machine paints, remembered from run to run, so that the next plan can name its seconds.

A small JSON file in the platform's cache folder; a run adds what it measured, a plan reads it. Losing the
file costs nothing but the estimate, so nothing here raises.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import platformdirs

from nst_core.events import PlannedLevel

SMOOTHING = 0.5
"""Share of the newest run in the remembered rate: other programs slow single runs down."""


def rates_file() -> Path:
    """Where the rates are kept; ``NST_CACHE`` moves it."""
    named = os.environ.get("NST_CACHE")
    folder = Path(named) if named else platformdirs.user_cache_path("nst", appauthor=False)
    return folder / "rates.json"


def work(levels: Iterable[PlannedLevel]) -> float:
    """Return megapixels evaluated over all levels, the unit that seconds are proportional to."""
    return sum(level.width * level.height * (level.iterations + 1) for level in levels) / 1e6


def _read() -> dict[str, float]:
    try:
        stored = json.loads(rates_file().read_text("utf-8"))
        return {str(key): float(value) for key, value in stored.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def expected_seconds(key: str, levels: Iterable[PlannedLevel]) -> float | None:
    """Return the seconds that ``levels`` will take with what ``key`` names, or None where it never ran."""
    rate = _read().get(key)
    return None if rate is None else rate * work(levels)


def remember(key: str, levels: Iterable[PlannedLevel], seconds: float) -> None:
    """Take a finished run into the remembered rate of ``key`` (engine, device and network)."""
    amount = work(levels)
    if amount <= 0 or seconds <= 0:
        return
    rates = _read()
    new = seconds / amount
    rates[key] = new if key not in rates else (1 - SMOOTHING) * rates[key] + SMOOTHING * new
    path = rates_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(rates, file)
        Path(file.name).replace(path)
    except OSError:
        return
