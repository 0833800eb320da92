"""A GIMP with windows on a virtual screen: steered by keys and clicks, questioned in Python.

Tests wait for what they need to see and never for a length of time. For the plug-in's windows that is a
report of their widgets: it comes after all keys and clicks before it have been handled and drawn (see
``probe/sitecustomize``).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.gimp.screen import LIMIT_SECONDS, SIZE, Screen, Window, wait_until
from tests.gimp.start import HERE, REPOSITORY, Gimp, complaints

DIALOG = "^Neural Style$"
PAINTING_WINDOW = "^Painting in the style"
QUESTION = "^Stop Painting$"

LAST_VALUES = "plug-in-settings/GimpProcedureConfigRun-plug-in-neural-style.last"
"""Where GIMP keeps the values of the last run, in its profile."""

DIALOG_VALUES = "plug-in-settings/neural-style-dialog.json"
"""Where the plug-in keeps the values of a dialog whose painting is not finished."""

PATIENCE_LOOKS = 10
DROPPED_SECONDS = 45.0
"""Looks for the report of the process with a window, before that of another process is taken."""

PREFERENCES = "plug-in-settings/neural-style-preferences.json"
"""Where the plug-in keeps how the dialog was left."""

GTK_COMPLAINTS = ("WIDGET_REALIZED_FOR_EVENT", "gtk_tree_model_get_iter_first")
"""GTK's file chooser prints these when a path is typed into it faster than a person can."""


@dataclass(frozen=True)
class Widget:
    """A widget that is shown, in coordinates of the screen. ``kind`` and ``parent`` are classes of GTK."""

    kind: str
    parent: str
    text: str
    sensitive: bool
    focused: bool
    active: bool
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        """Return the point to click at."""
        return self.x + self.width // 2, self.y + self.height // 2

    @property
    def upper_middle(self) -> tuple[int, int]:
        """Return the point to click at on a slider, whose lower half changes the value only a little."""
        return self.x + self.width // 2, self.y + self.height // 4


def is_slider(widget: Widget) -> bool:
    """Whether a widget is one of GIMP's sliders."""
    return "SpinScale" in widget.kind


