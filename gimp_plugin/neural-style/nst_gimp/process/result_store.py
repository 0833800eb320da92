"""Results on disk: the trials and paintings of one GIMP, each a folder with its pictures and its facts.

Bounded here, in one place: the oldest go first. Several processes of the plug-in use a store at the same
time: a result appears whole, by one renaming, and everything that is missing is skipped. Works without GIMP.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

MOST_RESULTS = 60
MOST_BYTES = 500_000_000
"""The oldest paintings lose their layers first when all results are larger; thumbnails and settings stay."""

FACTS, PICTURE, PHOTO, LAYER = "facts.json", "picture.png", "photo.png", "layer.xcf"
"""The files of a result. ``PHOTO`` is what was painted, in the size of its picture. ``LAYER`` is the painting
at its full size; trials have none."""

UNFINISHED = ".new-"
STALE_SECONDS = 3600.0

TRIAL, PAINTING = "trial", "painting"


@dataclass(frozen=True)
class Facts:
    """What is known of a result besides its pictures.

    ``kind`` is TRIAL or PAINTING, and ``title`` the names of the styles. ``image`` is the number of the image
    in this GIMP, and ``file`` the URI of its file, or "". ``values`` has the arguments, as
    ``run/stored_values`` captures them. ``side`` is the long side in pixels at which it was painted (0:
    unknown), and ``seconds`` the time that it took. ``is_automatic``: a trial that has started by itself.
    """

    kind: str
    title: str
    image: int
    file: str
    values: dict
    side: int = 0
    seconds: float = 0.0
    is_automatic: bool = False


@dataclass(frozen=True)
class Result:
    """A trial or a painting."""

    folder: Path
    facts: Facts

    def path(self, name: str) -> Path:
        """Return the path of its file PICTURE, PHOTO or LAYER."""
        return self.folder / name

    def has_layer(self) -> bool:
        """Return whether its layer is there."""
        return self.path(LAYER).is_file()


class ResultStore:
    """The results in ``folder``, which exists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, facts: Facts, write_files) -> Result:
        """Add a result and return it. ``write_files(folder)`` writes its pictures.

        Raises:
            OSError: the disk is full, or GIMP has ended and its folder is gone.
        """
        partial = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
        try:
            (partial / FACTS).write_text(json.dumps(asdict(facts)), encoding="utf-8")
            write_files(partial)
            final = self.folder / f"{time.time_ns():020d}"
            partial.replace(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.trim()
        return Result(final, facts)

    def results(self) -> list:
        """Return all results, the latest first."""
        return [result for result in map(_read, reversed(self._folders())) if result is not None]

    def remove(self, result: Result) -> None:
        """Delete a result."""
        shutil.rmtree(result.folder, ignore_errors=True)

    def trim(self) -> None:
        """Delete the oldest results if there are too many, and the oldest layers if they are too large."""
        folders = self._folders()
        for folder in folders[: max(0, len(folders) - MOST_RESULTS)]:
            shutil.rmtree(folder, ignore_errors=True)
        folders = self._folders()
        too_much = sum(map(_size, folders)) - MOST_BYTES
        for folder in folders:
            if too_much <= 0:
                break
            with suppress(OSError):
                size = (folder / LAYER).stat().st_size
                (folder / LAYER).unlink()
                too_much -= size
        self._delete_unfinished()

    def _folders(self) -> list:
        with suppress(OSError):
            return sorted(entry for entry in self.folder.iterdir() if entry.name.isdigit())
        return []

    def _delete_unfinished(self) -> None:
        """Delete what processes that were killed in the middle of :meth:`add` have left."""
        for entry in self.folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(entry, ignore_errors=True)


def _read(folder: Path):
    with suppress(OSError, ValueError, TypeError):  # it is being deleted
        return Result(folder, Facts(**json.loads((folder / FACTS).read_text(encoding="utf-8"))))
    return None


def _size(folder: Path) -> int:
    with suppress(OSError):
        return sum(entry.stat().st_size for entry in folder.iterdir())
    return 0
