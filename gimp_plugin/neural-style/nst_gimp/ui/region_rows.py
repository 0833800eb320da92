"""Lists in the dialog: styles that are blended, and regions, each with a style and colours of its own.

Each list is a view of string arguments of the procedure, so that presets, Reset and the last values move it.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402

from nst_gimp.image import masks  # noqa: E402
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.run.run_request import split_weight, string_list  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import style_picker, widgets  # noqa: E402

SPIN = (0.0, 100.0, 0.1)


class Rows(Gtk.Box):
    """Rows that stand for the strings of arguments of equal length, with a button for one more."""

    def __init__(self, config, names, words: str, tip: str) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config, self.names = config, names
        self._own = False
        self.rows = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self.add_button = Gtk.Button(
            use_underline=True, label=words, halign=Gtk.Align.START, tooltip_text=tip
        )
        self.add_button.connect("clicked", lambda _button: self.add_one())
        self.pack_start(self.rows, False, False, 0)
        self.pack_start(self.add_button, False, False, 0)
        for name in names:
            config.connect(f"notify::{name}", lambda *_args: None if self._own else self.show_values())
        self.show_values()

    def values(self) -> list:
        """Return the rows' values, a tuple for each."""
        columns = [string_list(self.config, name) for name in self.names]
        length = len(columns[0])
        columns = [(column + [""] * length)[:length] for column in columns]
        return list(zip(*columns))  # noqa: B905 - not in 3.9

    def show_values(self) -> bool:
        """Make the rows anew; False, so that GTK can call it once when it is idle."""
        for child in self.rows.get_children():
            child.destroy()
        for index, value in enumerate(self.values()):
            row = Gtk.Box(spacing=6)
            for widget, grows in self.make_row(index, *value):
                row.pack_start(widget, grows, grows, 0)
            remove = Gtk.Button.new_from_icon_name("list-remove-symbolic", Gtk.IconSize.BUTTON)
            remove.set_tooltip_text(_("Remove"))
            remove.connect("clicked", lambda _button, index=index: self.remove(index))
            row.pack_end(remove, False, False, 0)
            self.rows.pack_start(row, False, False, 0)
        self.rows.show_all()
        return False

    def make_row(self, index: int, *value):
        """Return (widget, whether it takes the room that is left) for each widget of a row."""
        raise NotImplementedError

    def add_one(self) -> None:
        """Add a row; what is in it is the list's own matter."""
        raise NotImplementedError

    def put(self, values) -> None:
        """Store all rows."""
        self._own = True
        try:
            for column, name in enumerate(self.names):
                self.config.set_property(name, [value[column] for value in values])
        finally:
            self._own = False

    def change(self, index: int, column: int, text: str) -> None:
        """Store one string of a row."""
        values = [list(value) for value in self.values()]
        values[index][column] = text
        self.put(values)

    def remove(self, index: int) -> None:
        """Take a row away."""
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
            _("Strokes and colours between several paintings, as many of each as their weights say"),
        )

    def make_row(self, index, text):
        """Return a style and its weight."""
        name, weight = split_weight(text)
        button = style_picker.StyleButton(
            self.image, lambda chosen: self._put(index, name=chosen), _("Choose…")
        )
        button.show_style(name)
        spin = weight_field(weight)
        spin.connect("value-changed", lambda field: self._put(index, weight=field.get_value()))
        return (button, True), (spin, False)

    def _put(self, index, name=None, weight=None) -> None:
        old_name, old_weight = split_weight(self.values()[index][0])
        name, weight = old_name if name is None else name, old_weight if weight is None else weight
        self.change(index, 0, f"{name}:{weight:g}")

    def add_one(self) -> None:
        """Ask for a file, and blend it in."""
        chosen = style_picker.ask_for_file(self.get_toplevel())
        if chosen is not None and chosen.get_path():
            self.put([*self.values(), (f"{chosen.get_path()}:1",)])
            self.show_values()


def weight_field(value: float) -> Gtk.SpinButton:
    """Return a field for a style's weight."""
    spin = Gtk.SpinButton.new_with_range(*SPIN)
    spin.set_digits(1)
    spin.set_value(value)
    spin.set_tooltip_text(_("Its weight in the blend"))
    return spin


