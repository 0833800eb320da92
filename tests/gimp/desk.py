"""A GIMP with windows on a screen of its own, steered by keys and clicks, and asked by Python."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
from pathlib import Path

from tests.gimp.screen import Screen, until
from tests.gimp.start import REPOSITORY, Gimp


class Desk:
    """One GIMP with one image in a window."""

    def __init__(self, gimp: Gimp, picture: Path) -> None:
        self.gimp = gimp
        self.screen = Screen(gimp)
        self.commands = gimp.folder / "commands"
        self.commands.mkdir()
        self.numbers = itertools.count()
        self.errors = gimp.folder / "stderr"
        (gimp.profile / "gimprc").write_text("(show-welcome-dialog no)\n")
        script = (
            f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
            f"from tests.gimp.inside.remote import serve; serve({str(self.commands)!r}, globals())"
        )
        with self.errors.open("wb") as errors:
            self.process = gimp.start(
                [gimp.gimp, "-ns", "--batch-interpreter=python-fu-eval", "-b", script],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.ask("Gegl.init(None)", 120)
        self.ask(
            f"image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({str(picture)!r}))\n"
            "display = Gimp.Display.new(image); Gimp.displays_flush()"
        )
        self.main = self.screen.wait_for("– GIMP$", 90)

    def begin(self, command: str) -> int:
        """Start a command and return its number."""
        number = next(self.numbers)
        beside = self.commands / f"{number}.new"
        beside.write_text(command)
        beside.replace(self.commands / f"{number}.py")
        return number

    def result(self, number: int, seconds: float = 40):
        """Wait for a command and return what it left in ``answer``."""
        path = self.commands / f"{number}.json"
        until(path.exists, seconds, f"the answer to command {number}")
        said = json.loads(path.read_text())
        assert not said["problem"], said["problem"]
        return said["answer"]

    def ask(self, command: str, seconds: float = 90):
        """Run a command and return what it left in ``answer``."""
        return self.result(self.begin(command), seconds)

    def layers(self) -> list[str]:
        """Return the names of the image's layers."""
        return self.ask("answer = [layer.get_name() for layer in image.get_layers()]")

    def menu(self, *keys: str) -> None:
        """Open a menu of the main window by its letters."""
        self.screen.key(self.main, "alt+r")
        for key in keys:
            self.screen.key(self.main, key)

    def close(self) -> str:
        """End GIMP and return what it printed on stderr."""
        with contextlib.suppress(AssertionError):
            self.ask("quit", 5)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.screen.close()
        return self.errors.read_text(errors="replace")


def browser(gimp: Gimp) -> None:
    """Install a "browser" for the user that writes down what it is asked to open."""
    program = gimp.folder / "browser"
    opened = gimp.folder / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" >{opened}.part\nmv {opened}.part {opened}\n')
    program.chmod(0o755)
    applications = gimp.home / ".local/share/applications"
    applications.mkdir(parents=True)
    (applications / "browser.desktop").write_text(
        f"[Desktop Entry]\nType=Application\nName=Browser\nExec={program} %u\nMimeType=text/html;\n"
    )
    (applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")
    (gimp.home / ".config").mkdir(exist_ok=True)
    shutil.copy(applications / "mimeapps.list", gimp.home / ".config")
