"""The engine's own code: a copy next to the environment, which the file nst.pth in the environment names.

Updating only the code downloads nothing and takes effect by one rename, even while the engine is running.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from nst_install import copies
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.paths import ENGINE_CODE, InstallPaths, python_in
from nst_install.processes import run
from nst_install.record import write_atomically

POINTER = "nst.pth"

START_SCRIPT = """
import runpy, sys
sys.path.insert(0, {folder!r})
sys.argv = ["nst", "--version"]
runpy.run_module("nst_core.cli", run_name="__main__", alter_sys=True)
"""
"""Starts code that the environment does not use yet."""


def checkout_hash() -> str:
    """Return the hash of the code in this checkout."""
    return copies.combined_hash(copies.hash_files(ENGINE_CODE))


def copy_code(paths: InstallPaths, console: Console) -> Path:
    """Copy the code to a folder named after its hash, unless it is there; return that folder."""
    folder = paths.data / f"code-{checkout_hash()[:12]}"
    target = folder / ENGINE_CODE.name
    if target.is_dir() and not copies.differences(target):
        return folder
    copies.copy(ENGINE_CODE, target)
    console.log(f"code: {folder}")
    return folder


def use_code(environment: Path, folder: Path) -> None:
    """Make the environment use the code in ``folder``. The relative path in the file is plain ASCII."""
    packages = site_packages(environment)
    write_atomically(packages / POINTER, os.path.relpath(folder, packages) + "\n")


def code_folder(environment: Path) -> Path | None:
    """Return the folder of the code that an environment uses, or None."""
    try:
        packages = site_packages(environment)
        return Path(os.path.normpath(packages / (packages / POINTER).read_text("utf-8").strip()))
    except (OSError, InstallError, UnicodeDecodeError):
        return None


def code_hash(environment: Path) -> str:
    """Return the hash of the code that an environment uses, as it was copied; empty if there is none."""
    folder = code_folder(environment)
    return copies.combined_hash(copies.read_file_list(folder / ENGINE_CODE.name)) if folder else ""


def compile_code(paths: InstallPaths, environment: Path, folder: Path, console: Console) -> None:
    """Compile the code now, so that the first start is as fast as the second."""
    python = str(python_in(environment, paths.platform))
    run([python, "-I", "-m", "compileall", "-q", str(folder)], console)


def check_start(paths: InstallPaths, environment: Path, folder: Path, console: Console) -> str:
    """Start the engine with the code in ``folder`` instead of the environment's; return its version.

    Raises:
        InstallError: it does not start.
    """
    python = str(python_in(environment, paths.platform))
    result = run([python, "-I", "-c", START_SCRIPT.format(folder=str(folder))], console, timeout=300)
    if result.code != 0 or not result.tail.strip():
        lines = [line for line in result.tail.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit code {result.code}"
        raise InstallError(
            f"The engine was installed but does not start: {last.rstrip('.')}.",
            f"For details, see the log {paths.log}.",
        )
    return result.tail.split()[-1]


def site_packages(environment: Path) -> Path:
    """Return the folder of an environment's packages."""
    if (environment / "Scripts").is_dir():
        return environment / "Lib" / "site-packages"
    folders = sorted((environment / "lib").glob("python3.*"))
    if not folders:
        raise InstallError(f"{environment} is not a virtual environment.", "Run the command again.")
    return folders[-1] / "site-packages"


def launcher_text(paths: InstallPaths, python: Path) -> str:
    """Return the script `nst`, which starts the engine's command line from anywhere.

    The engine finds its networks through the record. On Windows the script contains only a relative path,
    because cmd reads it in the console's encoding.
    """
    if paths.platform == "win32":
        program = os.path.relpath(python, paths.launcher.parent)
        return f'@echo off\r\n"%~dp0{program}" -I -m nst_core.cli %*\r\n'
    return f'#!/bin/sh\nexec {shlex.quote(str(python))} -I -m nst_core.cli "$@"\n'
