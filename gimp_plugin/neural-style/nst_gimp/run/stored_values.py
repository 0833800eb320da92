"""A call's arguments as plain values that JSON can hold, to bring them back later.

Used for a painting's record and for the dialog's own file. The style layer is a note that is valid in this
session (see ``image/style``).
"""

from __future__ import annotations

from gi.repository import Gio

from nst_gimp.image import style
from nst_gimp.settings import arguments, how_long

LISTS = ("more-styles", "region-masks", "region-styles", "region-colors")
"""The arguments that are arrays of strings."""

OTHERS = (*arguments.EXTRAS, arguments.LAST_LAYER, how_long.NAME)
"""The arguments besides the engine's settings, style-file and style-layer."""


def capture(config) -> dict:
    """Return the values of all arguments."""
    style.remember_layer(config)
    file = config.get_property("style-file")
    values = {name: config.get_property(name) for name in (*arguments.BY_NAME, *OTHERS)}
    values = {name: "" if value is None else value for name, value in values.items()}  # GIMP's empty strings
    values.update({name: list(values[name] or []) for name in LISTS})
    return {**values, "style-file": file.get_uri() if file is not None else ""}


def without_settings(config) -> dict:
    """Return the values that are not settings of the engine, which a record has anyway."""
    return {name: value for name, value in capture(config).items() if name not in arguments.BY_NAME}


def apply(config, values: dict) -> None:
    """Set ``values``, as :func:`capture` returns them.

    Invalid ones, which another version may have written, are left out.
    """
    valid = arguments.keep_valid(values)
    valid.update({name: values[name] for name in OTHERS if name in values and _is_valid(name, values[name])})
    for name, value in valid.items():
        config.set_property(name, value)
    uri = values.get("style-file")
    config.set_property("style-layer", None)
    config.set_property("style-file", Gio.File.new_for_uri(uri) if isinstance(uri, str) and uri else None)


def of_record(record: dict) -> dict:
    """Return the values of a painting's record; an older version stored settings and style only."""
    values = record.get("arguments")
    settings = record.get("settings")
    origin = str(record.get("style") or "")
    return {
        "style-file": origin if origin.startswith("file:") else "",
        **(values if isinstance(values, dict) else {}),
        **(settings if isinstance(settings, dict) else {}),
    }


def _is_valid(name: str, value) -> bool:
    if name in LISTS:
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    return isinstance(value, float if name == "style-weight" else str)
