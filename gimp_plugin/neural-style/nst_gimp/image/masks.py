"""Masks by name: channels (including saved selections), layer masks, and the opaque areas of layers.

Takes an image and a name, and returns a drawable, or its values in a box. Does not depend on styles.
"""

from __future__ import annotations

import difflib
import math

from gi.repository import Gegl, Gimp

from nst_gimp.image import selections
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

CHANNEL, LAYER = "channel:", "layer:"

BOUNDING_BOX_SIDE = 512
"""Longest side, in pixels, of the shrunk mask that a bounding box is computed from."""


def all_layers(image) -> list:
    """Return all layers of an image from the top, with groups and the layers in them."""
    return list(_with_children(image.get_layers()))


def _with_children(layers):
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _with_children(layer.get_children())


def choices(image, without=None) -> list:
    """Return (name with prefix, name) of all items that can be a mask, except for the layer ``without``.

    A layer without alpha and without a mask would be white everywhere, so it is left out.
    """
    names = selections.choices()
    names += [(CHANNEL + channel.get_name(), channel.get_name()) for channel in image.get_channels()]
    for layer in all_layers(image):
        is_useful = layer.is_group() or layer.get_mask() is not None or layer.has_alpha()
        if is_useful and layer != without:
            names.append((LAYER + layer.get_name(), layer.get_name()))
    return names


def find(image, name: str):
    """Return the channel or layer called ``name``. A channel comes before a layer of the same name.

    Raises:
        CallError: there is no such channel or layer.
    """
    full_name = name.strip()
    if full_name.startswith(selections.SELECTION):
        return selections.find(full_name)
    channels = [] if full_name.startswith(LAYER) else image.get_channels()
    layers = [] if full_name.startswith(CHANNEL) else all_layers(image)
    items = [*channels, *layers]
    bare_name = full_name.partition(":")[2] if full_name.startswith((CHANNEL, LAYER)) else full_name
    for candidate in (bare_name.strip(), full_name):  # a layer may really be called "layer:x"
        for item in items:
            if item.get_name().strip() == candidate:
                return item
    similar = difflib.get_close_matches(bare_name, [item.get_name() for item in items], n=1, cutoff=0.5)
    raise CallError(
        _("There is no channel or layer called “{name}”.").format(name=bare_name),
        _("Did you mean “{value}”?").format(value=similar[0])
        if similar
        else _("Check the names in the Channels and Layers dialogs."),
    )


def children(item) -> list:
    """Return the layers, each a mask, of a group without a mask of its own; [] for any other item."""
    group = isinstance(item, Gimp.Layer) and item.is_group() and item.get_mask() is None
    return list(item.get_children()) if group else []


def exists(image, name: str) -> bool:
    """Return whether there is a channel or layer called ``name``."""
    try:
        find(image, name)
    except CallError:
        return False
    return True


def is_mask_group(image, name: str) -> bool:
    """Return whether ``name`` is a group whose layers are masks. A name that does not exist is not."""
    return exists(image, name) and bool(children(find(image, name)))


def item_name(item) -> str:
    """Return an item's name. In a group of masks it is also the name of the style."""
    return item.get_name()


def read(item, box, shift, scale: float) -> bytes:
    """Return the values of a mask in ``box`` as float32, row by row.

    ``box`` (x, y, width, height) is in pixels after scaling. ``shift`` (x, y) is the offset from the box's
    coordinates, before scaling, to the image's.
    """
    return _read(item, box, shift, scale, "float")


def read_small(item, size, shift, scale: float) -> bytes:
    """Return the values of a mask for the screen: (width, height) bytes, from its pixel at ``shift`` on.

    ``shift`` and ``scale`` are as for :func:`read`.
    """
    return _read(item, (0, 0, *size), shift, scale, "u8")


def bounding_box(item, size, shift):
    """Return (left, top, right, bottom) of a mask's nonzero values in (width, height) pixels, or None.

    ``shift`` is as for :func:`read`. A large mask is shrunk first; its box is then a little too large.
    """
    step = max(1.0, max(size) / BOUNDING_BOX_SIDE)
    width, height = (math.ceil(length / step) for length in size)
    plane = _read(item, (0, 0, width, height), shift, 1.0 / step, "u8")
    rows = [plane[start : start + width] for start in range(0, width * height, width)]
    nonzero_rows = [number for number, row in enumerate(rows) if any(row)]
    if not nonzero_rows:
        return None
    left = min(width - len(rows[number].lstrip(b"\0")) for number in nonzero_rows)
    right = max(len(rows[number].rstrip(b"\0")) for number in nonzero_rows)
    margin = 1 if step > 1.0 else 0  # for values that lie across two shrunk pixels
    first = [math.floor(max(0, edge - margin) * step) for edge in (left, nonzero_rows[0])]
    last = [
        min(length, math.ceil((edge + margin) * step))
        for edge, length in zip((right, nonzero_rows[-1] + 1), size)  # noqa: B905 - not in 3.9
    ]
    return (*first, *last)


def _read(item, box, shift, scale: float, precision: str) -> bytes:
    x, y, width, height = box
    left, top = shift
    drawable, values = item, f"Y {precision}"
    if isinstance(item, Gimp.Layer):
        mask = item.get_mask()
        drawable, values = (mask, values) if mask is not None else (item, f"A {precision}")
        _ok, item_left, item_top = item.get_offsets()
        left, top = left - item_left, top - item_top
    area = Gegl.Rectangle.new(x + round(left * scale), y + round(top * scale), width, height)
    return bytes(drawable.get_buffer().get(area, scale, values, Gegl.AbyssPolicy.NONE))
