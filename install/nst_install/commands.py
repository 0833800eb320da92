"""What the commands do: install, update, uninstall, status, verify.

An installation is made beside whatever is there and becomes the one that works when the record is renamed
into place; until then, a failure or a kill leaves the old one working, or nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nst_install import (
    engine_code,
    engines,
    environment,
    gimps,
    plug_in,
    pythons,
    record,
    sources,
    weights,
)
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.lock import locked
from nst_install.places import CHECKOUT, Places, home_folder, python_in
from nst_install.processes import anything_runs_from
from nst_install.record import Record


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; "auto" and empty values leave it to the machine, or to what is installed."""

    engine: str = "auto"
    model: str = "auto"
    models: str = ""
    python: str = "auto"
    profiles: tuple[str, ...] = ()
    gimp: bool = True
    offline: Path | None = None
    device: str = "auto"


@contextmanager
def changing(places: Places, console: Console) -> Iterator[None]:
    """Hold the lock and the log while something is changed."""
    refuse_borrowed_rights()
    with locked(places.lock):
        console.open_log(places.log)
        try:
            yield
        finally:
            console.close_log()


def refuse_borrowed_rights() -> None:
    """Refuse sudo: root's folders are not the user's.

    Raises:
        InstallError: this runs by sudo.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and os.environ.get("SUDO_USER", "root") != "root":
        raise InstallError(
            "With sudo this would install for root and not for you.", "Run it without: no rights are needed."
        )
    if "WindowsApps" in (getattr(sys, "_base_executable", "") or sys.executable):
        raise InstallError(
            "The Python of the Microsoft Store writes to folders that GIMP cannot see.",
            "Run install\\quickstart.ps1, which brings a Python of its own, or use the Python of python.org.",
        )


def install(places: Places, wishes: Wishes, console: Console) -> int:
    """Install, or bring what is installed up to date; what is as it should be is left alone.

    Returns the exit code: 2 where the engine works but a profile of GIMP could not be written.
    """
    started = time.monotonic()
    with changing(places, console):
        before = record.read_record(places)
        sweep(places, before)
        console.say("Engine")
        try:
            after = install_engine(places, before, wishes, console)
        except BaseException:
            sweep(places, record.read_record(places))
            raise
        sweep(places, after)
        console.say("GIMP")
        after, failures = install_plug_ins(places, after, wishes, console)
        shutil.rmtree(places.cache / "pip", ignore_errors=True)
        for failure in failures:
            console.complain(f"  {failure}")
        console.say(f"Done in {time.monotonic() - started:.0f} s. Everything is in {places.data}")
        if before is None:
            console.say(f"Without GIMP: {command_words(places, after)} --help")
            installer = CHECKOUT / "install" / "install.py"
            console.say(f'Update, check, remove: "{sys.executable}" "{installer}" --help')
    return 2 if failures else 0


def install_engine(places: Places, before: Record | None, wishes: Wishes, console: Console) -> Record:
    """See to the environment, the code, a network and the record."""
    source = find_source(wishes)
    engine, why = choose_engine(before, wishes, source)
    console.say(f"  {engine.words}: {why}")
    models = find_models(places, before, wishes)
    weights.check_name(models, wishes.model)
    pins, code = environment.pins_hash(engine), engine_code.source_hash()
    folder, fresh = usable(places, before, pins, wishes, console), False
    if folder is None:
        python = pythons.find_python(wishes.python, places, source, console)
        if source.bundle and source.bundle.python != python.version:
            raise InstallError(
                f"The bundle is for Python {source.bundle.python}, and this is {python.version}.",
                f"Name a Python {source.bundle.python} with --python, or make the bundle with this one.",
            )
        console.say(f"  Packages, for Python {python.version} ({python.path})")
        folder, fresh = environment.make_environment(places, python, engine, source, console), True
    version = bring_code(places, folder, before, code, console)
    weights.provide(places, folder, models, wishes.model, source, console)
    environment.finish(folder)
    after = Record(
        python=str(python_in(folder, places.platform)),
        version=version,
        engine=engine.name,
        models=str(models),
        environment=str(folder),
        pins=pins,
        code=engine_code.pointed_hash(folder),
        plug_ins=before.plug_ins if before else (),
        links=before.links if before else (),
    )
    if after != before:
        record.write_record(places, after)
    elif not fresh:
        console.say("  as it should be")
    launcher = engine_code.launcher_text(places, python_in(folder, places.platform))
    if not places.launcher.exists() or places.launcher.read_bytes() != launcher.encode():
        record.write_whole(places.launcher, launcher, 0o755)
    return link_launcher(places, after)


def find_source(wishes: Wishes) -> sources.Source:
    """Return where packages and networks come from."""
    return sources.offline(wishes.offline.expanduser().absolute()) if wishes.offline else sources.online()


def choose_engine(
    before: Record | None, wishes: Wishes, source: sources.Source
) -> tuple[engines.Engine, str]:
    """Return the engine: the one asked for, the bundle's, the installed one, or what suits the machine."""
    card = engines.find_card() if wishes.device == "cuda" else None
    named = engines.for_device(wishes.device, wishes.engine, card)
    if source.bundle:
        if named not in ("auto", source.bundle.engine):
            raise InstallError(
                f"The bundle is for the engine {source.bundle.engine}.",
                "Leave --engine and --device out, or make another bundle.",
            )
        if (source.bundle.system, source.bundle.machine) != (sys.platform, platform.machine()):
            raise InstallError(
                f"The bundle is for {source.bundle.system} on {source.bundle.machine}, and this is "
                f"{sys.platform} on {platform.machine()}.",
                "Make one on a machine like this.",
            )
        return engines.choose(source.bundle.engine, None)[0], "the bundle's"
    if named == "auto" and before and before.engine in engines.ENGINES:
        return engines.ENGINES[before.engine], "as installed"
    return engines.choose(named, card or engines.find_card())


