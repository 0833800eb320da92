# A copy of nst_core/contract.py, made by gimp_plugin/generate_settings.py.
"""Names, folders, suffixes, the version and ways of writing that engine, GIMP plug-in and installer share.

They stand here once. The plug-in and the installer run in other Pythons, so they carry copies of this file
that ``gimp_plugin/generate_settings.py`` writes; a test compares them. Standard library only, Python 3.9.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

VERSION = "0.1.0"
"""Of all three programs; pyproject.toml and the plug-in's ``__init__`` repeat it, held equal by a test."""

PROTOCOL = 1
"""Number of the protocol between the plug-in and the engine's process."""

JOB_PREFIX = "nst-job-"
"""First part of the name of every job folder; the engine refuses to delete any other folder."""

INSTALL_RECORD = "engine.json"
"""The installer's record, in the data folder."""

PLUG_IN_FOLDER = "neural-style"
"""The plug-in's folder in a GIMP profile's ``plug-ins``."""

PLUG_IN_SCRIPT = "neural-style.py"
"""The file in it that GIMP starts."""

FILE_LIST = ".files.json"
"""The list of an installed copy's files, with their SHA-256."""

INSTALL_LOG = "install.log"
ENGINE_LOG = "gimp-engine.log"

GIMP_CONSOLES = ("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console")
"""Names of GIMP's console program, the newest first."""

STYLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
"""Suffixes of pictures in the style library."""

READY_STYLES = (
    *("Impressionist", "Oil Swirls", "Watercolour", "Pastel", "Pointillist", "Cubist"),
    *("Ink", "Pencil", "Charcoal", "Woodcut", "Mosaic", "Stained Glass"),
)
"""Names of the styles that come with the engine, in the order in which they are shown."""

READY_FOLDER = "nst_core/style_library/ready"
"""The folder of their pictures, ``NAME.jpg``, below the folder that holds the package."""

LONGEST_STYLE_NAME = 64
"""Characters in the name of a kept style."""

LONGEST_STYLE_NAME_BYTES = 240
"""Bytes in it: file systems allow 255 in a file's name, suffix included."""

FORBIDDEN_CHARACTERS = frozenset('<>:"/\\|?*')
"""Characters that Windows does not allow in a file's name."""

DEVICE_NAMES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
)
"""Names that Windows takes for a device, with any suffix."""


LONGEST_TEXT = 1000
"""Characters of a message, whatever a file or a server put into it."""

JOINERS = "\u200c\u200d"
"""Characters without a shape of their own that words and emoji need."""


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""Return ``text`` for one line of a message, with nothing in it that could control a terminal.

    Files, their names and servers are not trusted: line breaks, escape sequences, characters that turn the
    direction of writing and bytes that are no text are shown as ``\n``, ``\x1b``, ``\u202e`` and
    ``\udcff``; of a text longer than ``longest`` characters, the middle is left out.
    """
    cut = _cut_middle(text, longest)
    if cut.isprintable():
        return cut
    return _cut_middle("".join(map(_shown, cut)), longest)


def _cut_middle(text: str, longest: int) -> str:
    half = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:half]}...{text[-half:]}"


def _shown(character: str) -> str:
    if character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def format_bytes(count: float) -> str:
    """Return a number of bytes in words: 320 kB, 100 MB, 1.5 GB."""
    for unit, size, decimals in (("GB", 1e9, 1), ("MB", 1e6, 0), ("kB", 1e3, 0)):
        if count >= 0.9995 * size:
            return f"{count / size:.{decimals}f} {unit}"
    return f"{count:.0f} bytes"


def data_folder(environment: Mapping[str, str], home: Path, platform: str) -> Path:
    """Return the user's data folder, which need not exist: the platform's usual place, and ``nst`` in it.

    ``platform`` is as in ``sys.platform``.
    """
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nst"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "nst"
    # The XDG specification says to ignore relative paths.
    named = environment.get("XDG_DATA_HOME", "")
    return (Path(named) if Path(named).is_absolute() else home / ".local" / "share") / "nst"


def environment_python(environment: Path, platform: str) -> Path:
    """Return the path of the Python in a virtual environment."""
    return environment / ("Scripts/python.exe" if platform == "win32" else "bin/python")


def is_style_name(name: str) -> bool:
    """Return whether a style may have this name: it works as a file's name on every system.

    It also looks neither like a path nor like a weight.
    """
    printable = all(unicodedata.category(character)[0] not in "CZ" or character == " " for character in name)
    trimmed = name == name.strip() and not name.startswith(".") and not name.endswith(".")
    allowed = (
        not FORBIDDEN_CHARACTERS & set(name) and name.partition(".")[0].rstrip().lower() not in DEVICE_NAMES
    )
    length = len(name.encode("utf-8", "replace"))
    fits = 0 < len(name) <= LONGEST_STYLE_NAME and length <= LONGEST_STYLE_NAME_BYTES
    return printable and trimmed and allowed and fits