class GimpDesktop:
    """One GIMP with one image in a window, on a screen of ``size`` pixels, with further lines of gimprc."""

    def __init__(self, gimp: Gimp, photo: Path, size: tuple[int, int] = SIZE, settings: str = "") -> None:
        self.gimp, self.photo = gimp, photo
        self.screen = Screen(gimp, size)
        self.commands = gimp.folder / "commands"
        self.commands.mkdir()
        self.command_numbers = itertools.count()
        self.probe = gimp.folder / "probe"
        self.probe.mkdir()
        self.report_numbers = itertools.count(1)
        self.errors = gimp.folder / "stderr"
        self.errors_reported = 0
        gimp.variables.update(NST_TEST_PROBE=str(self.probe), PYTHONPATH=str(HERE / "probe"))
        (gimp.profile / "gimprc").write_text(f"(show-welcome-dialog no)\n{settings}")
        (gimp.profile / "sessionrc").write_text("(single-window-mode yes)\n(hide-docks yes)\n")
        configuration = gimp.home / ".config/gtk-3.0"
        configuration.mkdir(parents=True)
        (configuration / "settings.ini").write_text(
            "[Settings]\ngtk-enable-animations=0\ngtk-cursor-blink=0\n"  # a still screen shows only changes
        )
        script = (
            f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
            f"from tests.gimp.inside.command_server import serve; serve({str(self.commands)!r}, globals())"
        )
        with self.errors.open("wb") as errors:
            self.process = gimp.start(
                [gimp.window_program, "-ns", "--batch-interpreter=python-fu-eval", "-b", script],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.ask("Gegl.init(None)")

    def wait_until(self, condition: Callable[[], object], description: str):
        """Wait until ``condition()`` is true and return its value.

        Raises:
            AssertionError: it takes too long, GIMP has ended, or it complains on stderr.
        """

        def check() -> object:
            value = condition()
            if not value:
                assert self.process.poll() is None, f"GIMP ended before {description}"
                self.check_errors()
            return value

        return wait_until(check, description)

    def check_errors(self) -> None:
        """Check that GIMP and its plug-ins have not complained on stderr since :meth:`recover`."""
        printed = self.errors.read_text(errors="replace")[self.errors_reported :]
        lines = complaints(printed, ("GIMP-Error",))
        assert all(any(words in line for words in GTK_COMPLAINTS) for line in lines), printed

    # Python inside GIMP.

    def begin(self, command: str) -> int:
        """Start a command and return its number."""
        number = next(self.command_numbers)
        partial = self.commands / f"{number}.new"
        partial.write_text(command)
        partial.replace(self.commands / f"{number}.py")
        return number

    def begin_filter(self, style: Path | None, **values: object) -> int:
        """Begin an interactive call with a style and further arguments; return the command's number."""
        assignments = "".join(
            f"c.set_property({name.replace('_', '-')!r}, {value!r})\n" for name, value in values.items()
        )
        if style is not None:
            assignments += f"c.set_property('style-file', Gio.File.new_for_path({str(style)!r}))\n"
        return self.begin(
            "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
            "c.set_property('image', image)\n"
            "c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
            f"c.set_property('run-mode', Gimp.RunMode.INTERACTIVE)\n{assignments}"
            "r = p.run(c); answer = r.index(0).value_nick"
        )

    def result(self, number: int):
        """Wait for a command and return the value it left in ``answer``."""
        path = self.commands / f"{number}.json"
        self.wait_until(path.exists, f"an answer to command {number}")
        outcome = json.loads(path.read_text())
        assert not outcome["problem"], outcome["problem"]
        return outcome["answer"]

    def ask(self, command: str):
        """Run a command and return the value it left in ``answer``."""
        return self.result(self.begin(command))

    def open_photo(self) -> None:
        """Show the photo as the only image, as if the filter had never been used."""
        self.ask(
            "if 'display' in globals(): display.delete()\n"
            f"file = Gio.File.new_for_path({str(self.photo)!r})\n"
            "image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)\n"
            "display = Gimp.Display.new(image); Gimp.displays_flush()"
        )
        self.forget_last_values()
        preferences = self.gimp.profile / PREFERENCES
        preferences.parent.mkdir(exist_ok=True)
        preferences.write_text('{"automatic-trial": false}')  # tests say when a trial starts
        shutil.rmtree(self.gimp.home / ".local/share/nst", ignore_errors=True)
        for name in ("requests.jsonl", "request.json", "events.jsonl"):
            (self.gimp.fake_folder / name).unlink(missing_ok=True)
        self.main = self.main_window()

    def main_window(self) -> Window:
        """Return GIMP's window with the image, once it is shown."""
        return self.wait_until(lambda: self.screen.windows("– GIMP$"), "GIMP's main window")[0]

    def forget_last_values(self) -> None:
        """Let the next call start from its own arguments: GIMP would prefer the values used last."""
        for name in (LAST_VALUES, DIALOG_VALUES):
            (self.gimp.profile / name).unlink(missing_ok=True)

    def layers(self) -> list[str]:
        """Return the names of the image's layers."""
        return self.ask("answer = [layer.get_name() for layer in image.get_layers()]")

    def select_photo(self) -> None:
        """Select the photo's layer, as a click on it would."""
        self.ask("image.set_selected_layers([image.get_layers()[-1]]); Gimp.displays_flush()")

    def record(self) -> str:
        """Return the record that the painting above the photo carries."""
        return self.ask(
            "answer = bytes(image.get_layers()[-2].get_parasite('neural-style').get_data()).decode()"
        )

    # The plug-in's windows.

    def widgets(self, window: Window) -> list[Widget]:
        """Return the widgets shown in a window and in menus, once all keys and clicks so far are handled."""

        def report() -> list[Widget]:
            windows = self._report(window)
            shown = window.identity in windows
            return [widget for widgets in windows.values() for widget in widgets] if shown else []

        return self.wait_until(report, "the widgets of a window")

    def _report(self, window: Window) -> dict[str, list[Widget]]:
        """Return the report of the process with ``window``, or of any other if it is not shown."""
        number = str(next(self.report_numbers))
        partial = self.probe / "question.part"
        partial.write_text(number)
        partial.replace(self.probe / "question")
        looks = itertools.count()

        def read() -> list[dict] | None:
            reports = [json.loads(path.read_text()) for path in self.probe.glob("answer-*.json")]
            answers = [report for report in reports if report["number"] == number]
            for report in answers:
                if window.identity in (shown["identity"] for shown in report["windows"]):
                    return [report]
            return answers[:1] if next(looks) > PATIENCE_LOOKS else None

        (report,) = self.wait_until(read, "a report of the plug-in's widgets")
        return {
            shown["identity"]: [Widget(**widget) for widget in shown["widgets"]]
            for shown in report["windows"]
        }

    def wait_for_widget(
        self, window: Window, condition: Callable[[Widget], object], description: str
    ) -> Widget:
        """Wait until a widget that meets a condition is shown, and return the first."""

        def first() -> Widget | None:
            return next((widget for widget in self.widgets(window) if condition(widget)), None)

        return self.wait_until(first, description)

    def wait_for_window(self, title: str) -> Window:
        """Wait for a window of the plug-in, until everything in it is in its place, and return it."""

        def settled() -> Window | None:
            windows = self.screen.windows(title)
            if windows:
                self.widgets(windows[0])
            return windows[0] if windows and windows == self.screen.windows(title) else None

        return self.wait_until(settled, f"the window {title!r}")

    def wait_until_gone(self, title: str) -> None:
        """Wait until no window with the title is shown."""
        self.wait_until(lambda: not self.screen.windows(title), f"the window {title!r} to close")

    def throw_away(self, painting: Window) -> None:
        """Press Escape in the painting window, and wait until it is closed.

        On a busy machine more than a minute may have passed, after which the plug-in asks.
        """
        self.screen.key("Escape", painting)

        def is_closed() -> bool:
            for question in self.screen.windows(QUESTION):
                self.screen.key("alt+t", question)
            return not self.screen.windows(PAINTING_WINDOW)

        self.wait_until(is_closed, "the painting window to close")

    def press(self, window: Window, *keys: str) -> None:
        """Press keys in a window of the plug-in that stays open; each is handled before the next."""
        self.screen.focus(window)
        for key in keys:
            self.screen.key(key)
            self.widgets(window)

    def type(self, window: Window, text: str) -> None:
        """Replace the text in the selected field of a plug-in's window, and wait until it is there."""
        self.screen.type(text, window)
        self.wait_for_widget(window, lambda widget: widget.text == text, f"the text {text!r}")

    def press_until(self, keys: str, condition: Callable[[], object], description: str):
        """Press keys in GIMP's main window until ``condition()`` is true; return its value.

        GIMP enables its actions when it has time, and drops the keys of one that is not enabled yet. So keys
        that have had no effect after ``DROPPED_SECONDS`` are pressed again.
        """
        self.screen.key(keys, self.main)
        pressed = time.monotonic()

        def check() -> object:
            nonlocal pressed
            value = condition()
            if not value and time.monotonic() - pressed > DROPPED_SECONDS:
                self.screen.key(f"Escape Escape {keys}", self.main)  # a menu may be open
                pressed = time.monotonic()
            return value

        return self.wait_until(check, description)

    def choose_from_menu(self, keys: str, title: str) -> Window:
        """Choose from the main window's Filters menu by letters; return the window of that title."""
        self.press_until(f"alt+r {keys}", lambda: self.screen.windows(title), f"the window {title!r}")
        return self.wait_for_window(title)

    def open_dialog(self) -> Window:
        """Open the filter's dialog from the menu."""
        return self.choose_from_menu("a n", DIALOG)

    def wait_until_clean(self) -> None:
        """Wait until no job folder and no engine process is left."""
        self.wait_until(lambda: not self.gimp.leftovers(), "job folders and engine processes to be gone")

    # Pictures and the end.

    def keep_picture(self, name: str) -> None:
        """Check that the screen shows something, and keep a picture of it in $NST_TEST_PICTURES if set."""
        folder = os.environ.get("NST_TEST_PICTURES")
        path = self.screen.picture(self.gimp.folder / f"{name}.png")
        assert path.stat().st_size > 5000, "the screen is empty"
        if folder:
            shutil.copy(path, folder)

    def recover(self, name: str) -> None:
        """After a failed test, keep a picture of the screen and end the filter's process with its windows."""
        folder = os.environ.get("NST_TEST_PICTURES")
        if folder:
            self.screen.picture(Path(folder) / f"failed-{name}.png")
        for number in self.gimp.processes("neural-style.py"):
            os.kill(number, signal.SIGKILL)
        with contextlib.suppress(AssertionError):
            for command in ("pass", "pass"):  # before GIMP has seen the end of the filter, and after
                self.errors_reported = len(self.errors.read_text(errors="replace"))
                self.ask(command)
            self.open_photo()

    def close(self) -> None:
        """End GIMP, and check that it has printed nothing that a run without faults does not print."""
        with contextlib.suppress(AssertionError):  # complaints are reported below
            self.ask("quit")
        self.process.terminate()
        try:
            self.process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.screen.close()
        self.check_errors()


def install_browser(gimp: Gimp) -> None:
    """Install a "browser" for the user that only writes down the address it should open."""
    program = gimp.folder / "browser"
    address = gimp.folder / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" >{address}.part\nmv {address}.part {address}\n')
    program.chmod(0o755)
    applications = gimp.home / ".local/share/applications"
    applications.mkdir(parents=True)
    (applications / "browser.desktop").write_text(
        f"[Desktop Entry]\nType=Application\nName=Browser\nExec={program} %u\nMimeType=text/html;\n"
    )
    (applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")
    (gimp.home / ".config").mkdir(exist_ok=True)
    shutil.copy(applications / "mimeapps.list", gimp.home / ".config")
