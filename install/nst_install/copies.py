"""Folders copied whole: the engine's code and GIMP's plug-in, each with a list of what it should hold.

A copy is made beside its place and renamed; the list (``.files.json``: SHA-256 by path) travels in it, so
that every copy can be verified by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path

from nst_install.errors import InstallError, from_os
from nst_install.sources import sha256_of

LIST = ".files.json"
LEFT_OUT = (
    *("__pycache__", LIST, ".mypy_cache", ".pytest_cache", ".ruff_cache"),
    *(".DS_Store", "Thumbs.db", "desktop.ini"),
)
"""What belongs to no copy: caches, and what file managers leave in folders that were looked at."""


def files_in(folder: Path) -> dict[str, str]:
    """Return SHA-256 by path for every file of ``folder`` that belongs into a copy."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part in LEFT_OUT for part in inside.parts):
            found[inside.as_posix()] = sha256_of(path)
    return found


def hash_of(files: dict[str, str]) -> str:
    """Return one hash for a whole folder."""
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def listed(folder: Path) -> dict[str, str]:
    """Return what a copy's list says it holds; empty where there is none."""
    try:
        return {
            str(name): str(value) for name, value in json.loads((folder / LIST).read_text("utf-8")).items()
        }
    except (OSError, ValueError, AttributeError):
        return {}


def differences(folder: Path) -> list[str]:
    """Say what is not as the copy's own list says, a clause each; empty for a whole copy."""
    expected = listed(folder)
    if not expected:
        return ["its list of files is missing"]
    try:
        found = files_in(folder)
    except OSError as error:
        return [f"it cannot be read ({error.strerror})"]
    lost = [f"{name} is missing" for name in expected if name not in found]
    altered = [f"{name} is altered" for name, value in expected.items() if found.get(name, value) != value]
    return lost + altered + [f"{name} does not belong there" for name in found if name not in expected]


def copy(source: Path, target: Path, executable: str = "") -> None:
    """Copy ``source`` to ``target``, replacing a copy that is there; ``executable`` names the file to start.

    Raises:
        InstallError: it cannot be written; what was there before is there still.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(3)}.new")
    old = target.with_name(f".{target.name}.old")
    files = files_in(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for name in files:
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, beside / name)
        if executable:
            (beside / executable).chmod(0o755)
        (beside / LIST).write_text(json.dumps(files, indent=1) + "\n", "utf-8")
        if hash_of(files_in(beside)) != hash_of(files):
            raise InstallError(f"{beside} was not written as it should be.", "Run the command again.")
        if os.path.lexists(target):
            _clear(old)
            target.rename(old)
        beside.rename(target)
    except BaseException as error:
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)
        if isinstance(error, OSError):
            raise from_os(target, error) from None
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    _clear(old)


def heal(target: Path) -> None:
    """Bring back what a copy that was killed between its two renames had set aside; clear what it left."""
    old = target.with_name(f".{target.name}.old")
    try:
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)
        _clear(old)
        for leftover in target.parent.glob(f".{target.name}.*.new"):
            shutil.rmtree(leftover, ignore_errors=True)
    except OSError:
        return  # a folder that cannot be written cannot be healed; copying into it says so


def delete(path: Path) -> None:
    """Delete a folder, a file, a link (not what it leads to), or nothing.

    Raises:
        OSError: it cannot be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        path.unlink()
