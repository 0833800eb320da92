"""The window that shows the picture while it is painted, with Keep This Result and Cancel.

It is one of the two watchers of a run (see ``paint_layer``). Cancel and Escape ask first if much work would
be lost. The window can be closed while the painting goes on, or waits for another one; a wish in the queue
brings it back. The layout of colours acts on finished pictures, so its slider is here as well, if the
engine's previews say that it has an effect. All waiting happens in GTK's main loop; GIMP is another process
and stays usable.
"""

from __future__ import annotations

import time

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.process import paint_queue  # noqa: E402
from nst_gimp.process.job_folder import PREVIEW_SIDE  # noqa: E402
from nst_gimp.run import queue_words  # noqa: E402
from nst_gimp.run.progress import RunFacts, describe_progress  # noqa: E402
from nst_gimp.text.messages import Cancelled, Dropped, notice_text  # noqa: E402
from nst_gimp.text.words import _, format_duration, format_estimate  # noqa: E402
from nst_gimp.ui import stop_question, widgets  # noqa: E402
from nst_gimp.ui.background import Background  # noqa: E402
from nst_gimp.ui.picture_view import PictureView  # noqa: E402

POLL_MILLISECONDS = 40
KEEP, HIDE = stop_question.KEEP, 4
WIDTH, HEIGHT = 640, 480
FRAME_PIXELS = 60
"""Pixels of a small screen that are left for the window's frame."""

LAYOUT = "color-layout"
"""The setting that can be changed while the picture is painted."""

MOST_NOTICES = 3
"""Notices on the screen, the latest ones; the layer's record has all of them."""


