"""Translation, and a few things said the same way everywhere. Works without gi, in English then."""

from __future__ import annotations

import locale

try:
    from gi.repository import GLib
except ImportError:
    GLib = None


def _(text: str) -> str:
    """Return ``text`` in the user's language; libgimp has set the catalogue before any call."""
    return GLib.dgettext(None, text) if GLib and text else text


def mark(text: str) -> str:
    """Mark ``text`` for the catalogue where it stands, to be translated where it is shown."""
    return text


def duration(seconds: float) -> str:
    """Say a time as a person would: "8 s", "2 min 10 s", "1 h 05 min"."""
    whole = max(0, int(seconds + 0.5))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("{minutes} min {seconds:02d} s").format(minutes=minutes, seconds=rest)
    return _("{hours} h {minutes:02d} min").format(hours=minutes // 60, minutes=minutes % 60)


def roughly(seconds: float) -> str:
    """Say an expected time no finer than it is known: "8 s", "40 s", "2 min", "1 h 10 min"."""
    if seconds < 57.5:
        return duration(max(1, seconds) if seconds < 15 else 5 * round(seconds / 5))
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return _("{minutes} min").format(minutes=minutes)
    return duration(300 * round(seconds / 300))


def amount(size: float) -> str:
    """Say a size in bytes as a person would: "350 MB", "1.2 GB"."""
    if size < 999_500_000:
        return _("{number} MB").format(number=max(1, round(size / 1e6)))
    return _("{number} GB").format(number=locale.format_string("%.1f", size / 1e9))
