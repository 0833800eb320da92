"""Kept styles (``nst styles``), recently used styles and ready styles. Works without GIMP.

Kept styles are in the folder ``styles``: the picture ``NAME.jpg``, its settings ``NAME.json``, if there are
any, and ``thumbnails/NAME.png``. The engine writes them (see ``style_commands``); this module only reads
them. It does write the list of recent styles, ``recent-styles.json`` in the data folder. Damaged or missing
files are skipped.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

from nst_gimp.process import locations, ready_styles
from nst_gimp.settings import arguments
from nst_gimp.settings.contract import STYLE_SUFFIXES

KeptStyle = namedtuple("KeptStyle", "name path thumbnail")
"""A style with a name. ``thumbnail`` is the path of a small picture of it, or ""."""

MOST_RECENT = 12


def recent_file() -> Path:
    """Return the path of the list of recent styles."""
    return locations.data_folders()[0] / "recent-styles.json"


def list_recent() -> list:
    """Return the paths of the recent styles that still exist, the latest first."""
    try:
        values = json.loads(recent_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    paths = [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)][:MOST_RECENT]


def add_recent(paths) -> None:
    """Put ``paths`` at the front of the recent styles, without ready styles, which are always at hand.

    Nothing happens if the disk cannot be written to.
    """
    own = [path for path in paths if not ready_styles.is_ready(path)]
    _write_recent(list(dict.fromkeys([*own, *list_recent()]))[:MOST_RECENT])


def remove_recent(path: str) -> None:
    """Remove ``path`` from the recent styles."""
    _write_recent([recent for recent in list_recent() if recent != path])


def _write_recent(paths) -> None:
    target, temporary = recent_file(), None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=target.name, dir=target.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(paths, file, ensure_ascii=False)
        os.replace(temporary, target)
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def style_folders() -> list:
    """Return the folders that may hold kept styles: NST_STYLES, or else ``styles`` in the data folders."""
    folder = os.environ.get("NST_STYLES", "")
    return [Path(folder)] if folder else [folder / "styles" for folder in locations.data_folders()]


def list_styles() -> list:
    """Return the kept styles, sorted by name."""
    styles = {}
    for folder in style_folders():
        for path in _pictures(folder):
            thumbnail = folder / "thumbnails" / f"{path.stem}.png"
            thumbnail_path = str(thumbnail) if thumbnail.is_file() else ""
            styles.setdefault(path.stem, KeptStyle(path.stem, str(path), thumbnail_path))
    return sorted(styles.values(), key=lambda style: style.name.casefold())


def list_ready() -> list:
    """Return the ready styles whose names no kept style has taken."""
    taken = {style.name.casefold() for style in list_styles()}
    paths = [path for path in ready_styles.list_paths() if path.stem.casefold() not in taken]
    return [KeptStyle(ready_styles.label(path), str(path), "") for path in paths]


def first_choice() -> str:
    """Return the path of the style to start with: the one used last, or else a ready one, or ""."""
    paths = [*list_recent(), *(style.path for style in list_ready())]
    return paths[0] if paths else ""


def latest_file(current: str) -> str:
    """Return ``current``, or else the recent style used last, whichever is the user's own file; or ""."""
    folders = style_folders()
    own = (
        path
        for path in (current, *list_recent())
        if path and not ready_styles.is_ready(path) and Path(path).parent not in folders
    )
    return next(own, "")


def _pictures(folder: Path) -> list:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in entries
        if path.is_file() and path.suffix.lower() in STYLE_SUFFIXES and not path.name.startswith(".")
    ]


def read_settings(path: str) -> dict:
    """Return the valid settings kept with the style at ``path``, by the names of the arguments."""
    if Path(path).parent not in style_folders():
        return {}
    try:
        values = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return arguments.keep_valid({name.replace("_", "-"): value for name, value in values.items()})


def find_path(text: str):
    """Return the absolute path of the file, kept style or ready style that ``text`` names, or None."""
    if os.path.isfile(text):
        return os.path.abspath(text)
    kept = next((style.path for style in list_styles() if style.name == text), None)
    ready = None if kept else ready_styles.find_path(text)
    return kept or (str(ready) if ready else None)


def display_name(path: str) -> str:
    """Return the name of the kept or ready style at ``path``, or else the name of the file."""
    if ready_styles.is_ready(path):
        return ready_styles.label(path)
    name = next((style.name for style in list_styles() if style.path == path), "")
    return name or file_stem(path)


def file_stem(path: str) -> str:
    """Return the name of the file at ``path`` without its suffix."""
    return os.path.splitext(os.path.basename(path))[0]
