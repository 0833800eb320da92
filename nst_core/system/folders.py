"""The folders of an installation: its data and its networks."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs

from nst_core.contract import INSTALL_RECORD


def data_folder() -> Path:
    """Return the folder that holds the installation record.

    It is the parent of this Python environment if the record is there, otherwise the user's data folder.
    """
    parent = Path(sys.prefix).parent
    usual = platformdirs.user_data_path("nst", appauthor=False)
    return parent if is_file(parent / INSTALL_RECORD) else usual


def models_folder() -> Path:
    """Return the folder of networks: the one that the installation record names, otherwise ``models``."""
    recorded = read_json_object(Path(sys.prefix).parent / INSTALL_RECORD).get("models")
    return Path(recorded) if isinstance(recorded, str) and recorded else data_folder() / "models"


def installer_command(*arguments: str) -> str:
    """Return the command line of the installer that made this Python environment; "" if none did."""
    recorded = read_json_object(Path(sys.prefix).parent / INSTALL_RECORD).get("installer")
    if not isinstance(recorded, list) or not recorded or not all(isinstance(word, str) for word in recorded):
        return ""
    words = [*recorded, *arguments]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def is_file(path: Path) -> bool:
    """Return whether ``path`` is a file; a path that the system does not let us look at counts as missing."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one if the file is missing or holds anything else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
