"""The record of what is installed, ``engine.json``. It is replaced as a whole, by one rename.

The plug-in reads ``python``, ``models`` and ``installer`` from it; the other fields are for this installer.
A folder of packages or code that the record does not name is left over from an interrupted installation.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from nst_install.errors import from_os
from nst_install.paths import InstallPaths


@dataclass(frozen=True)
class InstallRecord:
    """An installation. Folders are absolute paths; ``pins`` and ``code`` are hashes of the contents.

    ``installer`` is the command that starts this installer again: a Python and the path of install.py.
    ``films`` says whether the packages for films were chosen.
    """

    python: str
    version: str
    engine: str
    models: str
    environment: str
    pins: str
    code: str
    plug_ins: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    installer: tuple[str, ...] = ()
    films: bool = False


def read_record(paths: InstallPaths) -> InstallRecord | None:
    """Return the record, or None if it does not exist or cannot be read."""
    try:
        fields = json.loads(paths.record.read_text("utf-8"))
        known = {name: value for name, value in fields.items() if name in InstallRecord.__dataclass_fields__}
        lists = {name: tuple(known.get(name, ())) for name in ("plug_ins", "links", "installer")}
        record = InstallRecord(**{**known, **lists})
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    return record


def write_record(paths: InstallPaths, record: InstallRecord) -> None:
    """Replace the record. From this moment on, what it names is what is installed."""
    write_atomically(paths.record, json.dumps(asdict(record), indent=1) + "\n")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a temporary file and rename it to ``path``, so that ``path`` is never half-written.

    Raises:
        InstallError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise from_os(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
