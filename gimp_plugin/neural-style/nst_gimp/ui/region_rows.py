"""Lists in the dialog: blended styles, and regions with a style and colours each.

Each list shows string arguments of the procedure, so presets, Reset and the last values update it.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.image import masks, selections  # noqa: E402
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.run.run_request import split_weight, string_list  # noqa: E402
from nst_gimp.text.messages import CallError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access, style_picker  # noqa: E402
from nst_gimp.ui.region_menus import ColorsMenu, mask_menu  # noqa: E402

SPIN = (0.0, 100.0, 0.1)


class Rows(Gtk.Box):
    """Rows for the strings of arguments of equal length, with a button to add one."""

    def __init__(self, config, names, button_label: str, tip: str) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config, self.names = config, names
        self._storing, self.add_tip = False, tip
        self.rows = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self.add_button = Gtk.Button(
            use_underline=True, label=button_label, halign=Gtk.Align.START, tooltip_text=tip
        )
        self.add_button.connect("clicked", lambda _button: self.add_one())
        self.pack_start(self.rows, False, False, 0)
        self.buttons = Gtk.Box(spacing=6)
        self.buttons.pack_start(self.add_button, False, False, 0)
        self.pack_start(self.buttons, False, False, 0)
        for name in names:
            config.connect(f"notify::{name}", lambda *_args: None if self._storing else self.show_values())
        self.show_values()

    def values(self) -> list:
        """Return the rows' values, a tuple for each."""
        columns = [string_list(self.config, name) for name in self.names]
        length = len(columns[0])
        columns = [(column + [""] * length)[:length] for column in columns]
        return list(zip(*columns))  # noqa: B905 - not in 3.9

    def show_values(self) -> bool:
        """Build the rows again. Returns False, so that GTK can call it once when it is idle."""
        for child in self.rows.get_children():
            child.destroy()
        for index, value in enumerate(self.values()):
            row = Gtk.Box(spacing=6)
            for widget, expands in self.make_row(index, *value):
                row.pack_start(widget, expands, expands, 0)
            remove = Gtk.Button.new_from_icon_name("list-remove-symbolic", Gtk.IconSize.BUTTON)
            remove.set_tooltip_text(_("Remove"))
            access.set_name(remove, _("Remove"))
            remove.connect("clicked", lambda _button, index=index: self.remove(index))
            row.pack_end(remove, False, False, 0)
            self.rows.pack_start(self.watched(row, index), False, False, 0)
        self.rows.show_all()
        return False

    def watched(self, row, _index: int) -> Gtk.Widget:
        """Return the widget to show for a row."""
        return row

    def make_row(self, index: int, *value):
        """Return (widget, whether it expands) for each widget of a row."""
        raise NotImplementedError

    def add_one(self) -> None:
        """Add a row."""
        raise NotImplementedError

    def put(self, values) -> None:
        """Store all rows."""
        self._storing = True
        try:
            for column, name in enumerate(self.names):
                self.config.set_property(name, [value[column] for value in values])
        finally:
            self._storing = False

    def change(self, index: int, column: int, text: str) -> None:
        """Store one string of a row."""
        values = [list(value) for value in self.values()]
        values[index][column] = text
        self.put(values)

    def remove(self, index: int) -> None:
        """Remove a row."""
        values = self.values()
        del values[index]
        self.put(values)
        self.show_values()


class Blend(Rows):
    """The styles blended with the first one, each with its weight."""

    def __init__(self, config, image) -> None:
        self.image = image
        super().__init__(
            config,
            ("more-styles",),
            _("_Blend with another style"),
            _("Mix strokes and colours of several paintings according to their weights"),
        )

    def make_row(self, index, text):
        """Return the widgets of a style and its weight."""
        name, weight = split_weight(text)
        button = style_picker.StyleButton(
            self.image, lambda chosen: self._store(index, name=chosen), _("Choose…")
        )
        button.show_style(name)
        spin = weight_field(weight)
        spin.connect("value-changed", lambda field: self._store(index, weight=field.get_value()))
        return (button, True), (spin, False)

    def _store(self, index, name=None, weight=None) -> None:
        old_name, old_weight = split_weight(self.values()[index][0])
        name, weight = old_name if name is None else name, old_weight if weight is None else weight
        self.change(index, 0, f"{name}:{weight:g}")

    def add_one(self) -> None:
        """Ask for a file and add it to the blend."""
        chosen = style_picker.ask_for_file(self.get_toplevel())
        if chosen is not None and chosen.get_path():
            self.put([*self.values(), (f"{chosen.get_path()}:1",)])
            self.show_values()


