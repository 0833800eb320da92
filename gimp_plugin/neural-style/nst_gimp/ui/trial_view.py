"""The part of the dialog that shows the picture, or a trial of the painting.

Try starts a trial; while it runs, the button stops it with the picture so far. A changed setting discards a
running trial, except the layout of colours: the trial follows it. A finished trial stays, with a note that it
is out of date.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.settings import arguments, how_long  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import trial, widgets  # noqa: E402
from nst_gimp.ui.compare_view import CompareView  # noqa: E402

WITHOUT_EFFECT = (arguments.LAST_LAYER, how_long.NAME, "size", "time-limit", "finish")
"""Arguments that leave a trial as it is."""

SIDE = trial.SIDE


class TrialView(Gtk.Box):
    """Shows the subject until there is a trial."""

    def __init__(self, warm_engine, subject, config) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config, self.subject = config, subject
        self.original = previews.of_layer(subject.layer, subject.box, SIDE)
        self.painted = None
        self.running = self.ready = False
        self.on_begin_trial = lambda: None
        self.on_finished_trial = lambda _result: None
        self.on_variants = lambda: None
        self._shown_result = None
        self.trial = trial.Trial(warm_engine, subject, config, self)
        self.picture = CompareView(SIDE)
        self.button = Gtk.Button(use_underline=True)
        self.button.connect("clicked", lambda _button: self._clicked())
        self.bar = widgets.progress_bar()
        row = Gtk.Box(spacing=8)
        row.pack_start(self.button, False, False, 0)
        row.pack_start(self.bar, True, True, 0)
        self.variants = Gtk.Button.new_with_mnemonic(_("Var_iants…"))
        self.variants.set_tooltip_text(
            _("Paint a sheet of small trials with other strengths and brush sizes, and choose one")
        )
        self.variants.connect("clicked", lambda _button: self.on_variants())
        row.pack_start(self.variants, False, False, 0)
        self.note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=34, width_chars=34)
        self.note.get_style_context().add_class("dim-label")
        for widget in (self.picture, row, self.note):
            self.pack_start(widget, False, False, 0)
        config.connect("notify", self._on_change)
        self._idle(_("The original picture."))
        self._draw()

    def set_ready(self, ready: bool) -> None:
        """Enable or disable the button: without a style there is nothing to try."""
        self.ready = ready
        self.button.set_sensitive(ready or self.running)
        self.variants.set_sensitive(ready)

    def show_result(self, photo, painting, note: str) -> None:
        """Show an earlier result and the photo that it was painted from, until a trial begins or ends."""
        self._shown_result = photo, painting
        self.picture.set_opacity(1.0)
        self.note.set_text(note)
        self._draw()

    def show_trial(self, result) -> None:
        """Show a finished small trial from elsewhere as if it had been painted here."""
        self.painted, self._shown_result = previews.on_checkerboard(result.picture), None
        self._idle(success(max(self.painted.get_width(), self.painted.get_height())))
        self._draw()

    def stop(self) -> None:
        """Discard a running trial; the dialog is closing."""
        if self.running:
            self._discard()

    def on_begin(self, subject) -> None:
        """Show the subject of the trial; picture or selection may have changed meanwhile."""
        self.subject = subject
        self.original = previews.of_layer(subject.layer, subject.box, SIDE)
        self.painted = self._shown_result = None
        self._draw()
        self.on_begin_trial()

    def on_progress(self, fraction: float) -> None:
        """Show the progress of the trial."""
        self.bar.set_fraction(min(1.0, max(0.0, fraction)))
        if self._shown_result is None:
            self.note.set_text(_("Painting the trial…"))

    def on_picture(self, picture) -> None:
        """Show the picture so far."""
        self.painted = picture
        self.picture.set_opacity(1.0)
        self._draw()

    def on_result(self, result) -> None:
        """Hand a finished trial on."""
        self.on_finished_trial(result)

    def on_end(self, error) -> None:
        """Handle the end of the trial; ``error`` is None if it succeeded."""
        self._shown_result = None
        self._idle(success(SIDE))
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
        self._set_button(_("S_top"), _("Stop the trial and show the picture so far"))
        self.note.set_text(_("Analysing the pictures…"))
        self.trial.start()

    def _on_change(self, _config, argument) -> None:
        if argument.name in WITHOUT_EFFECT:
            return
        if self.running:
            is_layout = argument.name == "color-layout"
            if not (is_layout and self.trial.set_color_layout(self.config.get_property(argument.name))):
                self._discard()
        elif self.painted is not None and self._shown_result is None:
            self.note.set_text(_("Settings have changed since this trial."))
            self.picture.set_opacity(0.55)

    def _discard(self) -> None:
        self.trial.discard()
        self.painted = None
        self._idle(_("Settings have changed: try again."))
        self._draw()

    def _idle(self, note: str) -> None:
        self.running = False
        self.bar.set_opacity(0.0)  # transparent, not hidden, so that nothing moves
        self.button.set_sensitive(self.ready)
        self._set_button(
            _("_Try"), _("Paint a small trial here with these settings; it takes 10 to 45 seconds")
        )
        self.note.set_text(note)
        self.picture.set_opacity(1.0)

    def _set_button(self, label: str, tooltip: str) -> None:
        self.button.set_label(label)
        self.button.set_tooltip_text(tooltip)

    def _draw(self) -> None:
        self.picture.set_pictures(*(self._shown_result or (self.original, self.painted)))


def success(side: int) -> str:
    """Return the note on a finished trial of so many pixels."""
    return _("A trial of {side} pixels; the painting looks like it, with finer detail.").format(side=side)
