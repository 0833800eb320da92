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
SCREEN = "R'G'B'A u8"


def of_layer(layer, box, side: int):
    """Return ``box`` (x, y, width, height) of a layer, shrunk to fit into ``side``, on a checkerboard."""
    x, y, width, height = box
    scale = min(1.0, side / max(width, height))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    area = Gegl.Rectangle.new(round(x * scale), round(y * scale), w, h)
    data = bytes(layer.get_buffer().get(area, scale, SCREEN, Gegl.AbyssPolicy.CLAMP))
    return _on_checkerboard(data, w, h, layer.has_alpha())


def of_raw(data: bytes, width: int, height: int, channels: int, component: str, like):
    """Return a picture of raw pixels ("u8" or "float") whose colours are in the space of ``like``."""
    name = pixels.space_format(channels, component, like)
    whole = Gegl.Rectangle.new(0, 0, width, height)
    buffer = Gegl.Buffer.new(name, 0, 0, width, height)
    buffer.set(whole, name, data)
    screen_data = bytes(buffer.get(whole, 1.0, SCREEN, Gegl.AbyssPolicy.NONE))
    return _on_checkerboard(screen_data, width, height, channels % 2 == 0)


def _on_checkerboard(data: bytes, w: int, h: int, has_alpha: bool):
    picture = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, True, 8, w, h, w * 4
    )
    if not has_alpha:
        return picture
    return picture.composite_color_simple(w, h, GdkPixbuf.InterpType.NEAREST, 255, CHECK, LIGHT, DARK)


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
