"""Small pictures for the screen: of a layer, of a part of it, or of a file.

They are read through GEGL, in sRGB, as screens show it. GIMP 3.0.4's own call for a part of a layer frees its
memory twice.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl, GLib  # noqa: E402

from nst_gimp.image import files, pixels, style  # noqa: E402

LIGHT, DARK, CHECK = 0xBBBBBB, 0x999999, 8
SCREEN, OPAQUE = "R'G'B'A u8", "R'G'B' u8"


def of_layer(layer, box, side: int):
    """Return ``box`` (x, y, width, height) of a layer, shrunk to fit into ``side``, on a checkerboard."""
    return at_scale(layer, box, min(1.0, side / max(box[2:])))


def at_scale(layer, box, scale: float):
    """Return ``box`` (x, y, width, height) of a layer at ``scale``, at most 1, on a checkerboard."""
    x, y, w, h = pixels.scaled_box(box, scale)
    area, has_alpha = Gegl.Rectangle.new(x, y, w, h), layer.has_alpha()
    data = bytes(layer.get_buffer().get(area, scale, SCREEN if has_alpha else OPAQUE, Gegl.AbyssPolicy.CLAMP))
    return on_checkerboard(_pixbuf(data, w, h, has_alpha))


def of_raw(data: bytes, width: int, height: int, channels: int, component: str, like):
    """Return a picture of raw pixels, see :func:`read_raw`, on a checkerboard."""
    return on_checkerboard(read_raw(data, width, height, channels, component, like))


def read_raw(data: bytes, width: int, height: int, channels: int, component: str, like):
    """Return a picture of raw pixels ("u8" or "float") whose colours are in the space of ``like``.

    It has an alpha channel if they have one.
    """
    name = pixels.space_format(channels, component, like)
    whole = Gegl.Rectangle.new(0, 0, width, height)
    buffer = Gegl.Buffer.new(name, 0, 0, width, height)
    buffer.set(whole, name, data)
    has_alpha = channels % 2 == 0
    data = bytes(buffer.get(whole, 1.0, SCREEN if has_alpha else OPAQUE, Gegl.AbyssPolicy.NONE))
    return _pixbuf(data, width, height, has_alpha)


def _pixbuf(data: bytes, width: int, height: int, has_alpha: bool):
    row_bytes = width * (4 if has_alpha else 3)
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, has_alpha, 8, width, height, row_bytes
    )


def on_checkerboard(picture):
    """Return a picture without transparency: where there was any, a checkerboard is seen."""
    if not picture.get_has_alpha():
        return picture
    size = picture.get_width(), picture.get_height()
    return picture.composite_color_simple(*size, GdkPixbuf.InterpType.NEAREST, 255, CHECK, LIGHT, DARK)


def full_box(layer) -> tuple:
    """Return the box (x, y, width, height) of a whole layer."""
    return (0, 0, layer.get_width(), layer.get_height())


def of_file(file, side: int):
    """Return a small picture of a file, and the file's width and height.

    GIMP reads the files that GdkPixbuf cannot.

    Raises:
        UserError: neither of them can read the file.
    """
    path = file.get_path()
    try:
        info, width, height = GdkPixbuf.Pixbuf.get_file_info(path) if path else (None, 0, 0)
        if info is not None and width > 0:
            picture = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, side, side, True)
            return picture.apply_embedded_orientation(), width, height
    except GLib.Error:
        pass
    image = files.load(file)
    try:
        layer = style.flatten(image, file)
        return of_layer(layer, full_box(layer), side), layer.get_width(), layer.get_height()
    finally:
        image.delete()
