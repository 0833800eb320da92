#!/usr/bin/env python3
"""Write the copies of what the engine declares, for the plug-in and the installer, with the engine's Python.

GIMP's Python has none of the engine's libraries, so the table of settings travels as plain Python. The names
that all three programs share (``nst_core/contract.py``) are copied as they are. ``--check`` writes nothing
and exits with 1 if a copy is out of date; a unit test does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from nst_core.settings import Settings, fields, info_of

ROOT = Path(__file__).resolve().parents[1]
PLUG_IN = ROOT / "gimp_plugin" / "neural-style" / "nst_gimp"
TARGET = PLUG_IN / "settings" / "settings_table.py"
CONTRACT = ROOT / "nst_core" / "contract.py"
CONTRACT_COPIES = (PLUG_IN / "settings" / "contract.py", ROOT / "install" / "nst_install" / "contract.py")

HEADER = '''"""The engine's settings for a Python without it, made by gimp_plugin/generate_settings.py.

``kind`` is double, int, boolean, choice or string. ``minimum`` and ``maximum`` are None without a limit.
``choices`` is empty except for a choice; ``choice_labels`` and ``choice_help`` map each choice to its name in
the dialog and to what it does. ``with_style`` says whether a setting is kept with a style: "always",
"if changed", "on request" or "never". ``used_if`` is None, or the name of another setting and the values of
that one for which this setting has an effect; an empty tuple of values stands for anything above 0.
"""

from collections import namedtuple

Setting = namedtuple(
    "Setting",
    "name kind default minimum maximum choices group label help "
    "choice_labels choice_help with_style used_if",
)

SETTINGS = (
'''


def limit(metadata: list[Any], name: str) -> float | int | None:
    """Return the ``ge`` or ``le`` that a field declares, or None."""
    return next((getattr(item, name) for item in metadata if hasattr(item, name)), None)


def rows() -> list[tuple[Any, ...]]:
    """Return one row for each setting, in the order in which dialogs show them."""
    defaults = Settings().model_dump()
    rows_of_table = []
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
        info = info_of(field)
        used_if = info.used_if and (info.used_if[0].replace("_", "-"), info.used_if[1])
        rows_of_table.append(
            (
                name.replace("_", "-"),
                kind,
                default,
                limit(field.metadata, "ge"),
                limit(field.metadata, "le"),
                choices,
                info.group,
                info.label,
                info.help,
                {value: choice.label for value, choice in info.choices.items()},
                {value: choice.help for value, choice in info.choices.items()},
                info.with_style,
                used_if,
            )
        )
    return rows_of_table


def table() -> str:
    """Return the text of settings_table.py."""
    lines = []
    for row in rows():
        lines.append("    Setting(\n")
        lines += [f"        {value!r},\n" for value in row]
        lines.append("    ),\n")
    return HEADER + "".join(lines) + ")\n"


def contract() -> str:
    """Return the text of the copies of contract.py."""
    note = "# A copy of nst_core/contract.py, made by gimp_plugin/generate_settings.py.\n"
    return note + CONTRACT.read_text(encoding="utf-8")


def main() -> int:
    """Write the copies, or with ``--check`` compare them."""
    texts = {TARGET: table(), **dict.fromkeys(CONTRACT_COPIES, contract())}
    if "--check" in sys.argv[1:]:
        return int(any(path.read_text(encoding="utf-8") != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
