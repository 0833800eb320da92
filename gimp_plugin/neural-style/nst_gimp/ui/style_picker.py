"""A button that shows a style and lets the user choose another: a kept one, a file or a layer.

A style is a string here, as in the procedure's arguments: a path, the name of a kept style, ``layer:NAME``.
"""

from __future__ import annotations

import os

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp.image import masks  # noqa: E402
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import screen_fit, style_grid, thumbnails, widgets  # noqa: E402

SIDE = 32
PREVIEW_SIDE = 200


def ask_for_file(parent, current: str = ""):
    """Ask for a picture file; return its Gio.File, or None.

    The chooser opens at ``current`` if that is the user's own file, else at the one used last, else in the
    folder of pictures.
    """
    chooser = Gtk.FileChooserDialog(
        title=_("Choose a painting"), transient_for=parent, action=Gtk.FileChooserAction.OPEN
    )
    chooser.add_buttons(_("_Cancel"), Gtk.ResponseType.CANCEL, _("_Open"), Gtk.ResponseType.ACCEPT)
    chooser.set_default_response(Gtk.ResponseType.ACCEPT)
    screen_fit.keep_on_screen(chooser)
    preview = Gtk.Image()
    chooser.set_preview_widget(preview)
    chooser.connect("update-preview", _update_preview, preview)
    pictures = GLib.get_user_special_dir(GLib.UserDirectory.DIRECTORY_PICTURES)
    latest = kept_styles.latest_file(current)
    if latest:
        chooser.set_filename(latest)
    else:
        chooser.set_current_folder(pictures or GLib.get_home_dir())
    chosen = chooser.get_file() if chooser.run() == Gtk.ResponseType.ACCEPT else None
    chooser.destroy()
    return chosen


def _update_preview(chooser, preview) -> None:
    path = chooser.get_preview_filename()
    try:
        picture = (
            GdkPixbuf.Pixbuf.new_from_file_at_scale(path, PREVIEW_SIDE, PREVIEW_SIDE, True) if path else None
        )
    except GLib.Error:
        picture = None
    preview.set_from_pixbuf(picture)
    chooser.set_preview_widget_active(picture is not None)


class StyleButton(Gtk.MenuButton):
    """Calls ``changed(text)`` with the chosen style; ``empty`` is the text shown without one.

    If it is ``clearable``, "" can be chosen too.
    """

    def __init__(self, image, changed, empty: str, clearable: bool = False) -> None:
        super().__init__()
        self.image, self.changed, self.empty, self.clearable = image, changed, empty, clearable
        self.text = ""
        self.picture = Gtk.Image()
        self.picture.set_size_request(SIDE, SIDE)  # so that rows line up for pictures of any shape
        self.label = Gtk.Label(xalign=0.0, ellipsize=3, max_width_chars=18, width_chars=12)
        row = Gtk.Box(spacing=8)
        row.pack_start(self.picture, False, False, 0)
        row.pack_start(self.label, True, True, 0)
        self.add(row)
        self.popover = Gtk.Popover(position=Gtk.PositionType.BOTTOM)
        self.set_popover(self.popover)
        self.popover.connect("show", lambda _popover: self._fill())
        self.show_style("")

    def show_style(self, text: str) -> None:
        """Show a style."""
        self.text = text
        path = None if text.startswith(masks.LAYER) else kept_styles.find_path(text) if text else None
        pixels = self.get_scale_factor()
        picture = thumbnails.thumbnail(path, SIDE * pixels) if path else None
        if picture is not None:
            widgets.put(self.picture, picture, pixels)
        else:
            is_missing = bool(text) and path is None and not text.startswith(masks.LAYER)
            icon = "dialog-warning-symbolic" if is_missing else "image-x-generic-symbolic"
            self.picture.set_from_icon_name(icon, Gtk.IconSize.LARGE_TOOLBAR)
        name = text.partition(":")[2] if text.startswith(masks.LAYER) else kept_styles.display_name(text)
        self.label.set_text(name if text else self.empty)
        self.set_tooltip_text(text or _("Choose a style"))

    def _take(self, text: str) -> None:
        self.popover.popdown()
        self.show_style(text)
        self.changed(text)

    def _fill(self) -> None:
        old = self.popover.get_child()
        if old is not None:
            old.destroy()
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, border_width=10)
        if style_grid.list_styles():
            scrolled = Gtk.ScrolledWindow(
                hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True, overlay_scrolling=False
            )
            scrolled.set_max_content_height(220)
            scrolled.add(style_grid.StyleGrid(self._take))
            body.add(scrolled)
        file_button = Gtk.Button(label=_("Picture file…"))
        file_button.connect("clicked", lambda _button: self._ask())
        body.add(file_button)
        names = [layer.get_name() for layer in masks.all_layers(self.image)]
        layers = Gtk.ComboBoxText(tooltip_text=_("Take the style from a layer of this image"))
        layers.append("", _("Or use a layer of this image"))
        for name in names:
            layers.append(masks.LAYER + name, name)
        layers.set_active_id("")
        layers.connect("changed", lambda combo: combo.get_active_id() and self._take(combo.get_active_id()))
        body.add(layers)
        if self.text and self.clearable:
            none = Gtk.Button(label=self.empty)
            none.connect("clicked", lambda _button: self._take(""))
            body.add(none)
        self.popover.add(body)
        body.show_all()
        GLib.idle_add(self._take_focus)

    def _take_focus(self) -> bool:
        body = self.popover.get_child()
        if body is not None:
            body.child_focus(Gtk.DirectionType.TAB_FORWARD)
        return False

    def _ask(self) -> None:
        self.popover.popdown()
        chosen = ask_for_file(self.get_toplevel(), self.text if os.path.isfile(self.text) else "")
        if chosen is not None and chosen.get_path():
            self._take(chosen.get_path())
