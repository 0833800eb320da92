"""Variants of the current settings for a sheet: strengths across, brush sizes down, three of each.

Takes values and returns values; knows nothing about pictures.
"""

from __future__ import annotations

from collections import namedtuple

from nst_gimp.settings import arguments, effects

STRENGTH, BRUSH = "strength", "style-scale"

STRENGTH_STEP = 20.0
BRUSH_FACTOR = 1.6

Variant = namedtuple("Variant", "row column changes")
"""A cell of the sheet. ``changes`` has its values of STRENGTH and BRUSH."""


def around(config) -> list:
    """Return the variants around the values in ``config``, in the order in which to paint them.

    The current values come first, then the others by their distance from them. A setting without an effect
    keeps its value, so the sheet has fewer rows or columns.
    """
    strengths = _values(config, STRENGTH, lambda value, sign: value + sign * STRENGTH_STEP)
    brushes = _values(config, BRUSH, lambda value, sign: value * BRUSH_FACTOR**sign)
    column = strengths.index(config.get_property(STRENGTH))
    row = brushes.index(config.get_property(BRUSH))
    variants = [
        Variant(y, x, {STRENGTH: strength, BRUSH: brush})
        for y, brush in enumerate(brushes)
        for x, strength in enumerate(strengths)
    ]
    return sorted(variants, key=lambda cell: (abs(cell.row - row) + abs(cell.column - column), cell[:2]))


def _values(config, name: str, moved) -> list:
    value = config.get_property(name)
    return three_around(value, moved, _limits(name)) if effects.has_effect(config, name) else [value]


def _limits(name: str) -> tuple:
    setting = arguments.BY_NAME[name]
    return setting.minimum, setting.maximum


def three_around(value: float, moved, limits: tuple) -> list:
    """Return ``value`` and its neighbours in ascending order: one on each side, or two if it is at a limit.

    ``moved(value, sign)`` returns the neighbour above (1) or below (-1).
    """
    low, high = limits

    def neighbour(start: float, sign: int) -> float:
        return round(min(high, max(low, moved(start, sign))), 2)

    below, above = neighbour(value, -1), neighbour(value, 1)
    if below >= value:
        below = neighbour(above, 1)
    elif above <= value:
        above = neighbour(below, -1)
    return sorted({below, value, above})
