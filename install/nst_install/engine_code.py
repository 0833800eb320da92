"""The engine's own code: a copy beside the environment, which one line in the environment points to.

So an update of the code alone fetches nothing and is one rename, whatever is running at the time.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from nst_install import copies
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.places import ENGINE_CODE, Places, python_in
from nst_install.processes import run
from nst_install.record import write_whole

POINTER = "nst.pth"

START = """
import runpy, sys
sys.path.insert(0, {folder!r})
sys.argv = ["nst", "--version"]
runpy.run_module("nst_core.cli", run_name="__main__", alter_sys=True)
"""
"""Starts code that the environment does not point to yet."""


def source_hash() -> str:
    """Return a hash of the code in this checkout."""
    return copies.hash_of(copies.files_in(ENGINE_CODE))


def place_code(places: Places, console: Console) -> Path:
    """Copy the code to a folder named after its hash, unless it is there; return that folder."""
    folder = places.data / f"code-{source_hash()[:12]}"
    target = folder / ENGINE_CODE.name
    if target.is_dir() and not copies.differences(target):
        return folder
    copies.copy(ENGINE_CODE, target)
    console.note(f"code: {folder}")
    return folder


def point_to(environment: Path, folder: Path) -> None:
    """Make the environment use the code in ``folder``, by a path that Python reads in any encoding."""
    packages = _packages(environment)
    write_whole(packages / POINTER, os.path.relpath(folder, packages) + "\n")


def pointed(environment: Path) -> Path | None:
    """Return the folder of code that an environment uses, or None."""
    try:
        packages = _packages(environment)
        return Path(os.path.normpath(packages / (packages / POINTER).read_text("utf-8").strip()))
    except (OSError, InstallError, UnicodeDecodeError):
        return None


def pointed_hash(environment: Path) -> str:
    """Return the hash of the code that an environment uses, as it was when it was copied."""
    folder = pointed(environment)
    return copies.hash_of(copies.listed(folder / ENGINE_CODE.name)) if folder else ""


def compile_code(places: Places, environment: Path, folder: Path, console: Console) -> None:
    """Compile the code now, so that the first start is not slower than the second."""
    python = str(python_in(environment, places.platform))
    run([python, "-I", "-m", "compileall", "-q", str(folder)], console)


def try_out(places: Places, environment: Path, folder: Path, console: Console) -> str:
    """Start the engine with the code in ``folder``, whatever the environment uses; return its version.

    Raises:
        InstallError: it does not start.
    """
    python = str(python_in(environment, places.platform))
    done = run([python, "-I", "-c", START.format(folder=str(folder))], console, timeout=300)
    if done.code != 0 or not done.tail.strip():
        last = next(
            (line for line in reversed(done.tail.splitlines()) if line.strip()), f"exit code {done.code}"
        )
        raise InstallError(
            f"The engine was installed but does not start: {last.rstrip('.')}.",
            f"The log {places.log} says more.",
        )
    return done.tail.split()[-1]


def _packages(environment: Path) -> Path:
    """Return the environment's folder of packages."""
    if (environment / "Scripts").is_dir():
        return environment / "Lib" / "site-packages"
    found = sorted((environment / "lib").glob("python3.*"))
    if not found:
        raise InstallError(f"{environment} is no environment.", "Run the command again.")
    return found[-1] / "site-packages"


def launcher_text(places: Places, python: Path) -> str:
    """Return the script `nst`: the engine's command line from anywhere.

    The engine finds its networks by the record. Windows reads the script in whatever encoding the console
    has, so it names only what lies beside it.
    """
    if places.platform == "win32":
        program = os.path.relpath(python, places.launcher.parent)
        return f'@echo off\r\n"%~dp0{program}" -I -m nst_core.cli %*\r\n'
    return f'#!/bin/sh\nexec {shlex.quote(str(python))} -I -m nst_core.cli "$@"\n'
