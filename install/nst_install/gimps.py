"""This user's installations of GIMP 3: their profiles, the programs that start them, and their sandboxes.

The kinds of GIMP:

native     a distribution's package, an own build, an AppImage; the installer for Windows; the macOS app
flatpak    org.gimp.GIMP, which sees the home folder but may not start programs outside its sandbox by default
snap       sees neither hidden folders nor programs outside its sandbox
store      the Microsoft Store's package, whose profile is in the package's own folder
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
from nst_install.contract import GIMP_CONSOLES
from nst_install.paths import home_folder
from nst_install.processes import run

FLATPAK_ID = "org.gimp.GIMP"
PROFILE_VERSION = re.compile(r"3\.\d+")
VERSION_LINE = re.compile(r"^[^\d\n]*(3\.\d+)\.\d\S*\s*$", re.MULTILINE)
"""GIMP's ``--version``, in any language: "GNU Image Manipulation Program Version 3.0.4"."""


ALLOW_FLATPAK = f"flatpak override --user --talk-name=org.freedesktop.Flatpak {FLATPAK_ID}"
ALLOW_SNAP = "sudo snap refresh --devmode gimp"


@dataclass(frozen=True)
class GimpProfile:
    """A profile folder of GIMP, ``.../GIMP/3.x``."""

    folder: Path
    kind: str

    @property
    def plug_in(self) -> Path:
        """The folder of the plug-in."""
        return self.folder / "plug-ins" / "neural-style"


@dataclass(frozen=True)
class GimpProgram:
    """A GIMP that can be started without windows: its command line, version ("3.0") and kind."""

    command: tuple[str, ...]
    version: str
    kind: str


def profile_parents(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Iterator[tuple[Path, str]]:
    """Yield the folders that contain profiles, with their kinds."""
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
) -> list[GimpProfile]:
    """Return the user's profiles, or only those that the user named."""
    if named:
        return [
            GimpProfile(Path(path).expanduser().absolute(), kind_of(Path(path), environment))
            for path in named
        ]
    profiles = []
    configured = configured_profile(environment)
    if configured:
        profiles.append(GimpProfile(configured, "native"))
    for parent, kind in profile_parents(environment, platform):
        if parent.is_dir():
            folders = [path for path in sorted(parent.iterdir()) if path.is_dir() and path != configured]
            profiles += [GimpProfile(path, kind) for path in folders if PROFILE_VERSION.fullmatch(path.name)]
    return profiles


def configured_profile(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the profile in GIMP3_DIRECTORY, which may be relative to the home folder, or None."""
    folder = environment.get("GIMP3_DIRECTORY", "")
    return home_folder(environment) / folder if folder else None


def kind_of(path: Path, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """Return the kind of GIMP that a profile belongs to, judging by its path."""
    absolute = path.expanduser().absolute()
    for parent, kind in profile_parents(environment, platform):
        if parent in absolute.parents:
            return kind
    return "native"


def flatpak_data(environment: Mapping[str, str] = os.environ) -> Path:
    """Return Flatpak's folder for GIMP, which exists once that GIMP has been started."""
    return home_folder(environment) / ".var" / "app" / FLATPAK_ID


def find_programs(
    console: Console, environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> list[GimpProgram]:
    """Return the GIMPs that can be started, with the versions that they report."""
    programs = []
    checked = set()
    for path in _console_paths(environment, platform):
        real_path = os.path.realpath(path)
        if real_path not in checked:
            checked.add(real_path)
            kind = "snap" if "/snap/" in f"{path}|{real_path}" else "native"
            programs += _ask_version((path,), kind, console)
    flatpak = platform.startswith("linux") and shutil.which("flatpak")
    if flatpak and run([flatpak, "info", FLATPAK_ID], console, timeout=60).code == 0:
        # gimp-console's file name contains the version; the program with windows has a name without one.
        programs += _ask_version((flatpak, "run", FLATPAK_ID), "flatpak", console)
    return programs


def _console_paths(environment: Mapping[str, str], platform: str) -> Iterator[str]:
    named = environment.get("GIMP_CONSOLE", "")
    if named:
        yield named
    for name in GIMP_CONSOLES:
        path = shutil.which(name)
        if path:
            yield path
    if platform == "darwin":
        for folder in (Path("/Applications"), home_folder(environment) / "Applications"):
            for app in sorted(folder.glob("GIMP*.app")):
                yield from map(str, sorted((app / "Contents" / "MacOS").glob("gimp-console*")))
    if platform == "win32":
        program_files, local = environment.get("ProgramFiles", ""), environment.get("LOCALAPPDATA", "")
        for root in (Path(program_files or "C:/Program Files"), Path(local) / "Programs"):
            for folder in sorted(root.glob("GIMP 3*")):
                yield from map(str, sorted((folder / "bin").glob("gimp-console-3*.exe")))


def _ask_version(command: tuple[str, ...], kind: str, console: Console) -> list[GimpProgram]:
    """Return the program with its version, or nothing if it does not start or is not GIMP 3."""
    result = run([*command, "--version"], console, timeout=120)
    version = VERSION_LINE.search(result.tail)
    return [GimpProgram(command, version[1], kind)] if result.code == 0 and version else []


def has_profile(program: GimpProgram, profiles: list[GimpProfile]) -> bool:
    """Return whether a GIMP has a profile. One from Flatpak may use the native folder once it was started."""
    kinds = {program.kind}
    if program.kind == "flatpak" and flatpak_data().is_dir():
        kinds.add("native")
    return any(profile.kind in kinds and profile.folder.name == program.version for profile in profiles)


def make_profile(program: GimpProgram, console: Console) -> bool:
    """Start a GIMP for the first time, so that it makes its own profile; return whether that worked.

    If the installer made the folder, GIMP would not take over the settings of an older GIMP.
    """
    arguments = ["-i", "-d", "-f", "--quit", "--batch-interpreter=python-fu-eval", "-b", "pass"]
    return run([*program.command, *arguments], console, timeout=180).code == 0


def sandbox_obstacle(kind: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """Return how a kind of GIMP's sandbox blocks the plug-in, and the command that allows it, or None."""
    if kind == "flatpak" and not flatpak_is_allowed(environment):
        return "GIMP from Flatpak may not start the engine outside its sandbox. To allow it:", ALLOW_FLATPAK
    if kind == "snap":
        return "GIMP from snap is confined and cannot see or start the engine. To allow it:", ALLOW_SNAP
    return None


def flatpak_is_allowed(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the user or the system allows GIMP's Flatpak to start programs outside its sandbox."""
    home = home_folder(environment)
    for folder in (home / ".local" / "share" / "flatpak", Path("/var/lib/flatpak")):
        rules = configparser.RawConfigParser()
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            rules.read(folder / "overrides" / FLATPAK_ID, encoding="utf-8")
        if rules.get("Session Bus Policy", "org.freedesktop.Flatpak", fallback="") in ("talk", "own"):
            return True
    return False


def is_running() -> bool:
    """Return whether a GIMP is open; it finds new plug-ins only when it is started again."""
    program = shutil.which("pgrep")
    if program is None or not hasattr(os, "getuid"):
        return False
    command = [program, "-u", str(os.getuid()), "-x", r"gimp(-3(\.\d+)?)?"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
