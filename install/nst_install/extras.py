"""Packages that an engine can do without, such as WebGPU: whatever goes wrong with one, the engine works.

An extra has its own file of pins. It is installed after the environment is complete, is added later if it
could not be had at first, and does not count as damage if it is missing. An engine's ``PackageSet`` names its
extras.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from nst_install import engine_code, environment
from nst_install.console import Console
from nst_install.engines import ENGINES
from nst_install.errors import InstallError
from nst_install.paths import REQUIREMENTS, InstallPaths
from nst_install.sources import PackageSource

PIP_PATIENCE = ("--retries", "2", "--timeout", "15")
"""Without a connection, pip's own patience would make every later run wait a minute for the extra."""


@dataclass(frozen=True)
class Extra:
    """An optional package. ``name`` is the file of its pins, ``label`` and ``purpose`` describe it to people.

    ``machines`` are the pairs of ``sys.platform`` and ``platform.machine()``, in lower case, that have a
    wheel, for Pythons from ``oldest_python`` on.
    """

    name: str
    label: str
    purpose: str
    oldest_python: tuple[int, int]
    machines: frozenset[tuple[str, str]]

    @property
    def pins(self) -> Path:
        """The file of pins, with hashes."""
        return REQUIREMENTS / f"{self.name}.txt"

    def pin(self) -> tuple[str, str]:
        """Return the pinned distribution and its version; empty texts if nothing is pinned."""
        match = re.search(r"^([\w.-]+)==([\w.]+)", self.pins.read_text("utf-8"), re.MULTILINE)
        return (match[1], match[2]) if match else ("", "")

    def obstacle(self, python: str, system: str = sys.platform, machine: str = "") -> str:
        """Return why there is no wheel for Python ``python`` ("3.12") on a machine, as a clause; or ""."""
        if (system, (machine or platform.machine()).lower()) not in self.machines:
            return "there is no build of it for this kind of machine"
        if tuple(map(int, python.split("."))) < self.oldest_python:
            needed = ".".join(map(str, self.oldest_python))
            return f"it needs Python {needed} or newer, and the engine has {python} (see --python)"
        return ""


EXTRAS = {
    "webgpu": Extra(
        name="webgpu",
        label="WebGPU",
        purpose="graphics cards of all makers",
        oldest_python=(3, 11),
        machines=frozenset(
            [
                *(("win32", "amd64"), ("win32", "arm64")),
                *(("linux", "x86_64"), ("linux", "aarch64")),
                ("darwin", "arm64"),
            ]
        ),
    )
}


def installed_version(extra: Extra, folder: Path) -> str:
    """Return the version of the extra in the environment ``folder``; "" unless it is the pinned one."""
    name, version = extra.pin()
    try:
        packages = engine_code.site_packages(folder)
    except InstallError:
        return ""
    info = packages / f"{re.sub('[-_.]+', '_', name).lower()}-{version}.dist-info"
    return version if name and (info / "RECORD").is_file() else ""


def versions(engine: str, folder: Path) -> dict[str, str]:
    """Return the version of each extra of an engine by its name; "" for what the environment lacks."""
    return {extra.name: installed_version(extra, folder) for extra in _extras_of(engine)}


def missing(engine: str, folder: Path) -> list[tuple[Extra, str]]:
    """Return the extras that an environment lacks, each with why it cannot have it, or "" if it could."""
    python = environment.read_base_python(folder)[1]
    return [
        (extra, extra.obstacle(python) if python else "")
        for extra in _extras_of(engine)
        if not installed_version(extra, folder)
    ]


def describe(engine: str, folder: Path) -> list[str]:
    """Return a clause about each extra of an environment: its version, or why it is missing."""
    lines = []
    for name, version in versions(engine, folder).items():
        if version:
            lines.append(f"{EXTRAS[name].label} {version}, for {EXTRAS[name].purpose}")
    for extra, obstacle in missing(engine, folder):
        reason = obstacle or "`install.py update` tries to install it"
        lines.append(f"Without {extra.label}, which is for {extra.purpose}: {reason}")
    return lines


def _extras_of(engine: str) -> list[Extra]:
    """Return the extras of an engine, which a record of another version may name, that have pins."""
    names = ENGINES[engine].extras if engine in ENGINES else ()
    return [EXTRAS[name] for name in names if EXTRAS[name].pin()[0]]


def provide(paths: InstallPaths, folder: Path, engine: str, source: PackageSource, console: Console) -> None:
    """Install the extras that the environment ``folder`` lacks. A failure is one sentence, and no error.

    pip unpacks an extra elsewhere and moves it into place, so that an engine in use never sees half of it.
    """
    for extra, obstacle in missing(engine, folder):
        without = f"  Without {extra.label}, which is for {extra.purpose}"
        if obstacle:
            console.say(f"{without}: {obstacle}.")
            continue
        pip = environment.Pip(paths, folder, source, console)
        target = ["--upgrade", "--target", str(engine_code.site_packages(folder))]
        try:
            pip.install([*PIP_PATIENCE, "--require-hashes", *target, "-r", str(extra.pins)])
        except (InstallError, OSError) as error:
            console.log(str(error))
            console.say(f"{without}: {_clause(error)}. `install.py update` tries again.")
        else:
            console.say(f"  {extra.label} {extra.pin()[1]}, for {extra.purpose}")


def _clause(error: Exception) -> str:
    """Return what an error says, as the end of a sentence without its full stop."""
    text = error.message if isinstance(error, InstallError) else str(error)
    return text[:1].lower() + text[1:].rstrip(".")


def download(engine: str, pip: environment.Pip, target: Path, console: Console) -> None:
    """Download the extras that the environment of ``pip`` could have into ``target``, for a bundle."""
    python = environment.read_base_python(pip.folder)[1]
    for extra in _extras_of(engine):
        if extra.obstacle(python):
            continue
        try:
            pip.download(target, ["--require-hashes", "-r", str(extra.pins)])
        except InstallError as error:
            console.say(f"  The bundle is made without {extra.label}: {_clause(error)}.")
