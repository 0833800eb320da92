"""The commands `install` and `update`, and what the other commands share with them.

A new installation is made next to the old one and takes effect when its record is renamed into place. Until
then, a failure or a kill leaves the old installation working, or nothing installed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nst_install import (
    engine_choice,
    engine_code,
    engines,
    environment,
    extras,
    gimps,
    networks,
    plug_in,
    pythons,
    record,
    sources,
)
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.lock import locked
from nst_install.options import InstallOptions
from nst_install.paths import INSTALLER, InstallPaths, home_folder, python_in
from nst_install.processes import any_process_starts_with
from nst_install.record import InstallRecord


@contextmanager
def locked_and_logged(paths: InstallPaths, console: Console) -> Iterator[None]:
    """Hold the lock and write to the log while the installation is being changed."""
    check_user_and_python()
    with locked(paths.lock):
        console.open_log(paths.log)
        try:
            yield
        finally:
            console.close_log()


def check_user_and_python() -> None:
    """Refuse sudo, because root's folders are not the user's, and the Microsoft Store's Python.

    Raises:
        InstallError: this runs with either.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and os.environ.get("SUDO_USER", "root") != "root":
        raise InstallError(
            "With sudo, this would install for root instead of for you.",
            "Run it without sudo: it needs no special rights.",
        )
    if "WindowsApps" in (getattr(sys, "_base_executable", "") or sys.executable):
        raise InstallError(
            "The Python from the Microsoft Store writes to folders that GIMP cannot see.",
            "Run install\\quickstart.ps1, which downloads its own Python, or use Python from python.org.",
        )


def install(paths: InstallPaths, options: InstallOptions, console: Console) -> int:
    """Install or update everything, leaving alone what is up to date.

    Returns the exit code: 2 if the engine works, but the plug-in could not be installed in a profile, or the
    packages for films that ``options`` name could not be had.
    """
    started = time.monotonic()
    with locked_and_logged(paths, console):
        old = record.read_record(paths)
        delete_leftovers(paths, old)
        console.say("Engine")
        try:
            new = install_engine(paths, old, options, console)
        except BaseException:
            delete_leftovers(paths, record.read_record(paths))
            raise
        delete_leftovers(paths, new)
        without_films = provide_films(paths, new, options, console)
        console.say("GIMP")
        new, failures = install_plug_ins(paths, new, options, console)
        shutil.rmtree(paths.cache / "pip", ignore_errors=True)
        problems = [*map(str, failures), *without_films]
        for problem in problems:
            console.say_error(f"  {problem}")
        console.say(f"Done in {time.monotonic() - started:.0f} s. Everything is in {paths.data}")
        if old is None:
            console.say(f"Without GIMP: {nst_command(paths, new)} --help")
            console.say(f'Update, verify, uninstall: "{sys.executable}" "{INSTALLER}" --help')
    return 2 if problems else 0


def install_engine(
    paths: InstallPaths, old: InstallRecord | None, options: InstallOptions, console: Console
) -> InstallRecord:
    """Provide environment, code and network, and write the record; return it."""
    source = package_source(options)
    packages, reason = engine_choice.choose_packages(old, options, source, console)
    console.say(f"  {packages.description}: {reason}")
    models = models_folder(paths, old, options)
    networks.check_name(models, options.model)
    pins, code = environment.pins_hash(packages), engine_code.checkout_hash()
    films = (old.films if old else False) if options.films is None else options.films
    folder = usable_environment(paths, old, pins, options, console)
    if folder and not films and extras.installed_versions(extras.EXTRAS["film"], folder):
        folder = None  # a new environment is complete at every moment; pip would remove file by file
    is_new = folder is None
    if folder is None:
        folder = new_environment(paths, packages, options, source, console)
    for sentence in extras.provide(
        paths, folder, extras.of_engine(packages.name, films=False), source, console
    ):
        console.say(f"  {sentence}")
    version = update_code(paths, folder, old, code, console)
    networks.NetworkFolder(models, paths, folder, console).provide(options.model, source)
    environment.mark_complete(folder)
    new = InstallRecord(
        python=str(python_in(folder, paths.platform)),
        version=version,
        engine=packages.name,
        models=str(models),
        environment=str(folder),
        pins=pins,
        code=engine_code.code_hash(folder),
        plug_ins=old.plug_ins if old else (),
        links=old.links if old else (),
        installer=(sys.executable, str(INSTALLER)),
        films=films,
    )
    if new != old:
        record.write_record(paths, new)
    elif not is_new:
        console.say("  up to date")
    launcher = engine_code.launcher_text(paths, python_in(folder, paths.platform))
    if not paths.launcher.exists() or paths.launcher.read_bytes() != launcher.encode():
        record.write_atomically(paths.launcher, launcher, 0o755)
    return link_launcher(paths, new)


