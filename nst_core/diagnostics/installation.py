"""The installer's installation: its record, the GIMP profiles with the filter, and the logs.

Takes the user's data folder and returns an :class:`Installation` with the problems found. Of GIMP it only
needs to know that a profile is a folder with ``plug-ins`` in it. Raises no errors and changes nothing.
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
from nst_core.contract import (
    ENGINE_LOG,
    FILE_LIST,
    INSTALL_LOG,
    INSTALL_RECORD,
    PLUG_IN_FOLDER,
    PLUG_IN_SCRIPT,
)
from nst_core.system.folders import is_file, read_json_object

LOGS = (INSTALL_LOG, ENGINE_LOG)
PROFILE_NAME = re.compile(r"3\.\d+")
LOG_END = 4096
"""Bytes at the end of a log that are searched for its last line."""


@dataclass(frozen=True)
class Problem:
    """A problem and its remedy; ``fatal`` if a run would fail."""

    message: str
    cure: str
    fatal: bool = True


@dataclass(frozen=True)
class PlugIn:
    """The filter in a GIMP profile. ``version`` is empty if it is not installed there."""

    folder: str
    version: str
    problem: str = ""


@dataclass(frozen=True)
class Log:
    """A log and its last line."""

    path: str
    last: str


@dataclass(frozen=True)
class Installation:
    """An installation. ``by_installer`` is False if the engine was installed by hand, without a record."""

    by_installer: bool = False
    plug_ins: tuple[PlugIn, ...] = ()
    logs: tuple[Log, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_installation(data: Path) -> Installation:
    """Check the installation whose record is in the folder ``data``."""
    log_paths = [data / "logs" / name for name in LOGS]
    logs = tuple(_read_log(path) for path in log_paths if is_file(path))
    record_path = data / INSTALL_RECORD
    if not is_file(record_path):
        return Installation(logs=logs)
    try:
        record = json.loads(record_path.read_text("utf-8"))
        profiles = [Path(profile) for profile in record["plug_ins"]]
    except (OSError, ValueError, KeyError, TypeError):
        message = f"The installer's record {record_path} is damaged."
        damaged = Problem(message, installer_command("install"), fatal=False)
        return Installation(by_installer=True, logs=logs, problems=(damaged,))
    plug_ins = tuple(check_plug_in(profile) for profile in profiles)
    return Installation(
        by_installer=True,
        plug_ins=plug_ins,
        logs=logs,
        problems=tuple(_find_problems(profiles, plug_ins)),
    )


def _find_problems(profiles: list[Path], plug_ins: tuple[PlugIn, ...]) -> Iterator[Problem]:
    """Yield the problems of the filter in the recorded ``profiles``, and in others next to them."""
    install = installer_command("install")
    for plug_in in plug_ins:
        if plug_in.problem:
            yield Problem(plug_in.problem, f"{install} Then restart GIMP.", fatal=False)
    for profile in _profiles_without_filter(profiles):
        yield Problem(f"The filter is not installed in {profile}.", install, fatal=False)
    if not profiles:
        message = "The filter is not installed in any GIMP profile."
        yield Problem(message, f"Start GIMP 3 once. {install}", fatal=False)


def check_plug_in(profile: Path) -> PlugIn:
    """Check that the filter in a profile is complete, has this version and can be started."""
    folder = profile / "plug-ins" / PLUG_IN_FOLDER
    script = folder / PLUG_IN_SCRIPT
    if not is_file(script):
        return PlugIn(str(folder), "", f"The filter is missing from {folder}.")
    version = _read_version(folder / "nst_gimp" / "__init__.py")
    problem = ""
    if damage := _find_damage(folder):
        problem = f"The filter in {folder} is damaged: {damage}."
    elif version != __version__:
        problem = f"The filter in {folder} has version {version or '?'}, but the engine has {__version__}."
    elif sys.platform != "win32" and not os.access(script, os.X_OK):
        problem = f"GIMP ignores the filter in {folder}: {PLUG_IN_SCRIPT} is not executable."
    return PlugIn(str(folder), version, problem)


def installer_command(command: str) -> str:
    """Return a sentence that says how to run the installer's ``command``."""
    return f"Run `python install/install.py {command}` in the folder from which neural style was installed."


def _find_damage(folder: Path) -> str:
    """Return which file of an installed copy differs from its list of files; "" if none does."""
    for name, expected_hash in read_json_object(folder / FILE_LIST).items():
        try:
            file_hash = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            return f"{name} is missing"
        if file_hash != expected_hash:
            return f"{name} was changed"
    return ""


def _read_version(path: Path) -> str:
    try:
        match = re.search(r'^VERSION = "(.+)"$', path.read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return match[1] if match else ""


def _profiles_without_filter(profiles: list[Path]) -> Iterator[Path]:
    """Yield the profiles of other GIMP 3 versions, next to ``profiles``, that do not have the filter."""
    for parent in dict.fromkeys(profile.parent for profile in profiles):
        try:
            folders = sorted(folder for folder in parent.iterdir() if folder.is_dir())
        except OSError:
            continue
        for folder in folders:
            script = folder / "plug-ins" / PLUG_IN_FOLDER / PLUG_IN_SCRIPT
            if PROFILE_NAME.fullmatch(folder.name) and folder not in profiles and not is_file(script):
                yield folder


def _read_log(path: Path) -> Log:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_END))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return Log(str(path), f"cannot be read: {error.strerror}")
    return Log(str(path), next((line.strip() for line in reversed(lines) if line.strip()), ""))
