"""Copies of whole folders: the engine's code and the GIMP plug-in, each with a list of its files.

A copy is written under a temporary name and renamed into place. Its file list (``.files.json``: SHA-256 by
path) is part of the copy, so that every copy can be verified on its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path

from nst_install.contract import FILE_LIST
from nst_install.errors import InstallError, from_os
from nst_install.sources import sha256_of

EXCLUDED = (
    *("__pycache__", FILE_LIST, ".mypy_cache", ".pytest_cache", ".ruff_cache"),
    *(".DS_Store", "Thumbs.db", "desktop.ini"),
)
"""Names that are never part of a copy: caches, and files that file managers leave in folders."""


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of ``folder`` that belongs in a copy, by relative path."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part in EXCLUDED for part in relative.parts):
            hashes[relative.as_posix()] = sha256_of(path)
    return hashes


def combined_hash(hashes: dict[str, str]) -> str:
    """Return one hash for a whole folder from the hashes of its files."""
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def read_file_list(folder: Path) -> dict[str, str]:
    """Return the file list of a copy, SHA-256 by path; empty if there is none."""
    try:
        fields = json.loads((folder / FILE_LIST).read_text("utf-8"))
        return {str(name): str(value) for name, value in fields.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def differences(folder: Path) -> list[str]:
    """Compare a copy with its own file list. Return one clause per difference; empty for an intact copy."""
    expected = read_file_list(folder)
    if not expected:
        return ["its list of files is missing"]
    try:
        actual = hash_files(folder)
    except OSError as error:
        return [f"it cannot be read ({error.strerror})"]
    missing = [f"{name} is missing" for name in expected if name not in actual]
    modified = [
        f"{name} was modified" for name, value in expected.items() if actual.get(name, value) != value
    ]
    return missing + modified + [f"{name} does not belong there" for name in actual if name not in expected]


def copy(source: Path, target: Path, executable: str = "") -> None:
    """Copy ``source`` to ``target``, replacing an earlier copy; mark the file ``executable`` as a program.

    Raises:
        InstallError: the copy cannot be written. The earlier copy is still in place then.
    """
    new = target.with_name(f".{target.name}.{secrets.token_hex(3)}.new")
    old = target.with_name(f".{target.name}.old")
    hashes = hash_files(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for name in hashes:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, new / name)
        if executable:
            (new / executable).chmod(0o755)
        (new / FILE_LIST).write_text(json.dumps(hashes, indent=1) + "\n", "utf-8")
        if combined_hash(hash_files(new)) != combined_hash(hashes):
            raise InstallError(f"{new} was not written correctly.", "Run the command again.")
        if os.path.lexists(target):
            _clear(old)
            target.rename(old)
        new.rename(target)
    except BaseException as error:
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)
        if isinstance(error, OSError):
            raise from_os(target, error) from None
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _clear(old)


def recover(target: Path) -> None:
    """Clean up after a copy that was killed: restore what it had set aside and delete what it left."""
    old = target.with_name(f".{target.name}.old")
    try:
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)
        _clear(old)
        for leftover in target.parent.glob(f".{target.name}.*.new"):
            shutil.rmtree(leftover, ignore_errors=True)
    except OSError:
        return  # the folder is not writable, which copying into it reports


def delete(path: Path) -> None:
    """Delete a folder, a file or a link (not its target), if it exists.

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
