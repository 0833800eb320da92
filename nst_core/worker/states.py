"""The folder of the states of interrupted runs, which the caller of the engine names.

It is private, and bounded in number, age and bytes: states that nobody goes on from are deleted.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.job.checkpoint import SUFFIX, Checkpoint

MOST_STATES, MOST_SECONDS, MOST_BYTES = 8, 14 * 24 * 3600.0, 2_000_000_000
"""Bounds of the folder; the latest states are kept."""


def open_state(folder: Path | None) -> Checkpoint | None:
    """Return the state of a run in ``folder``, which is made if it is missing; None if it cannot be used.

    Raises:
        NstError: ``protocol`` if the path is not absolute, or is a link.
    """
    if folder is None:
        return None
    if not folder.is_absolute() or folder.is_symlink():
        raise NstError(ErrorCode.PROTOCOL, f"{folder} is not a folder for states.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError:
        return None  # painting is worth more than going on with it later
    delete_old_states(folder)
    return Checkpoint(folder, resume=True, expected=False)


def delete_old_states(folder: Path, now: float | None = None) -> None:
    """Delete the oldest states until the bounds are kept."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            status = path.lstat()
            found.append((status.st_mtime, status.st_size, path))
    total = 0
    for number, (changed, size, path) in enumerate(sorted(found, reverse=True)):
        total += size
        old = (time.time() if now is None else now) - changed > MOST_SECONDS
        if old or number >= MOST_STATES or total > MOST_BYTES:
            with suppress(OSError):
                path.unlink()
