"""A picture as large as its room, sharp on every screen; press the mouse button to see the original."""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402


class PictureView(Gtk.ScrolledWindow):
    """Shows ``painted``, or ``original`` if there is none or the mouse button is pressed; both are pixbufs.

    ``width`` and ``height`` are the least room in GTK's pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__(hscrollbar_policy=Gtk.PolicyType.EXTERNAL, vscrollbar_policy=Gtk.PolicyType.EXTERNAL)
        self.original = self.painted = None
        self.is_comparing = False
        self._last_drawn = None
        self.picture = Gtk.Image()
        self.holder = Gtk.EventBox()
        self.holder.add(self.picture)
        self.holder.set_tooltip_text(_("Hold the mouse button to see the original picture"))
        self.holder.connect("button-press-event", lambda _holder, _event: self.compare(True))
        self.holder.connect("button-release-event", lambda _holder, _event: self.compare(False))
        self.set_can_focus(False)  # there is nothing to scroll
        self.set_size_request(width, height)
        self.add(self.holder)
        self.connect("size-allocate", lambda _view, _area: GLib.idle_add(self.draw))
        self.connect("notify::scale-factor", lambda _view, _name: GLib.idle_add(self.draw))

    def show_pictures(self, original, painted) -> None:
        """Show other pictures; ``painted`` may be None."""
        self.original, self.painted = original, painted
        self.draw()

    def compare(self, is_comparing: bool) -> None:
        """Show the original, or the painted picture again."""
        self.is_comparing = is_comparing
        self.draw()

    def room(self) -> tuple:
        """Return the (width, height) of the room in pixels of the screen."""
        area, pixels = self.get_allocation(), self.get_scale_factor()
        return area.width * pixels, area.height * pixels

    def shown(self):
        """Return the picture to show."""
        return self.original if self.is_comparing or self.painted is None else self.painted

    def draw(self) -> bool:
        """Draw the picture if there is anything new. GLib calls this once for each change of the size."""
        if self.original is not None and self.get_realized():
            self.put(self.shown(), self._fitting_size())
        return False

    def _fitting_size(self) -> tuple:
        # Use the original's proportions: those of a coarse level are rounded to whole pixels.
        width, height = self.original.get_width(), self.original.get_height()
        room_width, room_height = self.room()
        scale = min(room_width / width, room_height / height)
        return max(1, int(width * scale)), max(1, int(height * scale))

    def put(self, picture, size: tuple) -> None:
        """Show ``picture`` at ``size`` (width, height), in pixels of the screen."""
        if self._last_drawn != (picture, size):
            if (picture.get_width(), picture.get_height()) != size:
                scaled = picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
            else:
                scaled = picture
            widgets.put(self.picture, scaled, self.get_scale_factor())
            self._last_drawn = picture, size
