"""Looking whether what is installed is what was installed, hash by hash, and putting it right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nst_install import commands, copies, engine_code, environment, gimps, plug_in, record, weights
from nst_install.commands import Wishes, changing, require
from nst_install.console import Console
from nst_install.places import Places, python_in
from nst_install.processes import run


def verify(places: Places, console: Console) -> int:
    """Check every hash: the packages, the engine's code, the networks, the plug-ins. Return the exit code."""
    now = require(places)
    folder = Path(now.environment)
    console.say(f"Packages in {folder}")
    problems = environment_problems(places, folder, console)
    code = engine_code.pointed(folder)
    console.say(f"Code in {code}")
    if code is None:
        problems.append("The environment does not know where the engine's code is.")
    else:
        problems += [
            f"The engine's code is damaged: {each}." for each in copies.differences(code / "nst_core")[:5]
        ]
    console.say(f"Networks in {now.models}")
    problems += network_problems(places, folder, Path(now.models), console)
    profiles = [gimps.Profile(Path(path), gimps.kind_of(Path(path))) for path in now.plug_ins]
    for profile in profiles:
        console.say(f"Plug-in in {profile.plug_in}")
    problems += plug_in.problems(profiles)
    for problem in problems:
        console.complain(f"  {problem}")
    console.say(
        "Everything is as it was installed." if not problems else "`install.py repair` puts it right."
    )
    return 2 if problems else 0


def environment_problems(places: Places, folder: Path, console: Console) -> list[str]:
    """Compare every installed file with its package's own list (RECORD)."""
    wrong = environment.fault(places, folder, console)
    if wrong:
        return [wrong]
    script = Path(__file__).with_name("check_packages.py")
    done = run([str(python_in(folder, places.platform)), "-I", str(script)], console)
    lines = [line for line in done.tail.splitlines() if line.strip()]
    if done.code == 0:
        return []
    return [f"In the environment {line}." for line in lines[:5]] or ["The packages cannot be checked."]


def network_problems(places: Places, folder: Path, models: Path, console: Console) -> list[str]:
    """Say what is wrong with the networks; of one that `repair` cannot fetch, what to do."""
    if not weights.installed(models):
        return [f"There is no network in {models}."]
    return [
        answer.message or f"The network {name} cannot be checked."
        if name in (weights.USUAL, weights.SMALL)
        else f"{answer.message} {answer.hint}"
        for name, answer in weights.verify(places, folder, models, console).items()
    ]


def repair(places: Places, wishes: Wishes, console: Console) -> int:
    """Make everything anew that :func:`verify` finds wrong: the simplest cure, and always the same."""
    now = require(places)
    with changing(places, console):
        folder = Path(now.environment)
        if environment_problems(places, folder, console):
            record.write_record(places, replace(now, pins=""))
        code = engine_code.pointed(folder)
        if code and copies.differences(code / "nst_core"):
            record.write_record(places, replace(require(places), code=""))
    done = commands.install(places, wishes, console)
    now = require(places)
    with changing(places, console):
        source = commands.find_source(wishes)
        weights.mend(places, Path(now.environment), Path(now.models), source, console)
    return done
