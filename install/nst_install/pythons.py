"""Choice of the Python that the engine gets: the running one, another of the system, or its own from uv."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_install import tools
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.paths import InstallPaths
from nst_install.processes import clean_environment, run
from nst_install.sources import PackageSource

OLDEST, NEWEST = (3, 10), (3, 13)
NEWEST_ON_INTEL_MACS = (3, 10)
"""The newest Python for which the pinned ONNX Runtime has a wheel there."""

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
class PythonInterpreter:
    """A Python that the engine can use: its program, and its version, like "3.12"."""

    path: str
    version: str


def own_version(system: str = sys.platform, machine: str = "") -> str:
    """Return the version of Python to download for such a machine."""
    intel_mac = (system, machine or platform.machine()) == ("darwin", "x86_64")
    return "3.10" if intel_mac else "3.12"


def probe(path: str, oldest: tuple[int, int] = OLDEST) -> PythonInterpreter:
    """Run a Python and check that the pinned packages support it, and that it is not older than ``oldest``.

    Raises:
        InstallError: it does not run, or is not supported; the message says why.
    """
    try:
        output = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, timeout=60, check=True, env=clean_environment()
        )
        facts = json.loads(output.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise InstallError(f"{path} is not a Python that runs.", "Choose another with --python.") from None
    problem = _problem(facts)
    if problem:
        raise InstallError(
            f"The Python {path} {problem}.",
            "A 64-bit Python 3.10 to 3.13 is needed. Choose one with --python.",
        )
    version = ".".join(map(str, facts["version"]))
    if tuple(facts["version"]) < oldest:
        needed = ".".join(map(str, oldest))
        raise InstallError(
            f"The Python {path} is version {version}, and this engine needs {needed} or newer.",
            "Choose a newer one with --python, or let the installer download one with --python own.",
        )
    return PythonInterpreter(facts["base"] if Path(facts["base"]).exists() else path, version)


def _problem(facts: dict[str, Any]) -> str:
    """Return what makes a Python unsuitable, as a clause; empty if it is suitable."""
    version = tuple(facts["version"])
    words = ".".join(map(str, version))
    intel_mac = facts["platform"].startswith("macosx") and facts["machine"] == "x86_64"
    if not OLDEST <= version <= NEWEST:
        return f"is version {words}"
    if intel_mac and version > NEWEST_ON_INTEL_MACS:
        return f"is version {words} on an Intel Mac, for which ONNX Runtime supports Python up to 3.10"
    if facts["kind"] != "cpython" or facts["free_threaded"]:
        return "is not the standard CPython"
    if facts["bits"] != 64:
        return "is a 32-bit program"
    if facts["platform"].startswith("mingw"):
        return "belongs to GIMP or MSYS2, for which there are no packages"
    if "WindowsApps" in facts["base"]:
        return "comes from the Microsoft Store, whose programs write to folders that GIMP cannot see"
    if facts["lacking"]:
        return f"lacks the module {facts['lacking'][0]}"
    return ""


def candidates() -> Iterator[str]:
    """Yield the Pythons to try, the running one first."""
    yield sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        path = shutil.which(f"python3.{minor}")
        if path:
            yield path
    for name in ("python3", "python"):
        path = shutil.which(name)
        if path:
            yield path


def find_python(
    choice: str,
    paths: InstallPaths,
    source: PackageSource,
    console: Console,
    oldest: tuple[int, int] = OLDEST,
) -> PythonInterpreter:
    """Return the Python to make the environment with; ``choice`` is "auto", "own" or a path.

    It is not older than ``oldest``.

    Raises:
        InstallError: there is no suitable Python, and none can be downloaded.
    """
    if choice not in ("auto", "own"):
        return probe(choice, oldest)
    bundled = source.bundle.python if source.bundle else ""
    if choice == "auto":
        for path in candidates():
            try:
                python = probe(path, oldest)
                if bundled in ("", python.version):
                    return python
            except InstallError as error:
                console.log(str(error))
    if bundled:
        raise InstallError(
            f"The bundle needs Python {bundled}, which is not part of it and was not found on this machine.",
            f"Install Python {bundled}, or choose one with --python.",
        )
    if choice == "auto":
        console.say("  No suitable Python was found on this system; the engine gets its own.")
    return install_own(paths, source, console)


def install_own(paths: InstallPaths, source: PackageSource, console: Console) -> PythonInterpreter:
    """Let uv install a Python into the data folder, unless it is there already.

    Raises:
        InstallError: uv or the Python cannot be downloaded.
    """
    own = own_version()
    extra = {
        "UV_PYTHON_INSTALL_DIR": str(paths.own_python),
        "UV_CACHE_DIR": str(paths.cache / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_INSTALL_BIN": "0",
    }
    with tools.uv(paths, source, console) as uv:
        path = _find_own(uv, own, console, extra)
        if path is None:
            console.say(f"  Downloading Python {own} (about 30 MB)")
            install = run([uv, "python", "install", "--managed-python", own], console, extra=extra)
            path = _find_own(uv, own, console, extra) if install.code == 0 else None
    if path is None:
        if not list(paths.own_python.glob("cpython-*")):
            shutil.rmtree(paths.own_python, ignore_errors=True)
        raise InstallError(
            f"No suitable Python was found, and Python {own} could not be downloaded.",
            f"Install Python {own} from your system's packages or python.org, then run the command again.",
        )
    return probe(path)


def _find_own(uv: str, version: str, console: Console, extra: dict[str, str]) -> str | None:
    search = run([uv, "python", "find", "--managed-python", version], console, extra=extra)
    path = search.tail.strip().splitlines()[-1] if search.code == 0 and search.tail.strip() else ""
    return path if path and Path(path).exists() else None
