"""The buttons at the bottom of GIMP's dialog: all in one row, each with a tooltip.

GIMP puts the buttons for saved settings into a row of their own, which a small screen has no room for.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gtk, Pango  # noqa: E402

from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access, screen_fit  # noqa: E402

SHORT_CHARACTERS = (20, 16, 12, 8)
"""Widths to try for the buttons that were moved, if not all fit; their tooltips say the rest."""

ROW_MARGIN = 32
"""The dialog's border beside the row, in GTK's pixels."""


def gather(window) -> None:
    """Move GIMP's buttons for saved settings into the row of the others, and add the missing tooltips."""
    paint = window.get_widget_for_response(Gtk.ResponseType.OK)
    row = paint.get_parent()
    for box in window.get_content_area().get_children():
        if isinstance(box, Gtk.ButtonBox) and box is not row:
            _move(box, row)
    room = screen_fit.largest_size(window)[0] - ROW_MARGIN
    for characters in SHORT_CHARACTERS:
        _minimum, natural = row.get_preferred_width()
        if natural <= room:
            break
        _shorten(row, characters)
    tips = {
        Gtk.ResponseType.OK: _("Paint the picture with these settings, as a new layer"),
        Gtk.ResponseType.CANCEL: _("Close the dialog without painting; the settings are kept"),
    }
    for response, tip in tips.items():
        button = window.get_widget_for_response(response)
        if button is not None:
            button.set_tooltip_text(tip)
    for button in access.descendants(row):
        if isinstance(button, Gtk.MenuButton) or (
            isinstance(button, Gtk.Button) and not button.get_tooltip_text()
        ):
            button.set_tooltip_text(
                _("Go back to the settings of the last painting, or to those of the start")
            )


def _move(box, row) -> None:
    for button in box.get_children():
        box.remove(button)
        row.pack_start(button, False, False, 0)
        row.set_child_secondary(button, True)
        row.set_child_non_homogeneous(button, True)
    box.set_no_show_all(True)
    box.hide()


def _shorten(row, characters: int) -> None:
    """Shorten the labels of the buttons that were moved, for a screen too narrow for all of them."""
    for button in row.get_children():
        if row.get_child_non_homogeneous(button):
            for label in access.descendants(button):
                if isinstance(label, Gtk.Label):
                    label.set_properties(ellipsize=Pango.EllipsizeMode.END, width_chars=characters)
