"""Thumbnails of the styles at hand, the kept ones and those used last, to be taken with a click.

Thumbnails are read one at a time while GTK has nothing else to do, so that opening the dialog waits for none.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp import kept_styles  # noqa: E402
from nst_gimp.words import _  # noqa: E402

SIDE = 56
ROW = 6

_thumbnails = {}


def at_hand() -> list:
    """Return (name, path, path of a thumbnail) of the kept styles and then of those used last."""
    kept = kept_styles.kept()
    paths = {style.path for style in kept}
    last = [path for path in kept_styles.recent() if path not in paths]
    return [
        *((style.name, style.path, style.thumbnail or style.path) for style in kept),
        *((kept_styles.name_of(path), path, path) for path in last),
    ]


def thumbnail(path: str, side: int):
    """Return a small picture of a file, or None where GdkPixbuf cannot read it."""
    if (path, side) not in _thumbnails:
        try:
            read = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, side, side, True)
            _thumbnails[path, side] = read.apply_embedded_orientation()
        except GLib.Error:
            _thumbnails[path, side] = None
    return _thumbnails[path, side]


class Gallery(Gtk.FlowBox):
    """Calls ``take(path)`` when a style is clicked on."""

    def __init__(self, take) -> None:
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
        self.take = take
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
        for name, path, picture in styles:
            image = Gtk.Image.new_from_icon_name("image-x-generic-symbolic", Gtk.IconSize.DND)
            button = Gtk.Button(
                relief=Gtk.ReliefStyle.NONE, tooltip_text=name, image=image, always_show_image=True
            )
            button.set_size_request(SIDE + 8, SIDE + 8)
            button.get_accessible().set_name(name)
            button.connect("clicked", lambda _button, path=path: self.take(path))
            self.add(button)
            button.get_parent().set_can_focus(False)  # the button can: one stop of the Tab key is enough
            self._later.append((image, picture))
        self.show_all()
        self._idle = GLib.idle_add(self._one_more)

    def _one_more(self) -> bool:
        if not self._later:
            self._idle = 0
            return False
        image, path = self._later.pop(0)
        picture = thumbnail(path, SIDE)
        if picture is not None:
            image.set_from_pixbuf(picture)
        return True

    def _stop(self) -> None:
        self._later.clear()
        if self._idle:
            GLib.source_remove(self._idle)
            self._idle = 0


def hint() -> Gtk.Label:
    """Return what stands in the place of a gallery with nothing in it."""
    words = Gtk.Label(
        label=_("Styles that were used appear here."), xalign=0.0, wrap=True, max_width_chars=40
    )
    words.get_style_context().add_class("dim-label")
    return words
