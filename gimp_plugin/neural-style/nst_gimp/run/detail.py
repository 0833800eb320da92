"""The part of a picture that a trial paints at the size that the painting will have there.

Plain numbers, without GIMP. The part and the styles are cut so that strokes are as large as in the painting:
the engine gives a style ``style_scale``^2 times the area of what it paints, which is a part only.
"""

from __future__ import annotations

import math
from collections import namedtuple

LARGEST_STYLE_AREA = 512 * 512
"""Pixels of a style that a trial reads at most: more takes long, and a part of a style has its strokes."""

SMALLEST_SCALE, LARGEST_SCALE = 0.1, 4.0
"""The engine's limits for the setting style-scale."""

Detail = namedtuple("Detail", "box scale style_scale style_share")
"""``box`` (x, y, width, height) is the part in the layer's pixels; ``scale``, at most 1, is the painting's.
``style_scale`` is the setting for this part; ``style_share`` is the share of a style's sides that is read."""


def find(box: tuple, center: tuple, painted_side: int, style_scale: float, side: int) -> Detail:
    """Return the part of ``box`` around ``center``, if possible, that is ``side`` pixels in the painting.

    ``center`` is relative: (0.5, 0.5) is the middle. ``painted_side`` is the long side of the painting of the
    whole box in pixels, and ``style_scale`` the setting for it.
    """
    left, top, width, height = box
    scale = min(1.0, painted_side / max(width, height))
    x, part_width = span(left, width, center[0], side / scale)
    y, part_height = span(top, height, center[1], side / scale)
    style_area = style_scale**2 * width * height * scale**2
    part_area = part_width * part_height * scale**2
    used_area = min(style_area, LARGEST_STYLE_AREA, LARGEST_SCALE**2 * part_area)
    return Detail(
        (x, y, part_width, part_height),
        scale,
        min(LARGEST_SCALE, max(SMALLEST_SCALE, math.sqrt(used_area / part_area))),
        math.sqrt(used_area / style_area),
    )


def span(start: int, length: int, center: float, wanted: float) -> tuple:
    """Return (start, length) of a part of a span around the relative position ``center``."""
    part = max(1, min(length, round(wanted)))
    return start + min(max(0, round(center * length - part / 2)), length - part), part


def center_of(part: tuple, box: tuple) -> tuple:
    """Return the relative position of the middle of ``part`` in ``box``; both are (x, y, width, height)."""
    return (
        (part[0] + part[2] / 2 - box[0]) / box[2],
        (part[1] + part[3] / 2 - box[1]) / box[3],
    )


def middle(box: tuple, share: float) -> tuple:
    """Return the middle of a box, with ``share`` of each of its sides."""
    x, y, width, height = box
    part_width, part_height = max(1, round(width * share)), max(1, round(height * share))
    return x + (width - part_width) // 2, y + (height - part_height) // 2, part_width, part_height