class PaintingWindow:
    """Shows one run; calls ``on_start()`` when all pictures have been read.

    ``expected_seconds`` is the estimate of its time, or None.
    """

    wants_previews = True

    def __init__(self, config, on_start, expected_seconds=None) -> None:
        self.config, self.on_start, self.expected_seconds = config, on_start, expected_seconds
        self.facts = RunFacts()
        self._shown_notices: list = []
        self._keeping = False
        self._finish_time = self._question = None
        self._start_time, self._painted_seconds = None, 0.0
        self._outcome = self._error = None

    def begin(self, subject, style_name: str) -> None:
        """Open the window with the picture as it is now."""
        self.subject = subject
        title = _("Painting in the style of {name}").format(name=style_name)
        self.window = GimpUi.Dialog(title=title, role="neural-style-painting")
        self.background = Background(self.window, title)
        screen = Gdk.Display.get_default().get_monitor(0).get_workarea()
        width, height = (
            min(WIDTH + 24, screen.width - FRAME_PIXELS),
            min(HEIGHT + 130, screen.height - FRAME_PIXELS),
        )
        self.window.set_default_size(width, height)
        self.keep = self.window.add_button(_("_Keep This Result"), KEEP)
        self.keep.set_tooltip_text(_("Stop now and keep the picture as it is"))
        hide = self.window.add_button(_("Continue in _Background"), HIDE)
        hide.set_tooltip_text(
            _(
                "Close this window and go on; GIMP’s status bar shows the progress. "
                "To see the window again, start the filter on this image."
            )
        )
        self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.view = PictureView(320, 240)
        self.bar = widgets.progress_bar()
        self.status_text = Gtk.Label(xalign=0.0, ellipsize=3)
        self.time_text = Gtk.Label(xalign=1.0)
        self.layout = widgets.scale(self.config, LAYOUT, 1, 10, 0)
        self.layout.set_no_show_all(True)
        self._layout_handler = self.config.connect(f"notify::{LAYOUT}", lambda *_args: self._set_layout())
        self.notice_text = Gtk.Label(xalign=0.0, wrap=True, no_show_all=True)
        self.notice_text.get_style_context().add_class("dim-label")
        status = Gtk.Box(spacing=12)
        status.pack_start(self.status_text, True, True, 0)
        status.pack_end(self.time_text, False, False, 0)
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, border_width=12)
        body.pack_start(self.view, True, True, 0)
        for widget in (self.layout, self.bar, status, self.notice_text):
            body.pack_start(widget, False, False, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._on_response)
        self.window.connect("delete-event", lambda *_args: True)
        self.window.connect("key-press-event", self._on_key)
        self.keep.set_sensitive(False)
        self.view.show_pictures(previews.of_layer(subject.layer, subject.box, PREVIEW_SIDE), None)
        self.status_text.set_text(_("Starting the engine…"))
        self.window.show_all()
        while Gtk.events_pending():
            Gtk.main_iteration()

    def add_notice(self, text: str) -> None:
        """Show a notice, and take it for the layer's record."""
        self.facts.notices.append(text)
        self._show_notice(text)

    def _show_notice(self, text: str) -> None:
        self._shown_notices.append(text)
        self.notice_text.set_text("\n".join(self._shown_notices[-MOST_NOTICES:]))
        self.notice_text.show()

    def wait(self, turn, engine) -> None:
        """Wait until no painting comes first.

        Raises:
            Cancelled: the user pressed Cancel, or dropped the painting.
            UserError: the engine failed.
        """
        self.turn, self.engine = turn, engine
        Gimp.progress_end()  # that of reading the style
        self._loop(self._wait_on)

    def follow(self, turn, engine, job_folder) -> dict:
        """Run until the engine is done and return its last event.

        Raises:
            Cancelled: the user pressed Cancel, or dropped the painting.
            UserError: the engine failed.
        """
        self.turn, self.engine, self.job_folder = turn, engine, job_folder
        self._start_time = time.monotonic()
        turn.begin()
        self.on_start()
        self._loop(self._take_events)
        return self._outcome

    def _loop(self, step) -> None:
        """Run GTK's main loop until ``step()`` returns False or the user gives up."""

        def poll() -> bool:
            try:
                self._obey(self.turn.take_wish())
                if step():
                    return True
            except Exception as error:
                self._error = error
            self._timer = 0
            Gtk.main_quit()
            return False

        self._timer = GLib.timeout_add(POLL_MILLISECONDS, poll)
        if self._error is None:
            Gtk.main()
        if self._timer:
            GLib.source_remove(self._timer)
        if self._error is not None:
            raise self._error

    def _obey(self, wish: str) -> None:
        if wish == paint_queue.SHOW:
            self.background.end()
        elif wish == paint_queue.DROP:
            raise Dropped

    def _wait_on(self) -> bool:
        """Show the place in the queue; return whether to wait."""
        event = self.engine.next_event(0)
        if event is not None:
            self.facts.take(event)
        ahead = self.turn.ahead()
        if ahead:
            self.status_text.set_text(queue_words.describe_place(ahead))
            self.time_text.set_text(queue_words.describe_wait(ahead))
            self.background.wait(ahead)
        else:
            self.status_text.set_text(_("Analysing the pictures…"))
            self.time_text.set_text("")
        return bool(ahead)

    def end(self) -> None:
        """Close the window."""
        self.background.close()
        self.config.disconnect(self._layout_handler)
        self.window.destroy()
        while Gtk.events_pending():
            Gtk.main_iteration()

    def _take_events(self) -> bool:
        """Handle the engine's events; return whether there will be more."""
        while self._outcome is None:
            event = self.engine.next_event(0)
            if event is None:
                self._count_down()
                return True
            self._handle(event)
        return False

    def _handle(self, event: dict) -> None:
        for receiver in (self.facts, self.turn, self.background):
            receiver.take(event)
        kind = event["event"]
        if kind == "hello":
            self.status_text.set_text(_("Analysing the pictures…"))
        elif kind == "plan":
            seconds = event.get("seconds")
            self.status_text.set_text(_("On {device}").format(device=event.get("device") or "?"))
            if isinstance(seconds, (int, float)):
                self.time_text.set_text(_("about {time}").format(time=format_estimate(seconds)))
        elif kind == "progress":
            self.bar.set_fraction(min(1.0, max(0.0, float(event.get("fraction", 0.0)))))
            if self._keeping:  # the current evaluation is finished first
                return
            self._painted_seconds = float(event.get("seconds") or 0.0)
            self.keep.set_sensitive(True)
            if self._question is not None:
                self._question.keep.set_sensitive(True)
            self.status_text.set_text(describe_progress(dict(event, seconds_left=None)))
            seconds_left = event.get("seconds_left")
            self._finish_time = None if seconds_left is None else time.monotonic() + seconds_left
            self._count_down()
        elif kind == "preview":
            self._show_preview(event)
        elif kind == "notice":
            self._show_notice(notice_text(event))
        elif kind == "done":
            self._outcome = event

    def _count_down(self) -> None:
        """Update the remaining time, also between the engine's events, which are rare for large pictures."""
        if self._finish_time is None:
            return
        text = _("{time} left").format(time=format_duration(max(0.0, self._finish_time - time.monotonic())))
        if self.time_text.get_text() != text:
            self.time_text.set_text(text)

    def _show_preview(self, event: dict) -> None:
        data = self.job_folder.read_preview(event)
        if data is None:
            return
        size = event["width"], event["height"]
        picture = previews.of_raw(data, *size, 3, "u8", self.subject.format)
        self.layout.set_visible(event.get("color_layout") is not None)
        self.view.show_pictures(self.view.original, picture)

    def _set_layout(self) -> None:
        """Send the slider's value to the engine, which then sends the preview again."""
        if self._outcome is None and self.layout.get_visible():
            self.engine.set_color_layout(self.config.get_property(LAYOUT))

    def _on_response(self, _window, response: int) -> None:
        if response == KEEP:
            self._stop_and_keep()
        elif response in (HIDE, Gtk.ResponseType.DELETE_EVENT):
            self.background.begin()
        elif self._error is None and self._outcome is None and self._question is None:
            started = self._start_time or time.monotonic()
            seconds = max(self._painted_seconds, time.monotonic() - started)
            if seconds < stop_question.ASK_AFTER_SECONDS:
                self._throw_away()
                return
            self._question = stop_question.StopQuestion(self.window, seconds, self._answer)
            self._question.keep.set_sensitive(self.keep.get_sensitive())

    def _on_key(self, window, event) -> bool:
        """Make Escape ask, as Cancel does. To GTK it is the same as closing the window."""
        if event.keyval == Gdk.KEY_Escape:
            window.response(Gtk.ResponseType.CANCEL)
            return True
        return False

    def _answer(self, answer: int) -> None:
        self._question = None
        if answer == KEEP:
            self._stop_and_keep()
        elif answer == stop_question.THROW_AWAY:
            self._throw_away()

    def _stop_and_keep(self) -> None:
        self.keep.set_sensitive(False)
        self.status_text.set_text(_("Finishing…"))
        self.time_text.set_text("")
        self._keeping, self._finish_time = True, None
        self.engine.stop_early()

    def _throw_away(self) -> None:
        if self._error is None and self._outcome is None:
            self._error = Cancelled()
            if Gtk.main_level() > 0:
                Gtk.main_quit()
