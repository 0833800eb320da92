"""GIMP's plug-in in GIMP's profiles, and the door through which a Flatpak finds the engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nst_install import copies
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.gimps import Profile, flatpak_data
from nst_install.places import PLUG_IN, Places
from nst_install.record import write_whole

STARTED = "neural-style.py"

BRIDGE = """#!/bin/sh
# The engine's Python as a Flatpak can start it: outside the sandbox, with the engine's own variables.
python='{python}'
[ -e /.flatpak-info ] || exec "$python" "$@"
set -- "$python" "$@"
for name in NST_CACHE NST_JOB_DIRECTORY NST_MODELS NST_STYLES OMP_NUM_THREADS PYTHONUNBUFFERED PYTHONUTF8; do
  eval "value=\\${{$name-}}"
  [ -z "$value" ] || set -- "--env=$name=$value" "$@"
done
exec flatpak-spawn --host --watch-bus "$@"
"""
"""``--watch-bus`` ends the engine with GIMP; stdin, stdout and stderr are handed through as they are."""


def state_of(profile: Profile) -> str:
    """Return "missing", "current", "outdated" or "altered"."""
    if not profile.plug_in.is_dir():
        return "missing"
    if copies.differences(profile.plug_in):
        return "altered"
    return "current" if copies.listed(profile.plug_in) == copies.files_in(PLUG_IN) else "outdated"


def install(profile: Profile) -> bool:
    """Put the plug-in into a profile; tell whether anything had to be done.

    Raises:
        InstallError: the profile cannot be written, or something else is in the way.
    """
    copies.heal(profile.plug_in)
    if state_of(profile) == "current" and os.access(profile.plug_in / STARTED, os.X_OK):
        return False
    if not profile.folder.is_dir():
        raise InstallError(f"{profile.folder} is no folder.", "Start GIMP once, then run the command again.")
    if os.path.lexists(profile.plug_in) and not is_ours(profile.plug_in):
        raise InstallError(
            f"{profile.plug_in} is there already and was not put there by this installer.",
            "Move it away, then run the command again.",
        )
    copies.copy(PLUG_IN, profile.plug_in, executable=STARTED)
    return True


def is_ours(folder: Path) -> bool:
    """Tell whether a folder is a copy that this installer made, or one by hand of the same plug-in."""
    return bool(copies.listed(folder)) or ((folder / STARTED).is_file() and (folder / "nst_gimp").is_dir())


def remove(profile: Profile) -> bool:
    """Take the plug-in, and what GIMP remembers for it, out of a profile; tell whether it was there."""
    copies.heal(profile.plug_in)
    there = profile.plug_in.is_dir() and is_ours(profile.plug_in)
    try:
        if there:
            copies.delete(profile.plug_in)
        for path in (profile.folder / "plug-in-settings").glob("GimpProcedureConfig*plug-in-neural-style*"):
            path.unlink()
    except OSError as error:
        raise from_os(profile.plug_in, error) from None
    return there


def bridge_paths(places: Places) -> tuple[Path, Path]:
    """Return the bridge and the record in the Flatpak's data folder by which its plug-in finds it."""
    return places.data / "bin" / "engine-python", flatpak_data() / "data" / "nst" / "engine.json"


def build_bridge(places: Places, python: str, models: str, version: str) -> None:
    """Let the plug-in inside a Flatpak start the engine outside it."""
    bridge, record = bridge_paths(places)
    write_whole(bridge, BRIDGE.format(python=python.replace("'", "'\\''")), 0o755)
    fields = {"python": str(bridge), "version": version, "models": models}
    write_whole(record, json.dumps(fields, indent=1) + "\n")


def remove_bridge(places: Places, console: Console) -> None:
    """Take the bridge away."""
    bridge, record = bridge_paths(places)
    for path in (bridge, record):
        try:
            path.unlink()
            if path is record:
                path.parent.rmdir()
        except OSError as error:
            console.note(f"{path}: {error}")


def problems(profiles: list[Profile]) -> list[str]:
    """Say of every profile with the plug-in in it what is not as it was installed."""
    found = []
    for profile in profiles:
        wrong = copies.differences(profile.plug_in) if profile.plug_in.is_dir() else ["it is missing"]
        if wrong:
            found.append(f"The plug-in in {profile.plug_in} is not as installed: {'; '.join(wrong[:3])}.")
    return found
