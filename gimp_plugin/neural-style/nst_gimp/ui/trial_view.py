"""The part of the dialog that shows the picture, and a trial of the painting in its place.

Try starts a trial and, while it runs, stops it with what there is. A setting that moves throws a running
trial away; one that is finished stays, with a note that it is old.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import trial, widgets  # noqa: E402

SIDE = trial.SIDE
FRAME = SIDE + 8


class TrialView(Gtk.Box):
    """Shows the subject until something has been tried."""

    def __init__(self, warm_engine, subject, config) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config, self.subject = config, subject
        self.original = previews.of_layer(subject.layer, subject.box, SIDE)
        self.painted = None
        self.running = self.ready = self._comparing = False
        self.when_begun = lambda: None
        self.trial = trial.Trial(warm_engine, subject, config, self)
        self.picture = Gtk.Image()
        holder = Gtk.EventBox()
        holder.set_size_request(FRAME, FRAME)
        holder.add(self.picture)
        holder.set_tooltip_text(_("Hold the mouse button to see the picture as it was"))
        holder.connect("button-press-event", self._compare, True)
        holder.connect("button-release-event", self._compare, False)
        frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN)
        frame.add(holder)
        self.button = Gtk.Button(use_underline=True)
        self.button.connect("clicked", lambda _button: self._clicked())
        self.bar = widgets.progress_bar()
        row = Gtk.Box(spacing=8)
        row.pack_start(self.button, False, False, 0)
        row.pack_start(self.bar, True, True, 0)
        self.note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=34, width_chars=34)
        self.note.get_style_context().add_class("dim-label")
        for part in (frame, row, self.note):
            self.pack_start(part, False, False, 0)
        config.connect("notify", self._moved)
        self._idle(_("The picture as it is."))
        self._draw()

    def set_ready(self, ready: bool) -> None:
        """Allow trying or not: without a style there is nothing to try."""
        self.ready = ready
        self.button.set_sensitive(ready or self.running)

    def stop(self) -> None:
        """Throw away a trial that runs; the dialog has been answered."""
        if self.running:
            self._throw_away()

    def begins(self, subject) -> None:
        """Take note of what is tried: by now the picture or the selection may have been changed."""
        self.subject = subject
        self.original = previews.of_layer(subject.layer, subject.box, SIDE)
        self.painted = None
        self._draw()
        self.when_begun()

    def working(self, fraction: float) -> None:
        """Show how far the trial is."""
        self.bar.set_fraction(min(1.0, max(0.0, fraction)))
        self.note.set_text(_("Trying…"))

    def shows(self, picture) -> None:
        """Show the trial as it stands."""
        self.painted = picture
        self.picture.set_opacity(1.0)
        self._draw()

    def ended(self, error) -> None:
        """Take note that the trial is over, with an error or None."""
        self._idle(
            _("A trial of {side} pixels; the painting looks like it, with finer detail.").format(side=SIDE)
        )
        if error is not None:
            self.painted = None
            self.note.set_text(str(error))
            self._draw()

    def _clicked(self) -> None:
        if self.running:
            self.button.set_sensitive(False)
            self.note.set_text(_("Finishing…"))
            self.trial.finish()
            return
        self.running = True
        self.bar.set_opacity(1.0)
        self.bar.set_fraction(0.0)
        self._say_what_the_button_does(_("S_top"), _("Stop the trial and look at what there is"))
        self.note.set_text(_("Looking at the pictures…"))
        self.trial.start()

    def _moved(self, _config, argument) -> None:
        if argument.name == arguments.LAST_LAYER:  # only a note, made whenever the dialog is answered
            return
        if self.running:
            self._throw_away()
        elif self.painted is not None:
            self.note.set_text(_("Something was changed since this trial."))
            self.picture.set_opacity(0.55)

    def _throw_away(self) -> None:
        self.trial.drop()
        self.painted = None
        self._idle(_("Something was changed: try again."))
        self._draw()

    def _idle(self, note: str) -> None:
        self.running = False
        self.bar.set_opacity(0.0)  # not hidden: nothing may jump
        self.button.set_sensitive(self.ready)
        self._say_what_the_button_does(
            _("_Try"), _("Paint a small trial here, in a few seconds, with these settings")
        )
        self.note.set_text(note)
        self.picture.set_opacity(1.0)

    def _say_what_the_button_does(self, words: str, more: str) -> None:
        self.button.set_label(words)
        self.button.set_tooltip_text(more)

    def _compare(self, _holder, _event, pressed: bool) -> None:
        self._comparing = pressed
        self._draw()

    def _draw(self) -> None:
        shown = self.original if self._comparing or self.painted is None else self.painted
        size = self.original.get_width(), self.original.get_height()
        if (shown.get_width(), shown.get_height()) != size:
            shown = shown.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
        self.picture.set_from_pixbuf(shown)
