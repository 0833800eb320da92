"""Every GIMP 3 of this user: its profiles, the program to start it with, and the box it may be shut in.

native     a distribution's package, one that was built, an AppImage; Windows' installer; macOS' app
flatpak    org.gimp.GIMP, which sees the home folder but may start nothing outside itself unless allowed to
snap       which sees neither hidden folders nor programs outside itself
store      Microsoft's Store, whose profile lies in the package's own folder
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nst_install.console import Console
from nst_install.places import home_folder
from nst_install.processes import run

FLATPAK_ID = "org.gimp.GIMP"
NAMES = ("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console")
VERSION = re.compile(r"3\.\d+")
TOLD_VERSION = re.compile(r"^[^\d\n]*(3\.\d+)\.\d\S*\s*$", re.MULTILINE)
"""How GIMP names itself, in any language: "GNU Image Manipulation Program Version 3.0.4"."""


OPEN_FLATPAK = f"flatpak override --user --talk-name=org.freedesktop.Flatpak {FLATPAK_ID}"
OPEN_SNAP = "sudo snap refresh --devmode gimp"


@dataclass(frozen=True)
class Profile:
    """A profile folder of GIMP, ``.../GIMP/3.x``."""

    folder: Path
    kind: str

    @property
    def plug_in(self) -> Path:
        """Where the plug-in goes."""
        return self.folder / "plug-ins" / "neural-style"


@dataclass(frozen=True)
class Program:
    """A GIMP without windows that can be started: its command line, version ("3.0") and kind."""

    command: tuple[str, ...]
    version: str
    kind: str


def profile_parents(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Iterator[tuple[Path, str]]:
    """Name the folders that hold profiles, with their kinds."""
    home = home_folder(environment)
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        yield roaming / "GIMP", "native"
        local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        for package in sorted((local / "Packages").glob("GIMP.*")):
            yield package / "LocalCache" / "Roaming" / "GIMP", "store"
        return
    if platform == "darwin":
        yield home / "Library" / "Application Support" / "GIMP", "native"
        return
    config = environment.get("XDG_CONFIG_HOME", "")
    yield (Path(config) if Path(config).is_absolute() else home / ".config") / "GIMP", "native"
    yield flatpak_data(environment) / "config" / "GIMP", "flatpak"
    snap = home / "snap" / "gimp" / "current"
    yield snap / "GIMP", "snap"
    yield snap / ".config" / "GIMP", "snap"


def find_profiles(
    named: tuple[str, ...] = (), environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> list[Profile]:
    """Return the profiles there are, or those that were named."""
    if named:
        return [
            Profile(Path(path).expanduser().absolute(), kind_of(Path(path), environment)) for path in named
        ]
    found = []
    moved = moved_profile(environment)
    if moved:
        found.append(Profile(moved, "native"))
    for parent, kind in profile_parents(environment, platform):
        if parent.is_dir():
            found += [Profile(path, kind) for path in sorted(parent.iterdir())
                      if path.is_dir() and VERSION.fullmatch(path.name) and path != moved]  # fmt: skip
    return found


def moved_profile(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the profile that GIMP is told of by its variable, which may be relative to the home folder."""
    named = environment.get("GIMP3_DIRECTORY", "")
    return home_folder(environment) / named if named else None


def kind_of(path: Path, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """Tell which kind of GIMP a profile belongs to, by where it lies."""
    whole = path.expanduser().absolute()
    for parent, kind in profile_parents(environment, platform):
        if parent in whole.parents:
            return kind
    return "native"


def flatpak_data(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that Flatpak keeps for GIMP, which is there once that GIMP was started."""
    return home_folder(environment) / ".var" / "app" / FLATPAK_ID


def find_programs(
    console: Console, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> list[Program]:
    """Return the GIMPs that can be started, each asked for its version."""
    found = []
    seen = set()
    for path in _console_paths(environment, platform):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            kind = "snap" if "/snap/" in f"{path}|{real}" else "native"
            found += _asked((path,), kind, console)
    flatpak = platform.startswith("linux") and shutil.which("flatpak")
    if flatpak and run([flatpak, "info", FLATPAK_ID], console, timeout=60).code == 0:
        # gimp-console's name has the version in it; the program that opens windows has one without.
        found += _asked((flatpak, "run", FLATPAK_ID), "flatpak", console)
    return found


def _console_paths(environment: Mapping[str, str], platform: str) -> Iterator[str]:
    named = environment.get("GIMP_CONSOLE", "")
    if named:
        yield named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            yield path
    if platform == "darwin":
        for folder in (Path("/Applications"), home_folder(environment) / "Applications"):
            for app in sorted(folder.glob("GIMP*.app")):
                yield from map(str, sorted((app / "Contents" / "MacOS").glob("gimp-console*")))
    if platform == "win32":
        everyone, own = environment.get("ProgramFiles", ""), environment.get("LOCALAPPDATA", "")
        for root in (Path(everyone or "C:/Program Files"), Path(own) / "Programs"):
            for folder in sorted(root.glob("GIMP 3*")):
                yield from map(str, sorted((folder / "bin").glob("gimp-console-3*.exe")))


def _asked(command: tuple[str, ...], kind: str, console: Console) -> list[Program]:
    done = run([*command, "--version"], console, timeout=120)
    version = TOLD_VERSION.search(done.tail)
    return [Program(command, version[1], kind)] if done.code == 0 and version else []


def was_started(program: Program, profiles: list[Profile]) -> bool:
    """Tell whether a GIMP has a profile. A Flatpak that was started may have it where others have theirs."""
    kinds = {program.kind}
    if program.kind == "flatpak" and flatpak_data().is_dir():
        kinds.add("native")
    return any(each.kind in kinds and each.folder.name == program.version for each in profiles)


def make_profile(program: Program, console: Console) -> bool:
    """Start a GIMP that was never started, so that it makes its own profile; tell whether it did.

    Making the folder for it would keep it from taking over the settings of an older GIMP.
    """
    arguments = ["-i", "-d", "-f", "--quit", "--batch-interpreter=python-fu-eval", "-b", "pass"]
    return run([*program.command, *arguments], console, timeout=180).code == 0


def obstacle(kind: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """Say what a kind of GIMP's box keeps the plug-in from, and the one command that opens it, or None."""
    if kind == "flatpak" and not flatpak_is_open(environment):
        words = "GIMP from Flatpak may not start the engine, a program outside it, until you allow it:"
        return words, OPEN_FLATPAK
    if kind == "snap":
        words = "GIMP from snap, while it is confined, can neither see the engine nor start it. To open it:"
        return words, OPEN_SNAP
    return None


def flatpak_is_open(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the user, or the system, already lets GIMP's Flatpak start programs outside itself."""
    home = home_folder(environment)
    for folder in (home / ".local" / "share" / "flatpak", Path("/var/lib/flatpak")):
        rules = configparser.RawConfigParser()
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            rules.read(folder / "overrides" / FLATPAK_ID, encoding="utf-8")
        if rules.get("Session Bus Policy", "org.freedesktop.Flatpak", fallback="") in ("talk", "own"):
            return True
    return False


def is_running() -> bool:
    """Tell whether a GIMP is open, which finds new plug-ins only when it is started again."""
    program = shutil.which("pgrep")
    if program is None or not hasattr(os, "getuid"):
        return False
    line = [program, "-u", str(os.getuid()), "-x", r"gimp(-3(\.\d+)?)?"]
    try:
        return subprocess.run(line, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
