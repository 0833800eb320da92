"""Ready styles: the pictures that come with the engine. Works without GIMP, and without starting the engine.

They are in the engine's package, which is in the engine's environment or in a folder that a ``.pth`` file
there names, as Python itself finds it. Without an engine there are none.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from nst_gimp.process import locations
from nst_gimp.settings.contract import READY_FOLDER, READY_STYLES
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _, mark

LABELS = {
    "Impressionist": mark("Impressionist"),
    "Oil Swirls": mark("Oil Swirls"),
    "Watercolour": mark("Watercolour"),
    "Pastel": mark("Pastel"),
    "Pointillist": mark("Pointillist"),
    "Cubist": mark("Cubist"),
    "Ink": mark("Ink"),
    "Pencil": mark("Pencil"),
    "Charcoal": mark("Charcoal"),
    "Woodcut": mark("Woodcut"),
    "Mosaic": mark("Mosaic"),
    "Stained Glass": mark("Stained Glass"),
}
"""The names to translate, by the names that the engine knows."""


def list_paths() -> list:
    """Return the paths of the ready styles, in the order in which they are shown."""
    folder = find_folder()
    paths = [] if folder is None else [folder / f"{name}.jpg" for name in READY_STYLES]
    return [path for path in paths if path.is_file()]


def find_folder():
    """Return the folder of the ready styles, or None."""
    with suppress(UserError):
        environment = Path(locations.find_engine().python).parent.parent
        for packages in (*environment.glob("lib/python3*/site-packages"), environment / "Lib/site-packages"):
            for place in (packages, *_named_folders(packages)):
                if (place / READY_FOLDER).is_dir():
                    return place / READY_FOLDER
    return None


def _named_folders(packages: Path) -> list:
    """Return the folders that the .pth files in a folder of packages name."""
    lines = []
    for path in sorted(packages.glob("*.pth")):
        with suppress(OSError, ValueError):
            lines += path.read_text(encoding="utf-8").splitlines()
    return [
        packages / line for line in map(str.strip, lines) if line and not line.startswith(("#", "import"))
    ]


def label(path) -> str:
    """Return the name of the ready style at ``path`` in the user's language."""
    return _(LABELS.get(Path(path).stem, Path(path).stem))


def is_ready(path) -> bool:
    """Return whether ``path`` is a ready style's, of this engine or of one before an update."""
    return Path(path).stem in LABELS and Path(path).parent.as_posix().endswith(READY_FOLDER)


def find_path(text: str):
    """Return the path of the ready style that ``text`` names, or None.

    ``text`` is the name in English or in the user's language, or a path from before an update of the engine.
    """
    name = (Path(text).stem if is_ready(text) else text).casefold()
    named = (path for path in list_paths() if name in (path.stem.casefold(), label(path).casefold()))
    return next(named, None)
