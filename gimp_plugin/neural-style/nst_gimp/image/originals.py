"""The layer that a painting was made from, so that painting again starts from there.

A painting's record names its original by the layer's tattoo, which stays the same in XCF files. What is
painted, and where the new painting goes, is decided here before a run.
"""

from __future__ import annotations

from collections import namedtuple

from gi.repository import Gimp

from nst_gimp.image import layers

Origin = namedtuple("Origin", "drawables painting is_lost")
"""``drawables`` is what to paint. ``painting`` is the selected layer if it is a painting, else None.
``is_lost``: its original no longer exists, so the painting itself is painted."""


def find(image, drawables) -> Origin:
    """Return what to paint if ``drawables`` are selected. A single painting stands for its original."""
    layer = drawables[0] if len(drawables) == 1 else None
    if not isinstance(layer, Gimp.Layer) or not layer.is_valid():
        return Origin(drawables, None, False)
    record = layers.read_record(layer)
    if not record:
        return Origin(drawables, None, False)
    original = _by_tattoo(image, record.get("source"))
    return Origin([original or layer], layer, original is None)


def describe(layer) -> dict:
    """Return the part of a painting's record that names its original."""
    return {"tattoo": layer.get_tattoo(), "name": layer.get_name()}


def _by_tattoo(image, source):
    tattoo = source.get("tattoo") if isinstance(source, dict) else None
    if not isinstance(tattoo, int) or not 0 < tattoo < 2**32:
        return None
    item = image.get_layer_by_tattoo(tattoo)
    return item if isinstance(item, Gimp.Layer) else None
