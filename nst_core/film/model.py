"""A film as plain data: frames with their times, where they come from, and what is kept of the source."""

from __future__ import annotations

import importlib.util
import math
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnNotice
from nst_core.images.picture import Picture
from nst_core.system.folders import installer_command

PACKAGES = {"cv2": ("OpenCV", "opencv-python-headless"), "av": ("PyAV", "av")}
"""Modules that films need: the name of each for people, and the package that has it."""


@dataclass(frozen=True)
class FilmFrame:
    """A frame: its ``picture``, and its ``start`` and ``duration`` in seconds."""

    picture: Picture = field(repr=False)
    start: float
    duration: float


@dataclass(frozen=True, kw_only=True)
class FilmTraits:
    """What a result keeps of its source.

    ``video`` is the file to copy the sound from, and ``colours`` are its codes of matrix, primaries, transfer
    and range (ITU-T H.273); None for what is no video. ``loop`` is how often an animation is shown, 0 for
    ever. ``names`` are the files of a folder. ``transparent`` says that some frame is.
    """

    video: Path | None = None
    colours: tuple[int, int, int, int] | None = None
    loop: int = 0
    names: tuple[str, ...] = ()
    transparent: bool = False


class FilmSource(Protocol):
    """A film that can be read from its first frame, as often as needed."""

    @property
    def traits(self) -> FilmTraits:
        """What a result keeps."""
        ...

    def frames(self, on_notice: OnNotice) -> Iterator[FilmFrame]:
        """Yield the frames in order.

        Raises:
            NstError: the film cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which frames are painted: those from ``start`` to ``stop``, in seconds, one of ``every``."""

    start: float = 0.0
    stop: float = math.inf
    every: int = 1

    def of(self, frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
        """Yield the selected frames, each as long as those that follow it and are left out."""
        kept: FilmFrame | None = None
        number = 0
        for frame in frames:
            if frame.start >= self.stop:
                break
            if frame.start < self.start:
                continue
            if number % self.every == 0:
                if kept is not None:
                    yield kept
                kept = frame
            elif kept is not None:
                kept = replace(kept, duration=kept.duration + frame.duration)
            number += 1
        if kept is not None:
            yield kept


def check_frame_size(name: str, frame: Picture, first: Picture) -> None:
    """Check that a ``frame``, called ``name`` in the message, has the size of the ``first`` one.

    Raises:
        NstError: ``bad-image``.
    """
    if (frame.height, frame.width) != (first.height, first.width):
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"{name} is {frame.width} x {frame.height} pixels, and the first one is "
            f"{first.width} x {first.height}.",
            "Give all frames one size.",
        )


def check_film_installed(modules: Iterable[str] = tuple(PACKAGES)) -> None:
    """Check that ``modules``, those that films need, can be imported.

    Raises:
        NstError: ``no-film``. The hint has the command that installs them.
    """
    missing = [PACKAGES[module] for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        names = " and ".join(name for name, _package in missing)
        packages = " ".join(package for _name, package in missing)
        command = installer_command("update", "--films")
        raise NstError(
            ErrorCode.NO_FILM,
            f"Films and animations need {names}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            f"Run: {command or f'{shlex.quote(sys.executable)} -m pip install {packages}'}",
        )
