"""Pixels between GEGL buffers and raw float32 files, strip by strip, so that memory stays small.

The picture's own colour space is kept: a bare babl format means sRGB, in which a green of Adobe RGB would
be (-5.15, 1.0, -0.55). What lies outside 0..1, as in HDR images, is cut off, for the network knows no such
values.
"""

from __future__ import annotations

import os
from array import array
from operator import mul

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl  # noqa: E402

from nst_gimp.process.job import Pixels, disk_error  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

STRIP_BYTES = 32_000_000
NAMES = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}


def space_format(channels: int, component: str, like) -> str:
    """Return the name of a format with ``channels`` in the colour space of the babl format ``like``."""
    return Babl.get_name(Babl.format_with_space(f"{NAMES[channels]} {component}", like))


def needs_clamp(drawable) -> bool:
    """Return whether a drawable can hold values outside 0..1."""
    encoding = Babl.format_get_encoding(drawable.get_format())
    return any(word in encoding for word in ("half", "float", "double"))


def strips(width: int, height: int, channels: int):
    """Yield (top, rows) of strips of about STRIP_BYTES."""
    rows = max(1, STRIP_BYTES // (width * channels * 4))
    for top in range(0, height, rows):
        yield top, min(rows, height - top)


def scaled_box(box, scale: float) -> tuple:
    """Return ``box`` (x, y, width, height) in pixels after shrinking."""
    x, y, width, height = box
    return (
        round(x * scale),
        round(y * scale),
        max(1, round(width * scale)),
        max(1, round(height * scale)),
    )


def read(
    drawable, box, channels, path, *, shift=(0, 0), like=None, scale=1.0, mask=None, alpha_path=""
) -> Pixels:
    """Write ``box`` (x, y, width, height) of a layer to ``path`` as float32.

    ``drawable`` has the layer's pixels, ``shift`` (x, y) farther right and down than the layer itself.
    ``like`` is the babl format in whose colour space the values are given (the drawable's own if None);
    ``scale`` at most 1 shrinks, by averaging. The layer's ``mask`` is multiplied into the alpha.
    ``alpha_path`` names a file for the alpha as it was without the mask.
    """
    x, y, width, height = scaled_box((box[0] + shift[0], box[1] + shift[1], *box[2:]), scale)
    mask_x, mask_y, _width, _height = scaled_box(box, scale)
    source = drawable.get_buffer()
    foreign = like is not None
    like = like or drawable.get_format()
    name = space_format(channels, "float", like)
    narrow = space_format(channels, "u16", like) if foreign or needs_clamp(drawable) else None
    shade = mask.get_buffer() if mask else None
    clamp = Gegl.AbyssPolicy.CLAMP
    try:
        with open(path, "wb") as file, open(alpha_path or os.devnull, "wb") as alpha_file:
            for top, rows in strips(width, height, channels):
                area = Gegl.Rectangle.new(x, y + top, width, rows)
                data = source.get(area, scale, narrow or name, clamp)
                if narrow:
                    data = _widened(data, narrow, name, area)
                data = _exact(data, width * rows * channels * 4)
                if alpha_path:
                    alpha_file.write(_exact(source.get(area, scale, "A float", clamp), width * rows * 4))
                if shade:
                    values = array("f", data)
                    area = Gegl.Rectangle.new(mask_x, mask_y + top, width, rows)
                    plane = array("f", _exact(shade.get(area, scale, "Y float", clamp), width * rows * 4))
                    alpha = values[channels - 1 :: channels]
                    values[channels - 1 :: channels] = array("f", map(mul, alpha, plane))
                    data = values.tobytes()
                file.write(data)
    except OSError as error:
        raise disk_error(error) from None
    return Pixels(path, width, height, channels)


def in_16_bits(drawable, box, channels, mask=None):
    """Yield ``box`` (x, y, width, height) of a drawable in strips of whole rows, as 16-bit integers.

    ``mask``, a drawable of the box's size, is multiplied into the alpha.
    """
    x, y, width, height = box
    name, clamp = space_format(channels, "u16", drawable.get_format()), Gegl.AbyssPolicy.CLAMP
    for top, rows in strips(width, height, channels):
        area = Gegl.Rectangle.new(x, y + top, width, rows)
        data = _exact(drawable.get_buffer().get(area, 1.0, name, clamp), width * rows * channels * 2)
        if mask is not None:
            values, area = array("H", data), Gegl.Rectangle.new(0, top, width, rows)
            plane = array("H", bytes(mask.get_buffer().get(area, 1.0, "Y u16", clamp)))
            alpha = values[channels - 1 :: channels]
            values[channels - 1 :: channels] = array("H", (a * m // 65535 for a, m in zip(alpha, plane)))  # noqa: B905
            data = values.tobytes()
        yield data


def _widened(data: bytes, narrow: str, name: str, area) -> bytes:
    """Widen 16-bit values, which cannot lie outside 0..1, to float32."""
    buffer = Gegl.Buffer.new(narrow, 0, 0, area.width, area.height)
    whole = Gegl.Rectangle.new(0, 0, area.width, area.height)
    buffer.set(whole, narrow, bytes(data))
    return buffer.get(whole, 1.0, name, Gegl.AbyssPolicy.NONE)


def _exact(data, size: int) -> bytes:
    # A buffer given the wrong number of bytes only complains on stderr and changes nothing.
    if len(data) != size:
        raise UserError(
            _("The layer's pixels could not be read."), _("Try again; the image was not touched.")
        )
    return bytes(data)


def read_plane(drawable, box, name: str) -> bytes:
    """Return ``box`` of one plane ("A float", "Y float") of a drawable as float32."""
    x, y, width, height = box
    area = Gegl.Rectangle.new(x, y, width, height)
    data = drawable.get_buffer().get(area, 1.0, name, Gegl.AbyssPolicy.NONE)
    return _exact(data, width * height * 4)


def write_plane(drawable, data: bytes) -> None:
    """Write a whole mask or channel from float32."""
    buffer = drawable.get_buffer()
    area = buffer.get_extent()
    buffer.set(area, "Y float", _exact(data, area.width * area.height * 4))
    buffer.flush()
    drawable.update(0, 0, area.width, area.height)


def write(drawable, pixels: Pixels, alpha_path: str, like) -> None:
    """Fill a drawable of the same size from a raw file whose colours are in the space of ``like``.

    ``alpha_path`` names a file of float32 alpha that takes the place of the pixels' own, so that
    transparency comes back exactly as it was; "" keeps theirs.
    """
    name = space_format(pixels.channels, "float", like)
    buffer = drawable.get_buffer()
    with open(pixels.path, "rb") as file, open(alpha_path or pixels.path, "rb") as alpha:
        for top, rows in strips(pixels.width, pixels.height, pixels.channels):
            size = pixels.width * rows * pixels.channels * 4
            data = _exact(file.read(size), size)
            if alpha_path:
                values = array("f", data)
                values[pixels.channels - 1 :: pixels.channels] = array(
                    "f", alpha.read(pixels.width * rows * 4)
                )
                data = values.tobytes()
            buffer.set(Gegl.Rectangle.new(0, top, pixels.width, rows), name, data)
    buffer.flush()
    drawable.update(0, 0, pixels.width, pixels.height)


def shrunk_plane(data: bytes, size, small) -> bytes:
    """Shrink a plane of float32 from ``size`` (width, height) to ``small``."""
    if tuple(size) == tuple(small):
        return data
    buffer = Gegl.Buffer.new("Y float", 0, 0, *size)
    buffer.set(Gegl.Rectangle.new(0, 0, *size), "Y float", data)
    area = Gegl.Rectangle.new(0, 0, *small)
    return bytes(buffer.get(area, small[0] / size[0], "Y float", Gegl.AbyssPolicy.CLAMP))


SOME = bytes([0]) + bytes([255]) * 255
"""Maps 8-bit values: nothing stays nothing, anything becomes all."""


def any_of_it(data: bytes, size) -> bytes:
    """Return 1 wherever a plane of float32 of ``size`` (width, height) is not 0 to the eye."""
    whole = Gegl.Rectangle.new(0, 0, *size)
    buffer = Gegl.Buffer.new("Y float", 0, 0, *size)
    buffer.set(whole, "Y float", data)
    narrow = bytes(buffer.get(whole, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
    buffer.set(whole, "Y u8", narrow.translate(SOME))
    return bytes(buffer.get(whole, 1.0, "Y float", Gegl.AbyssPolicy.NONE))


def multiply(first: bytes, second: bytes) -> bytes:
    """Multiply two planes of float32."""
    return array("f", map(mul, array("f", first), array("f", second))).tobytes()
