"""Widgets for settings, bound to the procedure's stored values, so that presets and Reset update them.

The ranges come from the engine's table; those that GIMP knows are wide open (see ``arguments``).
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gdk, GdkPixbuf, GimpUi, GObject, Gtk, Pango  # noqa: E402

from nst_gimp.settings import arguments, effects  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access  # noqa: E402

BOTH_WAYS = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE

BAR_STYLE = (
    b"trough, progress { min-height: 10px; border-radius: 5px; }"
    b"trough { min-width: 40px; } progress { background: #6a9fd8; }"
)
"""GIMP's themes draw progress bars two pixels high, at least 150 pixels wide, and grey."""


def setting_text(name: str, value) -> str:
    """Return a setting and its value as the dialog names them: "Brush size: 0.5"."""
    setting = arguments.BY_NAME[name]
    shown = choice_label(setting, value) if setting.kind == "choice" else value
    text = f"{shown:g}" if isinstance(shown, float) else str(shown)
    return _("{name}: {value}").format(name=_(setting.label), value=text)


def progress_bar() -> Gtk.ProgressBar:
    """Return a progress bar that is visible in GIMP's themes."""
    bar = Gtk.ProgressBar(show_text=False, valign=Gtk.Align.CENTER)
    style = Gtk.CssProvider()
    style.load_from_data(BAR_STYLE)
    bar.get_style_context().add_provider(style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
    return bar


def put(image: Gtk.Image, picture, pixels: int = 1) -> None:
    """Show a picture with ``pixels`` screen pixels for each of GTK's: 2 on a high-resolution screen."""
    if pixels > 1:
        try:
            image.set_from_surface(Gdk.cairo_surface_create_from_pixbuf(picture, pixels, None))
            return
        except (TypeError, NotImplementedError):  # a Python without pycairo
            width, height = (max(1, side // pixels) for side in (picture.get_width(), picture.get_height()))
            picture = picture.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
    image.set_from_pixbuf(picture)


def tip(setting) -> str:
    """Return a setting's help, and that of each choice on a line of its own."""
    lines = [_(setting.help)]
    lines += [
        f"{choice_label(setting, choice)}: {_(setting.choice_help[choice])}" for choice in setting.choices
    ]
    return "\n".join(lines)


def choice_label(setting, choice: str) -> str:
    """Return the name of a setting's choice in the dialog; an unknown choice stands for itself."""
    text = setting.choice_labels.get(choice)
    return _(text) if text else choice


def label(setting) -> Gtk.Label:
    """Return the label for a setting's widget."""
    return Gtk.Label(label=_(setting.label), xalign=0.0, wrap=True)


def adjustment(setting, step: float, page: float, share: float = 1.0) -> Gtk.Adjustment:
    """Return an adjustment over ``share`` of a setting's range."""
    low = setting.minimum if setting.minimum is not None else -1e9
    high = setting.maximum if setting.maximum is not None else 1e9
    return Gtk.Adjustment.new(setting.default * share, low * share, high * share, step, page, 0)


def scale(config, name: str, step: float, page: float, digits: int) -> Gtk.Widget:
    """Return GIMP's own slider, with the label in it."""
    setting = arguments.BY_NAME[name]
    control = adjustment(setting, step, page)
    widget = GimpUi.SpinScale.new(control, _(setting.label), digits)
    config.bind_property(name, control, "value", BOTH_WAYS)
    widget.set_tooltip_text(tip(setting))
    access.set_name(widget, _(setting.label))
    widget.set_hexpand(True)
    return widget


def combo(config, name: str) -> Gtk.Widget:
    """Return a menu of a setting's choices."""
    setting = arguments.BY_NAME[name]
    widget = Gtk.ComboBoxText()
    for choice in setting.choices:
        widget.append(choice, choice_label(setting, choice))
    for cell in widget.get_cells():
        cell.set_property("ellipsize", Pango.EllipsizeMode.END)  # long words must not widen a small screen
    config.bind_property(name, widget, "active-id", BOTH_WAYS)
    widget.set_tooltip_text(tip(setting))
    widget.set_hexpand(True)
    return widget


def number(config, name: str, zero: str = "", unit: str = "", share: float = 1.0) -> Gtk.Widget:
    """Return a field for a number. It shows ``zero`` for 0 and adds ``unit`` to other values.

    The field shows ``share`` times the stored value: with 1/60, seconds are shown as minutes.
    """
    setting = arguments.BY_NAME[name]
    whole = setting.kind == "int" or share != 1.0
    step = 1 if whole else 0.1
    control = adjustment(setting, step, 64 * step if setting.kind == "int" else 10 * step, share)
    digits = 0 if setting.kind == "int" else 1 if share != 1.0 else 2
    widget = Gtk.SpinButton.new(control, 1.0, digits)
    widget.set_numeric(not (zero or unit))
    widget.set_width_chars(max(6, len(zero)))
    if zero or unit:

        def show_value(field):
            value = field.get_adjustment().get_value()
            text = zero if zero and value == 0 else f"{round(value, digits):g}{unit}"
            if field.get_text() != text:
                field.set_text(text)
            return True

        widget.connect("output", show_value)
    shown, stored = (lambda _b, value: value * share), (lambda _b, value: value / share)
    config.bind_property(name, control, "value", BOTH_WAYS, *(() if share == 1.0 else (shown, stored)))
    widget.set_tooltip_text(tip(setting))
    widget.set_hexpand(True)
    return widget


def entry(config, name: str) -> Gtk.Widget:
    """Return a text field."""
    setting = arguments.BY_NAME[name]
    widget = Gtk.Entry()
    # GIMP stores an empty string as None, which an entry does not accept.
    config.bind_property(name, widget, "text", BOTH_WAYS, lambda _b, text: text or "", lambda _b, text: text)
    placeholders = {"max-memory": _("free memory"), "max-device-memory": _("free memory")}
    widget.set_placeholder_text(str(setting.default) or placeholders.get(name, ""))
    widget.set_width_chars(8)
    widget.set_tooltip_text(tip(setting))
    widget.set_hexpand(True)
    return widget


def check(config, name: str) -> Gtk.Widget:
    """Return a check box."""
    widget = Gtk.CheckButton()
    config.bind_property(name, widget, "active", BOTH_WAYS)
    widget.set_tooltip_text(tip(arguments.BY_NAME[name]))
    return widget


def make_widget(config, setting) -> Gtk.Widget:
    """Return the right kind of widget for a setting."""
    if setting.kind == "choice":
        return combo(config, setting.name)
    if setting.kind == "boolean":
        return check(config, setting.name)
    if setting.kind == "string":
        return entry(config, setting.name)
    formats = {
        "iterations": {"zero": _("set by quality")},
        "size": {"zero": _("photo’s own"), "unit": _(" px")},
        "time-limit": {"zero": _("no limit"), "unit": _(" min"), "share": 1 / 60},
    }
    return number(config, setting.name, **formats.get(setting.name, {}))


def table(config, names, own_widgets) -> tuple:
    """Return a grid with settings, two in each row, and (label, widget) of each setting by name.

    ``own_widgets`` has those that are not of the usual kind, by name.
    """
    grid, controls = Gtk.Grid(column_spacing=12, row_spacing=6), {}
    for index, name in enumerate(names):
        setting = arguments.BY_NAME[name]
        row, column = index // 2, 2 * (index % 2)
        setting_label, widget = label(setting), own_widgets.get(name) or make_widget(config, setting)
        setting_label.set_mnemonic_widget(widget)
        effects.bind_sensitivity(config, name, setting_label, widget)
        grid.attach(setting_label, column, row, 1, 1)
        grid.attach(widget, column + 1, row, 1, 1)
        controls[name] = setting_label, widget
    return grid, controls
