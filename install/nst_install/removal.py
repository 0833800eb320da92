"""Taking everything away again."""

from __future__ import annotations

import shutil
from pathlib import Path

from nst_install import gimps, plug_in, record, weights
from nst_install.commands import changing
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.places import Places, size_of
from nst_install.record import Record


def uninstall(
    places: Places, console: Console, delete_weights: bool | None = None, delete_styles: bool | None = None
) -> int:
    """Take away the plug-ins, the engine, its caches and its log; networks and kept styles only if told to.

    Returns the exit code: 2 where something could not be deleted.
    """
    if not places.data.exists() and not any(each.plug_in.exists() for each in gimps.find_profiles()):
        console.say("Nothing is installed.")
        return 0
    failures: list[str] = []
    with changing(places, console):
        now = record.read_record(places)
        for profile in all_profiles(now):
            try:
                if plug_in.remove(profile):
                    console.say(f"  the plug-in is gone from {profile.plug_in}")
            except InstallError as error:
                failures.append(str(error))
        plug_in.remove_bridge(places, console)
        for link in map(Path, now.links if now else ()):
            if link.is_symlink() and link.readlink() == places.launcher:
                link.unlink()
        models = Path(now.models) if now else places.models
        names = weights.installed(models)
        gone = models == places.models and may_delete("networks", names, models, delete_weights, console)
        if names and not gone:
            console.say(f"  the networks are left in {models}")
        kept = sorted(path.stem for path in places.styles.glob("*.json"))
        styles_gone = may_delete("styles you kept", kept, places.styles, delete_styles, console)
        if not styles_gone:
            console.say(f"  the kept styles are left in {places.styles}")
        console.close_log()
        # The record goes first: from there on, nothing is installed.
        rest = [*places.data.glob("venv-*"), *places.data.glob("code-*"), places.own_python, places.cache]
        rest += [places.launcher.parent, places.log.parent, *([places.models] if gone else ())]
        rest += [places.styles] if styles_gone else []
        for path in (places.record, *rest):
            try:
                delete(path)
            except OSError as error:
                failures.append(str(from_os(path, error)))
    for folder in (places.models, places.data, places.cache):
        try:
            folder.rmdir()
        except OSError:
            continue
    for failure in failures:
        console.complain(f"  {failure}")
    console.say("Uninstalled." if not failures else "Not everything could be deleted.")
    return 2 if failures else 0


def all_profiles(now: Record | None) -> list[gimps.Profile]:
    """Return the profiles that were found and those that are on record."""
    found = {profile.folder: profile for profile in gimps.find_profiles()}
    for path in map(Path, now.plug_ins if now else ()):
        found.setdefault(path, gimps.Profile(path, gimps.kind_of(path)))
    return list(found.values())


def may_delete(what: str, names: list[str], folder: Path, wish: bool | None, console: Console) -> bool:
    """Ask whether what the user may want to keep may go; without anybody to ask, it stays."""
    if not names:
        return True
    if wish is not None:
        return wish
    return console.ask(f"Delete the {what} too ({', '.join(names)}; {size_of(folder) / 1e6:.0f} MB)?", False)


def delete(path: Path) -> None:
    """Delete a file or a folder, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
