"""A sheet of small trials: strengths across, brush sizes down, around the current settings.

They are painted one after another, the current settings first, and appear as they are painted. A click on one
takes its settings and closes the sheet; closing it stops what is still to do.
"""

from __future__ import annotations

import json

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.run import stored_values  # noqa: E402
from nst_gimp.settings import variants  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402
from nst_gimp.ui.compare_view import scaled  # noqa: E402
from nst_gimp.ui.result_actions import NOT_TAKEN  # noqa: E402
from nst_gimp.ui.trial import Patience, Trial  # noqa: E402

SIDE = 160
STOP = 1
WAITING_OPACITY = 0.3


class VariantTrial(Trial):
    """A trial for a cell of the sheet: smaller, and it stops as soon as one can judge it."""

    kind, side = "variant", SIDE
    patience = Patience(0, 40, 30)


class VariantSheet:
    """The window; ``take(changes, result)`` is called once if a cell is chosen.

    ``result`` is the cell's ``trial.TrialResult``, or None if it is not painted yet. ``painted`` keeps
    finished cells for the next sheet, by everything that decides what they look like.
    """

    def __init__(self, dialog, painted: dict, take) -> None:
        self.config, self.painted, self.take = dialog.config, painted, take
        self.variants = variants.around(self.config)
        self._base = stored_values.capture(self.config)
        subject = dialog.trial.subject
        self._place = [subject.layer.get_id(), *subject.box]
        self._trial = VariantTrial(dialog.warm_engine, subject, self.config, self)
        self._photo = previews.of_layer(subject.layer, subject.box, SIDE * dialog.window.get_scale_factor())
        self._left = [cell for cell in self.variants if self._key(cell) not in painted]
        self._current = None
        self._images: dict = {}
        self.window = Gtk.Dialog(
            title=_("Variants"), transient_for=dialog.window, modal=True, destroy_with_parent=True
        )
        self.stop = self.window.add_button(_("_Stop"), STOP)
        self.stop.set_tooltip_text(_("Stop painting the variants that are not finished"))
        self.window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.window.connect("response", self._on_response)
        self._fill(self.window.get_content_area())

    def show(self) -> None:
        """Show the sheet and start painting."""
        self.window.show_all()
        self._paint_next()

    def _fill(self, area) -> None:
        explanation = Gtk.Label(
            label=_("Small trials around the current settings. A click takes a cell’s settings."),
            xalign=0.0,
            wrap=True,
            max_width_chars=60,
        )
        self.bar = widgets.progress_bar()
        self.status = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=60)
        self.status.get_style_context().add_class("dim-label")
        scrolled = Gtk.ScrolledWindow(
            propagate_natural_width=True, propagate_natural_height=True, overlay_scrolling=False
        )
        scrolled.add(self._make_grid())
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, border_width=12)
        body.pack_start(explanation, False, False, 0)
        body.pack_start(scrolled, True, True, 0)
        body.pack_start(self.bar, False, False, 0)
        body.pack_start(self.status, False, False, 0)
        area.pack_start(body, True, True, 0)

    def _make_grid(self) -> Gtk.Widget:
        grid = Gtk.Grid(column_spacing=4, row_spacing=4)
        current = self.variants[0]
        for cell in self.variants:
            for name, column, row, is_current in (
                (variants.STRENGTH, cell.column + 1, 0, cell.column == current.column),
                (variants.BRUSH, 0, cell.row + 1, cell.row == current.row),
            ):
                if grid.get_child_at(column, row) is None:
                    grid.attach(_heading(name, cell.changes[name], is_current), column, row, 1, 1)
            grid.attach(self._make_cell(cell), cell.column + 1, cell.row + 1, 1, 1)
        return grid

    def _make_cell(self, cell) -> Gtk.Widget:
        text = ", ".join(widgets.setting_text(name, value) for name, value in cell.changes.items())
        image = self._images[cell.row, cell.column] = Gtk.Image()
        button = Gtk.Button(relief=Gtk.ReliefStyle.NONE, tooltip_text=text)
        button.add(image)
        button.get_accessible().set_name(text)
        button.connect("clicked", lambda _button: self._choose(cell))
        result = self.painted.get(self._key(cell))
        if result is None:
            self._put(cell, self._photo)
            image.set_opacity(WAITING_OPACITY)
        else:
            self._put(cell, previews.on_checkerboard(result.picture))
        if cell == self.variants[0]:
            self.window.set_focus(button)
        return button

    def _key(self, cell) -> str:
        values = {name: value for name, value in self._base.items() if name not in NOT_TAKEN}
        return json.dumps([self._place, {**values, **cell.changes}], sort_keys=True)

    def _put(self, cell, picture) -> None:
        image = self._images[cell.row, cell.column]
        pixels = self.window.get_scale_factor()
        width, height = self._photo.get_width(), self._photo.get_height()
        scale = SIDE * pixels / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image.set_opacity(1.0)
        widgets.put(image, scaled(picture, size), pixels)

    def _paint_next(self) -> None:
        self._current = self._left.pop(0) if self._left else None
        if self._current is None:
            self._end(_("All variants are painted."))
            return
        self._show_progress(0.0)
        self._trial.start(self._current.changes)

    def _show_progress(self, fraction: float) -> None:
        total = len(self.variants)
        done = total - len(self._left) - 1
        self.bar.set_fraction((done + fraction) / total)
        self.status.set_text(_("Painting variant {number} of {total}…").format(number=done + 1, total=total))

    def _end(self, text: str) -> None:
        self._left.clear()
        self._current = None
        self.bar.set_opacity(0.0)  # transparent, not hidden, so that nothing moves
        self.stop.set_sensitive(False)
        self.status.set_text(text)

    # What the trial calls.

    def on_begin(self, subject) -> None:
        """Nothing is to be shown when a cell's turn comes."""

    def on_progress(self, fraction: float) -> None:
        """Show the progress of the sheet."""
        if self._current is not None:
            self._show_progress(min(1.0, max(0.0, fraction)))

    def on_picture(self, picture) -> None:
        """Show the cell as it is so far."""
        if self._current is not None:
            self._put(self._current, picture)

    def on_result(self, result) -> None:
        """Keep a finished cell and paint the next."""
        if self._current is not None:
            self.painted[self._key(self._current)] = result
            self._paint_next()

    def on_end(self, error) -> None:
        """Stop at the first error: the other cells would fail, too."""
        if error is not None and self._current is not None:
            self._end(str(error))

    def _choose(self, cell) -> None:
        result = self.painted.get(self._key(cell))
        self._close()
        self.take(cell.changes, result)

    def _on_response(self, _window, response: int) -> None:
        if response == STOP:
            self._trial.discard()
            if self._current is not None:
                self._put(self._current, self._photo)
                self._images[self._current.row, self._current.column].set_opacity(WAITING_OPACITY)
            self._end(_("Stopped. The variants that are shown in full can be judged."))
        else:
            self._close()

    def _close(self) -> None:
        self._trial.discard()
        self._left.clear()
        self._current = None
        self.window.destroy()


def _heading(name: str, value: float, is_current: bool) -> Gtk.Label:
    """Return the heading of a row or a column; that of the current value is bold."""
    label = Gtk.Label(label=widgets.setting_text(name, value), margin=4)
    if is_current:
        label.set_markup(f"<b>{label.get_text()}</b>")
    return label
