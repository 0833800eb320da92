"""Copies pixels between GEGL buffers and raw float32 files, strip by strip, so that it needs little memory.

The picture's own colour space is kept. A bare babl format means sRGB, in which a green of Adobe RGB would be
(-5.15, 1.0, -0.55). Values outside 0..1, as in HDR images, are clamped, because the network does not know
them.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from operator import mul

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl  # noqa: E402

from nst_gimp.process.job_folder import PixelFile, disk_error  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

STRIP_BYTES = 32_000_000
MODELS = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}
"""Channels -> babl's name of the colour model."""


@dataclass(frozen=True)
class LayerArea:
    """An area of a layer to read.

    ``drawable`` has the layer's pixels. It may be a copy with merged filters that is larger than the layer;
    ``shift`` (x, y) is then the offset from the layer's coordinates to the copy's. ``box`` (x, y, width,
    height) is in the layer's coordinates. ``mask`` is the layer's mask, or None.
    """

    drawable: object
    box: tuple
    shift: tuple = (0, 0)
    mask: object = None


def space_format(channels: int, component: str, like) -> str:
    """Return the name of a format with ``channels`` in the colour space of the babl format ``like``."""
    return Babl.get_name(Babl.format_with_space(f"{MODELS[channels]} {component}", like))


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
    """Return ``box`` (x, y, width, height) in pixels after scaling."""
    x, y, width, height = box
    return (
        round(x * scale),
        round(y * scale),
        max(1, round(width * scale)),
        max(1, round(height * scale)),
    )


def read(area: LayerArea, channels: int, path: str, *, like=None, scale=1.0, alpha_path="") -> PixelFile:
    """Write an area of a layer to ``path`` as float32.

    ``like`` is the babl format that gives the colour space of the values; None stands for the drawable's own.
    ``scale`` at most 1 shrinks by averaging. The mask is multiplied into the alpha. ``alpha_path`` is a file
    for the alpha without the mask, or "".
    """
    left, top, *size = area.box
    x, y, width, height = scaled_box((left + area.shift[0], top + area.shift[1], *size), scale)
    mask_x, mask_y, _width, _height = scaled_box(area.box, scale)
    buffer = area.drawable.get_buffer()
    mask_buffer = area.mask.get_buffer() if area.mask else None
    name, narrow_name = _read_formats(area.drawable, channels, like)
    clamp = Gegl.AbyssPolicy.CLAMP
    try:
        with open(path, "wb") as file, open(alpha_path or os.devnull, "wb") as alpha_file:
            for strip_top, rows in strips(width, height, channels):
                strip = Gegl.Rectangle.new(x, y + strip_top, width, rows)
                data = buffer.get(strip, scale, narrow_name or name, clamp)
                if narrow_name:
                    data = _widen(data, narrow_name, name, strip)
                data = _exact(data, width * rows * channels * 4)
                if alpha_path:
                    alpha_file.write(_exact(buffer.get(strip, scale, "A float", clamp), width * rows * 4))
                if mask_buffer:
                    strip = Gegl.Rectangle.new(mask_x, mask_y + strip_top, width, rows)
                    plane = _exact(mask_buffer.get(strip, scale, "Y float", clamp), width * rows * 4)
                    data = _multiply_alpha(data, channels, plane)
                file.write(data)
    except OSError as error:
        raise disk_error(error) from None
    return PixelFile(path, width, height, channels)


def _read_formats(drawable, channels: int, like):
    """Return the float format, and the 16-bit format to read first if values need clamping, else None."""
    space = like or drawable.get_format()
    name = space_format(channels, "float", space)
    if like is not None or needs_clamp(drawable):
        return name, space_format(channels, "u16", space)
    return name, None


def _multiply_alpha(data: bytes, channels: int, plane: bytes) -> bytes:
    """Multiply the alpha of float32 pixels by a plane of float32."""
    values = array("f", data)
    alpha = values[channels - 1 :: channels]
    values[channels - 1 :: channels] = array("f", map(mul, alpha, array("f", plane)))
    return values.tobytes()


