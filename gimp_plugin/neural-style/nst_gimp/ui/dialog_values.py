"""The style and the settings as the dialog was left, for the next dialog.

GIMP itself remembers the values of a painting when it is finished, for Repeat Filter and the next dialog. The
values here are those of a dialog whose painting was cancelled or is not finished yet. They are in a file of
their own in GIMP's folder, so Repeat Filter still repeats the last painting.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from gi.repository import Gimp

from nst_gimp.run import stored_values

FILE_NAME = "neural-style-dialog.json"


def store(config) -> str:
    """Store the values and return them as text. Nothing is stored if the disk cannot be written to."""
    text = json.dumps(stored_values.capture(config))
    path = _path()
    partial = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return text


def restore(config) -> None:
    """Set the stored values, if there are any."""
    try:
        values = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(values, dict):
        stored_values.apply(config, values)


def forget(text: str) -> None:
    """Delete the stored values: a painting was finished, and GIMP remembers those.

    ``text`` is what its dialog stored. The values of a dialog that was left later stay.
    """
    with suppress(OSError):
        if _path().read_text(encoding="utf-8") == text:
            _path().unlink()


def _path() -> Path:
    return Path(Gimp.directory(), "plug-in-settings", FILE_NAME)
