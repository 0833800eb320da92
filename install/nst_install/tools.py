"""pip and uv, of exactly one version each, known by their SHA-256: what sets up the rest.

``requirements/tools.json`` names the files. They are fetched from the package index without pip, which a bare
Python lacks; the hash decides whether what came is right, so nothing on the way needs to be trusted.
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
from nst_install.places import REQUIREMENTS, Places
from nst_install.processes import run
from nst_install.sources import Source, sha256_of

OLDEST_UV = (0, 7)
"""The oldest uv of the system's that is used: it knows ``--managed-python``."""


def pinned(tool: str, kind: str) -> tuple[str, str]:
    """Return the file name and SHA-256 of a tool's wheel for a kind of machine.

    Raises:
        InstallError: there is none for it.
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
    """Name this kind of machine as tools.json does: ``linux-x86_64``, ``musl-aarch64``, ``win32-amd64``."""
    machine = platform.machine().lower()
    system = sys.platform
    if system == "linux" and "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        system = "musl"
    return f"{system}-{machine}"


def pip_wheel(folder: Path, source: Source, console: Console) -> Path:
    """Put pip's wheel into ``folder`` and return its path.

    Raises:
        InstallError: it cannot be had.
    """
    return _wheel("pip", "any", folder, source, console)


@contextlib.contextmanager
def uv(places: Places, source: Source, console: Console) -> Iterator[str]:
    """Give the path of uv for as long as the block runs: the system's, unless it is too old, or the pinned.

    Raises:
        InstallError: it cannot be had.
    """
    found = shutil.which("uv")
    if found and _version_of(found, console) >= OLDEST_UV:
        yield found
        return
    places.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uv-", dir=places.cache) as name:
        folder = Path(name)
        wheel = _wheel("uv", machine_kind(), folder, source, console)
        program = "uv.exe" if sys.platform == "win32" else "uv"
        with zipfile.ZipFile(wheel) as archive:
            member = next(each for each in archive.namelist() if each.rsplit("/", 1)[-1] == program)
            (folder / program).write_bytes(archive.read(member))
        (folder / program).chmod(0o755)
        yield str(folder / program)


def _version_of(uv: str, console: Console) -> tuple[int, ...]:
    found = re.match(r"uv (\d+)\.(\d+)", run([uv, "--version"], console, timeout=60).tail)
    return (int(found[1]), int(found[2])) if found else ()


def _wheel(tool: str, kind: str, folder: Path, source: Source, console: Console) -> Path:
    name, expected = pinned(tool, kind)
    target = folder / name
    if source.bundle:
        bundled = source.bundle.folder / "wheels" / name
        if not bundled.is_file():
            raise InstallError(f"The bundle has no {tool}.", "Make it again with `install.py bundle`.")
        shutil.copyfile(bundled, target)
    else:
        index.fetch(tool, name, target, console)
    if sha256_of(target) != expected:
        target.unlink()
        raise InstallError(
            f"What the package index gave as {name} is something else: its SHA-256 is not {expected}.",
            "Something on the way changes downloads; try another network.",
        )
    return target
