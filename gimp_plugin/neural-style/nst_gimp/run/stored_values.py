"""A call's arguments as plain values that JSON can hold, to bring them back later.

Used for a painting's record and for the dialog's own file. The style layer is a note that is valid in this
session (see ``image/style``).
"""

from __future__ import annotations

from gi.repository import Gio

from nst_gimp.image import style
from nst_gimp.settings import arguments


def capture(config) -> dict:
    """Return the values of all arguments."""
    style.remember_layer(config)
    file = config.get_property("style-file")
    return {**arguments.plain_values(config), "style-file": file.get_uri() if file is not None else ""}


def without_settings(config) -> dict:
    """Return the values that are not settings of the engine, which a record has anyway."""
    return {name: value for name, value in capture(config).items() if name not in arguments.BY_NAME}


def apply(config, values: dict) -> None:
    """Set ``values``, as :func:`capture` returns them.

    Invalid ones, which another version may have written, are left out.
    """
    arguments.set_plain_values(config, values)
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
