"""Contact sheets: pictures side by side on a white page, with captions.

Takes pictures and captions and returns one picture, for pages of results and comparison by eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst_core.array_types import Array
from nst_core.images.encode import on_white
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK = 0.2
"""Grey of the captions: dark enough to read, lighter than the blacks of the pictures."""


class _Entry(NamedTuple):
    """A picture, scaled to its cell, and the lines of its caption."""

    pixels: Array
    lines: list[str]


class _Geometry(NamedTuple):
    """Sizes in pixels: the side of a cell, the margin between cells, and the captions' text and lines."""

    cell: int
    margin: int
    text_size: int
    line_height: int


def contact_sheet(
    images: Sequence[Array | Picture], captions: Sequence[str], columns: int, cell: int = 320
) -> Array:
    """Arrange ``images`` in rows of ``columns``, each within ``cell`` x ``cell`` pixels, captions below.

    Arrays are ``(height, width, 3)`` in 0..1; pictures with alpha are put on white. Pictures are scaled to
    the cell: down smoothly, up by whole factors (an icon keeps its square pixels). Rows are as high as their
    tallest picture. A row without captions has no space for them. Returns ``(height, width, 3)`` float32.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images, {len(captions)} captions")
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one picture and one column")
    columns = min(columns, len(images))
    text_size = max(10, cell // 17)
    geometry = _Geometry(cell, max(4, cell // 16), text_size, math.ceil(text_size * 1.3))
    font = ImageFont.load_default(text_size)
    entries = [
        _Entry(_scale_to_cell(image, cell), _wrap(caption, font, cell))
        for image, caption in zip(images, captions, strict=True)
    ]
    rows = [entries[start : start + columns] for start in range(0, len(entries), columns)]
    heights = [_row_height(row, geometry) for row in rows]
    margin = geometry.margin
    page = np.ones((sum(heights) + margin, columns * (cell + margin) + margin, 3), np.float32)
    ink = Image.new("L", (page.shape[1], page.shape[0]), 0)
    top = margin
    for row, height in zip(rows, heights, strict=True):
        _draw_row(page, ImageDraw.Draw(ink), row, top, font, geometry)
        top += height
    cover = np.asarray(ink, np.float32)[:, :, None] / np.float32(255)
    sheet: Array = page * (1 - cover) + np.float32(INK) * cover
    return sheet


def _row_height(row: Sequence[_Entry], geometry: _Geometry) -> int:
    captions_height = geometry.line_height * max(len(entry.lines) for entry in row)
    picture_height = max(int(entry.pixels.shape[0]) for entry in row)
    return picture_height + captions_height + geometry.margin


def _draw_row(
    page: Array, draw: ImageDraw.ImageDraw, row: Sequence[_Entry], top: int, font: Font, geometry: _Geometry
) -> None:
    """Put the pictures of a row on ``page`` and its captions on ``draw``, from ``top`` down."""
    cell, margin, text_size, line_height = geometry
    bottom = top + max(entry.pixels.shape[0] for entry in row)
    for column, entry in enumerate(row):
        left = margin + column * (cell + margin)
        _paste(page, entry.pixels, bottom, left, cell)
        for number, line in enumerate(entry.lines):
            # A third of the text size separates the caption from the picture; "ma" centres from the top.
            position = (left + cell / 2, bottom + text_size / 3 + number * line_height)
            draw.text(position, line, fill=255, font=font, anchor="ma")


def _paste(page: Array, pixels: Array, bottom: int, left: int, cell: int) -> None:
    """Copy ``pixels`` to the page, centred in their cell, with their lower edge at ``bottom``."""
    height, width = pixels.shape[:2]
    start = left + (cell - width) // 2
    page[bottom - height : bottom, start : start + width] = pixels


def _scale_to_cell(image: Array | Picture, cell: int) -> Array:
    if isinstance(image, Picture):
        image = image.pixels if image.alpha is None else on_white(image.pixels, image.alpha)
    height, width = image.shape[:2]
    if max(height, width) > cell:
        return np.clip(resize(image, *fit(height, width, cell)), 0, 1)
    factor = cell // max(height, width)
    enlarged: Array = np.clip(image, 0, 1).repeat(factor, axis=0).repeat(factor, axis=1)
    return enlarged


def _wrap(caption: str, font: Font, width: int) -> list[str]:
    """Break a caption into lines no wider than ``width``, at spaces if possible."""
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
