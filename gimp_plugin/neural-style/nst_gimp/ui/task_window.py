"""A window that shows the progress of a task (see ``process/tasks``): what it does, a bar, and Cancel.

It closes by itself when the task has succeeded or was cancelled. After a failure it stays and says why.
"""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402

from nst_gimp.text.messages import Cancelled, to_user_error  # noqa: E402
from nst_gimp.text.words import _, format_bytes  # noqa: E402
from nst_gimp.ui import screen_fit, widgets  # noqa: E402

POLL_MILLISECONDS = 100
WIDTH, LINES_HEIGHT = 480, 110
COUNTED_IN_BYTES = 1000
"""A smaller total is a number of parts, not of bytes."""


class TaskWindow:
    """Calls ``on_end(succeeded)`` once: when the task has ended, and after a failure, when it is closed."""

    def __init__(self, parent, title: str, task, on_end) -> None:
        self.task, self.on_end = task, on_end
        self.problem = None
        self.window = GimpUi.Dialog(title=title, role="neural-style-task", transient_for=parent, modal=True)
        screen_fit.set_size(self.window, WIDTH, -1)
        self.button = self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.text = Gtk.Label(label=_("Starting…"), xalign=0.0, wrap=True, max_width_chars=60)
        self.bar = widgets.progress_bar()
        self.bar.get_accessible().set_name(title)
        self.amount = Gtk.Label(xalign=0.0)
        self.amount.get_style_context().add_class("dim-label")
        self.lines = Gtk.TextView(
            editable=False, cursor_visible=False, wrap_mode=Gtk.WrapMode.WORD_CHAR, border_width=6
        )
        self.lines.get_accessible().set_name(_("Steps so far"))
        self.steps = screen_fit.scrolled(
            self.lines,
            hscrollbar_policy=Gtk.PolicyType.NEVER,
            shadow_type=Gtk.ShadowType.IN,
            min_content_height=LINES_HEIGHT,
            no_show_all=True,
        )
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, border_width=12)
        for widget, expands in (
            (self.text, False), (self.bar, False), (self.amount, False), (self.steps, True),
        ):  # fmt: skip
            body.pack_start(widget, expands, expands, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._answered)
        self.window.connect("delete-event", lambda *_args: True)
        self.window.connect("destroy", lambda _window: self._closed())
        self._timer = GLib.timeout_add(POLL_MILLISECONDS, self._poll)
        self.window.show_all()

    def _poll(self) -> bool:
        try:
            for step in self.task.poll():
                self._show(step)
        except Cancelled:
            return self._end(False)
        except Exception as error:  # or GTK would never call again
            return self._fail(to_user_error(error))
        if self.task.is_done:
            return self._end(True)
        if not self.amount.get_text():
            self.bar.pulse()
        return True

    def _show(self, step) -> None:
        if step.total > 0:
            self.bar.set_fraction(min(1.0, step.done / step.total))
            self.amount.set_text(amount(step))
        else:
            self.amount.set_text("")
        if step.text and step.text != self.text.get_text():
            self.text.set_text(step.text)
            if not step.total:
                self._add_line(step.text)

    def _add_line(self, text: str) -> None:
        buffer = self.lines.get_buffer()
        buffer.insert(buffer.get_end_iter(), f"{text}\n")
        self.lines.show()
        self.steps.show()
        self.lines.scroll_to_iter(buffer.get_end_iter(), 0.0, False, 0.0, 0.0)

    def _answered(self, _window, _response) -> None:
        if self.problem is not None:
            self._end(False)
            return
        self.button.set_sensitive(False)
        self.text.set_text(_("Stopping…"))
        self.task.cancel()

    def _fail(self, error) -> bool:
        self.problem = error
        self._timer = 0
        self.bar.set_fraction(0.0)
        self.amount.set_text("")
        self.text.set_text(str(error))
        self.button.set_label(_("_Close"))
        self.button.set_sensitive(True)
        return False

    def _end(self, succeeded: bool) -> bool:
        self._timer = 0
        on_end, self.on_end = self.on_end, lambda _succeeded: None
        self.window.destroy()
        on_end(succeeded)
        return False

    def _closed(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
        self.task.close()


def amount(step) -> str:
    """Return how much of a step is done: "120 MB of 575 MB", or "30 %" of something else than bytes."""
    if step.total < COUNTED_IN_BYTES:
        return _("{percent} %").format(percent=100 * step.done // step.total)
    return _("{done} of {total}").format(done=format_bytes(step.done), total=format_bytes(step.total))