def weight_field(value: float) -> Gtk.SpinButton:
    """Return a field for the weight of a style."""
    spin = Gtk.SpinButton.new_with_range(*SPIN)
    spin.set_digits(1)
    spin.set_value(value)
    spin.set_tooltip_text(_("Its weight in the blend"))
    access.set_name(spin, _("Its weight in the blend"))
    return spin


class Regions(Rows):
    """Masks, each with the style painted there and the rule for its colours."""

    def __init__(self, config, image, without, tint) -> None:
        self.image, self.without, self.tint = image, without, tint
        self.on_selection = lambda: None
        self.hint = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=52, no_show_all=True)
        self.hint.get_style_context().add_class("dim-label")
        super().__init__(
            config,
            ("region-masks", "region-styles", "region-colors"),
            _("Add a re_gion"),
            _("Give a part of the picture its own style"),
        )
        self.pack_start(self.hint, False, False, 0)
        self.from_selection = Gtk.Button.new_with_mnemonic(_("_From the selection"))
        self.from_selection.set_tooltip_text(
            _("Make what is selected in the image a region. The image changes only when it is painted")
        )
        self.from_selection.connect("clicked", lambda _button: self._add_selection())
        self.buttons.pack_start(self.from_selection, False, False, 0)
        self.refresh()

    def refresh(self) -> None:
        """List the image's channels and layers again, as they may have changed."""
        mask_choices = masks.choices(self.image, self.without)
        self.add_button.set_sensitive(bool(mask_choices))
        self.add_button.set_tooltip_text(
            self.add_tip
            if mask_choices
            else _("This image has neither a channel nor a layer with a mask yet.")
        )
        advice = _("A region is what is selected in the image, a channel, or a layer's mask.")
        advice += " " + _(
            "Tools > Selection Tools > Foreground Select follows the outline of a face or a figure."
        )
        self._say("" if mask_choices else advice)
        self.show_values()

    def watched(self, row, index: int) -> Gtk.Widget:
        """Return the row in a box that lays its mask over the dialog's picture."""
        return self.tint.watched(row, lambda: self.values()[index][0])

    def make_row(self, index, mask, text, chosen_colors):
        """Return the widgets of a mask, its style and its colours."""
        menu = mask_menu(self.image, self.without, mask)
        menu.connect("changed", lambda changed: self._mask_chosen(index, changed.get_active_id() or ""))
        arrow = Gtk.Image.new_from_icon_name("go-next-symbolic", Gtk.IconSize.BUTTON)
        is_group = masks.is_mask_group(self.image, mask)
        access.set_name(menu, _("Mask of the region"))
        colors = ColorsMenu(chosen_colors)
        access.set_name(colors, _("Colours of this region"))
        colors.connect("changed", lambda menu: self.change(index, 2, menu.get_active_id() or ""))

        def style_chosen(text: str) -> None:
            self.change(index, 1, text)
            colors.set_usable(bool(text) or is_group)

        button = style_picker.StyleButton(
            self.image,
            style_chosen,
            _("named by its layers") if is_group else _("Choose…"),
            clearable=is_group,
        )
        mask_name = mask.partition(":")[2]
        shown = text or (mask_name if kept_styles.find_path(mask_name) else "")
        button.show_style(shown)
        colors.set_usable(bool(shown) or is_group)
        return (menu, True), (arrow, False), (button, True), (colors, False)

    def _mask_chosen(self, index: int, mask: str) -> None:
        self.change(index, 0, mask)
        GLib.idle_add(self.show_values)  # not at once: the menu is still handling the change

    def show_values(self) -> bool:
        """Build the rows again. Selections that no row uses are forgotten."""
        selections.forget_all_but([mask for mask, _style, _colors in self.values()])
        return super().show_values()

    def add_one(self) -> None:
        """Add a row with the first mask that is not used yet, without a style."""
        used_masks = {mask for mask, _style, _colors in self.values()}
        names = [name for name, _label in masks.choices(self.image, self.without)]
        free = [name for name in names if name not in used_masks] or names
        self._add(free[0])

    def _add_selection(self) -> None:
        """Add a row with the image's selection, without a style."""
        try:
            name = selections.keep(self.image)
        except CallError as error:
            self._say(str(error))
            return
        self._say("")
        self._add(name)
        self.on_selection()

    def _say(self, text: str) -> None:
        self.hint.set_text(text)
        self.hint.set_visible(bool(text))

    def _add(self, mask: str) -> None:
        self.put([*self.values(), (mask, "", "")])
        self.show_values()
        widgets_of_row = self.rows.get_children()[-1].get_child().get_children()
        next(widget for widget in widgets_of_row if isinstance(widget, style_picker.StyleButton)).grab_focus()
