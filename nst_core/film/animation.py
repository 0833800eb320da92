"""Animated GIF, PNG and WebP files, and folders of numbered pictures.

Durations, loops and transparency are kept. A GIF has at most 256 colours for each frame and knows no
half-transparent pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageSequence

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.events import OnNotice
from nst_core.film.model import FilmFrame, FilmTraits
from nst_core.images.decode import pixel_limit
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.picture_folder import list_pictures
from nst_core.images.read import read_picture

ANIMATIONS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
"""Suffixes of animations, and Pillow's names of their formats."""

USUAL_MILLISECONDS = 100.0
"""Duration of a frame that has none: browsers show it as long."""

NUMBER = re.compile(r"(\d+)")


class AnimationFile:
    """An animated picture to read; see :class:`nst_core.film.model.FilmSource`."""

    def __init__(self, path: Path) -> None:
        """Look at the file.

        Raises:
            NstError: ``bad-image`` if it is no animation.
        """
        self.path, self.name = path, display_name(path)
        with self._open() as image:
            if getattr(image, "n_frames", 1) < 2:
                raise NstError(
                    ErrorCode.BAD_IMAGE,
                    f"{self.name} is a single picture, not a film.",
                    "Paint it with `nst stylize`.",
                )
            if image.width * image.height > pixel_limit():
                raise NstError(ErrorCode.TOO_LARGE, f"{self.name} is too large: {image.size}.")
            self.traits = FilmTraits(loop=int(image.info.get("loop", 1 if image.format == "GIF" else 0)))

    def _open(self) -> Image.Image:
        try:
            return Image.open(self.path, formats=tuple(set(ANIMATIONS.values())))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise NstError(
                ErrorCode.BAD_IMAGE, f"{self.name} is no film that can be read: {first_line(error)}."
            ) from None

    def frames(self, on_notice: OnNotice) -> Iterator[FilmFrame]:  # noqa: ARG002 -- of every source
        """Yield the frames."""
        start = 0.0
        with self._open() as image:
            skipped = 1 if getattr(image, "default_image", False) else 0  # shown where APNG is not known
            try:
                for number, frame in enumerate(ImageSequence.Iterator(image)):
                    if number < skipped:
                        continue
                    frame.load()  # WebP tells the duration only then
                    duration = (frame.info.get("duration") or USUAL_MILLISECONDS) / 1000.0
                    yield FilmFrame(_from_pillow(frame, str(self.path)), start, duration)
                    start += duration
            except (OSError, ValueError, SyntaxError) as error:
                raise NstError(ErrorCode.BAD_IMAGE, f"{self.name} is damaged: {first_line(error)}.") from None


def _from_pillow(image: Image.Image, source: str) -> Picture:
    values = np.asarray(image.convert("RGBA"), np.float32) / np.float32(255.0)
    alpha = np.ascontiguousarray(values[:, :, 3])
    pixels = np.ascontiguousarray(values[:, :, :3])
    return Picture(pixels, None if float(alpha.min()) >= 1.0 else alpha, source=source)


def write_animation(file: BinaryIO, suffix: str, frames: Iterable[FilmFrame], traits: FilmTraits) -> None:
    """Write an animation of the format that ``suffix`` names."""
    images, durations, transparent = [], [], traits.transparent
    for frame in frames:
        transparent = transparent or frame.picture.alpha is not None
        images.append(_to_pillow(frame.picture, with_alpha=transparent))
        durations.append(max(1, round(frame.duration * 1000.0)))
    options: dict[str, Any] = {"save_all": True, "append_images": images[1:], "duration": durations}
    kind = ANIMATIONS[suffix]
    if kind == "GIF":
        if traits.loop != 1:
            options["loop"] = traits.loop
        options["disposal"] = 2 if transparent else 0
    else:
        options["loop"] = traits.loop
    if kind == "WEBP":
        options |= {"lossless": True, "quality": 60, "method": 4}
    images[0].save(file, kind, **options)


def _to_pillow(picture: Picture, *, with_alpha: bool) -> Image.Image:
    alpha = np.ones(picture.pixels.shape[:2], np.float32) if picture.alpha is None else picture.alpha
    values = np.dstack([picture.pixels, alpha]) if with_alpha else picture.pixels
    return Image.fromarray(np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8))


class FrameFolder:
    """A folder of numbered pictures; see :class:`nst_core.film.model.FilmSource`."""

    def __init__(self, path: Path, rate: float) -> None:
        """List the pictures, ``rate`` to a second, in the order of the numbers in their names.

        Raises:
            NstError: ``bad-image`` if there are none.
        """
        try:
            files = list_pictures(path)
        except OSError as error:
            raise NstError(ErrorCode.UNREADABLE_FILE, f"{display_name(path)}: {error.strerror}.") from None
        self.files = sorted(files, key=lambda file: natural_order(file.name))
        if not self.files:
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"There are no pictures in {display_name(path)}.",
                "Give a folder of numbered pictures, or a film.",
            )
        self.rate = rate
        self.traits = FilmTraits(names=tuple(file.name for file in self.files))

    def frames(self, on_notice: OnNotice) -> Iterator[FilmFrame]:
        """Yield the frames."""
        for number, file in enumerate(self.files):
            picture = read_picture(file, on_notice=on_notice)
            yield FilmFrame(picture, number / self.rate, 1.0 / self.rate)


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts names by the numbers in them: 2 comes before 10."""
    return [(int(part), "") if part.isdigit() else (0, part.lower()) for part in NUMBER.split(name)]
