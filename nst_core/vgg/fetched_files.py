"""Progress of a fetch, and sizes, hashes and disk errors of fetched files. Does not use the network."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from nst_core.errors import ErrorCode, NstError

CHUNK = 1024**2


@dataclass(frozen=True)
class FetchProgress:
    """Progress of a fetch: ``done`` of ``total`` bytes in this phase.

    Waiting for another program that writes to the same store, and converting, count 0 or 1 of 1.
    """

    phase: Literal["wait", "download", "check", "convert"]
    done: int
    total: int


OnProgress: TypeAlias = Callable[[FetchProgress], None]


def size_on_disk(path: Path) -> int:
    """Return the size of a file in bytes, or 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def file_hash(path: Path, on_bytes: Callable[[int], None] = lambda _done: None) -> str:
    """Return the SHA-256 of a file in hex; call ``on_bytes`` with the number of bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
            done += len(block)
            on_bytes(done)
    return digest.hexdigest()


def disk_error(path: Path, error: OSError) -> NstError:
    """Return the error for a failure to write ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NstError(
            ErrorCode.DISK_FULL,
            f"The disk with the folder {path.parent} is full.",
            "Free some space, or choose another folder with NST_MODELS. The bytes received so far are kept.",
        )
    return NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"{path} cannot be written: {error.strerror or type(error).__name__}.",
        "Set NST_MODELS to a folder that you can write to.",
    )
