"""The folders of an installation: its data and its networks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import platformdirs

from nst_core.contract import INSTALL_RECORD


def data_folder() -> Path:
    """Return the folder that holds the record: beside this environment, else the user's usual one."""
    beside = Path(sys.prefix).parent
    usual = platformdirs.user_data_path("nst", appauthor=False)
    return beside if is_file(beside / INSTALL_RECORD) else usual


def models_folder() -> Path:
    """Return the folder of networks: the one on record beside this environment, else the user's usual one."""
    named = read_json_object(Path(sys.prefix).parent / INSTALL_RECORD).get("models")
    return Path(named) if isinstance(named, str) and named else data_folder() / "models"


def is_file(path: Path) -> bool:
    """Tell whether there is a file; what the system does not let be looked at counts as missing."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_json_object(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
