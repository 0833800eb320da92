"""Contact sheets: pictures side by side on a white page, with captions.

Pictures and words come in, one picture goes out; for pages of results and for comparing by eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst_core.array_types import Array
from nst_core.images.encode import on_white
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK = 0.2
"""Grey of the captions: dark enough to read, lighter than the pictures' blacks."""


def contact_sheet(
    images: Sequence[Array | Picture], captions: Sequence[str], columns: int, cell: int = 320
) -> Array:
    """Lay ``images`` out in rows of ``columns``, each within ``cell`` x ``cell`` pixels, captions below.

    Arrays are ``(height, width, 3)`` in 0..1; pictures with alpha are laid on white. Pictures are scaled to
    the cell, down smoothly, up by whole pixels (an icon stays an icon). Rows are as high as their highest
    picture. An empty caption takes no room where its whole row has none. Returns ``(height, width, 3)``
    float32.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images, {len(captions)} captions")
    if not images or columns < 1:
        raise ValueError("a contact sheet has at least one picture and one column")
    columns = min(columns, len(images))
    margin, size = max(4, cell // 16), max(10, cell // 17)
    font = ImageFont.load_default(size)
    tiles = [_fitted(image, cell) for image in images]
    lines = [_wrapped(caption, font, cell) for caption in captions]
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    line_height = math.ceil(size * 1.3)
    heights = [
        max(tiles[i].shape[0] for i in row) + line_height * max(len(lines[i]) for i in row) + margin
        for row in rows
    ]
    page = np.ones((sum(heights) + margin, columns * (cell + margin) + margin, 3), np.float32)
    ink = Image.new("L", (page.shape[1], page.shape[0]), 0)
    draw = ImageDraw.Draw(ink)
    top = margin
    for row, height in zip(rows, heights, strict=True):
        picture_height = max(tiles[i].shape[0] for i in row)
        for column, i in enumerate(row):
            left = margin + column * (cell + margin)
            _place(page, tiles[i], top + picture_height, left, cell)
            for number, line in enumerate(lines[i]):
                # A third of the size keeps the words off the picture; "ma" is centred, from the top.
                place = (left + cell / 2, top + picture_height + size / 3 + number * line_height)
                draw.text(place, line, fill=255, font=font, anchor="ma")
        top += height
    cover = np.asarray(ink, np.float32)[:, :, None] / np.float32(255)
    written: Array = page * (1 - cover) + np.float32(INK) * cover
    return written


def _place(page: Array, tile: Array, bottom: int, left: int, cell: int) -> None:
    """Put ``tile`` on the page, centred in its cell, standing on ``bottom``."""
    height, width = tile.shape[:2]
    start = left + (cell - width) // 2
    page[bottom - height : bottom, start : start + width] = tile


def _fitted(image: Array | Picture, cell: int) -> Array:
    if isinstance(image, Picture):
        image = image.pixels if image.alpha is None else on_white(image.pixels, image.alpha)
    height, width = image.shape[:2]
    if max(height, width) > cell:
        return np.clip(resize(image, *fit(height, width, cell)), 0, 1)
    times = cell // max(height, width)
    enlarged: Array = np.clip(image, 0, 1).repeat(times, axis=0).repeat(times, axis=1)
    return enlarged


def _wrapped(caption: str, font: Font, width: int) -> list[str]:
    """Break a caption into lines no wider than ``width``, at spaces where there are any."""
    lines: list[str] = []
    for paragraph in caption.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = word
            while font.getlength(longer) > width and len(longer) > 1:
                fitting = next(
                    n for n in range(len(longer), 0, -1) if n == 1 or font.getlength(longer[:n]) <= width
                )
                lines.append(longer[:fitting])
                longer = longer[fitting:]
            line = longer
        lines.append(line)
    return lines