def find_models(places: Places, before: Record | None, wishes: Wishes) -> Path:
    """Return the folder of networks: named now, named before, or the usual one."""
    named = wishes.models or os.environ.get("NST_MODELS", "") or (before.models if before else "")
    return Path(named).expanduser().absolute() if named else places.models


def usable(places: Places, before: Record | None, pins: str, wishes: Wishes, console: Console) -> Path | None:
    """Return the installed environment if it works and is the one that would be made now."""
    if before is None or before.pins != pins:
        return None
    folder = Path(before.environment)
    if (folder / environment.MARKER).exists() or engine_code.pointed(folder) is None:
        return None
    home, version = environment.made_with(folder)
    if wishes.python == "own":
        if places.own_python not in home.parents:
            return None
    elif wishes.python != "auto":
        named = pythons.probe(wishes.python)
        if (Path(named.path).parent, named.version) != (home, version):
            return None
    wrong = environment.fault(places, folder, console)
    if wrong:
        console.say(f"  {wrong} It is made anew.")
    return None if wrong else folder


def bring_code(places: Places, folder: Path, before: Record | None, code: str, console: Console) -> str:
    """Make the environment use this checkout's code, once that has been seen to start."""
    old = engine_code.pointed(folder)
    new = engine_code.place_code(places, console)
    if before and old == new and before.code == code:
        return before.version
    engine_code.compile_code(places, folder, new, console)
    version = engine_code.try_out(places, folder, new, console)
    engine_code.point_to(folder, new)
    return version


def link_launcher(places: Places, now: Record) -> Record:
    """Link `nst` into ~/.local/bin where that is on the PATH and nothing of that name is there."""
    if places.platform == "win32":
        return now
    folder = home_folder() / ".local" / "bin"
    link = folder / "nst"
    on_path = str(folder) in os.environ.get("PATH", "").split(os.pathsep)
    if not on_path or not folder.is_dir() or os.path.lexists(link):
        return now
    try:
        link.symlink_to(places.launcher)
    except OSError:
        return now
    now = replace(now, links=(*now.links, str(link)))
    record.write_record(places, now)
    return now


