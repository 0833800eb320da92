"""What the installer put in place and where: its record, the filter in GIMP's profiles, the logs.

The user's data folder comes in, an :class:`Installation` goes out, with what is wrong and the cure for it.
Knows of GIMP only what it has to: that a profile is a folder with ``plug-ins`` in it. Nothing here raises,
and nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nst_core import __version__
from nst_core.system.folders import RECORD, is_file, read_json_object

STARTED = "neural-style.py"
LIST = ".files.json"
LOGS = ("install.log", "gimp-engine.log")
PROFILE = re.compile(r"3\.\d+")
END_OF_LOG = 4096
"""Bytes of a log that are looked at for its last line."""


@dataclass(frozen=True)
class Problem:
    """What is wrong and what to do about it; ``fatal`` where a run would not work."""

    message: str
    cure: str
    fatal: bool = True


@dataclass(frozen=True)
class PlugIn:
    """The filter in a profile of GIMP; ``version`` is empty where it is not there."""

    folder: str
    version: str
    problem: str = ""


@dataclass(frozen=True)
class Log:
    """A log, and the last line in it."""

    path: str
    last: str


@dataclass(frozen=True)
class Installation:
    """``by_installer`` is False for an engine that was set up by hand; the rest is empty then."""

    by_installer: bool = False
    plug_ins: tuple[PlugIn, ...] = ()
    logs: tuple[Log, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_installation(data: Path) -> Installation:
    """Look at what the record in ``data`` names."""
    logs = tuple(_log(data / "logs" / name) for name in LOGS if is_file(data / "logs" / name))
    if not is_file(data / RECORD):
        return Installation(logs=logs)
    try:
        said = json.loads((data / RECORD).read_text("utf-8"))
        profiles = [Path(each) for each in said["plug_ins"]]
    except (OSError, ValueError, KeyError, TypeError):
        damaged = Problem(
            f"The installer's record {data / RECORD} is damaged.", installer_command("install"), False
        )
        return Installation(True, (), logs, (damaged,))
    plug_ins = tuple(examine_plug_in(profile) for profile in profiles)
    cure = f"{installer_command('install')} Then start GIMP again."
    problems = [Problem(each.problem, cure, fatal=False) for each in plug_ins if each.problem]
    problems += [
        Problem(f"A GIMP has not got the filter: {profile}.", installer_command("install"), fatal=False)
        for profile in _neighbours(profiles)
    ]
    if not profiles:
        cure = f"Start GIMP 3 once. {installer_command('install')}"
        problems.append(Problem("The filter is in no GIMP.", cure, fatal=False))
    return Installation(True, plug_ins, logs, tuple(problems))


def examine_plug_in(profile: Path) -> PlugIn:
    """Look at the filter in a profile: whether it is there, whole, of this version, and can be started."""
    folder = profile / "plug-ins" / "neural-style"
    script = folder / STARTED
    if not is_file(script):
        return PlugIn(str(folder), "", f"The filter is missing in {folder}.")
    version = _version_in(folder / "nst_gimp" / "__init__.py")
    problem = ""
    if _damaged(folder):
        problem = f"The filter in {folder} is not as it was installed: {_damaged(folder)}."
    elif version != __version__:
        problem = f"The filter in {folder} is version {version or '?'}, and the engine is {__version__}."
    elif sys.platform != "win32" and not os.access(script, os.X_OK):
        problem = f"GIMP passes over the filter in {folder}: {STARTED} is not marked as a program."
    return PlugIn(str(folder), version, problem)


def installer_command(command: str) -> str:
    """Say how to call the installer."""
    return f"Run `python install/install.py {command}` where neural style was installed from."


def _damaged(folder: Path) -> str:
    """Say which file of a copy is not as its list says; empty for a whole one, or one without a list."""
    for name, expected in read_json_object(folder / LIST).items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            return f"{name} is missing"
        if found != expected:
            return f"{name} is altered"
    return ""


def _version_in(path: Path) -> str:
    try:
        found = re.search(r'^VERSION = "(.+)"$', path.read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _neighbours(profiles: list[Path]) -> Iterator[Path]:
    """Name profiles of other versions of GIMP 3, beside those on record, that have not got the filter."""
    for parent in dict.fromkeys(profile.parent for profile in profiles):
        try:
            folders = sorted(folder for folder in parent.iterdir() if folder.is_dir())
        except OSError:
            continue
        for folder in folders:
            script = folder / "plug-ins" / "neural-style" / STARTED
            if PROFILE.fullmatch(folder.name) and folder not in profiles and not is_file(script):
                yield folder


def _log(path: Path) -> Log:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - END_OF_LOG))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return Log(str(path), f"cannot be read: {error.strerror}")
    return Log(str(path), next((line.strip() for line in reversed(lines) if line.strip()), ""))
