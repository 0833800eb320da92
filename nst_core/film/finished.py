"""Finished frames, kept in a private folder until the film is written, so that a killed run can go on.

A frame is a PNG file; beside it lies what the next frames go on from, for the last few. Both are written
under a temporary name and renamed, the PNG last, so a frame is complete or missing. A record says what the
frames are made of: only the same film, styles, settings and network go on from them. Shots
may be painted at the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from nst_core.errors import ErrorCode, NstError
from nst_core.film.carrying import Painting
from nst_core.film.painter import SPANS, PaintedFrame
from nst_core.images.display_name import display_name
from nst_core.images.part_files import fill_part
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.write import write_picture
from nst_core.job.identity import differences
from nst_core.loss.stored_maps import arrays_of_maps, maps_of_arrays

SUFFIX = ".nst-film"
RECORD = "film.json"


def frames_folder(output: Path) -> Path:
    """Return the hidden folder of the finished frames of the film ``output``."""
    target = Path(os.path.realpath(output))
    name = f".{target.name}{SUFFIX}"
    if len(os.fsencode(name)) > 200:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}{SUFFIX}"
    return target.with_name(name)


class FinishedFrames:
    """The finished frames of one film, by number."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.folder, self.name = folder, display_name(output)

    def begin(self, identity: Mapping[str, str], *, resume: bool) -> None:
        """Make the folder; without ``resume``, delete what an earlier run left there.

        Raises:
            NstError: ``bad-setting`` if the frames are of another film; ``unwritable-output``.
        """
        stored = self._stored_identity()
        if resume and stored is not None:
            other = differences(stored, identity)
            if other:
                raise NstError(
                    ErrorCode.BAD_SETTING,
                    f"The interrupted film {self.name} was made with another {', '.join(other)}.",
                    "Repeat its command with --resume, or leave out --resume to start anew.",
                )
            return
        self.remove()
        try:
            self.folder.mkdir(mode=0o700, parents=True)
            with fill_part(self.folder, lambda file: file.write(json.dumps(identity).encode())) as part:
                part.replace(self.folder / RECORD)
        except OSError as error:
            message = f"Cannot write beside {self.name}: {error.strerror}."
            raise NstError(ErrorCode.UNWRITABLE_OUTPUT, message, "Choose another folder.") from None

    def _stored_identity(self) -> Mapping[str, str] | None:
        try:
            stored = json.loads((self.folder / RECORD).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return stored if isinstance(stored, dict) else None

    def count(self, shot: range) -> int:
        """Return how many frames of a ``shot``, from its first one on, are finished and can be followed."""
        count = 0
        while count < len(shot) and self._picture_file(shot[count]).exists():
            count += 1
        if count < len(shot):
            while not all(self._state_file(number).exists() for number in _needed(shot, count)):
                count -= 1
        return count

    def before(self, shot: range, count: int) -> list[PaintedFrame]:
        """Return those of the first ``count`` frames of a ``shot`` from which the next one goes on.

        Raises:
            NstError: ``unreadable-file`` if one is damaged.
        """
        return [self._frame(number) for number in _needed(shot, count)]

    def _picture_file(self, number: int) -> Path:
        return self.folder / f"{number:08}.png"

    def _state_file(self, number: int) -> Path:
        return self.folder / f"{number:08}.npz"

    def keep(self, number: int, shot: range, frame: PaintedFrame) -> None:
        """Keep a finished frame of a ``shot``.

        Raises:
            NstError: ``disk-full``, ``unwritable-output``.
        """
        arrays: dict[str, Any] = {**arrays_of_maps(frame.maps)}
        arrays["grids"] = np.array(json.dumps([matches.style_grids for matches in frame.maps]))
        if frame.painting is not None:
            arrays |= {"pixels": frame.painting.pixels, "evaluations": frame.painting.evaluations}

        def write(file: BinaryIO) -> None:
            np.savez(file, **arrays)

        try:
            with fill_part(self.folder, write, permissions=0o600) as part:
                part.replace(self._state_file(number))
        except OSError as error:
            message = f"A frame of {self.name} cannot be kept: {error.strerror}."
            raise NstError(ErrorCode.DISK_FULL, message, "Free some space, then add --resume.") from None
        picture = replace(frame.picture, profile=None, source="")
        write_picture(picture, self._picture_file(number), force=True)
        if number - max(SPANS) in shot:
            with suppress(OSError):
                self._state_file(number - max(SPANS)).unlink()

    def picture(self, number: int) -> Picture:
        """Return a finished frame."""
        return read_picture(self._picture_file(number))

    def _frame(self, number: int) -> PaintedFrame:
        painting: Painting | None = None
        try:
            with np.load(self._state_file(number), allow_pickle=False) as arrays:
                maps = maps_of_arrays(arrays, json.loads(str(arrays["grids"])))
                if "pixels" in arrays:
                    painting = Painting(arrays["pixels"], arrays["evaluations"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            raise NstError(
                ErrorCode.UNREADABLE_FILE,
                f"A finished frame of {self.name} is damaged.",
                "Leave out --resume to start anew.",
            ) from None
        return PaintedFrame(picture=self.picture(number), painting=painting, maps=maps)

    def bytes(self) -> int:
        """Return the size of all that is kept."""
        try:
            return sum(file.stat().st_size for file in self.folder.iterdir())
        except OSError:
            return 0

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _needed(shot: range, count: int) -> range:
    """Return the numbers of the frames from which the one after the first ``count`` of a ``shot`` goes on."""
    return shot[max(0, count - max(SPANS)) : count]


def disk_bytes(frames: int, first: Picture, *, transparent: bool, painters: int) -> int:
    """Return the bytes that a film may need while ``painters`` paint its ``frames``, alike the ``first``.

    These are finished pictures and the film made of them, and for each painter what the next frames go on
    from: 3 + 1 numbers of 4 bytes for each pixel, and matches of a tenth of that.
    """
    pictures = frames * (4 if transparent else 3) * 1.5
    states = painters * (max(SPANS) + 1) * 16 * 1.1
    return round((pictures + states) * first.height * first.width)
