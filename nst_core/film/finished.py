"""Finished frames, kept in a private folder until the film is written, so that a killed run can go on.

A frame is a PNG file; beside it lies what the next frames go on from, for the last few. Both are written
under a temporary name and renamed, the PNG last, so a frame is complete or missing. A record says what the
frames are made of: only the same film, styles, settings and network go on from them.
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
from nst_core.loss.neighbours import NeighbourMap
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

    def begin(self, identity: Mapping[str, str], *, resume: bool) -> int:
        """Make the folder, and return how many frames are finished: none, without ``resume``.

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
            return self._count()
        self.remove()
        try:
            self.folder.mkdir(mode=0o700, parents=True)
            with fill_part(self.folder, lambda file: file.write(json.dumps(identity).encode())) as part:
                part.replace(self.folder / RECORD)
        except OSError as error:
            message = f"Cannot write beside {self.name}: {error.strerror}."
            raise NstError(ErrorCode.UNWRITABLE_OUTPUT, message, "Choose another folder.") from None
        return 0

    def _stored_identity(self) -> Mapping[str, str] | None:
        try:
            stored = json.loads((self.folder / RECORD).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return stored if isinstance(stored, dict) else None

    def _count(self) -> int:
        """Return the number of finished frames from the first one on, whose last ones can be gone on from."""
        count = 0
        while self._picture_file(count).exists():
            count += 1
        while count and self._read_state(count - 1) is None:
            count -= 1
        return count

    def _picture_file(self, number: int) -> Path:
        return self.folder / f"{number:08}.png"

    def _state_file(self, number: int) -> Path:
        return self.folder / f"{number:08}.npz"

    def keep(self, number: int, frame: PaintedFrame) -> None:
        """Keep a finished frame.

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
        with suppress(OSError):
            self._state_file(number - max(SPANS)).unlink()

    def picture(self, number: int) -> Picture:
        """Return a finished frame."""
        return read_picture(self._picture_file(number))

    def frame(self, number: int) -> PaintedFrame | None:
        """Return a finished frame with what others go on from; None if that is no longer kept."""
        state = self._read_state(number)
        if state is None:
            return None
        painting, maps = state
        return PaintedFrame(picture=self.picture(number), painting=painting, maps=maps)

    def _read_state(self, number: int) -> tuple[Painting | None, tuple[NeighbourMap, ...]] | None:
        try:
            with np.load(self._state_file(number), allow_pickle=False) as arrays:
                maps = maps_of_arrays(arrays, json.loads(str(arrays["grids"])))
                if "pixels" not in arrays:
                    return None, maps
                return Painting(arrays["pixels"], arrays["evaluations"]), maps
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