class Regions(Rows):
    """Masks, each with the style that is painted there, and what becomes of the colours."""

    def __init__(self, config, image, without) -> None:
        self.image, self.without = image, without
        self.hint = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=52)
        self.hint.get_style_context().add_class("dim-label")
        super().__init__(
            config,
            ("region-masks", "region-styles", "region-colors"),
            _("Add a re_gion"),
            _("Give a part of the picture a style of its own"),
        )
        self.pack_start(self.hint, False, False, 0)
        self.refresh()

    def refresh(self) -> None:
        """Look at the image's channels and layers again; they may have changed while the dialog was open."""
        found = masks.choices(self.image, self.without)
        self.add_button.set_sensitive(bool(found))
        self.hint.set_visible(not found)
        self.hint.set_no_show_all(bool(found))
        self.hint.set_text(
            _("A region is a channel or a layer's mask: Select > Save to Channel makes one of the selection.")
        )
        self.show_values()

    def make_row(self, index, mask, text, chosen_colors):
        """Return where, the style that is painted there, and its colours."""
        where = mask_menu(self.image, self.without, mask)
        where.connect("changed", lambda menu: self._place_chosen(index, menu.get_active_id() or ""))
        arrow = Gtk.Image.new_from_icon_name("go-next-symbolic", Gtk.IconSize.BUTTON)
        named = masks.is_mask_group(self.image, mask)
        colors = ColorsMenu(chosen_colors)
        colors.connect("changed", lambda menu: self.change(index, 2, menu.get_active_id() or ""))

        def style_chosen(text: str) -> None:
            self.change(index, 1, text)
            colors.set_sensitive(bool(text) or named)

        button = style_picker.StyleButton(
            self.image,
            style_chosen,
            _("as its layers are called") if named else _("Choose…"),
            clearable=named,
        )
        called = mask.partition(":")[2]
        shown = text or (called if kept_styles.find_path(called) else "")
        button.show_style(shown)
        colors.set_sensitive(bool(shown) or named)
        return (where, True), (arrow, False), (button, True), (colors, False)

    def _place_chosen(self, index: int, mask: str) -> None:
        self.change(index, 0, mask)
        GLib.idle_add(self.show_values)  # not at once: the menu is still telling

    def add_one(self) -> None:
        """Add the first mask that has no style yet, with none."""
        taken = {mask for mask, _style, _colors in self.values()}
        names = [name for name, _words in masks.choices(self.image, self.without)]
        free = [name for name in names if name not in taken] or names
        self.put([*self.values(), (free[0], "", "")])
        self.show_values()
        parts = self.rows.get_children()[-1].get_children()
        next(part for part in parts if isinstance(part, style_picker.StyleButton)).grab_focus()


class ColorsMenu(Gtk.ComboBoxText):
    """What can become of a region's colours. As wide as its first entry, so that mask and style have room."""

    def __init__(self, chosen: str) -> None:
        super().__init__(visible=True)  # what is not shown has no width
        self._width = None
        self.append("", _("as for the whole picture"))
        self.set_active_id("")
        for cell in self.get_cells():
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
        self._width = self.get_preferred_width().natural_width
        setting = arguments.BY_NAME["keep-colors"]
        for choice in setting.choices:
            self.append(choice, widgets.choice_label(setting, choice))
        self.set_active_id(chosen)
        self.set_tooltip_text(_("Colours of this region") + "\n" + widgets.tip(setting))

    def do_get_preferred_width(self):
        """Return (the least, the best) width; what is longer is shortened, but not in the open menu."""
        least, best = Gtk.ComboBoxText.do_get_preferred_width(self)
        return least, best if self._width is None else max(least, min(best, self._width))

    def do_get_preferred_width_for_height(self, _height):
        """Return the same: GTK's own does not ask the above."""
        return self.do_get_preferred_width()


def mask_menu(image, without, chosen: str, none: str = "") -> Gtk.ComboBoxText:
    """Return a menu of the image's masks; ``none`` is the entry for no mask, where that is possible."""
    menu = Gtk.ComboBoxText(tooltip_text=_("White is where it counts"))
    for cell in menu.get_cells():
        cell.set_property("ellipsize", Pango.EllipsizeMode.END)  # a long name must not widen the dialog
    if none:
        menu.append("", none)
    kinds = {masks.CHANNEL: _("channel {name}"), masks.LAYER: _("layer {name}")}
    entries = masks.choices(image, without)
    for full, name in entries:
        menu.append(full, kinds[full[: full.index(":") + 1]].format(name=name))
    if chosen and not menu.set_active_id(chosen):
        bare = [full for full, name in entries if name == chosen]
        if bare:
            chosen = bare[0]
        else:
            menu.append(chosen, chosen)
    menu.set_active_id(chosen)
    return menu
