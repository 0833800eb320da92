"""The commands `verify`, which compares everything installed with its hashes, and `repair`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nst_install import (
    commands,
    copies,
    engine_code,
    environment,
    extras,
    gimps,
    networks,
    plug_in,
    record,
)
from nst_install.commands import locked_and_logged, require_record
from nst_install.console import Console
from nst_install.options import InstallOptions
from nst_install.paths import InstallPaths, python_in
from nst_install.processes import run


def verify(paths: InstallPaths, console: Console) -> int:
    """Check every hash of packages, engine code, networks and plug-ins. Return the exit code."""
    installed = require_record(paths)
    folder = Path(installed.environment)
    console.say(f"Packages in {folder}")
    problems = environment_problems(paths, folder, console)
    for line in extras.describe(extras.of_engine(installed.engine, films=installed.films), folder):
        console.say(f"  {line}")
    code = engine_code.code_folder(folder)
    console.say(f"Code in {code}")
    if code is None:
        problems.append("The environment does not say where the engine's code is.")
    else:
        changes = copies.differences(code / "nst_core")
        problems += [f"The engine's code is damaged: {change}." for change in changes[:5]]
    console.say(f"Networks in {installed.models}")
    problems += network_problems(paths, folder, Path(installed.models), console)
    profiles = [gimps.GimpProfile(Path(path), gimps.kind_of(Path(path))) for path in installed.plug_ins]
    for profile in profiles:
        console.say(f"Plug-in in {profile.plug_in}")
    problems += plug_in.problems(profiles)
    for problem in problems:
        console.say_error(f"  {problem}")
    console.say("Run `install.py repair` to fix this." if problems else "Everything is as it was installed.")
    return 2 if problems else 0


def environment_problems(paths: InstallPaths, folder: Path, console: Console) -> list[str]:
    """Compare every installed file with its package's own list (RECORD). Return up to five sentences."""
    fault = environment.find_fault(paths, folder, console)
    if fault:
        return [fault]
    script = Path(__file__).with_name("check_packages.py")
    result = run([str(python_in(folder, paths.platform)), "-I", str(script)], console)
    lines = [line for line in result.tail.splitlines() if line.strip()]
    if result.code == 0:
        return []
    return [f"A package is damaged: {line}." for line in lines[:5]] or ["The packages cannot be checked."]


def network_problems(paths: InstallPaths, folder: Path, models: Path, console: Console) -> list[str]:
    """Return what is wrong with the networks, with a hint for each one that `repair` cannot download."""
    if not networks.installed(models):
        return [f"There is no network in {models}."]
    damaged = networks.NetworkFolder(models, paths, folder, console).verify()
    return [
        reply.message or f"The network {name} cannot be checked."
        if name in (networks.DEFAULT, networks.SMALL)
        else f"{reply.message} {reply.hint}"
        for name, reply in damaged.items()
    ]


def repair(paths: InstallPaths, options: InstallOptions, console: Console) -> int:
    """Rebuild everything that :func:`verify` finds damaged. Return the exit code."""
    installed = require_record(paths)
    with locked_and_logged(paths, console):
        folder = Path(installed.environment)
        if environment_problems(paths, folder, console):
            record.write_record(paths, replace(installed, pins=""))
        code = engine_code.code_folder(folder)
        if code and copies.differences(code / "nst_core"):
            record.write_record(paths, replace(require_record(paths), code=""))
    exit_code = commands.install(paths, options, console)
    installed = require_record(paths)
    with locked_and_logged(paths, console):
        source = commands.package_source(options)
        folder, models = Path(installed.environment), Path(installed.models)
        networks.NetworkFolder(models, paths, folder, console).repair(source)
    return exit_code