def read_16_bit_strips(drawable, box, channels: int, mask=None):
    """Yield ``box`` (x, y, width, height) of a drawable in strips of whole rows, as 16-bit integers.

    ``mask``, a drawable of the box's size, is multiplied into the alpha.
    """
    x, y, width, height = box
    name, clamp = space_format(channels, "u16", drawable.get_format()), Gegl.AbyssPolicy.CLAMP
    for top, rows in strips(width, height, channels):
        strip = Gegl.Rectangle.new(x, y + top, width, rows)
        data = _exact(drawable.get_buffer().get(strip, 1.0, name, clamp), width * rows * channels * 2)
        if mask is not None:
            values, strip = array("H", data), Gegl.Rectangle.new(0, top, width, rows)
            plane = array("H", bytes(mask.get_buffer().get(strip, 1.0, "Y u16", clamp)))
            alpha = values[channels - 1 :: channels]
            values[channels - 1 :: channels] = array("H", (a * m // 65535 for a, m in zip(alpha, plane)))  # noqa: B905
            data = values.tobytes()
        yield data


def _widen(data: bytes, narrow_name: str, name: str, strip) -> bytes:
    """Convert 16-bit values, which cannot be outside 0..1, to float32."""
    buffer = Gegl.Buffer.new(narrow_name, 0, 0, strip.width, strip.height)
    whole = Gegl.Rectangle.new(0, 0, strip.width, strip.height)
    buffer.set(whole, narrow_name, bytes(data))
    return buffer.get(whole, 1.0, name, Gegl.AbyssPolicy.NONE)


def _exact(data, size: int) -> bytes:
    # A buffer that gets the wrong number of bytes only complains on stderr and changes nothing.
    if len(data) != size:
        raise UserError(
            _("The layer's pixels could not be read."), _("Your image was not changed. Try again.")
        )
    return bytes(data)


def read_plane(drawable, box, name: str) -> bytes:
    """Return ``box`` (x, y, width, height) of one plane ("A float", "Y float") of a drawable as float32."""
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


def write(drawable, pixel_file: PixelFile, alpha_path: str, like) -> None:
    """Fill a drawable from a raw file of the same size, whose colours are in the space of ``like``.

    ``alpha_path`` is a file of float32 alpha that replaces the alpha of the pixels, so that transparency
    comes back exactly as it was. "" keeps the alpha of the pixels.
    """
    width, height, channels = pixel_file.width, pixel_file.height, pixel_file.channels
    name = space_format(channels, "float", like)
    buffer = drawable.get_buffer()
    with open(pixel_file.path, "rb") as file, open(alpha_path or pixel_file.path, "rb") as alpha:
        for top, rows in strips(width, height, channels):
            size = width * rows * channels * 4
            data = _exact(file.read(size), size)
            if alpha_path:
                values = array("f", data)
                values[channels - 1 :: channels] = array("f", alpha.read(width * rows * 4))
                data = values.tobytes()
            buffer.set(Gegl.Rectangle.new(0, top, width, rows), name, data)
    buffer.flush()
    drawable.update(0, 0, width, height)


def shrink_plane(data: bytes, size, small_size) -> bytes:
    """Shrink a plane of float32 from ``size`` (width, height) to ``small_size``."""
    if tuple(size) == tuple(small_size):
        return data
    buffer = Gegl.Buffer.new("Y float", 0, 0, *size)
    buffer.set(Gegl.Rectangle.new(0, 0, *size), "Y float", data)
    area = Gegl.Rectangle.new(0, 0, *small_size)
    return bytes(buffer.get(area, small_size[0] / size[0], "Y float", Gegl.AbyssPolicy.CLAMP))


NONZERO_TO_255 = bytes([0]) + bytes([255]) * 255
"""Translation table for 8-bit values: 0 stays 0, everything else becomes 255."""


def nonzero_plane(data: bytes, size) -> bytes:
    """Return 1 for each value of a float32 plane that is not 0 in 8 bits, else 0. ``size`` is its size."""
    whole = Gegl.Rectangle.new(0, 0, *size)
    buffer = Gegl.Buffer.new("Y float", 0, 0, *size)
    buffer.set(whole, "Y float", data)
    narrow = bytes(buffer.get(whole, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
    buffer.set(whole, "Y u8", narrow.translate(NONZERO_TO_255))
    return bytes(buffer.get(whole, 1.0, "Y float", Gegl.AbyssPolicy.NONE))


def multiply_planes(first: bytes, second: bytes) -> bytes:
    """Multiply two planes of float32."""
    return array("f", map(mul, array("f", first), array("f", second))).tobytes()
