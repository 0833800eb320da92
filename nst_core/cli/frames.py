"""``--frames``: the picture every so many iterations, one file each, and a contact sheet of them.

Previews go in, PNG files come out. Knows nothing of how pictures are painted.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst_core.array_types import Array
from nst_core.cli.folders import Folder
from nst_core.events import Preview
from nst_core.images.contact_sheet import contact_sheet
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize
from nst_core.images.write import write_picture

FRAME = re.compile(r"frame-\d{2}-\d{5}\.png")
SHEET = "contact-sheet.png"

LARGEST_SHEET = 40
"""Pictures on the contact sheet; of more frames, evenly spaced ones."""

CELL = 256
"""Long side of a picture on the contact sheet."""


def is_frame(name: str) -> bool:
    """Whether a file of that name in the folder is replaced, or deleted, by new frames."""
    return name == SHEET or FRAME.fullmatch(name) is not None


@dataclass(frozen=True)
class Thumbnail:
    """A frame small enough to keep until the sheet is made."""

    level: int
    iteration: int
    pixels: Array


class Frames:
    """Writes each preview into ``folder``. Old frames in it, which would mix with the new, go first."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.thumbnails: list[Thumbnail] = []
        for path in folder.path.iterdir():
            if FRAME.fullmatch(path.name):
                path.unlink()

    def write(self, event: Preview) -> Path:
        """Write a preview as ``frame-LEVEL-ITERATION.png``, levels from 1, and return its path."""
        level, pixels = event.level + 1, event.picture
        path = self.folder.new(f"frame-{level:02d}-{event.iteration:05d}.png")
        write_picture(Picture(pixels), path, force=True)
        height, width = pixels.shape[:2]
        if max(height, width) > CELL:
            pixels = np.clip(resize(pixels, *fit(height, width, CELL)), 0.0, 1.0)
        self.thumbnails.append(Thumbnail(level, event.iteration, pixels))
        return path

    def write_sheet(self) -> None:
        """Write the contact sheet of all frames so far."""
        count = len(self.thumbnails)
        if not count:
            return
        chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(count, LARGEST_SHEET))})
        shown = [self.thumbnails[index] for index in chosen]
        captions = [f"level {frame.level}, iteration {frame.iteration}" for frame in shown]
        columns = min(8, math.ceil(math.sqrt(len(shown))))
        page = contact_sheet([frame.pixels for frame in shown], captions, columns, CELL)
        write_picture(Picture(page), self.folder.new(SHEET), force=True)