def provide_films(
    paths: InstallPaths, installed: InstallRecord, options: InstallOptions, console: Console
) -> list[str]:
    """Install the packages for films if they were chosen; return the problem if this command chose them.

    Otherwise a failure is a sentence, because the user wants something else now.
    """
    wanted = [extras.EXTRAS["film"]] if installed.films else []
    failures = extras.provide(paths, Path(installed.environment), wanted, package_source(options), console)
    if options.films:
        return failures
    for sentence in failures:
        console.say(f"  {sentence}")
    return []


def package_source(options: InstallOptions) -> sources.PackageSource:
    """Return where packages and networks come from."""
    return sources.offline(options.offline.expanduser().absolute()) if options.offline else sources.online()


def models_folder(paths: InstallPaths, old: InstallRecord | None, options: InstallOptions) -> Path:
    """Return the folder of networks: from the options, the environment, the record, or the default."""
    named = options.models or os.environ.get("NST_MODELS", "") or (old.models if old else "")
    return Path(named).expanduser().absolute() if named else paths.models


def usable_environment(
    paths: InstallPaths, old: InstallRecord | None, pins: str, options: InstallOptions, console: Console
) -> Path | None:
    """Return the installed environment if it works and has the requested packages and Python, else None."""
    if old is None or old.pins != pins:
        return None
    folder = Path(old.environment)
    if (folder / environment.MARKER).exists() or engine_code.code_folder(folder) is None:
        return None
    home, version = environment.read_base_python(folder)
    if options.python == "own":
        if paths.own_python not in home.parents:
            return None
    elif options.python != "auto":
        python = pythons.probe(options.python)
        if (Path(python.path).parent, python.version) != (home, version):
            return None
    fault = environment.find_fault(paths, folder, console)
    if fault:
        console.say(f"  {fault} It will be rebuilt.")
    return None if fault else folder


def new_environment(
    paths: InstallPaths,
    packages: engines.PackageSet,
    options: InstallOptions,
    source: sources.PackageSource,
    console: Console,
) -> Path:
    """Make an environment with the requested Python; return its folder."""
    python = pythons.find_python(options.python, paths, source, console, packages.oldest_python)
    if source.bundle and source.bundle.python != python.version:
        raise InstallError(
            f"The bundle is for Python {source.bundle.python}, but this is Python {python.version}.",
            f"Choose a Python {source.bundle.python} with --python, or make the bundle with this one.",
        )
    console.say(f"  Packages, for Python {python.version} ({python.path})")
    return environment.make_environment(paths, python, packages, source, console)


def update_code(
    paths: InstallPaths, folder: Path, old: InstallRecord | None, code: str, console: Console
) -> str:
    """Make the environment in ``folder`` use this checkout's code, after a test start; return its version."""
    old_folder = engine_code.code_folder(folder)
    new_folder = engine_code.copy_code(paths, console)
    if old and old_folder == new_folder and old.code == code:
        return old.version
    engine_code.compile_code(paths, folder, new_folder, console)
    version = engine_code.check_start(paths, folder, new_folder, console)
    engine_code.use_code(folder, new_folder)
    return version


def link_launcher(paths: InstallPaths, installed: InstallRecord) -> InstallRecord:
    """Link `nst` into ~/.local/bin if that is on the PATH and has no such file; return the updated record."""
    if paths.platform == "win32":
        return installed
    folder = home_folder() / ".local" / "bin"
    link = folder / "nst"
    on_path = str(folder) in os.environ.get("PATH", "").split(os.pathsep)
    if not on_path or not folder.is_dir() or os.path.lexists(link):
        return installed
    try:
        link.symlink_to(paths.launcher)
    except OSError:
        return installed
    installed = replace(installed, links=(*installed.links, str(link)))
    record.write_record(paths, installed)
    return installed


