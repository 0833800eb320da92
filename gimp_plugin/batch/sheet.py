"""Makes the contact sheet of a batch: all results on one white page, small, with their names.

Belongs to inside_gimp.py and runs in GIMP's Python.
"""

from __future__ import annotations

import os

import export
import sheet_plan
from gi.repository import Gegl, Gimp, Gio

INK, PAPER = "#333333", "#ffffff"


def make(results, path: str) -> tuple:
    """Write the sheet of ``results``, pairs of a path and a name, to ``path``.

    Return (how many results are on it, {path: why it is not}). Without any, nothing is written.

    Raises:
        RuntimeError: the sheet cannot be written.
    """
    existing = [(result, name) for result, name in results if os.path.lexists(result)]
    if not existing:
        return 0, {}
    Gimp.context_push()
    page = None
    try:
        Gimp.context_set_foreground(Gegl.Color.new(INK))
        Gimp.context_set_background(Gegl.Color.new(PAPER))
        page = _Page(len(existing))
        problems = page.fill(existing)
        count = len(existing) - len(problems)
        if count:
            page.write(path)
        return count, problems
    finally:
        if page is not None:
            page.image.delete()
        Gimp.context_pop()


class _Page:
    """A white image with a cell and a line of text for each of ``count`` pictures."""

    def __init__(self, count: int) -> None:
        self.cell, self.columns = sheet_plan.cell_side(count), sheet_plan.columns(count)
        self.margin = max(4, self.cell // 16)
        self.text_size = max(10, self.cell // 17)
        self.font = Gimp.context_get_font()
        self.row_height = self.cell + round(1.6 * self.text_size) + self.margin
        width = self.columns * (self.cell + self.margin) + self.margin
        height = -(-count // self.columns) * self.row_height + self.margin
        self.image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
        self.image.undo_disable()
        paper = Gimp.Layer.new(
            self.image, "", width, height, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL
        )
        self.image.insert_layer(paper, None, 0)
        paper.fill(Gimp.FillType.BACKGROUND)

    def fill(self, results) -> dict:
        """Put the results into the cells, in order; return {path: problem} of those that cannot be opened."""
        problems, place = {}, 0
        for path, name in results:
            try:
                self._put(path, place)
            except (RuntimeError, OSError) as error:
                problems[path] = str(error)
                continue
            self._caption(name, place)
            self.image.flatten()  # thousands of layers would take the memory
            place += 1
        return problems

    def write(self, path: str) -> None:
        """Save the page, with the comment that says what it is."""
        comment = [*sheet_plan.MARK.encode(), 0]
        self.image.attach_parasite(Gimp.Parasite.new("gimp-comment", Gimp.PARASITE_PERSISTENT, comment))
        export.save(self.image, path, os.path.splitext(path)[1].lower().lstrip("."))

    def _corner(self, place: int) -> tuple:
        row, column = divmod(place, self.columns)
        return self.margin + column * (self.cell + self.margin), self.margin + row * self.row_height

    def _put(self, path: str, place: int) -> None:
        """Put a small copy of a result at the lower edge of its cell."""
        picture = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
        if picture is None:
            raise RuntimeError(Gimp.get_pdb().get_last_error() or "It cannot be opened.")
        try:
            picture.undo_disable()
            if picture.get_base_type() != Gimp.ImageBaseType.RGB:
                picture.convert_rgb()
            flat = picture.flatten()
            width, height = sheet_plan.fit(picture.get_width(), picture.get_height(), self.cell)
            if (width, height) != (picture.get_width(), picture.get_height()):
                picture.scale(width, height)
            layer = Gimp.Layer.new_from_drawable(flat, self.image)
            self.image.insert_layer(layer, None, 0)
            left, top = self._corner(place)
            layer.set_offsets(left + (self.cell - width) // 2, top + self.cell - height)
        finally:
            picture.delete()

    def _caption(self, name: str, place: int) -> None:
        """Write a name below its cell."""
        unit = Gimp.Unit.pixel()
        text = sheet_plan.shorten(name, lambda text: self._width(text) <= self.cell)
        layer = Gimp.TextLayer.new(self.image, text, self.font, self.text_size, unit)
        self.image.insert_layer(layer, None, 0)
        left, top = self._corner(place)
        layer.set_offsets(left + (self.cell - layer.get_width()) // 2, top + self.cell + self.text_size // 4)

    def _width(self, text: str) -> int:
        return Gimp.text_get_extents_font(text, self.text_size, self.font)[1]
