"""The state of an unfinished run, kept in a file, from which the same run can go on.

Takes the states that painting hands over; writes one file: arrays and a record, as numpy's ``.npz``.
The record says what the run is made of, so that only the same pictures, settings and network go on from it.
The file replaces the one before at once, whatever interrupts the program, and only its owner can read it.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images.display_name import display_name
from nst_core.images.part_files import fill_part
from nst_core.job.identity import combined_hash, differences
from nst_core.loss.stored_maps import arrays_of_maps, maps_of_arrays
from nst_core.painting.pyramid import Level
from nst_core.painting.run_state import RunState
from nst_core.vgg.fetched_files import file_hash

SUFFIX = ".nst-resume"
LONGEST_NAME_BYTES = 255

FORMAT = 2
"""Version of the file's layout."""

LEAST_SECONDS = 20.0
"""Seconds between two writes at the least: what an interruption may cost."""

MOST_OF_TIME = 0.01
"""Share of the run's time that writing may take."""

RECORD, RESULT = "record.json", "result.txt"
"""Members of the file: the record, and the SHA-256 of the picture that was saved of a stopped run."""

DAMAGES = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, MemoryError, zlib.error)
"""Errors of reading a damaged file."""


def checkpoint_path(output: Path) -> Path:
    """Return the path of the hidden file that keeps the state of the run that paints ``output``."""
    target = Path(os.path.realpath(output))
    name = f".{target.name}{SUFFIX}"
    if len(os.fsencode(name)) > LONGEST_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}{SUFFIX}"
    return target.with_name(name)


@dataclass(frozen=True)
class StoredRun:
    """A state that was read from a file, with what the run is made of and the sizes of its levels."""

    state: RunState
    identity: Mapping[str, str]
    levels: tuple[Level, ...]

    @property
    def place(self) -> str:
        """How far the run has come, in words."""
        level, iterations = self.state.level, self.levels[self.state.level].iterations
        where = f"evaluation {self.state.iteration} of {iterations}"
        if self.state.tiles:
            where = f"tile {self.state.tiles + 1}"
        return f"level {level + 1} of {len(self.levels)}, {where}"


