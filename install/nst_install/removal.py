"""The command `uninstall`."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nst_install import copies, gimps, networks, plug_in, record
from nst_install.commands import locked_and_logged
from nst_install.console import Console
from nst_install.contract import format_bytes
from nst_install.errors import InstallError, from_os
from nst_install.paths import InstallPaths, size_of
from nst_install.record import InstallRecord


@dataclass(frozen=True)
class UserDataChoice:
    """True deletes networks and kept styles, False keeps them, None asks."""

    delete_networks: bool | None = None
    delete_styles: bool | None = None


def uninstall(paths: InstallPaths, choice: UserDataChoice, console: Console) -> int:
    """Remove the plug-ins, the engine, caches and log; networks and kept styles only if the user agrees.

    Returns the exit code: 2 if something could not be deleted.
    """
    if not paths.data.exists() and not any(profile.plug_in.exists() for profile in gimps.find_profiles()):
        console.say("Nothing is installed.")
        return 0
    with locked_and_logged(paths, console):
        installed = record.read_record(paths)
        # Ask before deleting anything: interrupting at a question keeps everything.
        user_data = user_data_to_delete(paths, installed, choice, console)
        failures = remove_from_gimp(paths, installed, console)
        console.close_log()
        folders = [*paths.data.glob("venv-*"), *paths.data.glob("code-*"), paths.own_python, paths.cache]
        # The record comes first: once it is deleted, nothing is installed.
        for path in (paths.record, *folders, paths.launcher.parent, paths.log.parent, *user_data):
            try:
                if contains_running_python(path):
                    failures.append(f"{path} contains the Python that runs the installer. Delete it by hand.")
                else:
                    copies.delete(path)
            except OSError as error:
                failures.append(str(from_os(path, error)))
    for folder in (paths.models, paths.data, paths.cache):
        with suppress(OSError):
            folder.rmdir()
    foreign = [path.name for path in paths.data.glob("*") if path not in (paths.models, paths.styles)]
    if foreign and not failures:
        console.say(f"  left in place, not ours: {', '.join(sorted(foreign))} in {paths.data}")
    for failure in failures:
        console.say_error(f"  {failure}")
    console.say("Not everything could be deleted." if failures else "Uninstalled.")
    return 2 if failures else 0


def user_data_to_delete(
    paths: InstallPaths, installed: InstallRecord | None, choice: UserDataChoice, console: Console
) -> list[Path]:
    """Return the folders of networks and kept styles that may be deleted; print which ones stay."""
    folders = []
    models = Path(installed.models) if installed else paths.models
    names = networks.installed(models)
    may_ask = models == paths.models
    if may_ask and may_delete("networks", names, models, choice.delete_networks, console):
        folders.append(paths.models)
    elif names:
        console.say(f"  the networks stay in {models}")
    # Every style has a picture; only some have settings, too.
    styles = sorted(path.stem for path in paths.styles.glob("[!.]*.*") if path.suffix != ".json")
    if may_delete("styles you kept", styles, paths.styles, choice.delete_styles, console):
        folders.append(paths.styles)
    else:
        console.say(f"  the kept styles stay in {paths.styles}")
    return folders


def remove_from_gimp(paths: InstallPaths, installed: InstallRecord | None, console: Console) -> list[str]:
    """Remove the plug-ins, the bridge and the links; return a sentence for each plug-in that remains."""
    failures = []
    for profile in all_profiles(installed):
        try:
            if plug_in.remove(profile):
                console.say(f"  the plug-in was removed from {profile.plug_in}")
        except InstallError as error:
            failures.append(str(error))
    plug_in.remove_bridge(paths, console)
    for link in map(Path, installed.links if installed else ()):
        if link.is_symlink() and link.readlink() == paths.launcher:
            link.unlink()
    return failures


def contains_running_python(folder: Path) -> bool:
    """Return whether the running Python is in ``folder`` on Windows, which cannot delete it then."""
    return sys.platform == "win32" and folder in Path(sys.executable).parents


def all_profiles(installed: InstallRecord | None) -> list[gimps.GimpProfile]:
    """Return the profiles that are found, and those in the record."""
    profiles = {profile.folder: profile for profile in gimps.find_profiles()}
    for path in map(Path, installed.plug_ins if installed else ()):
        profiles.setdefault(path, gimps.GimpProfile(path, gimps.kind_of(path)))
    return list(profiles.values())


def may_delete(what: str, names: list[str], folder: Path, choice: bool | None, console: Console) -> bool:
    """Return whether user data may be deleted: ``choice``, or the user's answer; no if nobody answers."""
    if not names:
        return True
    if choice is not None:
        return choice
    size = format_bytes(size_of(folder))
    return console.ask(f"Delete the {what} too ({', '.join(names)}; {size})?", default=False)
