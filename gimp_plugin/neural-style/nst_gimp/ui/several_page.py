"""The dialog's page for several styles: blends, regions, and other masks."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.settings import effects  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import style_picker, widgets  # noqa: E402
from nst_gimp.ui.region_menus import mask_menu  # noqa: E402
from nst_gimp.ui.region_rows import Blend, Regions, weight_field  # noqa: E402


class SeveralPage(Gtk.ScrolledWindow):
    """The page with the blend, the regions, the strength mask and the fine style."""

    def __init__(self, config, subject, tint) -> None:
        super().__init__(overlay_scrolling=False)
        self.config, self.subject = config, subject
        self._choosing = False
        self.regions = Regions(config, subject.image, subject.layer, tint)
        self.strength = Gtk.Box()
        self.fine = style_picker.StyleButton(
            subject.image,
            lambda text: config.set_property("fine-style", text),
            _("the same style"),
            clearable=True,
        )
        config.connect("notify::fine-style", lambda *_args: self._show_fine())
        config.connect("notify::strength-mask", lambda *_args: self._show_strength())
        strength_row = labelled(_("Strength mask"), self.strength, BY_PLACE)
        self.strength_label, _box = strength_row.get_children()
        strength_row = tint.watched(strength_row, lambda: config.get_property("strength-mask") or "")
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        for widget in (
            title(_("Blend")),
            self._first_weight(),
            Blend(config, subject.image),
            title(_("Regions")),
            self.regions,
            self._outside(),
            title(_("Masks and strokes")),
            strength_row,
            labelled(_("Strokes from"), self.fine, FINE),
        ):
            body.pack_start(widget, False, False, 0)
        self.add(body)
        self._show_fine()
        self._show_strength()

    def refresh(self) -> None:
        """List the image's channels and layers again."""
        self.regions.refresh()
        self._show_strength()

    def _first_weight(self) -> Gtk.Widget:
        spin = weight_field(1.0)
        self.config.bind_property("style-weight", spin.get_adjustment(), "value", widgets.BOTH_WAYS)
        row = labelled(_("Weight of the chosen style"), spin, _("Its weight in the blend"))
        effects.bind_sensitivity(self.config, "style-weight", row)
        return row

    def _outside(self) -> Gtk.Widget:
        menu = Gtk.ComboBoxText()
        menu.append("style", _("Paint in the chosen style"))
        menu.append("keep", _("Leave unchanged"))
        self.config.bind_property("outside", menu, "active-id", widgets.BOTH_WAYS)
        row = labelled(_("Outside the regions"), menu, _("How the picture is treated outside all regions"))
        effects.bind_sensitivity(self.config, "outside", row)
        return row

    def _show_fine(self) -> None:
        self.fine.show_style(self.config.get_property("fine-style") or "")

    def _show_strength(self) -> None:
        if self._choosing:
            return
        for child in self.strength.get_children():
            child.destroy()
        chosen = self.config.get_property("strength-mask") or ""
        menu = mask_menu(self.subject.image, self.subject.layer, chosen, none=_("no mask"))
        menu.set_tooltip_text(BY_PLACE)
        menu.connect("changed", self._strength_chosen)
        self.strength.pack_start(menu, True, True, 0)
        self.strength_label.set_mnemonic_widget(menu)
        menu.show()

    def _strength_chosen(self, menu) -> None:
        chosen = menu.get_active_id() or ""
        if chosen != (self.config.get_property("strength-mask") or ""):
            self._choosing = True  # the menu must not be rebuilt while it reports a choice
            self.config.set_property("strength-mask", chosen)
            self._choosing = False


BY_PLACE = _("A channel or a layer's mask: white is painted at full strength, black is left unchanged")
FINE = _("Take the fine strokes from this picture, and the composition from the chosen style")


def title(text: str) -> Gtk.Label:
    """Return a heading."""
    label = Gtk.Label(xalign=0.0)
    label.set_markup(f"<b>{GLib.markup_escape_text(text)}</b>")
    return label


def labelled(text: str, widget, tip: str) -> Gtk.Box:
    """Return a widget with a label in front of it."""
    row = Gtk.Box(spacing=12)
    label = Gtk.Label(label=text, xalign=0.0, width_chars=22, mnemonic_widget=widget)
    row.pack_start(label, False, False, 0)
    row.pack_start(widget, True, True, 0)
    row.set_tooltip_text(tip)  # a style's button says which style it is
    return row
