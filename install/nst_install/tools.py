"""pip and uv, each pinned to one file by its SHA-256. They set up everything else.

``requirements/tools.json`` names the files. They are downloaded from the package index without pip, which a
bare Python lacks. The hash decides whether a download is right.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from nst_install import index
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.paths import REQUIREMENTS, InstallPaths
from nst_install.processes import run
from nst_install.sources import PackageSource, sha256_of

OLDEST_UV = (0, 7)
"""The oldest uv of the system that is used: the first with ``--managed-python``."""


def pinned_wheel(tool: str, kind: str) -> tuple[str, str]:
    """Return the file name and SHA-256 of a tool's wheel for a kind of machine.

    Raises:
        InstallError: there is no such wheel.
    """
    table = json.loads((REQUIREMENTS / "tools.json").read_text("utf-8"))
    try:
        wheel = table[tool][kind]
    except KeyError:
        raise InstallError(
            f"There is no {tool} for this kind of machine ({kind}).",
            "Install Python 3.10 to 3.13 from your system's packages, then run the command again.",
        ) from None
    return wheel["file"], wheel["sha256"]


def machine_kind() -> str:
    """Return this kind of machine as in tools.json: ``linux-x86_64``, ``musl-aarch64``, ``win32-amd64``."""
    machine = platform.machine().lower()
    system = str(sys.platform)
    if system == "linux" and "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        system = "musl"
    return f"{system}-{machine}"


def fetch_pip(folder: Path, source: PackageSource, console: Console) -> Path:
    """Put the pinned wheel of pip into ``folder`` and return its path.

    Raises:
        InstallError: it cannot be downloaded, or is not in the bundle.
    """
    return _fetch_wheel("pip", "any", folder, source, console)


@contextlib.contextmanager
def uv(paths: InstallPaths, source: PackageSource, console: Console) -> Iterator[str]:
    """Yield the path of uv: the system's unless it is too old, else the pinned one, deleted afterwards.

    Raises:
        InstallError: it cannot be downloaded, or is not in the bundle.
    """
    installed = shutil.which("uv")
    if installed and _uv_version(installed, console) >= OLDEST_UV:
        yield installed
        return
    paths.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uv-", dir=paths.cache) as name:
        folder = Path(name)
        wheel = _fetch_wheel("uv", machine_kind(), folder, source, console)
        program = "uv.exe" if sys.platform == "win32" else "uv"
        with zipfile.ZipFile(wheel) as archive:
            member = next(path for path in archive.namelist() if path.rsplit("/", 1)[-1] == program)
            (folder / program).write_bytes(archive.read(member))
        (folder / program).chmod(0o755)
        yield str(folder / program)


def _uv_version(uv: str, console: Console) -> tuple[int, ...]:
    match = re.match(r"uv (\d+)\.(\d+)", run([uv, "--version"], console, timeout=60).tail)
    return (int(match[1]), int(match[2])) if match else ()


def _fetch_wheel(tool: str, kind: str, folder: Path, source: PackageSource, console: Console) -> Path:
    name, expected = pinned_wheel(tool, kind)
    target = folder / name
    if source.bundle:
        bundled = source.bundle.folder / "wheels" / name
        if not bundled.is_file():
            raise InstallError(f"The bundle lacks {tool}.", "Make it again with `install.py bundle`.")
        shutil.copyfile(bundled, target)
    else:
        index.fetch(tool, name, target, console)
    if sha256_of(target) != expected:
        target.unlink()
        raise InstallError(
            f"The package index delivered a wrong file for {name}: its SHA-256 does not match {expected}.",
            "Something in your network changes downloads; try another network.",
        )
    return target
