"""How the dialog itself was left, for the next dialog: nothing of it belongs to a painting."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from gi.repository import Gimp

FILE_NAME = "neural-style-preferences.json"


def read(name: str, default):
    """Return a preference, or ``default`` if it was never set, or not with this type."""
    value = _read_all().get(name, default)
    return value if isinstance(value, type(default)) else default


def write(name: str, value) -> None:
    """Set a preference. Nothing happens if the disk cannot be written to."""
    path = _path()
    partial = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        partial.write_text(json.dumps({**_read_all(), name: value}), encoding="utf-8")
        partial.replace(path)


def _read_all() -> dict:
    try:
        values = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _path() -> Path:
    return Path(Gimp.directory(), "plug-in-settings", FILE_NAME)
