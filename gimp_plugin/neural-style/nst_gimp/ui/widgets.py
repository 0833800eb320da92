"""Widgets for settings, bound to the procedure's stored values, so that presets and Reset move them.

The ranges come from the engine's table: those that GIMP knows are wide open (see ``arguments``).
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GimpUi, GObject, Gtk  # noqa: E402

from nst_gimp.settings import arguments, effects  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

BOTH_WAYS = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE

BAR_LOOKS = b"trough, progress { min-height: 10px; border-radius: 5px; } progress { background: #6a9fd8; }"
"""GIMP's themes draw a progress bar of two grey pixels."""


def said(name: str, value) -> str:
    """Return a setting and its value as the dialog calls them: "Brush size 0.5"."""
    setting = arguments.BY_NAME[name]
    text = choice_label(setting, value) if setting.kind == "choice" else value
    shown = f"{text:g}" if isinstance(text, float) else str(text)
    return _("{name}: {value}").format(name=_(setting.label), value=shown)


def progress_bar() -> Gtk.ProgressBar:
    """Return a progress bar that can be seen."""
    bar = Gtk.ProgressBar(show_text=False, valign=Gtk.Align.CENTER)
    looks = Gtk.CssProvider()
    looks.load_from_data(BAR_LOOKS)
    bar.get_style_context().add_provider(looks, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
    return bar


def put(image: Gtk.Image, picture, pixels: int = 1) -> None:
    """Show a picture that has ``pixels`` of the screen's along each of GTK's: 2 where the screen is fine."""
    if pixels > 1:
        try:
            image.set_from_surface(Gdk.cairo_surface_create_from_pixbuf(picture, pixels, None))
            return
        except (TypeError, NotImplementedError):  # a Python without pycairo
            width, height = (max(1, side // pixels) for side in (picture.get_width(), picture.get_height()))
            picture = picture.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
    image.set_from_pixbuf(picture)


def tip(setting) -> str:
    """Return a setting's help, in which its choices are called as they are in the dialog, each on a line."""
    lines = [_(setting.help)]
    for choice in setting.choices:
        lines.append(f"{choice_label(setting, choice)}: {_(setting.choice_help[choice])}")
    return "\n".join(lines)


def choice_label(setting, choice: str) -> str:
    """Return the name of a setting's choice in the dialog; an unknown choice stands for itself."""
    label_of_choice = setting.choice_labels.get(choice)
    return _(label_of_choice) if label_of_choice else choice


def label(setting) -> Gtk.Label:
    """Return a label that stands left of a setting's widget."""
    made = Gtk.Label.new(_(setting.label))
    made.set_xalign(0.0)
    return made


def adjustment(setting, step: float, page: float, share: float = 1.0) -> Gtk.Adjustment:
    """Return an adjustment over ``share`` of a setting's range."""
    low = setting.minimum if setting.minimum is not None else -1e9
    high = setting.maximum if setting.maximum is not None else 1e9
    return Gtk.Adjustment.new(setting.default * share, low * share, high * share, step, page, 0)


def scale(config, name: str, step: float, page: float, digits: int) -> Gtk.Widget:
    """Return GIMP's own slider, with the label in it."""
    setting = arguments.BY_NAME[name]
    control = adjustment(setting, step, page)
    made = GimpUi.SpinScale.new(control, _(setting.label), digits)
    config.bind_property(name, control, "value", BOTH_WAYS)
    made.set_tooltip_text(tip(setting))
    made.set_hexpand(True)
    return made


def combo(config, name: str) -> Gtk.Widget:
    """Return a menu of a setting's choices."""
    setting = arguments.BY_NAME[name]
    made = Gtk.ComboBoxText()
    for choice in setting.choices:
        made.append(choice, choice_label(setting, choice))
    config.bind_property(name, made, "active-id", BOTH_WAYS)
    made.set_tooltip_text(tip(setting))
    made.set_hexpand(True)
    return made


def number(config, name: str, zero: str = "", unit: str = "", share: float = 1.0) -> Gtk.Widget:
    """Return a field for a number, that says ``zero`` for 0 and adds ``unit`` to anything else.

    The field shows ``share`` of the setting: 1/60 of what is stored in seconds is minutes.
    """
    setting = arguments.BY_NAME[name]
    whole = setting.kind == "int" or share != 1.0
    step = 1 if whole else 0.1
    control = adjustment(setting, step, 64 * step if setting.kind == "int" else 10 * step, share)
    digits = 0 if setting.kind == "int" else 1 if share != 1.0 else 2
    made = Gtk.SpinButton.new(control, 1.0, digits)
    made.set_numeric(not (zero or unit))
    made.set_width_chars(max(9, len(zero)))
    if zero or unit:

        def say(field):
            value = field.get_adjustment().get_value()
            text = zero if zero and value == 0 else f"{round(value, digits):g}{unit}"
            if field.get_text() != text:
                field.set_text(text)
            return True

        made.connect("output", say)
    shown, stored = (lambda _b, value: value * share), (lambda _b, value: value / share)
    config.bind_property(name, control, "value", BOTH_WAYS, *(() if share == 1.0 else (shown, stored)))
    made.set_tooltip_text(tip(setting))
    made.set_hexpand(True)
    return made


def entry(config, name: str) -> Gtk.Widget:
    """Return a line of text."""
    setting = arguments.BY_NAME[name]
    made = Gtk.Entry()
    # GIMP keeps an empty string as none, which an entry does not take.
    config.bind_property(name, made, "text", BOTH_WAYS, lambda _b, text: text or "", lambda _b, text: text)
    free = {"max-memory": _("what is free"), "max-device-memory": _("what is free")}
    made.set_placeholder_text(str(setting.default) or free.get(name, ""))
    made.set_width_chars(12)
    made.set_tooltip_text(tip(setting))
    made.set_hexpand(True)
    return made


def check(config, name: str) -> Gtk.Widget:
    """Return a box to tick."""
    made = Gtk.CheckButton()
    config.bind_property(name, made, "active", BOTH_WAYS)
    made.set_tooltip_text(tip(arguments.BY_NAME[name]))
    return made


def fitting(config, setting) -> Gtk.Widget:
    """Return the widget that fits a setting's kind."""
    if setting.kind == "choice":
        return combo(config, setting.name)
    if setting.kind == "boolean":
        return check(config, setting.name)
    if setting.kind == "string":
        return entry(config, setting.name)
    zero = {"iterations": _("from the quality")}.get(setting.name, "")
    return number(config, setting.name, zero=zero)


def table(config, names) -> Gtk.Grid:
    """Return labels and widgets of settings, in two columns of pairs."""
    grid = Gtk.Grid(column_spacing=12, row_spacing=6)
    for index, name in enumerate(names):
        setting = arguments.BY_NAME[name]
        row, column = index // 2, 2 * (index % 2)
        words, widget = label(setting), fitting(config, setting)
        words.set_mnemonic_widget(widget)
        effects.bind_sensitivity(config, name, words, widget)
        grid.attach(words, column, row, 1, 1)
        grid.attach(widget, column + 1, row, 1, 1)
    return grid
