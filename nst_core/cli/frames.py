"""Frames of ``--frames``: the picture every few iterations as a PNG file, and a contact sheet of all.

Takes previews and writes files. Does not depend on how pictures are painted.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst_core.array_types import Array
from nst_core.cli.output_folders import OutputFolder
from nst_core.events import Preview
from nst_core.images.contact_sheet import contact_sheet
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize
from nst_core.images.write import write_picture

FRAME_NAME = re.compile(r"frame-(\d{5,})\.png")
SHEET_NAME = "contact-sheet.png"

LARGEST_SHEET = 40
"""Most pictures on the contact sheet; more frames than that are sampled evenly."""

CELL = 256
"""Long side, in pixels, of a picture on the contact sheet."""


def is_frame(name: str) -> bool:
    """Return whether a file of that name is replaced or deleted when new frames are written."""
    return name == SHEET_NAME or FRAME_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class Thumbnail:
    """A frame, small enough to be kept until the contact sheet is made."""

    level: int
    iteration: int
    pixels: Array


class FrameWriter:
    """Writes previews to ``folder``. Deletes the frames of an earlier run first, unless ``keep`` is given.

    Every frame has the same ``size`` (height, width), whatever level it is from, so that they make a film.
    Numbers continue after those of kept frames. The contact sheet has the frames of this run.
    """

    def __init__(self, folder: OutputFolder, size: tuple[int, int], *, keep: bool = False) -> None:
        self.folder, self.size = folder, size
        self.number = 0  # of the last frame
        self.thumbnails: list[Thumbnail] = []
        for path in list(folder.path.iterdir()):
            match = FRAME_NAME.fullmatch(path.name)
            if match and keep:
                self.number = max(self.number, int(match[1]))
            elif match:
                path.unlink()

    def write(self, event: Preview) -> Path:
        """Write a preview as ``frame-NUMBER.png``, counting frames from 1, and return its path."""
        level, pixels = event.level + 1, event.picture
        if pixels.shape[:2] != self.size:
            pixels = np.clip(resize(pixels, *self.size, "bicubic"), 0.0, 1.0)
        self.number += 1
        path = self.folder.new_file(f"frame-{self.number:05d}.png")
        write_picture(Picture(pixels), path, force=True)
        height, width = pixels.shape[:2]
        if max(height, width) > CELL:
            pixels = np.clip(resize(pixels, *fit(height, width, CELL)), 0.0, 1.0)
        self.thumbnails.append(Thumbnail(level, event.iteration, pixels))
        return path

    def write_sheet(self) -> None:
        """Write the contact sheet of the frames so far."""
        count = len(self.thumbnails)
        if not count:
            return
        samples = np.linspace(0, count - 1, min(count, LARGEST_SHEET))
        shown = [self.thumbnails[index] for index in sorted({round(sample) for sample in samples})]
        captions = [f"level {frame.level}, iteration {frame.iteration}" for frame in shown]
        columns = min(8, math.ceil(math.sqrt(len(shown))))
        sheet = contact_sheet([frame.pixels for frame in shown], captions, columns, CELL)
        write_picture(Picture(sheet), self.folder.new_file(SHEET_NAME), force=True)
