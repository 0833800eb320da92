"""The command `status`: what is installed, where, and how large it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from nst_install import copies, engine_code, environment, extras, gimps, networks, plug_in, record
from nst_install.console import Console
from nst_install.contract import format_bytes
from nst_install.environment import MARKER
from nst_install.paths import InstallPaths, size_of
from nst_install.record import InstallRecord
from nst_install.removal import all_profiles


def show(paths: InstallPaths, console: Console, *, as_json: bool = False) -> int:
    """Print what is installed, and what is unfinished. Return the exit code: 0 if anything is installed."""
    installed = record.read_record(paths)
    current = Path(installed.environment) if installed else None
    unfinished = [
        str(folder)
        for folder in paths.data.glob("venv-*")
        if folder != current and (folder / MARKER).exists()
    ]
    profiles = [
        {"folder": str(profile.folder), "kind": profile.kind, "plug_in": plug_in.state_of(profile)}
        for profile in all_profiles(installed)
    ]
    if as_json:
        fields = {
            "installed": asdict(installed) if installed else None,
            "extras": extras_of(installed) if installed else {},
            "profiles": profiles,
            "unfinished": unfinished,
            "data": str(paths.data),
            "log": str(paths.log),
        }
        console.say(json.dumps(fields, indent=1))
        return 0 if installed else 2
    if installed:
        show_engine(paths, installed, console)
    else:
        console.say("Engine   not installed")
    for profile in profiles:
        console.say(f"GIMP     {profile['kind']}: plug-in {profile['plug_in']} in {profile['folder']}")
        obstacle = gimps.sandbox_obstacle(profile["kind"])
        if obstacle and profile["plug_in"] != "missing":
            console.say(f"         {obstacle[0]}\n             {obstacle[1]}")
    if not profiles:
        console.say("GIMP     no profile of GIMP 3 was found")
    for folder in unfinished:
        console.say(f"An interrupted installation left {folder}; the next installation deletes it")
    console.say(f"Log      {paths.log}")
    return 0 if installed else 2


def extras_of(installed: InstallRecord) -> dict[str, str]:
    """Return the versions of the installation's extras by their names; "" for what is missing."""
    wanted = extras.of_engine(installed.engine, films=installed.films)
    return extras.versions(wanted, Path(installed.environment))


def show_engine(paths: InstallPaths, installed: InstallRecord, console: Console) -> None:
    """Print the engine's version, its folders and its networks."""
    folder = Path(installed.environment)
    fault = environment.find_fault(paths, folder, console)
    console.say(f"Engine   {installed.version}, {installed.engine}")
    if fault:
        console.say(f"         {fault} Run `install.py install` to fix this.")
    console.say(f"         {folder}  {format_bytes(size_of(folder))}")
    code = engine_code.code_folder(folder)
    has_files = code is not None and bool(copies.read_file_list(code / "nst_core"))
    is_current = has_files and installed.code == engine_code.checkout_hash()
    console.say(f"         {code}" + ("" if is_current else "  (not this checkout's: `install.py update`)"))
    for line in extras.describe(extras.of_engine(installed.engine, films=installed.films), folder):
        console.say(f"         {line}")
    models = Path(installed.models)
    for name in networks.installed(models) or ["none, run `install.py update` to download one"]:
        console.say(f"Network  {name}  in {models}")