class Checkpoint:
    """The file of one run; see :class:`nst_core.painting.run_state.StateKeeper`.

    If ``path`` is a folder, the file in it is named by what the run is made of.

    ``resume`` goes on from a state that is there; it must be of the same run. ``name`` is what messages call
    the picture. ``expected`` says that a state to ``resume`` is missed if there is none.
    """

    def __init__(self, path: Path, *, resume: bool = False, name: str = "", expected: bool = True) -> None:
        self.path, self.resume, self.name, self.expected = path, resume, name, expected
        self.start: RunState | None = None
        self.written = False
        self._identity: Mapping[str, str] = {}
        self._levels: Sequence[Level] = ()
        self._on_notice: OnNotice = lambda _notice: None
        self._next_time = 0.0
        self._closed = False
        self._lock = threading.Lock()

    def begin(self, identity: Mapping[str, str], levels: Sequence[Level], on_notice: OnNotice) -> None:
        """Find the state to go on from, if there is one and it is asked for.

        Raises:
            NstError: ``bad-setting`` if the state is of another run.
        """
        self._identity, self._levels, self._on_notice = identity, levels, on_notice
        if self.path.is_dir():
            self.path /= f"{combined_hash(identity)}{SUFFIX}"
        self._next_time = time.monotonic() + LEAST_SECONDS
        stored = self._read()
        if stored is None:
            if self.resume and self.expected and not self.path.exists():
                self._say("nothing-to-resume", f"There is no interrupted run of {self.name}. It starts anew.")
            return
        other = differences(stored.identity, identity)
        if not self.resume:
            self._announce(stored, other)
        elif other:
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"The interrupted run of {self.name} was made with another {', '.join(other)}.",
                "Repeat its command with --resume, or leave out --resume to start anew.",
            )
        elif tuple(stored.levels) != tuple(levels):
            self._say("other-sizes", "The sizes to paint at have changed, so the run starts anew.")
        else:
            self.start = stored.state
            self._say("resumed", f"Continues at {stored.place}.")

    def _announce(self, stored: StoredRun, other: Sequence[str]) -> None:
        """Name a state that is not used."""
        if other:
            self._say(
                "unfinished-run",
                f"An interrupted run of {self.name} with another {', '.join(other)} is forgotten.",
            )
        else:
            self._say(
                "unfinished-run",
                f"A run of {self.name} was interrupted at {stored.place}. This one starts anew.",
                "Add --resume to go on from there.",
            )

    def _say(self, code: str, message: str, hint: str = "") -> None:
        self._on_notice(Notice(code, message, hint))

    def _read(self) -> StoredRun | None:
        if not self.path.exists():
            return None
        try:
            return read_stored_run(self.path)
        except DAMAGES:
            name = display_name(self.path)
            self._say("damaged-state", f"The interrupted run in {name} is damaged, so the run starts anew.")
            return None

    def is_due(self) -> bool:
        """Return whether a state is to be written again."""
        return not self._closed and time.monotonic() >= self._next_time

    def keep(self, state: RunState) -> None:
        """Write ``state``. If that is not possible, say so once, and go on without."""
        with self._lock:
            if self._closed:
                return
            started = time.monotonic()
            try:
                write_state(self.path, StoredRun(state, self._identity, tuple(self._levels)))
            except (OSError, ValueError) as error:
                self._closed = True
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                self._say("state-not-kept", f"If this run is interrupted, it cannot go on later: {reason}.")
                return
            self.written = True
            cost = time.monotonic() - started
            self._next_time = time.monotonic() + max(LEAST_SECONDS, cost / MOST_OF_TIME)

    def remove(self) -> None:
        """Delete the file, from any thread; nothing is written afterwards."""
        with self._lock:
            self._closed = True
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the file if this run has written it: the user wants nothing of this run."""
        if self.written:
            self.remove()

    def record_result(self, picture: Path) -> None:
        """Remember the picture that was saved of a stopped run, which the run may replace when it goes on."""
        with suppress(*DAMAGES), zipfile.ZipFile(self.path, "a") as file:
            file.writestr(RESULT, file_hash(picture))

    def has_saved(self, picture: Path) -> bool:
        """Return whether ``picture`` is what was saved of the run, unchanged."""
        with suppress(*DAMAGES, zipfile.BadZipFile), zipfile.ZipFile(self.path) as file:
            return file.read(RESULT).decode("ascii") == file_hash(picture)
        return False


def write_state(path: Path, run: StoredRun) -> None:
    """Write a state under a temporary name, flush it to the disk, and rename it.

    Raises:
        OSError: it cannot be written; the file that was there is still there.
    """
    state = run.state
    record = {
        "format": FORMAT,
        "identity": dict(run.identity),
        "levels": [asdict(level) for level in run.levels],
        "level": state.level,
        "iteration": state.iteration,
        "tiles": [state.tiles, state.tile_window],
        "style_grids": [matches.style_grids for matches in state.maps],
    }
    arrays: dict[str, Any] = {**arrays_of_maps(state.maps)}
    arrays |= {
        name: picture
        for name, picture in (("picture", state.picture), ("previous", state.previous))
        if picture is not None
    }

    def write(file: BinaryIO) -> None:
        np.savez(file, **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(RECORD, json.dumps(record))

    with fill_part(path.parent, write, permissions=0o600) as part:
        part.replace(path)


def read_stored_run(path: Path) -> StoredRun:
    """Read a state.

    Raises:
        OSError, ValueError, KeyError, or another of ``DAMAGES``: the file cannot be read, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            record = json.loads(archive.read(RECORD))
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed")  # it could be larger in memory than on the disk
        if record["format"] != FORMAT:
            raise ValueError("of another version")
        with np.load(path, allow_pickle=False) as arrays:
            maps = maps_of_arrays(arrays, record["style_grids"])
            picture, previous = (
                _check_picture(arrays[name]) if name in arrays else None for name in ("picture", "previous")
            )
    except (zipfile.BadZipFile, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    levels = tuple(Level(**level) for level in record["levels"])
    tiles, tile_window = map(int, record["tiles"])
    state = RunState(
        level=int(record["level"]),
        iteration=int(record["iteration"]),
        picture=picture,
        previous=previous,
        maps=maps,
        tiles=tiles,
        tile_window=tile_window,
    )
    if tiles < 0 or tile_window < (tiles > 0):
        raise ValueError("tiles that do not exist")
    if not 0 <= state.level < len(levels) or state.iteration < 0 or (state.level > 0 and previous is None):
        raise ValueError("a level that does not exist")
    return StoredRun(state, {str(key): str(value) for key, value in record["identity"].items()}, levels)


def _check_picture(values: Array) -> Array:
    if (
        values.ndim != 3
        or values.shape[0] != 3
        or values.dtype != np.float32
        or not np.isfinite(values).all()
    ):
        raise ValueError("not a picture")
    return values
