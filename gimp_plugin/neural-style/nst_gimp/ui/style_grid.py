"""Thumbnails of the styles at hand, the kept ones and those used last, to be taken with a click.

Thumbnails are read one at a time while GTK has nothing else to do, so that opening the dialog waits for none.
"""

from __future__ import annotations

import os

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402

SIDE = 56
ROW = 6

_thumbnails = {}


def at_hand() -> list:
    """Return (name, path, thumbnail's path, when that was made) of the kept styles, then those used last."""
    kept = kept_styles.list_styles()
    paths = {style.path for style in kept}
    last = [path for path in kept_styles.list_recent() if path not in paths]
    shown = [
        *((style.name, style.path, style.thumbnail or style.path) for style in kept),
        *((kept_styles.display_name(path), path, path) for path in last),
    ]
    return [(*style, made(style[-1])) for style in shown]


def made(path: str) -> int:
    """Return when a file was last written, in nanoseconds; 0 where it is gone."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def thumbnail(path: str, side: int):
    """Return a small picture of a file, or None where GdkPixbuf cannot read it."""
    key = (path, side, made(path))
    if key not in _thumbnails:
        try:
            read = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, side, side, True)
            _thumbnails[key] = read.apply_embedded_orientation()
        except GLib.Error:
            _thumbnails[key] = None
    return _thumbnails[key]


class Gallery(Gtk.FlowBox):
    """Calls ``take(path)`` when a style is clicked on; ``menu(path)``, if given, returns its context menu."""

    def __init__(self, take, menu=None) -> None:
        super().__init__(
            selection_mode=Gtk.SelectionMode.NONE,
            max_children_per_line=ROW,
            min_children_per_line=ROW,
            homogeneous=True,
            column_spacing=2,
            row_spacing=2,
            halign=Gtk.Align.START,
            valign=Gtk.Align.START,
        )
        self.take, self.menu = take, menu
        self._shown = []
        self._later = []
        self._idle = 0
        self.connect("destroy", lambda _box: self._stop())
        self.refresh()

    def refresh(self) -> None:
        """Show what is at hand now."""
        styles = at_hand()
        if styles == self._shown:
            return
        self._stop()
        self._shown = styles
        for child in self.get_children():
            child.destroy()
        for name, path, picture, _made in styles:
            image = Gtk.Image.new_from_icon_name("image-x-generic-symbolic", Gtk.IconSize.DND)
            button = Gtk.Button(
                relief=Gtk.ReliefStyle.NONE,
                tooltip_text=told(name, path),
                image=image,
                always_show_image=True,
            )
            button.set_size_request(SIDE + 8, SIDE + 8)
            button.get_accessible().set_name(name)
            button.connect("clicked", lambda _button, path=path: self.take(path))
            if self.menu is not None:
                button.connect("button-press-event", self._pressed, path)
                button.connect("popup-menu", lambda button, path=path: self._open_menu(button, path))
            self.add(button)
            button.get_parent().set_can_focus(False)  # the button can: one stop of the Tab key is enough
            self._later.append((image, picture))
        self.show_all()
        self._idle = GLib.idle_add(self._one_more)

    def _pressed(self, button, event, path: str) -> bool:
        return event.triggers_context_menu() and self._open_menu(button, path, event)

    def _open_menu(self, button, path: str, event=None) -> bool:
        menu = self.menu(path)
        menu.attach_to_widget(button, None)
        menu.show_all()
        if event is not None:
            menu.popup_at_pointer(event)
        else:
            menu.popup_at_widget(button, Gdk.Gravity.SOUTH_WEST, Gdk.Gravity.NORTH_WEST, None)
        return True

    def _one_more(self) -> bool:
        if not self._later:
            self._idle = 0
            return False
        image, path = self._later.pop(0)
        pixels = self.get_scale_factor()
        picture = thumbnail(path, SIDE * pixels)
        if picture is not None:
            widgets.put(image, picture, pixels)
        return True

    def _stop(self) -> None:
        self._later.clear()
        if self._idle:
            GLib.source_remove(self._idle)
            self._idle = 0


def told(name: str, path: str) -> str:
    """Return what a style's tooltip says: its name, and the settings that it brings along."""
    listed = [widgets.said(setting, value) for setting, value in kept_styles.read_settings(path).items()]
    return "\n".join([name, *listed])


def hint() -> Gtk.Label:
    """Return what stands in the place of a gallery with nothing in it."""
    words = Gtk.Label(
        label=_("Styles that were used or kept appear here."), xalign=0.0, wrap=True, max_width_chars=40
    )
    words.get_style_context().add_class("dim-label")
    return words
