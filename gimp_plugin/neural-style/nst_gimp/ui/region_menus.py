"""The menus in a region's row: its mask, and the rule for its colours."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gtk, Pango  # noqa: E402

from nst_gimp.image import masks, selections  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402


class ColorsMenu(Gtk.ComboBoxText):
    """The rules for a region's colours. As wide as its first entry, so that mask and style have room."""

    def __init__(self, chosen: str) -> None:
        super().__init__(visible=True)  # a hidden widget has no width
        self._width = None
        self.append("", _("Same as the whole picture"))
        self.set_active_id("")
        for cell in self.get_cells():
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
        self._width = self.get_preferred_width().natural_width
        setting = arguments.BY_NAME["keep-colors"]
        for choice in setting.choices:
            self.append(choice, widgets.choice_label(setting, choice))
        self.set_active_id(chosen)
        self._tip = _("Colours of this region") + "\n" + widgets.tip(setting)
        self.set_tooltip_text(self._tip)

    def set_usable(self, has_style: bool) -> None:
        """Grey out the menu of a region without a style, and say why."""
        self.set_sensitive(has_style)
        self.set_tooltip_text(self._tip if has_style else _("Choose a style for the region first."))

    def do_get_preferred_width(self):
        """Return (minimum, natural) width. Longer entries are shortened, except in the open menu."""
        minimum, natural = Gtk.ComboBoxText.do_get_preferred_width(self)
        return minimum, natural if self._width is None else max(minimum, min(natural, self._width))

    def do_get_preferred_width_for_height(self, _height):
        """Return the same; GTK's own method would not call the one above."""
        return self.do_get_preferred_width()


def mask_menu(image, without, chosen: str, none: str = "") -> Gtk.ComboBoxText:
    """Return a menu of the image's masks; ``none`` is the entry for no mask, if that is allowed."""
    menu = Gtk.ComboBoxText(tooltip_text=_("White areas are painted in this style"))
    for cell in menu.get_cells():
        cell.set_property("ellipsize", Pango.EllipsizeMode.END)  # a long name must not widen the dialog
    if none:
        menu.append("", none)
    kinds = {
        selections.SELECTION: _("{name} (from the image)"),
        masks.CHANNEL: _("{name} (channel)"),
        masks.LAYER: _("{name} (layer)"),
    }
    entries = masks.choices(image, without)
    for full, name in entries:
        menu.append(full, kinds[full[: full.index(":") + 1]].format(name=name))
    if chosen and not menu.set_active_id(chosen):
        matches = [full for full, name in entries if name == chosen]
        if matches:
            chosen = matches[0]
        else:
            menu.append(chosen, chosen)
    menu.set_active_id(chosen)
    return menu
