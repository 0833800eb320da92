"""Neighbour maps as named arrays, as files of arrays keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nst_core.loss.neighbours import Indices, NeighbourMap

PARTS = ("style", "row", "column")
"""The arrays of a map."""


def arrays_of_maps(maps: Sequence[NeighbourMap]) -> dict[str, Indices]:
    """Return the arrays of some maps by name: style-0, row-0, column-0, style-1, ..."""
    return {
        f"{part}-{number}": getattr(matches, part) for number, matches in enumerate(maps) for part in PARTS
    }


def maps_of_arrays(
    arrays: Mapping[str, Indices], style_grids: Sequence[Sequence[Sequence[int]]]
) -> tuple[NeighbourMap, ...]:
    """Return the maps of :func:`arrays_of_maps`, each with the (rows, columns) of its styles' own grids.

    Raises:
        KeyError: an array is missing.
        ValueError: ``style_grids`` has others than pairs of numbers.
    """
    return tuple(
        NeighbourMap(
            **{part: arrays[f"{part}-{number}"] for part in PARTS},
            style_grids=tuple((int(rows), int(columns)) for rows, columns in grids),
        )
        for number, grids in enumerate(style_grids)
    )
