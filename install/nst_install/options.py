"""The options that `install`, `update`, `repair` and `quickstart` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstallOptions:
    """The options that the user gave. "auto" and empty values keep what is installed, or suit the machine.

    ``engine`` and ``device`` are names in :mod:`nst_install.engines`, ``model`` is a network's name or
    "none", ``models`` is the folder of networks, and ``python`` is "own" or a path. ``profiles`` are GIMP
    profile folders to use instead of all that are found. ``offline`` is a bundle. ``films`` says whether to
    have the packages for films; None keeps what was chosen before.
    """

    engine: str = "auto"
    device: str = "auto"
    model: str = "auto"
    models: str = ""
    python: str = "auto"
    profiles: tuple[str, ...] = ()
    gimp: bool = True
    offline: Path | None = None
    films: bool | None = None
