"""Rates of engines on this machine, remembered from run to run so that plans can estimate seconds.

Runs update them, plans read them. They are entries of :mod:`nst_core.backends.machine_file`.
"""

from __future__ import annotations

import math

from nst_core.backends.machine_file import load_entries, store_entry
from nst_core.painting.clock import Rate

SMOOTHING = 0.75
"""Share of the newest run in the remembered rate. Other programs slow single runs down, and may have slowed
the first measurement down several times; two runs correct that."""

LEAST_SECONDS = 5.0
"""Shorter runs measure the start of the program rather than painting, and are not remembered."""


def load_rate(key: str) -> Rate | None:
    """Return the rate of ``key`` (an engine's name), or None if it never ran."""
    values = load_entries().get(key)
    if not isinstance(values, list) or len(values) != len(Rate._fields):
        return None
    try:
        rate = Rate._make(map(float, values))
    except (TypeError, ValueError, OverflowError):
        return None
    return rate if _is_possible(rate) else None


def store_rate(key: str, rate: Rate) -> None:
    """Remember ``rate`` as that of ``key``."""
    store_entry(key, list(rate))


def update_rate(key: str, expected: float, seconds: float) -> None:
    """Correct the rate of ``key`` by a run that took ``seconds`` where it said ``expected``."""
    rate = load_rate(key)
    if rate is None or seconds < LEAST_SECONDS or expected <= 0:
        return
    factor = 1.0 + SMOOTHING * (seconds / expected - 1.0)
    store_rate(key, Rate._make(value * factor for value in rate))


def _is_possible(rate: Rate) -> bool:
    return rate.megapixel > 0 and all(0 <= value < math.inf for value in rate)
