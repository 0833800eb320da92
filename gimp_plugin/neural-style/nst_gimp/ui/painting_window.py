"""The window that shows the picture while it is painted, with Keep This Result and Cancel.

It is one of the two watchers of a run (see ``paint_layer``). Cancel, Escape and closing it ask first if much
work would be lost. The layout of colours acts on finished pictures,
so its slider is here as well, if the engine's previews say that it has an effect. All waiting happens in
GTK's main loop; GIMP is another process and stays usable.
"""

from __future__ import annotations

import time

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GimpUi, GLib, Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.process.job_folder import PREVIEW_SIDE  # noqa: E402
from nst_gimp.run.progress import RunFacts, describe_progress  # noqa: E402
from nst_gimp.text.messages import Cancelled, notice_text  # noqa: E402
from nst_gimp.text.words import _, format_duration, format_estimate  # noqa: E402
from nst_gimp.ui import stop_question, widgets  # noqa: E402

POLL_MILLISECONDS = 40
KEEP = stop_question.KEEP
WIDTH, HEIGHT = 640, 480
FRAME_PIXELS = 60
"""Pixels of a small screen that are left for the window's frame."""

LAYOUT = "color-layout"
"""The setting that can be changed while the picture is painted."""

MOST_NOTICES = 3
"""Notices on the screen, the latest ones; the layer's record has all of them."""


class PaintingWindow:
    """Shows one run; calls ``on_start()`` when all pictures have been read."""

    wants_previews = True

    def __init__(self, config, on_start) -> None:
        self.config, self.on_start = config, on_start
        self.facts = RunFacts()
        self._shown_notices: list = []
        self.original = self.latest = None
        self._comparing = self._keeping = False
        self._finish_time = self._question = None
        self._start_time, self._painted_seconds = time.monotonic(), 0.0
        self._outcome = self._error = self._last_drawn = None

    def begin(self, subject, style_name: str) -> None:
        """Open the window with the picture as it is now."""
        self.subject = subject
        self.window = GimpUi.Dialog(
            title=_("Painting in the style of {name}").format(name=style_name), role="neural-style-painting"
        )
        screen = Gdk.Display.get_default().get_monitor(0).get_workarea()
        width, height = (
            min(WIDTH + 24, screen.width - FRAME_PIXELS),
            min(HEIGHT + 130, screen.height - FRAME_PIXELS),
        )
        self.window.set_default_size(width, height)
        self.keep = self.window.add_button(_("_Keep This Result"), KEEP)
        self.keep.set_tooltip_text(_("Stop now and keep the picture as it is"))
        self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.picture = Gtk.Image()
        holder = Gtk.EventBox()
        holder.add(self.picture)
        holder.set_tooltip_text(_("Hold the mouse button to see the original picture"))
        holder.connect("button-press-event", self._compare, True)
        holder.connect("button-release-event", self._compare, False)
        view = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.EXTERNAL)
        view.set_policy(Gtk.PolicyType.EXTERNAL, Gtk.PolicyType.EXTERNAL)
        view.set_size_request(320, 240)
        view.add(holder)
        view.connect("size-allocate", self._fit)
        self.view = view
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
        body.pack_start(view, True, True, 0)
        for widget in (self.layout, self.bar, status, self.notice_text):
            body.pack_start(widget, False, False, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._on_response)
        self.window.connect("delete-event", lambda *_args: True)
        self.keep.set_sensitive(False)
        self.original = self.latest = previews.of_layer(subject.layer, subject.box, PREVIEW_SIDE)
        self.status_text.set_text(_("Starting the engine…"))
        self.window.show_all()
        self._draw()
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

    def follow(self, engine, job_folder) -> dict:
        """Run until the engine is done and return its last event.

        Raises:
            Cancelled: the user pressed Cancel or closed the window.
            UserError: the engine failed.
        """
        self.engine, self.job_folder = engine, job_folder
        self.on_start()
        timer = GLib.timeout_add(POLL_MILLISECONDS, self._poll)
        if self._error is None:
            Gtk.main()
        if self._outcome is None or self._error is not None:
            GLib.source_remove(timer) if GLib.MainContext.default().find_source_by_id(timer) else None
        if self._error is not None:
            raise self._error
        return self._outcome

    def end(self) -> None:
        """Close the window."""
        self.config.disconnect(self._layout_handler)
        self.window.destroy()
        while Gtk.events_pending():
            Gtk.main_iteration()

    def _poll(self) -> bool:
        try:
            while self._outcome is None:
                event = self.engine.next_event(0)
                if event is None:
                    self._count_down()
                    return True
                self._handle(event)
        except Exception as error:
            self._error = error
        Gtk.main_quit()
        return False

    def _handle(self, event: dict) -> None:
        self.facts.take(event)
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
        self.latest = previews.of_raw(data, *size, 3, "u8", self.subject.format)
        self.layout.set_visible(event.get("color_layout") is not None)
        self._draw()

    def _set_layout(self) -> None:
        """Send the slider's value to the engine, which then sends the preview again."""
        if self._outcome is None and self.layout.get_visible():
            self.engine.set_color_layout(self.config.get_property(LAYOUT))

    def _compare(self, _holder, _event, pressed: bool) -> None:
        self._comparing = pressed
        self._draw()

    def _fit(self, _view, _allocation) -> None:
        GLib.idle_add(self._draw)

    def _draw(self) -> bool:
        shown = self.original if self._comparing else self.latest
        if shown is None or self.original is None or not self.view.get_realized():
            return False
        # Use the original's proportions: those of a coarse level are rounded to whole pixels.
        area = self.view.get_allocation()
        width, height = self.original.get_width(), self.original.get_height()
        scale = min(area.width / width, area.height / height)
        pixels = self.view.get_scale_factor()
        size = (max(1, int(width * scale * pixels)), max(1, int(height * scale * pixels)))
        if self._last_drawn != (shown, size):
            widgets.put(self.picture, shown.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR), pixels)
            self._last_drawn = (shown, size)
        return False

    def _on_response(self, _window, response: int) -> None:
        if response == KEEP:
            self._stop_and_keep()
        elif self._error is None and self._outcome is None and self._question is None:
            seconds = max(self._painted_seconds, time.monotonic() - self._start_time)
            if seconds < stop_question.ASK_AFTER_SECONDS:
                self._throw_away()
                return
            self._question = stop_question.StopQuestion(self.window, seconds, self._answer)
            self._question.keep.set_sensitive(self.keep.get_sensitive())

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
