"""Small pictures for the screen: of a layer, of a part of it, of a file.

Read through GEGL, in sRGB, as screens show it: GIMP 3.0.4's own call for a part of a layer frees its
memory twice.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl, GLib  # noqa: E402

from nst_gimp.image import opening, pixels, style  # noqa: E402

LIGHT, DARK, CHECK = 0xBBBBBB, 0x999999, 8
SCREEN = "R'G'B'A u8"


def of_layer(layer, box, side: int):
    """Return ``box`` (x, y, width, height) of a layer, shrunk to fit into ``side``, on checks."""
    x, y, width, height = box
    scale = min(1.0, side / max(width, height))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    area = Gegl.Rectangle.new(round(x * scale), round(y * scale), w, h)
    data = bytes(layer.get_buffer().get(area, scale, SCREEN, Gegl.AbyssPolicy.CLAMP))
    return _on_checks(data, w, h, layer.has_alpha())


def of_raw(data: bytes, width: int, height: int, channels: int, component: str, like):
    """Return a picture of raw pixels ("u8" or "float"), whose colours are in the space of ``like``."""
    name = pixels.space_format(channels, component, like)
    whole_of_it = Gegl.Rectangle.new(0, 0, width, height)
    buffer = Gegl.Buffer.new(name, 0, 0, width, height)
    buffer.set(whole_of_it, name, data)
    shown = bytes(buffer.get(whole_of_it, 1.0, SCREEN, Gegl.AbyssPolicy.NONE))
    return _on_checks(shown, width, height, channels % 2 == 0)


def _on_checks(data: bytes, w: int, h: int, see_through: bool):
    picture = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, True, 8, w, h, w * 4
    )
    if not see_through:
        return picture
    return picture.composite_color_simple(w, h, GdkPixbuf.InterpType.NEAREST, 255, CHECK, LIGHT, DARK)


def whole(layer) -> tuple:
    """Return the box that is all of a layer."""
    return (0, 0, layer.get_width(), layer.get_height())


def of_file(file, side: int):
    """Return (a small picture of a file, its width, its height); GIMP reads what GdkPixbuf cannot.

    Raises:
        UserError: neither can.
    """
    path = file.get_path()
    try:
        info, width, height = GdkPixbuf.Pixbuf.get_file_info(path) if path else (None, 0, 0)
        if info is not None and width > 0:
            picture = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, side, side, True)
            return picture.apply_embedded_orientation(), width, height
    except GLib.Error:
        pass
    image = opening.load(file)
    try:
        layer = style.flat(image, file)
        return of_layer(layer, whole(layer), side), layer.get_width(), layer.get_height()
    finally:
        image.delete()
