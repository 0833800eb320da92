#!/usr/bin/env python3
"""Writes the plug-in's copy of the engine's table of settings; to be run with the engine's Python.

GIMP's Python has none of the engine's libraries, so the table travels as plain Python. ``--check`` writes
nothing and exits with 1 where the copy is out of date; a unit test does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from nst_core.settings import Settings, fields

TARGET = Path(__file__).resolve().parent / "neural-style" / "nst_gimp" / "settings" / "settings_table.py"

HEADER = '''"""The engine's settings for a Python without it, made by gimp_plugin/generate_settings.py.

``kind`` is double, int, boolean, choice or string; ``minimum`` and ``maximum`` are None where there is
no limit; ``choices`` is empty for everything but a choice.
"""

from collections import namedtuple

Setting = namedtuple("Setting", "name kind default minimum maximum choices group label help")

SETTINGS = (
'''


def limit(metadata: list[Any], name: str) -> float | int | None:
    """Return the ``ge`` or ``le`` that a field declares, or None."""
    return next((getattr(item, name) for item in metadata if hasattr(item, name)), None)


def rows() -> list[tuple[Any, ...]]:
    """Return one row for each setting, in the order in which dialogs show them."""
    defaults = Settings().model_dump()
    found = []
    for name, field in fields().items():
        default, choices = defaults[name], ()
        if get_origin(field.annotation) is Literal:
            kind, choices = "choice", get_args(field.annotation)
        elif isinstance(default, bool):
            kind = "boolean"
        elif isinstance(default, int):
            kind = "int"
        elif isinstance(default, float):
            kind = "double"
        elif isinstance(default, str):
            kind = "string"
        else:
            raise TypeError(f"{name}: a {type(default).__name__} cannot be an argument of a GIMP procedure")
        extra = field.json_schema_extra
        assert isinstance(extra, dict)  # noqa: S101 - set by settings.knob for every field
        found.append(
            (
                name.replace("_", "-"),
                kind,
                default,
                limit(field.metadata, "ge"),
                limit(field.metadata, "le"),
                choices,
                str(extra["group"]),
                str(extra["label"]),
                str(field.description),
            )
        )
    return found


def table() -> str:
    """Return the text of settings_table.py."""
    lines = []
    for row in rows():
        lines.append("    Setting(\n")
        lines += [f"        {value!r},\n" for value in row]
        lines.append("    ),\n")
    return HEADER + "".join(lines) + ")\n"


def main() -> int:
    """Write the table, or with ``--check`` compare it."""
    text = table()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
