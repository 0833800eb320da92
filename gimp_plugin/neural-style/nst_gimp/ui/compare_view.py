"""A picture of a painting that one compares with the photo: by a press, or by a handle that one drags.

Left of the handle is the photo, right of it the painting. The arrow keys move the handle, too. Pictures are
put together as pixels, because GIMP's Python need not have the library for drawing (pycairo).
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402

DRAG_PIXELS = 4
"""A movement of fewer pixels is a press."""

KEY_STEP = 0.05
LINE, GRIP = 3, (11, 27)
"""Width of the line between the two, and width and height of the handle on it, in pixels."""

LIGHT, DARK = 0xFFFFFFFF, 0x303030FF

MOVES = {
    Gdk.KEY_Left: lambda split: split - KEY_STEP,
    Gdk.KEY_Right: lambda split: split + KEY_STEP,
    Gdk.KEY_Home: lambda _split: 0.0,
    Gdk.KEY_End: lambda _split: 1.0,
}


FOCUS_STYLE = b"frame.focused > border { border-color: @theme_selected_bg_color; }"


class CompareView(Gtk.Frame):
    """A frame with a photo, or a painting of it, as large as its room, which is at least ``side``."""

    def __init__(self, side: int) -> None:
        super().__init__(shadow_type=Gtk.ShadowType.IN)
        self.side = side
        self.photo = self.painting = None
        self._split = None
        """The share of the width, from the left, that shows the photo; None shows the painting alone."""
        self._pressed_at = None
        self._is_dragging = False
        self._drawn_size = None
        self.picture = Gtk.Image()
        self.holder = Gtk.EventBox()
        self.holder.add_events(Gdk.EventMask.BUTTON1_MOTION_MASK)
        self.holder.add(self.picture)
        # A scrolled window can shrink again, which a picture alone cannot.
        outside = Gtk.PolicyType.EXTERNAL
        self.room = Gtk.ScrolledWindow(hscrollbar_policy=outside, vscrollbar_policy=outside)
        self.room.set_can_focus(False)  # there is nothing to scroll
        self.room.set_size_request(side + 8, side + 8)
        self.room.add(self.holder)
        self.room.connect("size-allocate", lambda _room, _area: GLib.idle_add(self._fit))
        self.add(self.room)
        self.holder.set_tooltip_text(
            _(
                "Hold the mouse button to see the photo. Drag to see both side by side; a click ends that. "
                "The left and right arrow keys do the same."
            )
        )
        self.holder.get_accessible().set_name(_("Photo and painting, to compare"))
        style = Gtk.CssProvider()
        style.load_from_data(FOCUS_STYLE)
        self.get_style_context().add_provider(style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
        for signal, act in (
            ("button-press-event", self._press),
            ("motion-notify-event", self._drag),
            ("button-release-event", lambda _event: self._release()),
            ("key-press-event", self._key),
            ("focus-in-event", lambda _event: self._show_focus(True)),
            ("focus-out-event", lambda _event: self._show_focus(False)),
        ):
            self.holder.connect(signal, lambda _holder, event, act=act: act(event))

    def set_pictures(self, photo, painting=None) -> None:
        """Show ``photo``, or ``painting``, a picture of it, where the split does not show the photo."""
        self.photo, self.painting = photo, painting
        self.holder.set_can_focus(painting is not None)
        self._draw()

    def _press(self, event) -> bool:
        if event.button == 1 and event.type == Gdk.EventType.BUTTON_PRESS:
            self.holder.grab_focus()
            self._pressed_at, self._is_dragging = event.x, False
            self._draw()
        return False

    def _drag(self, event) -> bool:
        if self._pressed_at is not None and self.painting is not None:
            self._is_dragging = self._is_dragging or abs(event.x - self._pressed_at) >= DRAG_PIXELS
            if self._is_dragging:
                self._move_split(self._share_at(event.x))
        return False

    def _release(self) -> bool:
        if self._pressed_at is not None and not self._is_dragging:
            self._split = None
        self._pressed_at = None
        self._draw()
        return False

    def _key(self, event) -> bool:
        if event.keyval not in MOVES or self.painting is None:
            return False
        self._move_split(MOVES[event.keyval](0.5 if self._split is None else self._split))
        return True

    def _move_split(self, share: float) -> None:
        self._split = min(1.0, max(0.0, share))
        self._draw()

    def _share_at(self, x: float) -> float:
        """Return the share of the picture that is left of a point of this widget."""
        width = self._size()[0] / self.get_scale_factor()
        return (x - (self.holder.get_allocated_width() - width) / 2) / width

    def _show_focus(self, has_focus: bool) -> bool:
        style = self.get_style_context()
        (style.add_class if has_focus else style.remove_class)("focused")
        return False

    def _fit(self) -> bool:
        """Draw at the size of the room if that has changed. GLib calls this once."""
        if self.photo is not None and self._size() != self._drawn_size:
            self._draw()
        return False

    def _size(self) -> tuple:
        """Return the (width, height) at which pictures are shown, in pixels of the screen."""
        width, height = self.photo.get_width(), self.photo.get_height()
        room, pixels = self.room.get_allocation(), self.get_scale_factor()
        scale = pixels * min(max(self.side, room.width) / width, max(self.side, room.height) / height)
        return max(1, int(width * scale)), max(1, int(height * scale))

    def _draw(self) -> None:
        if self.photo is None:
            return
        self._drawn_size = self._size()
        only_photo = self.painting is None or (self._pressed_at is not None and not self._is_dragging)
        size = self._drawn_size
        if only_photo:
            shown = scaled(self.photo, size)
        elif self._split is None:
            shown = scaled(self.painting, size)
        else:
            shown = split_picture(scaled(self.photo, size), scaled(self.painting, size), self._split)
        widgets.put(self.picture, shown, self.get_scale_factor())


def scaled(picture, size):
    """Return a picture in that (width, height)."""
    if (picture.get_width(), picture.get_height()) == size:
        return picture
    return picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def split_picture(left, right, share: float):
    """Return ``share`` of the picture ``left`` beside the rest of ``right``, with a handle between them."""
    width, height = right.get_width(), right.get_height()
    border = round(share * width)
    joined = right.copy()
    if border > 0:
        left.copy_area(0, 0, border, height, joined, 0, 0)
    _fill(joined, (border - LINE // 2 - 1, 0, LINE + 2, height), DARK)
    _fill(joined, (border - LINE // 2, 0, LINE, height), LIGHT)
    grip_width, grip_height = GRIP
    grip = (border - grip_width // 2, (height - grip_height) // 2, grip_width, grip_height)
    _fill(joined, (grip[0] - 1, grip[1] - 1, grip_width + 2, grip_height + 2), DARK)
    _fill(joined, grip, LIGHT)
    for offset in (-2, 2):
        _fill(joined, (border + offset, grip[1] + 7, 1, grip_height - 14), DARK)
    return joined


def _fill(picture, box, color: int) -> None:
    """Fill the part of ``box`` (x, y, width, height) that is in the picture."""
    x, y, width, height = box
    left, top = max(0, x), max(0, y)
    right, bottom = min(picture.get_width(), x + width), min(picture.get_height(), y + height)
    if left < right and top < bottom:
        picture.new_subpixbuf(left, top, right - left, bottom - top).fill(color)
