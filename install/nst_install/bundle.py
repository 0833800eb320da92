"""The command `bundle`: a folder for machines without internet, with all that they need and its hashes.

It contains the packages, the networks, and this checkout's own code. It works on machines with the same
system, processor and Python version as the one on which it was made.
"""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from nst_install import copies, environment, extras, networks, sources, tools
from nst_install.commands import require_record
from nst_install.console import Console
from nst_install.engines import DEVICES, ENGINES, PackageSet
from nst_install.errors import InstallError, from_os
from nst_install.paths import CHECKOUT, REQUIREMENTS, InstallPaths, python_in
from nst_install.processes import run

CHECKOUT_PARTS = ("install", "nst_core", "gimp_plugin/neural-style", "LICENSE")


def make(
    paths: InstallPaths,
    folder: Path,
    console: Console,
    *,
    engine: str,
    device: str,
    films: bool | None = None,
) -> int:
    """Make the bundle in ``folder``, which must be empty or not exist. Return the exit code.

    The bundle is for ``engine``, or the engine for ``device``; for the installed engine if both are "auto".
    It has the packages for ``films``; None: if they were chosen for this installation.

    Raises:
        InstallError: nothing is installed to make it with, or a download failed.
    """
    installed = require_record(paths)
    folder = folder.expanduser().absolute()
    if folder.exists() and any(folder.iterdir()):
        raise InstallError(f"The folder {folder} is not empty.", "Choose another folder.")
    # The device is in the other machine, so this one need not have it.
    choice = DEVICES.get(device, "auto") if engine == "auto" else engine
    packages = ENGINES[installed.engine if choice == "auto" else choice]
    environment_folder = Path(installed.environment)
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    python_version = run([str(python_in(environment_folder)), "-I", "-c", script], console).tail.strip()
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(3)}.new")
    try:
        (new / "wheels").mkdir(parents=True)
        console.say(f"Packages for {packages.description}, Python {python_version}")
        wanted = extras.of_engine(packages.name, films=installed.films if films is None else films)
        download(paths, environment_folder, packages, new / "wheels", console)
        pip = environment.Pip(paths, environment_folder, sources.online(), console)
        extras.download(wanted, pip, new / "wheels", console)
        console.say(f"Networks from {installed.models}")
        copy_networks(Path(installed.models), new / "models")
        copy_checkout(new)
        write_manifest(new, packages, python_version)
        if folder.exists():
            folder.rmdir()
        new.rename(folder)
    except OSError as error:
        raise from_os(folder, error) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    console.say(f"The bundle is {folder}. On the other machine, run with Python {python_version}:")
    console.say(f"  python {folder.name}/install/install.py install --offline {folder.name}")
    return 0


def download(
    paths: InstallPaths, environment_folder: Path, packages: PackageSet, target: Path, console: Console
) -> None:
    """Download the pinned files of an engine with the installed environment's pip."""
    pip = environment.Pip(paths, environment_folder, sources.online(), console)
    build = str(REQUIREMENTS / "build.txt")
    with tempfile.TemporaryDirectory(prefix="nst-bundle-") as name:
        pip.install(["--require-hashes", "--target", name, "-r", build])
        pip.download(target, ["--require-hashes", "-r", build])
        pip.build_tools = Path(name)
        pip.download(target, ["--require-hashes", "--no-build-isolation", "-r", str(packages.requirements)])
        torch_build = packages.torch_build()
        if torch_build:
            wheels = ["--only-binary", ":all:", *torch_build.requirements]
            try:
                pip.download(target, wheels)
            except InstallError:
                pip.download(target, ["--index-url", torch_build.index, *wheels])
    tools.fetch_pip(target, sources.online(), console)


def copy_networks(models: Path, target: Path) -> None:
    """Copy the installed networks.

    Raises:
        InstallError: there is no network.
    """
    names = networks.installed(models)
    if not names:
        raise InstallError(f"There is no network in {models}.", "Run `install.py update` to download one.")
    target.mkdir()
    for name in names:
        shutil.copyfile(models / f"{name}.onnx", target / f"{name}.onnx")


def copy_checkout(target: Path) -> None:
    """Copy installer, engine and plug-in from this checkout."""
    for name in CHECKOUT_PARTS:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, target / name, ignore=shutil.ignore_patterns(*copies.EXCLUDED))
        else:
            shutil.copyfile(CHECKOUT / name, target / name)


def write_manifest(folder: Path, packages: PackageSet, python_version: str) -> None:
    """Write what the bundle is for, and the hashes of its packages and networks."""
    files = {
        f"{part}/{path.name}": sources.sha256_of(path)
        for part in ("wheels", "models")
        for path in sorted((folder / part).iterdir())
    }
    fields = {
        "engine": packages.name,
        "python": python_version,
        "system": sys.platform,
        "machine": platform.machine(),
        "files": files,
    }
    (folder / sources.MANIFEST).write_text(json.dumps(fields, indent=1) + "\n", "utf-8")
