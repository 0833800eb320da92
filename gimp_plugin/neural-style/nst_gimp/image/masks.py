"""Masks by name: channels (saved selections among them), layer masks, and what layers cover.

Comes from an image and a name, goes out as a drawable, or as its values within a box. Knows nothing of
styles.
"""

from __future__ import annotations

import difflib
import math

from gi.repository import Gegl, Gimp

from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

CHANNEL, LAYER = "channel:", "layer:"

LOOKED_AT = 512
"""Long side, in pixels, that a mask is shrunk to where only its box is wanted."""


def all_layers(image) -> list:
    """Return the layers of an image, groups and what is in them included, from the top."""
    found = []

    def walk(layers):
        for layer in layers:
            found.append(layer)
            if layer.is_group():
                walk(layer.get_children())

    walk(image.get_layers())
    return found


def choices(image, without=None) -> list:
    """Return (name with its kind before it, the name) of all that can be a mask; not the layer ``without``.

    A layer that is opaque all over and has no mask says nothing, so it is left out.
    """
    found = [(CHANNEL + channel.get_name(), channel.get_name()) for channel in image.get_channels()]
    for layer in all_layers(image):
        says_something = layer.is_group() or layer.get_mask() is not None or layer.has_alpha()
        if says_something and layer != without:
            found.append((LAYER + layer.get_name(), layer.get_name()))
    return found


def find(image, name: str):
    """Return the channel or layer called ``name``, a channel where there are both.

    Raises:
        CallError: there is none, or it is a layer of nothing.
    """
    wanted = name.strip()
    channels = [] if wanted.startswith(LAYER) else image.get_channels()
    layers = [] if wanted.startswith(CHANNEL) else all_layers(image)
    items = [*channels, *layers]
    bare = wanted.partition(":")[2] if wanted.startswith((CHANNEL, LAYER)) else wanted
    for sought in (bare.strip(), wanted):  # a layer may really be called "layer:x"
        for item in items:
            if item.get_name().strip() == sought:
                return item
    near = difflib.get_close_matches(bare, [item.get_name() for item in items], n=1, cutoff=0.5)
    raise CallError(
        _("There is no channel or layer called “{name}”.").format(name=bare),
        _("Did you mean “{value}”?").format(value=near[0])
        if near
        else _("Look at the image's channels and layers."),
    )


def children(item) -> list:
    """Return the layers of a group that has no mask of its own, each of which is a mask; else []."""
    group = isinstance(item, Gimp.Layer) and item.is_group() and item.get_mask() is None
    return list(item.get_children()) if group else []


def is_there(image, name: str) -> bool:
    """Return whether there is a channel or layer called ``name``."""
    try:
        find(image, name)
    except CallError:
        return False
    return True


def is_group(image, name: str) -> bool:
    """Return whether ``name`` is a group whose layers are masks; a name that is nothing is none."""
    return is_there(image, name) and bool(children(find(image, name)))


def plain_name(item) -> str:
    """Return what an item is called in messages, and the style that a layer in a group stands for."""
    return item.get_name()


def read(item, box, shift, scale: float) -> bytes:
    """Return a mask's values as float32, row by row, within ``box`` (x, y, width, height) after scaling.

    ``shift`` leads from the box's coordinates, before scaling, to the image's.
    """
    return _read(item, box, shift, scale, "float")


def covered(item, size, shift):
    """Return (left, top, right, bottom) of what a mask covers of (width, height) pixels; None for nothing.

    ``shift`` is as for :func:`read`. A large mask is looked at shrunk: the box is a little too large then.
    """
    step = max(1.0, max(size) / LOOKED_AT)
    width, height = (math.ceil(length / step) for length in size)
    plane = _read(item, (0, 0, width, height), shift, 1.0 / step, "u8")
    rows = [plane[start : start + width] for start in range(0, width * height, width)]
    some = [number for number, row in enumerate(rows) if any(row)]
    if not some:
        return None
    left = min(width - len(rows[number].lstrip(b"\0")) for number in some)
    right = max(len(rows[number].rstrip(b"\0")) for number in some)
    more = 1 if step > 1.0 else 0  # what lies across two shrunk pixels
    first = [math.floor(max(0, edge - more) * step) for edge in (left, some[0])]
    last = [
        min(length, math.ceil((edge + more) * step))
        for edge, length in zip((right, some[-1] + 1), size)  # noqa: B905 - not in 3.9
    ]
    return (*first, *last)


def _read(item, box, shift, scale: float, precision: str) -> bytes:
    x, y, width, height = box
    left, top = shift
    drawable, values = item, f"Y {precision}"
    if isinstance(item, Gimp.Layer):
        mask = item.get_mask()
        drawable, values = (mask, values) if mask is not None else (item, f"A {precision}")
        _ok, own_left, own_top = item.get_offsets()
        left, top = left - own_left, top - own_top
    area = Gegl.Rectangle.new(x + round(left * scale), y + round(top * scale), width, height)
    return bytes(drawable.get_buffer().get(area, scale, values, Gegl.AbyssPolicy.NONE))
