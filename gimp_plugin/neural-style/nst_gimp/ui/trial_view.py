"""The part of the dialog that shows the picture, or a trial of the painting.

A trial starts by itself when nothing has changed for a second, or by Try; while it runs, that button stops it
with the picture so far. A changed setting discards a running trial, except the layout of colours: the trial
follows it. A finished trial stays until the next one, with a note that it is out of date.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.run import detail  # noqa: E402
from nst_gimp.settings import arguments, how_long  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import trial, widgets  # noqa: E402
from nst_gimp.ui.automatic_trial import AutomaticTrial  # noqa: E402
from nst_gimp.ui.compare_view import CompareView  # noqa: E402
from nst_gimp.ui.part_view import PartView  # noqa: E402

WITHOUT_EFFECT = (arguments.LAST_LAYER, how_long.NAME, "size", "time-limit", "finish")
"""Arguments that leave a trial of the whole picture as it is. At 100 %, the plan tells what they change."""

SIDE = trial.SIDE
ORIGINAL_SIDE = 1024
"""Long side, in pixels, of the picture of the subject; the room in the dialog is seldom larger."""

MIDDLE = (0.5, 0.5)


class TrialView(Gtk.Box):
    """Shows the subject until there is a trial.

    ``painted_side()`` returns the long side, in pixels, that the whole picture will be painted at, or 0 if
    that is unknown yet.
    """

    def __init__(self, warm_engine, subject, config) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config, self.subject = config, subject
        self.original = previews.of_layer(subject.layer, subject.box, ORIGINAL_SIDE)
        self.photo_of_trial = self.original
        self.painted = self.part = self.tinted = None
        self._center, self._is_stale = MIDDLE, False
        self.painted_side = lambda: 0
        self.running = self.ready = False
        self.on_begin_trial = lambda: None
        self.on_finished_trial = lambda _result: None
        self.on_variants = lambda: None
        self._shown_result = None
        self.trial = trial.Trial(warm_engine, subject, config, self, self._find_part)
        self.is_automatic = False
        self.automatic = AutomaticTrial(self._is_trial_missing, lambda: self._start(is_automatic=True))
        self.picture, self.part_view = CompareView(SIDE), PartView(SIDE, self._move)
        self.stack = Gtk.Stack()
        for view in (self.picture, self.part_view):
            self.stack.add(view)
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
        self.pack_start(self.stack, True, True, 0)
        for widget in (row, self._choices(), self.note):
            self.pack_start(widget, False, False, 0)
        config.connect("notify", self._on_change)
        self.bar.set_opacity(0.0)  # transparent, not hidden, so that nothing moves
        self._idle(_("The original picture."))
        self._draw()

    def _choices(self) -> Gtk.Widget:
        self.at_full_size = Gtk.ToggleButton(label=_("_100 %"), use_underline=True)
        self.at_full_size.set_tooltip_text(
            _("Try a part of the picture, at the size that the painting will have there")
        )
        self.at_full_size.connect("toggled", lambda _toggle: self._choose_part())
        row = Gtk.Box(spacing=8)
        row.pack_start(self.automatic.check, True, True, 0)
        row.pack_end(self.at_full_size, False, False, 0)
        return row

    def set_ready(self, ready: bool) -> None:
        """Enable or disable trials: without a style there is nothing to try."""
        if ready != self.ready:
            self.ready = ready
            self.button.set_sensitive(ready or self.running)
            self.automatic.rest()
        self.variants.set_sensitive(ready)

    def set_queue_busy(self, busy: bool) -> None:
        """Let no trial start by itself while a painting runs or waits, which needs the memory."""
        if busy != self.automatic.is_queue_busy:
            self.automatic.is_queue_busy = busy
            if busy and self.running and self.automatic.check.get_active():
                self._discard(_("Discarded, because a painting has started."))
            self.automatic.rest()

    def plan_changed(self) -> None:
        """At 100 %, follow the size that the picture will be painted at."""
        if self.part is not None and self._find_part(self.subject) != self.part:
            self._choose_part()

    def show_result(self, photo, painting, note: str) -> None:
        """Show an earlier result and the photo that it was painted from, until a trial begins or ends."""
        self._shown_result = photo, painting
        self._set_stale(self._is_stale)
        self.note.set_text(note)
        self._draw()

    def show_trial(self, result) -> None:
        """Show a finished small trial from elsewhere as if it had been painted here."""
        self.at_full_size.set_active(False)
        self.photo_of_trial = self.original
        self.painted, self._shown_result = previews.on_checkerboard(result.picture), None
        self._set_stale(False)
        self._idle(success(max(self.painted.get_width(), self.painted.get_height())))
        self._draw()

    def show_tinted(self, picture) -> None:
        """Show the original with a mask laid over it, or what was shown before if ``picture`` is None."""
        self.tinted = picture
        self._draw()

    def stop(self) -> None:
        """Discard a running trial; the dialog is closing."""
        self.automatic.stop()
        if self.running:
            self._discard(_("The original picture."))

    def on_begin(self, subject) -> None:
        """Show the subject of the trial; picture or selection may have changed meanwhile."""
        self.subject = subject
        self.part = self._find_part(subject)
        self.original = previews.of_layer(subject.layer, subject.box, ORIGINAL_SIDE)
        self.photo_of_trial = self.original
        if self.part is not None:
            self.photo_of_trial = previews.at_scale(subject.layer, self.part.box, self.part.scale)
        self._shown_result = None
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
        self._set_stale(False)
        self._draw()

    def on_result(self, result) -> None:
        """Hand a finished trial on."""
        self.on_finished_trial(result)

    def on_end(self, error) -> None:
        """Handle the end of the trial; ``error`` is None if it succeeded."""
        self._shown_result = None
        self._idle(
            success(SIDE) if self.part is None else _("A part at 100 %. Drag it to try another place.")
        )
        self.bar.set_fraction(1.0)
        if error is not None:
            self.painted = None
            self._set_stale(False)
            self.bar.set_opacity(0.0)
            self.note.set_text(str(error))
        self._draw()

    def _clicked(self) -> None:
        if self.running:
            self.button.set_sensitive(False)
            self.note.set_text(_("Finishing…"))
            self.trial.finish()
        else:
            self._start()

    def _start(self, *, is_automatic: bool = False) -> None:
        self.is_automatic = is_automatic
        self.automatic.stop()
        self.running = True
        self.bar.set_opacity(1.0)
        self.bar.set_fraction(0.0)
        self._set_button(_("S_top"), _("Stop the trial and show the picture so far"))
        self.note.set_text(_("Analysing the pictures…"))
        self.trial.side = SIDE * self.get_scale_factor()
        self.trial.start()

    def _on_change(self, _config, argument) -> None:
        if argument.name in WITHOUT_EFFECT:
            return
        if self.running:
            is_layout = argument.name == "color-layout"
            if is_layout and self.trial.set_color_layout(self.config.get_property(argument.name)):
                return
            self._discard(_("Settings have changed: try again."))
        elif self.painted is not None:
            self._set_stale(True)
            if self._shown_result is None:
                self.note.set_text(_("Settings have changed since this trial."))
                self.bar.set_opacity(0.0)
        self.automatic.rest()

    def _set_stale(self, is_stale: bool) -> None:
        """Show a trial that is out of date paler."""
        self._is_stale = is_stale
        self.stack.set_opacity(0.55 if is_stale and self._shown_result is None else 1.0)

    def _discard(self, note: str) -> None:
        self.trial.discard()
        self.painted = None
        self._set_stale(False)
        self.bar.set_opacity(0.0)
        self._idle(note)
        self._draw()

    def _idle(self, note: str) -> None:
        self.running = False
        self.button.set_sensitive(self.ready)
        tip = _("Paint a small trial here with these settings; it takes up to 45 seconds")
        self._set_button(_("_Try"), tip)
        self.note.set_text(note)

    def _set_button(self, label: str, tooltip: str) -> None:
        self.button.set_label(label)
        self.button.set_tooltip_text(tooltip)

    def _draw(self) -> None:
        if self.tinted is not None:
            self.picture.set_pictures(self.tinted)
            self.stack.set_visible_child(self.picture)
        elif self.part is not None and self._shown_result is None:
            self.part_view.show_part(self.subject, self.part, self.painted)
            self.stack.set_visible_child(self.part_view)
        else:
            self.picture.set_pictures(*(self._shown_result or (self.original, self.painted)))
            self.stack.set_visible_child(self.picture)

    def _is_trial_missing(self) -> bool:
        """Return whether a trial can be painted, and none is shown that is up to date."""
        return self.ready and not self.running and (self.painted is None or self._is_stale)

    # The part at 100 %.

    def _find_part(self, subject):
        """Return the part to try at 100 %, or None for the whole picture."""
        if not self.at_full_size.get_active():
            return None
        side = self.painted_side() or max(subject.box[2:])
        return detail.find(subject.box, self._center, side, self.config.get_property("style-scale"), SIDE)

    def _move(self, center: tuple) -> None:
        """Choose the part whose middle is at the relative position ``center``, or the nearest possible."""
        before, self._center = self.part.box, center
        part = self._find_part(self.subject)
        self._center = detail.center_of(part.box, self.subject.box)
        if part.box != before:
            self._choose_part()

    def _choose_part(self) -> None:
        """Show the part, or the whole picture, and try it."""
        if self.running:
            self.trial.discard()
        self.part = self._find_part(self.subject)
        self.painted = self._shown_result = None
        self._set_stale(False)
        self.bar.set_opacity(0.0)
        self._idle(_("The original picture."))
        self._draw()
        self.automatic.rest()


def success(side: int) -> str:
    """Return the note on a finished trial of so many pixels."""
    return _("A trial of {side} pixels; the painting looks like it, with finer detail.").format(side=side)
