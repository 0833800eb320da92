"""The queue of paintings on this machine, which has one memory: one paints, the others wait in their order.

A painting takes a ticket: a number, and a file of that number that it keeps locked. A ticket counts as long
as its file is locked, so a process that is killed leaves the queue at once. Beside the lock lies a file with
facts about the painting, for whoever shows the queue. Others may leave a wish there: to show the painting's
window, or to drop it. Works across plug-in processes and across several GIMPs of one user. Knows nothing
about pictures or windows.
"""

from __future__ import annotations

import json
import os
import time
from collections import namedtuple
from contextlib import contextmanager, suppress
from pathlib import Path

from nst_gimp.process import locations
from nst_gimp.process.file_lock import FileLock

SHOW, DROP = "show", "drop"
"""What others may wish from a painting."""

GUARD = "queue.lock"
GUARD_SECONDS, GUARD_PAUSE = 5.0, 0.01
"""The guard is held for a few milliseconds, while the queue is looked at or changed."""

_own_numbers: set = set()
"""The tickets of this process. Not every file system tells a process that it holds a lock itself."""

Entry = namedtuple("Entry", "number facts")
"""A painting in the queue. ``facts`` is what its ticket was given; see :meth:`Ticket.tell`."""


class Ticket:
    """A place in the queue, until :meth:`release` or the end of this process.

    Without a folder that can be written to, or without locks there, it never waits.
    """

    def __init__(self, **facts) -> None:
        self.facts = {"seconds": None, "seconds_left": None, "is_painting": False, **facts}
        self.number, self._lock = 0, None
        self._folder = locations.queue_folder()
        if self._folder is not None:
            with suppress(OSError), _guard(self._folder):
                self.number = max(_numbers(self._folder), default=0) + 1
                self._lock = FileLock(str(self._folder / f"{self.number}.lock"), is_new=True)
                _own_numbers.add(self.number)
        self.tell()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.release()

    def ahead(self) -> list:
        """Return the entries that come first. It is this painting's turn if there are none."""
        if self._lock is None:
            return []
        return [entry for entry in entries() if entry.number < self.number]

    def tell(self, **facts) -> None:
        """Change facts about this painting that others show.

        ``seconds`` is the time that it takes in all, ``seconds_left`` what is left of it; both may be None.
        """
        self.facts.update(facts, at=time.time())
        if self._lock is None:
            return
        path = self._folder / f"{self.number}.json"
        partial = path.with_suffix(".part")
        with suppress(OSError):  # Windows does not replace a file while somebody reads it; the next one will
            partial.write_text(json.dumps(self.facts), encoding="utf-8")
            partial.replace(path)

    def take_wish(self) -> str:
        """Return what somebody wished since the last call: SHOW, DROP or ""."""
        if self._lock is None:
            return ""
        for wish in (DROP, SHOW):
            with suppress(OSError):
                os.unlink(self._folder / f"{self.number}.{wish}")
                return wish
        return ""

    def release(self) -> None:
        """Leave the queue."""
        if self._lock is None:
            return
        _own_numbers.discard(self.number)
        self._lock.release(delete=True)
        _delete_files(self._folder, self.number)
        self._lock = None


def entries() -> list:
    """Return the paintings in the queue, the one that paints first."""
    folder = locations.queue_folder()
    if folder is None or not _numbers(folder):
        return []
    with suppress(OSError), _guard(folder):
        return [Entry(number, _read_facts(folder, number)) for number in _living(folder)]
    return []


def wish(number: int, what: str) -> None:
    """Leave a wish for a painting: SHOW or DROP."""
    folder = locations.queue_folder()
    if folder is not None:
        with suppress(OSError):
            (folder / f"{number}.{what}").touch()


def seconds_until_free(ahead: list):
    """Return the seconds until the paintings ``ahead`` are finished; None if that is unknown."""
    times = [_seconds_left(entry.facts) for entry in ahead]
    return None if None in times else sum(times)


def _seconds_left(facts: dict):
    left, estimate = facts.get("seconds_left"), facts.get("seconds")
    now = time.time()
    passed = max(0.0, now - facts.get("at", now)) if facts.get("is_painting") else 0.0
    if left is not None:
        return max(0.0, left - passed)
    return estimate - passed if estimate is not None and estimate > passed else None


def _living(folder: Path):
    """Yield the numbers whose owners are alive, in order, and delete what dead ones left behind."""
    for number in _numbers(folder):
        lock = None if number in _own_numbers else _try_lock(folder / f"{number}.lock")
        if lock is None:
            yield number
        else:
            lock.release(delete=True)
            _delete_files(folder, number)


def _try_lock(path: Path):
    try:
        return FileLock(str(path))
    except BlockingIOError:
        return None


def _numbers(folder: Path) -> list:
    with suppress(OSError):
        return sorted(int(path.stem) for path in folder.glob("*.lock") if path.stem.isdigit())
    return []


def _read_facts(folder: Path, number: int) -> dict:
    try:
        facts = json.loads((folder / f"{number}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _delete_files(folder: Path, number: int) -> None:
    for suffix in ("json", "part", SHOW, DROP):
        with suppress(OSError):
            os.unlink(folder / f"{number}.{suffix}")


@contextmanager
def _guard(folder: Path):
    """Let one process at a time look at the queue or change it.

    Raises:
        OSError: files cannot be locked there.
        TimeoutError: another process does not give the guard back.
    """
    end = time.monotonic() + GUARD_SECONDS
    while True:
        try:
            lock = FileLock(str(folder / GUARD))
            break
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError from None
            time.sleep(GUARD_PAUSE)
    with lock:
        yield
