"""Changes to the kept styles, made by the engine's command ``nst styles``.

Takes a subcommand and its options, and returns its JSON or raises a UserError with the engine's code. Works
without GIMP and shows nothing.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

from nst_gimp.process import engine, kept_styles, locations
from nst_gimp.settings.contract import FORBIDDEN_CHARACTERS, LONGEST_STYLE_NAME, is_style_name
from nst_gimp.settings.settings_table import SETTINGS
from nst_gimp.text.messages import UserError, engine_error
from nst_gimp.text.words import _

TIMEOUT_SECONDS = 120
TAKEN = "output-exists"
"""Error code of a command that would replace a style. It succeeds with ``--force``."""


def style_settings(settings: dict) -> dict:
    """Return the settings of a run that are kept with its style."""
    kept = {
        setting.name
        for setting in SETTINGS
        if setting.with_style == "always"
        or (setting.with_style == "if changed" and settings[setting.name] != setting.default)
    }
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in settings.items()
        if name in kept
    }


def to_options(settings: dict) -> list:
    """Return settings as options of the command line."""
    return [f"--{name}={value}" for name, value in settings.items()]


def default_folder() -> Path:
    """Return the folder for new styles: the first that exists, because GIMP's may differ from ``nst``'s."""
    folders = kept_styles.style_folders()
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def make_valid_name(text: str) -> str:
    """Return ``text`` without the characters that a style's name cannot have, or "" if none are left."""
    allowed = "".join(
        character if character.isprintable() and character not in FORBIDDEN_CHARACTERS else " "
        for character in text
    )
    name = " ".join(allowed.split()).strip(". ")[:LONGEST_STYLE_NAME].rstrip(". ")
    return name if is_style_name(name) else ""


def run_command(command: str, arguments, folder) -> dict:
    """Run ``nst styles COMMAND ARGUMENTS`` on the styles in ``folder`` and return its JSON.

    Raises:
        UserError: there is no engine, or the command failed. ``code`` is the engine's.
    """
    location = locations.find_engine()
    line = [location.python, "-I", "-m", "nst_core.cli", "styles", command, "--json", *arguments]
    try:
        completed = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(locations.engine_environment(location), NST_STYLES=str(folder)),
            timeout=TIMEOUT_SECONDS,
            check=False,
            **engine.popen_options(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise engine.start_error(location, error) from None
    try:
        answer = json.loads(completed.stdout.decode("utf-8"))
        if not isinstance(answer, dict):
            raise ValueError
    except ValueError:
        with open(locations.log_path(), "ab") as log:
            log.write(completed.stderr)
        raise UserError(
            _("The engine could not change the kept styles."),
            _("Run the installer again. See the log {path}.").format(path=locations.log_path()),
            "protocol",
        ) from None
    if answer.get("event") == "error":
        raise engine_error(*(str(answer.get(part) or "") for part in ("code", "message", "hint")))
    return answer


def run_in_background(command: str, arguments, folder, done) -> None:
    """Run a command in a thread. GTK's main loop then calls ``done(answer, error)``; one of them is None."""
    from gi.repository import GLib

    def work() -> None:
        answer = problem = None
        try:
            answer = run_command(command, arguments, folder)
        except UserError as error:
            problem = error
        except Exception as error:
            problem = UserError(str(error) or type(error).__name__)
        GLib.idle_add(lambda: done(answer, problem) and False)

    threading.Thread(target=work, daemon=True).start()
