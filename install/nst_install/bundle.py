"""A folder for machines without internet: packages, networks, and this checkout's own code, all hashed.

It is for machines of the same system, processor and Python version as the one it was made on.
"""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from nst_install import copies, environment, sources, tools, weights
from nst_install.commands import require
from nst_install.console import Console
from nst_install.engines import DEVICES, ENGINES
from nst_install.errors import InstallError, from_os
from nst_install.places import CHECKOUT, REQUIREMENTS, Places, python_in
from nst_install.processes import run

CARRIED = ("install", "nst_core", "gimp_plugin/neural-style", "LICENSE")


def make(places: Places, engine_wish: str, device_wish: str, folder: Path, console: Console) -> int:
    """Make the bundle in ``folder``, which must not exist or be empty. Returns the exit code.

    It is for the installed engine, unless an engine or a device is wished for that is not "auto".

    Raises:
        InstallError: nothing is installed to make it with, or something cannot be fetched.
    """
    now = require(places)
    folder = folder.expanduser().absolute()
    if folder.exists() and any(folder.iterdir()):
        raise InstallError(f"The folder {folder} is not empty.", "Name another.")
    # The device is the other machine's, and not looked for on this one.
    wanted = DEVICES.get(device_wish, "auto") if engine_wish == "auto" else engine_wish
    engine = ENGINES[now.engine if wanted == "auto" else wanted]
    installed = Path(now.environment)
    asked = run(
        [str(python_in(installed)), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], console
    )
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(3)}.new")
    try:
        (beside / "wheels").mkdir(parents=True)
        console.say(f"Packages for {engine.words}, Python {asked.tail.strip()}")
        download(places, installed, engine.name, beside / "wheels", console)
        console.say(f"Networks from {now.models}")
        copy_networks(Path(now.models), beside / "models")
        for name in CARRIED:
            if (CHECKOUT / name).is_dir():
                shutil.copytree(
                    CHECKOUT / name, beside / name, ignore=shutil.ignore_patterns(*copies.LEFT_OUT)
                )
            else:
                shutil.copyfile(CHECKOUT / name, beside / name)
        files = {f"{part}/{path.name}": sources.sha256_of(path)
                 for part in ("wheels", "models") for path in sorted((beside / part).iterdir())}  # fmt: skip
        said = {"engine": engine.name, "python": asked.tail.strip(), "system": sys.platform,
                "machine": platform.machine(), "files": files}  # fmt: skip
        (beside / sources.MANIFEST).write_text(json.dumps(said, indent=1) + "\n", "utf-8")
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise from_os(folder, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    console.say(f"The bundle is {folder}. On the other machine, with Python {asked.tail.strip()}:")
    console.say(f"  python {folder.name}/install/install.py install --offline {folder.name}")
    return 0


def download(places: Places, installed: Path, engine_name: str, target: Path, console: Console) -> None:
    """Let the installed environment's pip fetch the pinned files of an engine."""
    engine = ENGINES[engine_name]
    pip = environment.Pip(places, installed, sources.online(), console)
    build = str(REQUIREMENTS / "build.txt")
    with tempfile.TemporaryDirectory(prefix="nst-bundle-") as name:
        pip.install(["--require-hashes", "--target", name, "-r", build])
        pip.download(target, ["--require-hashes", "-r", build])
        pip.build_tools = Path(name)
        pip.download(target, ["--require-hashes", "--no-build-isolation", "-r", str(engine.requirements)])
        torch_build = engine.torch_build()
        if torch_build:
            wheels = ["--only-binary", ":all:", *torch_build.requirements]
            try:
                pip.download(target, wheels)
            except InstallError:
                pip.download(target, ["--index-url", torch_build.index, *wheels])
    tools.pip_wheel(target, sources.online(), console)


def copy_networks(models: Path, target: Path) -> None:
    """Copy the networks that are installed.

    Raises:
        InstallError: there is none.
    """
    names = weights.installed(models)
    if not names:
        raise InstallError(f"There is no network in {models}.", "`install.py update` fetches one.")
    target.mkdir()
    for name in names:
        shutil.copyfile(models / f"{name}.onnx", target / f"{name}.onnx")
