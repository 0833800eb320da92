"""Widget reports: what the windows of the plug-in's process show, in a file, whenever a test asks.

Python imports this file at its start in every GIMP with windows here, as its folder is on PYTHONPATH. It acts
only in the filter's own processes. A test writes a number into the file ``question`` of $NST_TEST_PROBE. The
report with that number, ``answer-PROCESS.json``, is written from GTK's loop at the lowest priority. So it
comes after everything that GTK had to do when the question was asked: keys and clicks, idle work and
redrawing.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.02
FRAME_MILLISECONDS = 40
"""GTK draws a changed widget in its next frame, 17 ms later at most."""


def start_if_filter() -> None:
    """Answer questions in the background, if this is the filter's process."""
    folder = os.environ.get("NST_TEST_PROBE")
    arguments = getattr(sys, "orig_argv", [])
    if folder and any(argument.endswith("neural-style.py") for argument in arguments):
        threading.Thread(target=answer_questions, args=(Path(folder),), daemon=True).start()


def answer_questions(folder: Path) -> None:
    """Wait for questions as long as the process lives."""
    answered = ""
    while True:
        time.sleep(POLL_SECONDS)
        try:
            number = (folder / "question").read_text()
        except OSError:
            continue
        if number == answered or "gi.repository.Gtk" not in sys.modules:
            continue
        answered = number
        from gi.repository import GLib

        GLib.idle_add(wait_for_frame, folder, number, priority=GLib.PRIORITY_LOW)


def wait_for_frame(folder: Path, number: str) -> bool:
    """Write the report when the next frame has been drawn, or the one after a button's activation."""
    from gi.repository import Gdk, GLib

    Gdk.Display.get_default().sync()
    step = wait_for_frame if is_activating() else write_report

    def wait_for_idle() -> bool:
        GLib.idle_add(step, folder, number, priority=GLib.PRIORITY_LOW)
        return False

    GLib.timeout_add(FRAME_MILLISECONDS, wait_for_idle)
    return False


def is_activating() -> bool:
    """Whether a button was activated by its mnemonic: it holds the keyboard for 250 ms before it acts."""
    from gi.repository import Gdk, Gtk

    keyboard = Gdk.Display.get_default().get_default_seat().get_keyboard()
    holders = [window.get_group().get_current_device_grab(keyboard) for window in Gtk.Window.list_toplevels()]
    return any(isinstance(holder, Gtk.Button) for holder in holders)


def write_report(folder: Path, number: str) -> bool:
    """Write down all windows that are shown."""
    from gi.repository import Gdk, Gtk

    Gdk.Display.get_default().sync()
    windows = [describe_window(window) for window in Gtk.Window.list_toplevels() if window.get_mapped()]
    partial = folder / f"answer-{os.getpid()}.part"
    partial.write_text(json.dumps({"number": number, "windows": windows}))
    partial.replace(partial.with_suffix(".json"))
    return False


def describe_window(window) -> dict:
    """Return a window's X identity and its widgets that are shown, each after its parent."""
    import gi

    gi.require_version("GdkX11", "3.0")
    from gi.repository import GdkX11, Gtk  # noqa: F401 - GdkX11 gives windows their get_xid

    widgets = []
    collect(window, widgets, window.get_focus())
    return {"identity": str(Gtk.Widget.get_window(window).get_xid()), "widgets": widgets}


def collect(widget, widgets: list, focus) -> None:
    """Append a widget and what is in it to ``widgets``."""
    from gi.repository import Gtk

    if not widget.get_mapped():
        return
    _ok, x, y = Gtk.Widget.get_window(widget).get_origin()  # a text view has a get_window of its own
    area = widget.get_allocation()
    if not widget.get_has_window():
        x, y = x + area.x, y + area.y
    widgets.append(
        {
            "kind": gtk_class(widget),
            "parent": gtk_class(widget.get_parent()),
            "text": text_of(widget),
            "sensitive": widget.get_sensitive(),
            "focused": widget == focus,
            "active": bool(widget.get_active()) if isinstance(widget, Gtk.ToggleButton) else False,
            "x": x,
            "y": y,
            "width": area.width,
            "height": area.height,
        }
    )
    if isinstance(widget, Gtk.Container):
        widget.forall(lambda child: collect(child, widgets, focus))


def gtk_class(widget) -> str:
    """Return the name of a widget's class in GTK, such as "Button", for classes of the plug-in as well."""
    return next((kind.__name__ for kind in type(widget).__mro__ if kind.__module__.startswith("gi.")), "")


def text_of(widget) -> str:
    """Return what is written on a widget, or its name for screen readers."""
    from gi.repository import Gtk

    if isinstance(widget, (Gtk.Label, Gtk.Entry)):
        return widget.get_text()
    if isinstance(widget, Gtk.ComboBoxText):
        return widget.get_active_text() or ""
    if isinstance(widget, (Gtk.Button, Gtk.FlowBoxChild, Gtk.MenuItem)):
        return widget.get_accessible().get_name() or ""
    return ""


start_if_filter()