def install_plug_ins(
    paths: InstallPaths, installed: InstallRecord, options: InstallOptions, console: Console
) -> tuple[InstallRecord, list[InstallError]]:
    """Put the plug-in into every profile. Return the updated record, and an error per failed profile."""
    if not options.gimp:
        console.say("  skipped, as requested")
        return installed, []
    profiles, programs = gimps.find_profiles(options.profiles), []
    if not options.profiles:
        programs = gimps.find_programs(console)
        profiles = make_missing_profiles(profiles, programs, console)
    if not profiles:
        console.say("  No GIMP 3 was found. Install GIMP, start it once, then run this again.")
        console.say("  If its profile is in an unusual folder, add --profile FOLDER (.../GIMP/3.0).")
        return installed, []
    failures, folders, changed = [], [], False
    for profile in profiles:
        try:
            is_new = plug_in.install(profile)
            changed = changed or is_new
            folders.append(str(profile.folder))
            console.say(f"  {'installed in' if is_new else 'up to date in'} {profile.plug_in}")
        except InstallError as error:
            failures.append(error)
    # Built even if no profile is of this kind: GIMP from Flatpak may use the one in ~/.config.
    if gimps.flatpak_data().is_dir():
        plug_in.build_bridge(paths, installed.python, installed.models, installed.version)
    kinds = {profile.kind for profile in profiles} | {program.kind for program in programs}
    for kind in sorted(kinds):
        obstacle = gimps.sandbox_obstacle(kind)
        if obstacle:
            console.say(f"  {obstacle[0]}\n      {obstacle[1]}")
    if changed and gimps.is_running():
        console.say("  GIMP is open: restart it to see the filter.")
    elif folders:
        console.say("  The filter is under Filters > Artistic > Neural Style.")
    existing = [folder for folder in installed.plug_ins if Path(folder).is_dir()]
    plug_ins = tuple(dict.fromkeys([*existing, *folders]))
    if plug_ins != installed.plug_ins:
        installed = replace(installed, plug_ins=plug_ins)
        record.write_record(paths, installed)
    return installed, failures


def make_missing_profiles(
    profiles: list[gimps.GimpProfile], programs: list[gimps.GimpProgram], console: Console
) -> list[gimps.GimpProfile]:
    """Let every GIMP that was never started make its profile; return all profiles."""
    if gimps.configured_profile() and profiles:
        return profiles
    missing = [program for program in programs if not gimps.has_profile(program, profiles)]
    for program in missing:
        console.say(f"  GIMP {program.version} ({program.kind}) was never started; making its profile")
        if not gimps.make_profile(program, console):
            console.say("    that failed: start GIMP once, then run this again")
    return gimps.find_profiles() if missing else profiles


def delete_leftovers(paths: InstallPaths, installed: InstallRecord | None) -> None:
    """Delete what the record does not name: leftovers of interrupted installations, and replaced folders.

    While an engine is running, perhaps from a replaced environment, delete only unfinished environments; the
    next run deletes the rest.
    """
    current = Path(installed.environment) if installed else None
    folders = (current, engine_code.code_folder(current)) if current else ()
    keep = {folder.resolve() for folder in folders if folder}
    engine_runs = any_process_starts_with(paths.data / "venv-")
    for folder in (*paths.data.glob("venv-*"), *paths.data.glob("code-*")):
        is_complete = not folder.name.startswith("venv-") or not (folder / environment.MARKER).exists()
        if folder.resolve() not in keep and not (engine_runs and is_complete):
            environment.delete(folder)
    for leftover in paths.data.glob(".*.tmp"):
        leftover.unlink()


def nst_command(paths: InstallPaths, installed: InstallRecord) -> str:
    """Return how to call `nst` from a shell."""
    on_path = installed.links or shutil.which("nst") == str(paths.launcher)
    return "nst" if on_path else f'"{paths.launcher}"'


def require_record(paths: InstallPaths) -> InstallRecord:
    """Return the record.

    Raises:
        InstallError: nothing is installed.
    """
    installed = record.read_record(paths)
    if installed is None:
        raise InstallError("Nothing is installed.", "Run install/quickstart, or install.py install.")
    return installed
