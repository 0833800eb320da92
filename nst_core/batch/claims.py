"""Claims on results: several runs on one folder share its pictures, and each is painted once.

A claim is a lock on a hidden file beside the result. The system drops the lock when a run ends, however it
ends, and the next run deletes the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from filelock import FileLock, Timeout

from nst_core.images.file_io import FileState, file_state


class Claimed(Enum):
    """Whether a result is this run's to paint, is being painted by another run, or has been."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    DONE = "done"


class Claims:
    """The claims of one run on the results ``targets``, whose folders exist."""

    def __init__(self, targets: Iterable[Path]) -> None:
        self.states: dict[Path, FileState | None] = {target: file_state(target) for target in targets}
        self.locks: dict[Path, FileLock] = {}

    def claim(self, target: Path) -> Claimed:
        """Claim a result, without waiting for another run."""
        lock = FileLock(_claim_file(target))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return Claimed.ELSEWHERE
        except (OSError, NotImplementedError):
            pass  # a file system without locks: the runs cannot know of each other
        self.locks[target] = lock
        if self.is_done(target):
            self.release(target)
            return Claimed.DONE
        return Claimed.HERE

    def is_done(self, target: Path) -> bool:
        """Return whether another run has written a result since this run began."""
        state = file_state(target)
        return state is not None and state != self.states[target]

    def release(self, target: Path) -> None:
        """Give up a claim, if there is one."""
        lock = self.locks.pop(target, None)
        if lock is None:
            return
        if os.name != "nt":  # which deletes no open file
            _claim_file(target).unlink(missing_ok=True)
            lock.release()
        else:
            lock.release()
            _claim_file(target).unlink(missing_ok=True)

    def release_all(self) -> None:
        """Give up all claims."""
        for target in list(self.locks):
            self.release(target)


def _claim_file(target: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    return target.with_name(f".nst-{digest}.claim")
