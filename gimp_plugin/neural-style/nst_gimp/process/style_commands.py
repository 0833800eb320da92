"""Changes to the kept styles, made by the engine's command ``nst styles``: this only asks for them.

A command and its options come in, its JSON goes out, or a UserError with the engine's code. Works without
GIMP; nothing here is shown.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

from nst_gimp.process import engine, kept_styles, places
from nst_gimp.settings.settings_table import SETTINGS
from nst_gimp.text.messages import UserError, from_engine
from nst_gimp.text.words import _

PATIENCE_SECONDS = 120
TAKEN = "output-exists"
"""The code of an error that ``--force`` would have prevented."""

OF_EVERY_STYLE = ("strength", "style-scale", "keep-colors")
"""Kept with a style whatever they are, so that a click on it brings back what was seen."""

OF_NO_STYLE = ("init", "iterations", "optimizer", "coarsest", "guides")
"""Settings of the method that are about the picture or the patience, not about the style."""

LONGEST_NAME, MOST_BYTES = 64, 240
NO_CHARACTERS = '<>:"/\\|?*'
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def suiting(settings: dict) -> dict:
    """Return those of a run's settings that are kept with its style."""
    method = {
        setting.name
        for setting in SETTINGS
        if setting.group == "method"
        and setting.name not in OF_NO_STYLE
        and settings[setting.name] != setting.default
    }
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in settings.items()
        if name in OF_EVERY_STYLE or name in method
    }


def options(settings: dict) -> list:
    """Return settings as the command's options."""
    return [f"--{name}={value}" for name, value in settings.items()]


def home() -> Path:
    """Return the folder that new styles go to: the first that is there, as GIMP and ``nst`` may differ."""
    folders = kept_styles.folders()
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def is_name(name: str) -> bool:
    """Whether a style can be called so; the engine has the last word."""
    plain = name == name.strip() and not name.startswith(".") and not name.endswith(".")
    usual = not set(NO_CHARACTERS) & set(name) and name.partition(".")[0].rstrip().lower() not in DEVICES
    short = 0 < len(name) <= LONGEST_NAME and len(name.encode("utf-8", "replace")) <= MOST_BYTES
    return plain and usual and short and name.isprintable()


def possible_name(text: str) -> str:
    """Return ``text`` without what cannot be in a style's name."""
    allowed = "".join(
        character if character.isprintable() and character not in NO_CHARACTERS else " " for character in text
    )
    found = " ".join(allowed.split()).strip(". ")[:LONGEST_NAME].rstrip(". ")
    return found if is_name(found) else ""


def change(command: str, arguments, folder) -> dict:
    """Run ``nst styles COMMAND ARGUMENTS`` for the styles in ``folder`` and return what it answers.

    Raises:
        UserError: there is no engine, or it refused; ``code`` is the engine's.
    """
    found = places.find_engine()
    line = [found.python, "-I", "-m", "nst_core.cli", "styles", command, "--json", *arguments]
    try:
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(places.environment_for(found), NST_STYLES=str(folder)),
            timeout=PATIENCE_SECONDS,
            check=False,
            **engine.platform_options(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            _("The engine's Python, {path}, cannot be started: {reason}.").format(
                path=found.python, reason=reason
            ),
            _("Run the installer again."),
            "no-engine",
        ) from None
    try:
        answer = json.loads(done.stdout.decode("utf-8"))
        if not isinstance(answer, dict):
            raise ValueError
    except ValueError:
        with open(places.log_path(), "ab") as log:
            log.write(done.stderr)
        raise UserError(
            _("The engine could not change the kept styles."),
            _("Run the installer again; the log {path} says more.").format(path=places.log_path()),
            "protocol",
        ) from None
    if answer.get("event") == "error":
        raise from_engine(*(str(answer.get(part) or "") for part in ("code", "message", "hint")))
    return answer


def in_background(command: str, arguments, folder, done) -> None:
    """Run a command beside GTK's loop, which then calls ``done(answer, error)``, one of them None."""
    from gi.repository import GLib

    def work() -> None:
        answer = problem = None
        try:
            answer = change(command, arguments, folder)
        except UserError as error:
            problem = error
        except Exception as error:
            problem = UserError(str(error) or type(error).__name__)
        GLib.idle_add(lambda: done(answer, problem) and False)

    threading.Thread(target=work, daemon=True).start()
