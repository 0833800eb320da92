"""Ready styles: pictures that come with the engine, so that there is something to paint with at once.

The folder ``ready`` has a picture for each name in :data:`nst_core.contract.READY_STYLES`. They cannot be
changed; a kept style of the same name takes the place of a ready one. :mod:`nst_core.style_library.studio`
painted them.
"""

from __future__ import annotations

from pathlib import Path

from nst_core.contract import READY_STYLES
from nst_core.style_library.model import KeptStyle

READY_FOLDER = Path(__file__).with_name("ready")


def ready_styles() -> list[KeptStyle]:
    """Return the ready styles in the order in which they are shown."""
    paths = (READY_FOLDER / f"{name}.jpg" for name in READY_STYLES)
    return [KeptStyle(path.stem, path, is_ready=True) for path in paths if path.is_file()]


def find_ready_style(name: str) -> KeptStyle | None:
    """Return the ready style of that name, or None. Capitals do not matter."""
    return next((style for style in ready_styles() if style.name.casefold() == name.casefold()), None)
