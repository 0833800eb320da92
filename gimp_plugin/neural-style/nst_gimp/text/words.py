"""Translation, and texts for times and sizes. Works without gi too, in English."""

from __future__ import annotations

import locale

try:
    from gi.repository import GLib
except ImportError:
    GLib = None


def _(text: str) -> str:
    """Return ``text`` in the user's language. libgimp sets the catalogue before it calls the plug-in."""
    return GLib.dgettext(None, text) if GLib and text else text


def mark(text: str) -> str:
    """Mark ``text`` for the catalogue. It is translated later, when it is shown."""
    return text


def format_duration(seconds: float) -> str:
    """Return a time as text: "8 s", "2 min 10 s", "1 h 05 min"."""
    whole = max(0, int(seconds + 0.5))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("{minutes} min {seconds:02d} s").format(minutes=minutes, seconds=rest)
    return _("{hours} h {minutes:02d} min").format(hours=minutes // 60, minutes=minutes % 60)


def format_estimate(seconds: float) -> str:
    """Return an estimated time, rounded: "8 s", "40 s", "2 min", "1 h 10 min"."""
    if seconds < 57.5:
        return format_duration(max(1, seconds) if seconds < 15 else 5 * round(seconds / 5))
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return _("{minutes} min").format(minutes=minutes)
    return format_duration(300 * round(seconds / 300))


def format_bytes(size: float) -> str:
    """Return a number of bytes as text: "350 MB", "1.2 GB"."""
    if size < 999_500_000:
        return _("{number} MB").format(number=max(1, round(size / 1e6)))
    return _("{number} GB").format(number=locale.format_string("%.1f", size / 1e9))
