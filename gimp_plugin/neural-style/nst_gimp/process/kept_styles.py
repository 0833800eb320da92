"""Styles at hand: those kept under a name (``nst styles``), and those used last. Works without GIMP.

Kept styles lie in the folder ``styles``: ``NAME.jpg`` the picture, ``NAME.json`` settings that suit it, where
there are any, ``thumbnails/NAME.png``. The engine writes them (see ``style_commands``), this only reads. What
was used last is remembered beside it, in ``recent-styles.json``. A file that is damaged or gone costs an
entry, never a run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

from nst_gimp.process import places
from nst_gimp.settings import arguments

Kept = namedtuple("Kept", "name path thumbnail")
"""A style under a name; ``thumbnail`` is a small picture of it, or "" where there is none."""

MOST_RECENT = 12
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")


def recent_file() -> Path:
    """Return where the styles used last are remembered."""
    return places.data_folders()[0] / "recent-styles.json"


def recent() -> list:
    """Return the paths of the styles used last that are still there, the latest first."""
    try:
        found = json.loads(recent_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    paths = [path for path in found if isinstance(path, str)] if isinstance(found, list) else []
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)][:MOST_RECENT]


def remember(paths) -> None:
    """Put ``paths`` in front of the styles used last. A disk that cannot be written to is no fault."""
    _write_recent(list(dict.fromkeys([*paths, *recent()]))[:MOST_RECENT])


def forget(path: str) -> None:
    """Take ``path`` from the styles used last."""
    _write_recent([each for each in recent() if each != path])


def _write_recent(listed) -> None:
    target, beside = recent_file(), None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=target.name, dir=target.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(listed, file, ensure_ascii=False)
        os.replace(beside, target)
    except OSError:
        if beside is not None:
            with suppress(OSError):
                os.unlink(beside)


def folders() -> list:
    """Return where kept styles may lie: NST_STYLES, else the folder ``styles`` beside the engine's others."""
    named = os.environ.get("NST_STYLES", "")
    return [Path(named)] if named else [folder / "styles" for folder in places.data_folders()]


def kept() -> list:
    """Return the kept styles, by name."""
    found = {}
    for folder in folders():
        for path in _pictures(folder):
            small = folder / "thumbnails" / f"{path.stem}.png"
            found.setdefault(path.stem, Kept(path.stem, str(path), str(small) if small.is_file() else ""))
    return sorted(found.values(), key=lambda style: style.name.casefold())


def _pictures(folder: Path) -> list:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in entries
        if path.is_file() and path.suffix.lower() in PICTURES and not path.name.startswith(".")
    ]


def settings_of(path: str) -> dict:
    """Return the settings that suit the kept style at ``path`` by the arguments' names, those that can be."""
    if Path(path).parent not in folders():
        return {}
    try:
        found = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return arguments.possible({name.replace("_", "-"): value for name, value in found.items()})


def path_of(text: str):
    """Return the path of the file or kept style that ``text`` names, or None."""
    if os.path.isfile(text):
        return os.path.abspath(text)
    return next((style.path for style in kept() if style.name == text), None)


def name_of(path: str) -> str:
    """Return what the style at ``path`` is called: its own name where it is kept, else the file's."""
    named = next((style.name for style in kept() if style.path == path), "")
    return named or name_in(path)


def name_in(path: str) -> str:
    """Return the name of the file at ``path``, without its suffix."""
    return os.path.splitext(os.path.basename(path))[0]
