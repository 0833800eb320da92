"""The plug-in in GIMP's profiles, and the bridge through which GIMP from Flatpak starts the engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nst_install import copies
from nst_install.console import Console
from nst_install.contract import INSTALL_RECORD, PLUG_IN_SCRIPT
from nst_install.errors import InstallError, from_os
from nst_install.gimps import GimpProfile, flatpak_data
from nst_install.paths import PLUG_IN, InstallPaths
from nst_install.record import write_atomically

BRIDGE = """#!/bin/sh
# Starts the engine's Python from inside a Flatpak: outside the sandbox, with the engine's own variables.
python='{python}'
[ -e /.flatpak-info ] || exec "$python" "$@"
set -- "$python" "$@"
for name in NST_CACHE NST_JOB_DIRECTORY NST_MODELS NST_STYLES OMP_NUM_THREADS PYTHONUNBUFFERED PYTHONUTF8; do
  eval "value=\\${{$name-}}"
  [ -z "$value" ] || set -- "--env=$name=$value" "$@"
done
exec flatpak-spawn --host --watch-bus "$@"
"""
"""``--watch-bus`` ends the engine when GIMP ends; stdin, stdout and stderr pass through unchanged."""


def state_of(profile: GimpProfile) -> str:
    """Return the state of the plug-in: "missing", "current", "outdated" or "altered"."""
    if not profile.plug_in.is_dir():
        return "missing"
    if copies.differences(profile.plug_in):
        return "altered"
    is_current = copies.read_file_list(profile.plug_in) == copies.hash_files(PLUG_IN)
    return "current" if is_current else "outdated"


def install(profile: GimpProfile) -> bool:
    """Put the plug-in into a profile; return False if it was up to date.

    Raises:
        InstallError: the profile cannot be written, or contains another file of that name.
    """
    copies.recover(profile.plug_in)
    if state_of(profile) == "current" and os.access(profile.plug_in / PLUG_IN_SCRIPT, os.X_OK):
        return False
    if not profile.folder.is_dir():
        raise InstallError(
            f"{profile.folder} is not a folder.", "Start GIMP once, then run the command again."
        )
    if os.path.lexists(profile.plug_in) and not is_ours(profile.plug_in):
        raise InstallError(
            f"{profile.plug_in} already exists and was not installed by this installer.",
            "Move it away, then run the command again.",
        )
    copies.copy(PLUG_IN, profile.plug_in, executable=PLUG_IN_SCRIPT)
    return True


def is_ours(folder: Path) -> bool:
    """Return whether a folder is a copy of the plug-in, made by this installer or by hand."""
    is_copy = bool(copies.read_file_list(folder))
    return is_copy or ((folder / PLUG_IN_SCRIPT).is_file() and (folder / "nst_gimp").is_dir())


def remove(profile: GimpProfile) -> bool:
    """Remove the plug-in and GIMP's settings for it from a profile; return whether the plug-in was there."""
    copies.recover(profile.plug_in)
    is_installed = profile.plug_in.is_dir() and is_ours(profile.plug_in)
    try:
        if is_installed:
            copies.delete(profile.plug_in)
        for path in (profile.folder / "plug-in-settings").glob("GimpProcedureConfig*plug-in-neural-style*"):
            path.unlink()
    except OSError as error:
        raise from_os(profile.plug_in, error) from None
    return is_installed


def bridge_paths(paths: InstallPaths) -> tuple[Path, Path]:
    """Return the bridge, and the record in the Flatpak's data folder that leads its plug-in to the bridge."""
    return paths.data / "bin" / "engine-python", flatpak_data() / "data" / "nst" / INSTALL_RECORD


def build_bridge(paths: InstallPaths, python: str, models: str, version: str) -> None:
    """Make it possible for the plug-in inside a Flatpak to start the engine outside it."""
    bridge, record = bridge_paths(paths)
    write_atomically(bridge, BRIDGE.format(python=python.replace("'", "'\\''")), 0o755)
    fields = {"python": str(bridge), "version": version, "models": models}
    write_atomically(record, json.dumps(fields, indent=1) + "\n")


def remove_bridge(paths: InstallPaths, console: Console) -> None:
    """Remove the bridge and its record."""
    bridge, record = bridge_paths(paths)
    for path in (bridge, record):
        try:
            path.unlink()
            if path is record:
                path.parent.rmdir()
        except OSError as error:
            console.log(f"{path}: {error}")


def problems(profiles: list[GimpProfile]) -> list[str]:
    """Return a sentence for each profile whose plug-in is missing or was changed."""
    sentences = []
    for profile in profiles:
        changes = copies.differences(profile.plug_in) if profile.plug_in.is_dir() else ["it is missing"]
        if changes:
            sentences.append(
                f"The plug-in in {profile.plug_in} is not as installed: {'; '.join(changes[:3])}."
            )
    return sentences