def install_plug_ins(
    places: Places, now: Record, wishes: Wishes, console: Console
) -> tuple[Record, list[InstallError]]:
    """Put the plug-in into every profile; one that cannot be written does not keep the others from it."""
    if not wishes.gimp:
        console.say("  left alone, as asked")
        return now, []
    profiles, programs = gimps.find_profiles(wishes.profiles), []
    if not wishes.profiles:
        programs = gimps.find_programs(console)
        profiles = with_new_profiles(profiles, programs, console)
    if not profiles:
        console.say("  No GIMP 3 was found. Once it is installed and was started once, run this again;")
        console.say("  a profile elsewhere is named with --profile FOLDER (.../GIMP/3.0).")
        return now, []
    failures, done, changed = [], [], False
    for profile in profiles:
        try:
            new = plug_in.install(profile)
            changed = changed or new
            done.append(str(profile.folder))
            console.say(f"  {'installed in' if new else 'as it should be in'} {profile.plug_in}")
        except InstallError as error:
            failures.append(error)
    kinds = {each.kind for each in (*profiles, *programs)}
    # Also where no profile looks like one of a Flatpak: it may use the one in ~/.config.
    if gimps.flatpak_data().is_dir():
        plug_in.build_bridge(places, now.python, now.models, now.version)
    for kind in sorted(kinds):
        box = gimps.obstacle(kind)
        if box:
            console.say(f"  {box[0]}\n      {box[1]}")
    if changed and gimps.is_running():
        console.say("  GIMP is open: the filter appears when it is started again.")
    elif done:
        console.say("  The filter is in Filters > Artistic > Neural Style.")
    kept = tuple(dict.fromkeys([*(old for old in now.plug_ins if Path(old).is_dir()), *done]))
    if kept != now.plug_ins:
        now = replace(now, plug_ins=kept)
        record.write_record(places, now)
    return now, failures


def with_new_profiles(
    profiles: list[gimps.Profile], programs: list[gimps.Program], console: Console
) -> list[gimps.Profile]:
    """Let every GIMP that was never started make its profile; return all profiles."""
    if gimps.moved_profile() and profiles:
        return profiles
    missing = [program for program in programs if not gimps.was_started(program, profiles)]
    for program in missing:
        console.say(f"  GIMP {program.version} ({program.kind}) was never started; it makes its profile now")
        if not gimps.make_profile(program, console):
            console.say("    that did not work: start GIMP once, then run this again")
    return gimps.find_profiles() if missing else profiles


def sweep(places: Places, now: Record | None) -> None:
    """Delete what no record names: what installations that were broken off left, and what was replaced.

    While an engine is at work, from the environment that was replaced perhaps, only what is unfinished goes;
    the next run sees to the rest.
    """
    named = Path(now.environment) if now else None
    keep = {folder.resolve() for folder in (named, named and engine_code.pointed(named)) if folder}
    at_work = anything_runs_from(places.data / "venv-")
    for folder in (*places.data.glob("venv-*"), *places.data.glob("code-*")):
        finished = not folder.name.startswith("venv-") or not (folder / environment.MARKER).exists()
        if folder.resolve() not in keep and not (at_work and finished):
            environment.delete(folder)
    for leftover in places.data.glob(".*.tmp"):
        leftover.unlink()


def command_words(places: Places, now: Record) -> str:
    """Return how to call `nst` from a shell."""
    return "nst" if now.links or shutil.which("nst") == str(places.launcher) else f'"{places.launcher}"'


def require(places: Places) -> Record:
    """Return the record.

    Raises:
        InstallError: nothing is installed.
    """
    now = record.read_record(places)
    if now is None:
        raise InstallError("Nothing is installed.", "Run install/quickstart, or install.py install.")
    return now
