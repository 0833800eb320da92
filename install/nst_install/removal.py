"""Taking everything away again."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from nst_install import copies, gimps, plug_in, record, weights
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
    with changing(places, console):
        now = record.read_record(places)
        # Asked before anything is gone: who breaks off at a question still has everything.
        dear = those_to_go(places, now, console, delete_weights, delete_styles)
        failures = remove_from_gimp(places, now, console)
        console.close_log()
        rest = [*places.data.glob("venv-*"), *places.data.glob("code-*"), places.own_python, places.cache]
        # The record goes first: from there on, nothing is installed.
        for path in (places.record, *rest, places.launcher.parent, places.log.parent, *dear):
            try:
                if runs_this(path):
                    failures.append(f"{path} holds the Python that runs this. Delete it by hand.")
                else:
                    copies.delete(path)
            except OSError as error:
                failures.append(str(from_os(path, error)))
    for folder in (places.models, places.data, places.cache):
        with suppress(OSError):
            folder.rmdir()
    strange = [path.name for path in places.data.glob("*") if path not in (places.models, places.styles)]
    if strange and not failures:
        console.say(f"  left, as it is not the installer's: {', '.join(sorted(strange))} in {places.data}")
    for failure in failures:
        console.complain(f"  {failure}")
    console.say("Uninstalled." if not failures else "Not everything could be deleted.")
    return 2 if failures else 0


def those_to_go(
    places: Places, now: Record | None, console: Console, weights_wish: bool | None, styles_wish: bool | None
) -> list[Path]:
    """Return which folders of what the user may want to keep may go, and say what stays."""
    dear = []
    models = Path(now.models) if now else places.models
    names = weights.installed(models)
    if models == places.models and may_delete("networks", names, models, weights_wish, console):
        dear.append(places.models)
    elif names:
        console.say(f"  the networks are left in {models}")
    # Every style is a picture; only some have settings, too.
    kept = sorted(path.stem for path in places.styles.glob("[!.]*.*") if path.suffix != ".json")
    if may_delete("styles you kept", kept, places.styles, styles_wish, console):
        dear.append(places.styles)
    else:
        console.say(f"  the kept styles are left in {places.styles}")
    return dear


def remove_from_gimp(places: Places, now: Record | None, console: Console) -> list[str]:
    """Take away the plug-ins and what leads to the engine; return what could not be, in sentences."""
    failures = []
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
    return failures


def runs_this(folder: Path) -> bool:
    """Tell whether this very program runs from ``folder`` on a system that then does not let go of it."""
    return sys.platform == "win32" and folder in Path(sys.executable).parents


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
