"""The diagnostics: facts about this plug-in and GIMP, then the report of ``nst doctor``, as text."""

from __future__ import annotations

import platform
import sys

from gi.repository import Gimp

from nst_gimp import PLUG_IN_FOLDER, VERSION
from nst_gimp.process import locations
from nst_gimp.process.engine import PROTOCOL, EngineProcess, version_mismatch
from nst_gimp.text import help_pages
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _


def report() -> str:
    """Return the whole report, one line for each fact. Faults are part of the report and raise nothing."""
    lines = [
        _("Plug-in: {version}, in {folder}").format(version=VERSION, folder=PLUG_IN_FOLDER),
        f"GIMP: {Gimp.version()}, {Gimp.directory()}",
        f"Python of GIMP: {platform.python_version()}, {sys.executable}",
        f"System: {platform.platform()}",
        f"Help: {help_pages.page_path()}",
    ]
    try:
        location = locations.find_engine()
        lines.append(f"Python of the engine: {location.python} (from {location.source})")
        with EngineProcess() as engine:
            lines.append(f"Log: {engine.log}")
            engine.send({"protocol": PROTOCOL, "command": "doctor"})
            lines += engine_lines(engine)
    except UserError as error:
        lines += error_lines(error)
    return "\n".join(lines) + "\n"


def engine_lines(engine) -> list:
    """Return the lines of the report about the engine, from its answer to the command ``doctor``."""
    lines = []
    while True:
        event = engine.next_event()
        if event is None:
            continue
        if event["event"] == "hello":
            facts = (event.get("version"), event.get("engine"), event.get("device"))
            lines.append("Engine: " + ", ".join(str(fact) for fact in facts if fact))
            if event.get("version") != VERSION:
                lines += error_lines(version_mismatch(event.get("version")))
        elif event["event"] == "doctor":
            lines += ["", *str(event.get("text") or "").splitlines()]
        elif event["event"] == "done":
            return lines


def error_lines(error: UserError) -> list:
    """Return the lines of the report for an error: what is wrong, and what to do."""
    return ["", _("Problem: {message}").format(message=error.message), error.hint]
