"""The record of what is installed, ``engine.json``: the one truth, replaced by one rename.

The plug-in reads ``python`` and ``models`` from it; the rest is for this installer. A folder that the record
does not name is rubbish of an installation that was broken off.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from nst_install.errors import from_os
from nst_install.places import Places


@dataclass(frozen=True)
class Record:
    """What is installed. Folders are absolute paths; ``pins`` and ``code`` are hashes of what went in."""

    python: str
    version: str
    engine: str
    models: str
    environment: str
    pins: str
    code: str
    plug_ins: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def read_record(places: Places) -> Record | None:
    """Read the record; None where there is none, or none that can be read."""
    try:
        fields = json.loads(places.record.read_text("utf-8"))
        fields = {name: fields[name] for name in Record.__dataclass_fields__}
        record = Record(**{**fields, "plug_ins": tuple(fields["plug_ins"]), "links": tuple(fields["links"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record


def write_record(places: Places, record: Record) -> None:
    """Put the record in place. What it names works from this moment on."""
    write_whole(places.record, json.dumps(asdict(record), indent=1) + "\n")


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file beside its place and rename it there, so that it is never seen half-written.

    Raises:
        InstallError: it cannot be written.
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
