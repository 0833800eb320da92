"""The diagnostics: what this plug-in and GIMP are, then what ``nst doctor`` says, as text or in a window."""

from __future__ import annotations

import platform
import sys

from gi.repository import Gimp

from nst_gimp import PLUG_IN_FOLDER, VERSION
from nst_gimp.process import places
from nst_gimp.process.engine import PROTOCOL, Engine
from nst_gimp.text import help_pages
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _


def report() -> str:
    """Return the whole report, a line a finding. Never raises for what it is there to report."""
    lines = [
        _("Plug-in: {version}, in {folder}").format(version=VERSION, folder=PLUG_IN_FOLDER),
        f"GIMP: {Gimp.version()}, {Gimp.directory()}",
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
        lines += wrong(error)
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
            if event.get("version") != VERSION:
                lines += wrong(of_another_version(event.get("version")))
        elif event["event"] == "doctor":
            lines += ["", *str(event.get("text") or "").splitlines()]
        elif event["event"] == "done":
            return lines


def wrong(error: UserError) -> list:
    """Say what is wrong and what to do about it, in lines."""
    return ["", _("What is wrong: {message}").format(message=error.message), error.hint]


def of_another_version(version) -> UserError:
    """Return the error of an engine that speaks the protocol and has another version than this plug-in."""
    return UserError(
        _("The engine (version {version}) and this plug-in do not belong together.").format(
            version=version or "?"
        ),
        _("Run the installer again, which brings both up to date."),
        "protocol",
    )
