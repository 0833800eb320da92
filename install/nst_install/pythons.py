"""Which Python the engine gets: the running one, another of the system's, or one of its own, by uv."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nst_install import tools
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.places import Places
from nst_install.processes import clean_environment, run
from nst_install.sources import Source

OLDEST, NEWEST = (3, 10), (3, 13)
NEWEST_ON_INTEL_MACS = (3, 10)
"""The newest for which the pinned ONNX Runtime is made there."""

PROBE = """
import json, platform, sys, sysconfig
lacking = []
for name in ("venv", "ssl", "zlib", "ctypes"):
    try:
        __import__(name)
    except ImportError:
        lacking.append(name)
print(json.dumps({
    "version": sys.version_info[:2],
    "base": getattr(sys, "_base_executable", None) or sys.executable,
    "lacking": lacking,
    "bits": sys.maxsize.bit_length() + 1,
    "kind": sys.implementation.name,
    "platform": sysconfig.get_platform(),
    "machine": platform.machine(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}))
"""


@dataclass(frozen=True)
class Python:
    """A Python that the engine can be installed with."""

    path: str
    version: str


def own_version(system: str = sys.platform, machine: str = "") -> str:
    """Return the version of a Python of the engine's own on such a machine."""
    intel_mac = (system, machine or platform.machine()) == ("darwin", "x86_64")
    return "3.10" if intel_mac else "3.12"


def probe(path: str) -> Python:
    """Ask a Python what it is.

    Raises:
        InstallError: it is none that the pinned packages are made for; says why.
    """
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, timeout=60, check=True, env=clean_environment()
        )
        found = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise InstallError(f"{path} is no Python that can be run.", "Name another with --python.") from None
    version = tuple(found["version"])
    words = ".".join(map(str, version))
    problem = ""
    if not OLDEST <= version <= NEWEST:
        problem = f"is version {words}"
    elif (
        found["platform"].startswith("macosx")
        and found["machine"] == "x86_64"
        and version > NEWEST_ON_INTEL_MACS
    ):
        problem = f"is version {words} for an Intel Mac, where ONNX Runtime is to be had up to 3.10"
    elif found["kind"] != "cpython" or found["free_threaded"]:
        problem = "is not the ordinary CPython"
    elif found["bits"] != 64:
        problem = "is a 32-bit program"
    elif found["platform"].startswith("mingw"):
        problem = "is GIMP's or MSYS2's, for which no packages are made"
    elif "WindowsApps" in found["base"]:
        problem = "comes from the Microsoft Store, whose programs write where GIMP cannot see it"
    elif found["lacking"]:
        problem = f"lacks the module {found['lacking'][0]}"
    if problem:
        raise InstallError(
            f"The Python {path} {problem}.", "Python 3.10 to 3.13 is needed, 64 bits; name one with --python."
        )
    return Python(found["base"] if Path(found["base"]).exists() else path, words)


def candidates() -> Iterator[str]:
    """Name Pythons to try, the running one first."""
    yield sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            yield found
    for name in ("python3", "python"):
        found = shutil.which(name)
        if found:
            yield found


def find_python(wanted: str, places: Places, source: Source, console: Console) -> Python:
    """Return the Python to make the environment with: ``wanted`` is "auto", "own" or a path.

    Raises:
        InstallError: there is none, and none can be had.
    """
    if wanted not in ("auto", "own"):
        return probe(wanted)
    bundled = source.bundle.python if source.bundle else ""
    if wanted == "auto":
        for path in candidates():
            try:
                found = probe(path)
                if bundled in ("", found.version):
                    return found
            except InstallError as error:
                console.note(str(error))
    if bundled:
        raise InstallError(
            f"The bundle is for Python {bundled}, which was not found here, and brings none itself.",
            f"Install Python {bundled}, or name one with --python.",
        )
    if wanted == "auto":
        console.say("  No Python that fits was found on this system; the engine gets one of its own.")
    return bring_own(places, source, console)


def bring_own(places: Places, source: Source, console: Console) -> Python:
    """Let uv put a Python into the data folder, unless it is there.

    Raises:
        InstallError: uv or the Python cannot be had.
    """
    own = own_version()
    extra = {
        "UV_PYTHON_INSTALL_DIR": str(places.own_python),
        "UV_CACHE_DIR": str(places.cache / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_INSTALL_BIN": "0",
    }
    with tools.uv(places, source, console) as uv:
        path = _find_own(uv, own, console, extra)
        if path is None:
            console.say(f"  Fetching Python {own} (about 30 MB)")
            done = run([uv, "python", "install", "--managed-python", own], console, extra=extra)
            path = _find_own(uv, own, console, extra) if done.code == 0 else None
    if path is None:
        if not list(places.own_python.glob("cpython-*")):
            shutil.rmtree(places.own_python, ignore_errors=True)
        raise InstallError(
            f"No Python that fits was found, and Python {own} could not be downloaded.",
            f"Install Python {own} from your system's packages or python.org, then run the command again.",
        )
    return probe(path)


def _find_own(uv: str, version: str, console: Console, extra: dict[str, str]) -> str | None:
    done = run([uv, "python", "find", "--managed-python", version], console, extra=extra)
    path = done.tail.strip().splitlines()[-1] if done.code == 0 and done.tail.strip() else ""
    return path if path and Path(path).exists() else None
