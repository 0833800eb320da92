"""Saying what is installed, where, and how large it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from nst_install import copies, engine_code, environment, gimps, plug_in, record, weights
from nst_install.console import Console
from nst_install.environment import MARKER
from nst_install.places import Places, size_of
from nst_install.removal import all_profiles


def show(places: Places, console: Console, as_json: bool = False) -> int:
    """Say what is installed, where, how large, and what is unfinished; the exit code is 0 if anything is."""
    now = record.read_record(places)
    named = Path(now.environment) if now else None
    unfinished = [
        str(folder) for folder in places.data.glob("venv-*") if folder != named and (folder / MARKER).exists()
    ]
    profiles = [
        {"folder": str(each.folder), "kind": each.kind, "plug_in": plug_in.state_of(each)}
        for each in all_profiles(now)
    ]
    if as_json:
        fields = {"installed": asdict(now) if now else None, "profiles": profiles, "unfinished": unfinished}
        console.say(json.dumps({**fields, "data": str(places.data), "log": str(places.log)}, indent=1))
        return 0 if now else 2
    if now and named:
        wrong = environment.fault(places, named, console)
        console.say(f"Engine   {now.version}, {now.engine}")
        if wrong:
            console.say(f"         {wrong} `install.py install` mends it.")
        console.say(f"         {named}  {size_of(named) / 1e6:.0f} MB")
        code = engine_code.pointed(named)
        same = code and copies.listed(code / "nst_core") and now.code == engine_code.source_hash()
        console.say(f"         {code}" + ("" if same else "  (not this checkout's: `install.py update`)"))
        for name in weights.installed(Path(now.models)) or ["no network: `install.py update` fetches one"]:
            console.say(f"Network  {name}  in {now.models}")
    else:
        console.say("Engine   not installed")
    for each in profiles:
        console.say(f"GIMP     {each['kind']}: plug-in {each['plug_in']} in {each['folder']}")
        box = gimps.obstacle(each["kind"])
        if box and each["plug_in"] != "missing":
            console.say(f"         {box[0]}\n             {box[1]}")
    if not profiles:
        console.say("GIMP     no profile of GIMP 3 was found")
    for folder in unfinished:
        console.say(f"An installation was broken off; the next one deletes {folder}")
    console.say(f"Log      {places.log}")
    return 0 if now else 2
