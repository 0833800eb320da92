"""Packages that an engine can do without, such as WebGPU: whatever goes wrong with one, the engine works.

An extra has its own file of pins. It is installed after the environment is complete, is added later if it
could not be had at first, and does not count as damage if it is missing. An engine's ``PackageSet`` names its
extras. Every engine can have those of ``CHOSEN_EXTRAS`` too, if the user chose them.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from nst_install import engine_code, environment
from nst_install.console import Console
from nst_install.engines import CHOSEN_EXTRAS, ENGINES
from nst_install.errors import InstallError
from nst_install.paths import REQUIREMENTS, InstallPaths
from nst_install.sources import PackageSource

PIP_PATIENCE = ("--retries", "2", "--timeout", "15")
"""Without a connection, pip's own patience would make every later run wait a minute for the extra."""


@dataclass(frozen=True)
class Extra:
    """Optional packages. ``name`` is the file of their pins, ``purpose`` says what they are for.

    ``labels`` has each distribution's name for people. ``option`` is the installer's option for an extra that
    the user chooses, and empty for others. ``machines`` are the pairs of ``sys.platform`` and
    ``platform.machine()``, in lower case, that have wheels, for Pythons from ``oldest_python`` on.
    """

    name: str
    labels: dict[str, str]
    purpose: str
    oldest_python: tuple[int, int]
    machines: frozenset[tuple[str, str]]
    option: str = ""

    @property
    def pins(self) -> Path:
        """The file of pins, with hashes."""
        return REQUIREMENTS / f"{self.name}.txt"

    @property
    def label(self) -> str:
        """What people call the packages."""
        return " and ".join(self.labels.values())

    def pinned(self) -> dict[str, list[str]]:
        """Return each distribution's pinned versions, which may depend on the Python; empty if none are."""
        pins = re.findall(r"^([\w.-]+)==([\w.]+)", self.pins.read_text("utf-8"), re.MULTILINE)
        versions = {name: [version for pin, version in pins if pin == name] for name in self.labels}
        return versions if all(versions.values()) else {}

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
        labels={"onnxruntime-ep-webgpu": "WebGPU"},
        purpose="graphics cards of all makers",
        oldest_python=(3, 11),
        machines=frozenset(
            [
                *(("win32", "amd64"), ("win32", "arm64")),
                *(("linux", "x86_64"), ("linux", "aarch64")),
                ("darwin", "arm64"),
            ]
        ),
    ),
    "film": Extra(
        name="film",
        labels={"opencv-python-headless": "OpenCV", "av": "PyAV"},
        purpose="films and animations",
        oldest_python=(3, 10),
        machines=frozenset(
            [
                ("win32", "amd64"),
                *(("linux", "x86_64"), ("linux", "aarch64")),
                *(("darwin", "arm64"), ("darwin", "x86_64")),
            ]
        ),
        option="--films",
    ),
}


def of_engine(engine: str, *, films: bool) -> list[Extra]:
    """Return the extras that an engine should have, with those for ``films`` if they were chosen.

    A record of another version may name an engine that does not exist any more.
    """
    names = ENGINES[engine].extras if engine in ENGINES else ()
    wanted = [*names, "film"] if films else names
    return [EXTRAS[name] for name in wanted if EXTRAS[name].pinned()]


def installed_versions(extra: Extra, folder: Path) -> dict[str, str]:
    """Return the versions of an extra in the environment ``folder`` by its labels.

    They are empty unless all of its distributions have pinned versions.
    """
    try:
        packages = engine_code.site_packages(folder)
    except InstallError:
        return {}
    found = {}
    for name, pins in extra.pinned().items():
        stem = re.sub("[-_.]+", "_", name).lower()
        for version in pins:
            if (packages / f"{stem}-{version}.dist-info" / "RECORD").is_file():
                found[extra.labels[name]] = version
    return found if len(found) == len(extra.labels) else {}


def versions(wanted: list[Extra], folder: Path) -> dict[str, str]:
    """Return the versions of each extra by its name; "" for what the environment lacks."""
    return {extra.name: ", ".join(installed_versions(extra, folder).values()) for extra in wanted}


def missing(wanted: list[Extra], folder: Path) -> list[tuple[Extra, str]]:
    """Return the extras that an environment lacks, each with why it cannot have it, or "" if it could."""
    python = environment.read_base_python(folder)[1]
    return [
        (extra, extra.obstacle(python) if python else "")
        for extra in wanted
        if not installed_versions(extra, folder)
    ]


def describe(wanted: list[Extra], folder: Path) -> list[str]:
    """Return a clause about each extra of an environment: its version, or why it is missing.

    An extra that could be chosen and was not is described too.
    """
    lines = [_present(extra, folder) for extra in wanted if installed_versions(extra, folder)]
    for extra, obstacle in missing(wanted, folder):
        lines.append(f"{_without(extra)}: {obstacle or '`install.py update` tries to install it'}")
    chosen = {extra.name for extra in wanted}
    others = [EXTRAS[name] for name in CHOSEN_EXTRAS if name not in chosen and EXTRAS[name].pinned()]
    for extra, obstacle in missing(others, folder):
        lines.append(f"{_without(extra)}: {obstacle or f'`install.py update {extra.option}` installs it'}")
    return lines


def _present(extra: Extra, folder: Path) -> str:
    """Return an installed extra with its versions."""
    names = [f"{label} {version}" for label, version in installed_versions(extra, folder).items()]
    return f"{' and '.join(names)}, for {extra.purpose}"


def _without(extra: Extra) -> str:
    """Return the beginning of a sentence about an extra that is missing."""
    return f"Without {extra.label} (for {extra.purpose})"


def provide(
    paths: InstallPaths, folder: Path, wanted: list[Extra], source: PackageSource, console: Console
) -> list[str]:
    """Install the extras that the environment ``folder`` lacks. Return a sentence about each failure.

    pip unpacks an extra elsewhere and moves it into place, so that an engine in use never sees half of it.
    """
    failures = []
    for extra, obstacle in missing(wanted, folder):
        if obstacle:
            failures.append(f"{_without(extra)}: {obstacle}.")
            continue
        pip = environment.Pip(paths, folder, source, console)
        target = ["--upgrade", "--target", str(engine_code.site_packages(folder))]
        try:
            pip.install([*PIP_PATIENCE, "--require-hashes", *target, "-r", str(extra.pins)])
        except (InstallError, OSError) as error:
            console.log(str(error))
            failures.append(f"{_without(extra)}: {_clause(error)}. `install.py update` tries again.")
        else:
            console.say(f"  {_present(extra, folder)}")
    return failures


def _clause(error: Exception) -> str:
    """Return what an error says, as the end of a sentence without its full stop."""
    text = error.message if isinstance(error, InstallError) else str(error)
    return text[:1].lower() + text[1:].rstrip(".")


def download(wanted: list[Extra], pip: environment.Pip, target: Path, console: Console) -> None:
    """Download the extras that the environment of ``pip`` could have into ``target``, for a bundle."""
    python = environment.read_base_python(pip.folder)[1]
    for extra in wanted:
        if extra.obstacle(python):
            continue
        try:
            pip.download(target, ["--require-hashes", "-r", str(extra.pins)])
        except InstallError as error:
            console.say(f"  The bundle is made without {extra.label}: {_clause(error)}.")
