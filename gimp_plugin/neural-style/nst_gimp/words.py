"""Translation, and a few things said the same way everywhere. Works without gi, in English then."""

from __future__ import annotations

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
