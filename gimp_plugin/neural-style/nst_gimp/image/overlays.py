"""A mask laid over a small picture: what it covers is tinted, the rest is darkened.

Takes a picture of the screen's and the name of a mask; returns another picture. Reads the image only.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GLib  # noqa: E402

from nst_gimp.image import masks  # noqa: E402

TINT, TINT_OPACITY = (255, 0, 140), 0.5
SHADE, SHADE_OPACITY = (0, 0, 0), 0.5
"""Magenta is rare in photographs and paintings; the shade shows the mask where the photo has it, too."""


def tinted(picture, subject, name: str):
    """Return a copy of ``picture``, which shows the subject's box, under the mask called ``name``.

    Raises:
        CallError: there is no such channel or layer.
    """
    plane = read_plane(subject, name, (picture.get_width(), picture.get_height()))
    covered = picture.copy()
    rest = plane.translate(bytes(range(255, -1, -1)))
    for color, opacity, values in ((TINT, TINT_OPACITY, plane), (SHADE, SHADE_OPACITY, rest)):
        _lay_over(covered, values, color, opacity)
    return covered


def read_plane(subject, name: str, size) -> bytes:
    """Return the values of a mask in the subject's box, shrunk to (width, height), one byte for each pixel.

    For a group of masks that is where any of them is.
    """
    item = masks.find(subject.image, name)
    x, y, width, _height = subject.box
    _ok, left, top = subject.layer.get_offsets()
    shift, scale = (left + x, top + y), size[0] / width
    planes = [masks.read_small(part, size, shift, scale) for part in masks.children(item) or [item]]
    return planes[0] if len(planes) == 1 else bytes(map(max, *planes))


def _lay_over(picture, plane: bytes, color, opacity: float) -> None:
    """Mix ``color`` into a picture as strongly as ``plane`` says, at most by ``opacity``."""
    width, height = picture.get_width(), picture.get_height()
    veil = bytearray(4 * len(plane))
    for channel, value in enumerate(color):
        veil[channel::4] = bytes([value]) * len(plane)
    veil[3::4] = plane.translate(bytes(round(opacity * value) for value in range(256)))
    veil_picture = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(veil)), GdkPixbuf.Colorspace.RGB, True, 8, width, height, 4 * width
    )
    whole = 0, 0, width, height
    veil_picture.composite(picture, *whole, 0, 0, 1, 1, GdkPixbuf.InterpType.NEAREST, 255)
