"""The diagnostics: what this plug-in, GIMP and the engine are, and what is wrong, as text or in a window."""

from __future__ import annotations

import json
import platform
import sys

from gi.repository import Gimp, GLib, GObject

from nst_gimp import VERSION, help_pages, places, stylize
from nst_gimp.engine import PROTOCOL, Engine
from nst_gimp.messages import UserError
from nst_gimp.words import _


def report() -> str:
    """Return the whole report, a line a finding. Never raises for what it is there to report."""
    lines = [
        _("Plug-in: {version}, in {folder}").format(version=VERSION, folder=stylize.plug_in_folder()),
        f"GIMP: {Gimp.version()}",
        f"Python of GIMP: {platform.python_version()}, {sys.executable}",
        f"System: {platform.platform()}",
        f"Help: {help_pages.page()}",
    ]
    try:
        found = places.find_engine()
        lines.append(f"Python of the engine: {found.python} ({found.how})")
        with Engine() as engine:
            lines.append(f"Log: {engine.log}")
            engine.send({"protocol": PROTOCOL, "command": "doctor"})
            lines += ask(engine)
    except UserError as error:
        lines += ["", _("What is wrong: {message}").format(message=error.message), error.hint]
    return "\n".join(lines) + "\n"


def ask(engine) -> list:
    """Return what the engine says of itself, in lines."""
    lines = []
    while True:
        event = engine.next_event()
        if event is None:
            continue
        if event["event"] == "hello":
            words = (event.get("version"), event.get("engine"), event.get("device"))
            lines.append("Engine: " + ", ".join(str(word) for word in words if word))
        elif event["event"] == "doctor":
            lines += ["", *layout(event.get("report"))]
        elif event["event"] == "done":
            return lines


def layout(value, indent: str = "") -> list:
    """Lay out a report of nested dictionaries and lists in lines."""
    if isinstance(value, str):
        return [indent + line for line in value.splitlines()]
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            lines.append(f"{indent}{key}:" + ("" if nested else f" {plain(item)}"))
            lines += layout(item, indent + "  ") if nested else []
        return lines
    if isinstance(value, list):
        lines = []
        for item in value:
            if isinstance(item, dict):
                inner = layout(item, indent + "  ")
                lines += [indent + "- " + inner[0].strip(), *inner[1:]] if inner else []
            else:
                lines.append(f"{indent}- {plain(item)}")
        return lines
    return [indent + plain(value)]


def plain(value) -> str:
    """Say a value without Python's or JSON's decoration."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def run(procedure, config, _data):
    """Answer a call of the procedure."""
    try:
        text = report()
        if config.get_property("run-mode") == Gimp.RunMode.INTERACTIVE:
            from nst_gimp import report_window

            report_window.show(text)
    except Exception as error:
        return stylize.failure(procedure, error)
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(GObject.TYPE_STRING, text))
    return values
