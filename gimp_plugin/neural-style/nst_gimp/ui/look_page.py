"""The dialog's first page: how long to paint, the style, and the settings that matter most."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.settings import effects  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402
from nst_gimp.ui.style_chooser import StyleChooser  # noqa: E402
from nst_gimp.ui.time_choice import TimeChoice  # noqa: E402

SETTINGS = ("strength", "matching", "style-scale", "color-layout", "keep-colors")


class LookPage(Gtk.ScrolledWindow):
    """The page, as high as its contents if the screen allows; ``show_error(sentence)`` reports a failure."""

    def __init__(self, config, subject, show_error) -> None:
        super().__init__(propagate_natural_width=True, propagate_natural_height=True, overlay_scrolling=False)
        self.config = config
        self.grid = Gtk.Grid(column_spacing=12, row_spacing=6, valign=Gtk.Align.START)
        self.grid.attach(self._sliders(), 0, 0, 4, 1)
        colors = self._put("keep-colors", widgets.combo(config, "keep-colors"))
        effects.bind_sensitivity(config, "keep-colors", *colors)
        self.time_choice = TimeChoice(config, max(subject.box[2:]))
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        body.pack_start(self.time_choice, False, False, 0)
        self.chooser = StyleChooser(config, show_error)
        body.pack_start(self.chooser, False, False, 0)
        body.pack_start(self.grid, False, False, 0)
        self.add(body)

    def _sliders(self) -> Gtk.Widget:
        """Return the sliders, two in a row, each with its ends in words."""
        sliders = Gtk.Grid(column_spacing=12, row_spacing=6, column_homogeneous=True)
        for index, (name, step, page, digits, left, right) in enumerate(
            (
                ("strength", 1, 10, 0, _("photo"), _("painting")),
                ("matching", 1, 10, 0, _("strokes anywhere"), _("where they fit")),
                ("style-scale", 0.05, 0.25, 2, _("fine strokes"), _("broad strokes")),
                ("color-layout", 1, 10, 0, _("colours as painted"), _("as in the photo")),
            )
        ):
            slider = widgets.scale(self.config, name, step, page, digits)
            effects.bind_sensitivity(self.config, name, slider)
            box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            box.pack_start(slider, False, False, 0)
            box.pack_start(slider_ends(left, right), False, False, 0)
            sliders.attach(box, index % 2, index // 2, 1, 1)
        return sliders

    def _put(self, name: str, widget):
        """Put a setting with its label under the sliders and return both."""
        label = widgets.label(widgets.arguments.BY_NAME[name])
        label.set_mnemonic_widget(widget)
        self.grid.attach(label, 0, 1, 1, 1)
        self.grid.attach(widget, 1, 1, 3, 1)
        return label, widget


def slider_ends(left: str, right: str) -> Gtk.Widget:
    """Return a line for under a slider that says what its two ends mean."""
    row = Gtk.Box()
    for text, pack in ((left, row.pack_start), (right, row.pack_end)):
        label = Gtk.Label()
        label.set_markup(f"<small>{GLib.markup_escape_text(text)}</small>")
        label.get_style_context().add_class("dim-label")
        pack(label, False, False, 4)
    return row
