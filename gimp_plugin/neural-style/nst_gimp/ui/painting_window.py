"""The window that shows the picture being painted, with Keep this and Cancel.

It is one of the ways to watch a run (see ``stylize``). All waiting happens in GTK's own loop; GIMP itself
is another process and stays usable.
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
from nst_gimp.run.progress import describe_progress  # noqa: E402
from nst_gimp.text.messages import Cancelled  # noqa: E402
from nst_gimp.text.words import _, format_duration, format_estimate  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402

LOOK_MILLISECONDS = 40
KEEP = 1
WIDTH, HEIGHT = 640, 480
AROUND = 60
"""Of a small screen, for the window's own frame."""

TOLD = 3
"""Of what the engine remarks, the last is shown; all of it is in the painting's record."""


class PaintingWindow:
    """Shows one run."""

    wants_previews = True

    def __init__(self) -> None:
        self.engine_version = ""
        self.notices = []
        self.original = self.latest = None
        self._comparing = self._keeping = False
        self._end = None
        self._outcome = self._problem = self._drawn = None

    def begin(self, subject, style_name: str) -> None:
        """Open the window with the picture as it is before."""
        self.subject = subject
        self.window = GimpUi.Dialog(
            title=_("Painting in the style of {name}").format(name=style_name), role="neural-style-painting"
        )
        room = Gdk.Display.get_default().get_monitor(0).get_workarea()
        width, height = min(WIDTH + 24, room.width - AROUND), min(HEIGHT + 130, room.height - AROUND)
        self.window.set_default_size(width, height)
        self.keep = self.window.add_button(_("_Keep this"), KEEP)
        self.keep.set_tooltip_text(_("Stop now and take the picture as it is"))
        self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.picture = Gtk.Image()
        holder = Gtk.EventBox()
        holder.add(self.picture)
        holder.set_tooltip_text(_("Hold the mouse button to see the picture as it was"))
        holder.connect("button-press-event", self._compare, True)
        holder.connect("button-release-event", self._compare, False)
        view = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.EXTERNAL)
        view.set_policy(Gtk.PolicyType.EXTERNAL, Gtk.PolicyType.EXTERNAL)
        view.set_size_request(320, 240)
        view.add(holder)
        view.connect("size-allocate", self._fit)
        self.view = view
        self.bar = widgets.progress_bar()
        self.where = Gtk.Label(xalign=0.0, ellipsize=3)
        self.left = Gtk.Label(xalign=1.0)
        self.remarks = Gtk.Label(xalign=0.0, wrap=True, no_show_all=True)
        self.remarks.get_style_context().add_class("dim-label")
        words = Gtk.Box(spacing=12)
        words.pack_start(self.where, True, True, 0)
        words.pack_end(self.left, False, False, 0)
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, border_width=12)
        body.pack_start(view, True, True, 0)
        for part in (self.bar, words, self.remarks):
            body.pack_start(part, False, False, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._answered)
        self.window.connect("delete-event", lambda *_args: True)
        self.keep.set_sensitive(False)
        self.original = self.latest = previews.of_layer(subject.layer, subject.box, PREVIEW_SIDE)
        self.where.set_text(_("Starting the engine…"))
        self.window.show_all()
        self._draw()
        while Gtk.events_pending():
            Gtk.main_iteration()

    def follow(self, engine, job_folder) -> dict:
        """Run until the engine is done and return its last event.

        Raises:
            Cancelled: the user pressed Cancel or closed the window.
            UserError: the engine failed.
        """
        self.engine, self.job_folder = engine, job_folder
        timer = GLib.timeout_add(LOOK_MILLISECONDS, self._look)
        if self._problem is None:
            Gtk.main()
        if self._outcome is None or self._problem is not None:
            GLib.source_remove(timer) if GLib.MainContext.default().find_source_by_id(timer) else None
        if self._problem is not None:
            raise self._problem
        return self._outcome

    def end(self) -> None:
        """Close the window."""
        self.window.destroy()
        while Gtk.events_pending():
            Gtk.main_iteration()

    def _look(self) -> bool:
        try:
            while self._outcome is None:
                event = self.engine.next_event(0)
                if event is None:
                    self._count_down()
                    return True
                self._take(event)
        except Exception as error:
            self._problem = error
        Gtk.main_quit()
        return False

    def _take(self, event: dict) -> None:
        kind = event["event"]
        if kind == "hello":
            self.engine_version = event.get("version", "")
            self.where.set_text(_("Looking at the pictures…"))
        elif kind == "plan":
            seconds = event.get("seconds")
            self.where.set_text(_("On {device}").format(device=event.get("device") or "?"))
            if isinstance(seconds, (int, float)):
                self.left.set_text(_("about {time}").format(time=format_estimate(seconds)))
        elif kind == "progress":
            self.bar.set_fraction(min(1.0, max(0.0, float(event.get("fraction", 0.0)))))
            if self._keeping:  # what is under way is finished first
                return
            self.keep.set_sensitive(True)
            self.where.set_text(describe_progress(dict(event, seconds_left=None)))
            left = event.get("seconds_left")
            self._end = None if left is None else time.monotonic() + left
            self._count_down()
        elif kind == "preview":
            self._show(event)
        elif kind == "notice":
            self.notices.append(f"{event.get('message') or ''} {event.get('hint') or ''}".strip())
            self.remarks.set_text("\n".join(self.notices[-TOLD:]))
            self.remarks.show()
        elif kind == "done":
            self._outcome = event

    def _count_down(self) -> None:
        """Say how long it still takes, between the engine's words too: on large pictures these are rare."""
        if self._end is None:
            return
        text = _("{time} left").format(time=format_duration(max(0.0, self._end - time.monotonic())))
        if self.left.get_text() != text:
            self.left.set_text(text)

    def _show(self, event: dict) -> None:
        data = self.job_folder.read_preview(event)
        if data is None:
            return
        size = event["width"], event["height"]
        self.latest = previews.of_raw(data, *size, 3, "u8", self.subject.format)
        self._draw()

    def _compare(self, _holder, _event, pressed: bool) -> None:
        self._comparing = pressed
        self._draw()

    def _fit(self, _view, _allocation) -> None:
        GLib.idle_add(self._draw)

    def _draw(self) -> bool:
        shown = self.original if self._comparing else self.latest
        if shown is None or self.original is None or not self.view.get_realized():
            return False
        # The original's proportions: a coarse level's own are off by its rounding to whole pixels.
        room = self.view.get_allocation()
        width, height = self.original.get_width(), self.original.get_height()
        share = min(room.width / width, room.height / height)
        pixels = self.view.get_scale_factor()
        size = (max(1, int(width * share * pixels)), max(1, int(height * share * pixels)))
        if self._drawn != (shown, size):
            widgets.put(self.picture, shown.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR), pixels)
            self._drawn = (shown, size)
        return False

    def _answered(self, _window, response: int) -> None:
        if response == KEEP:
            self.keep.set_sensitive(False)
            self.where.set_text(_("Finishing…"))
            self.left.set_text("")
            self._keeping, self._end = True, None
            self.engine.stop_early()
        elif self._problem is None and self._outcome is None:
            self._problem = Cancelled()
            if Gtk.main_level() > 0:
                Gtk.main_quit()
