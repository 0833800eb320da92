"""The part of a picture that a trial paints at 100 %, with what surrounds it.

The picture can be dragged, moved with the arrow keys, or clicked at the place to try.
"""

from __future__ import annotations

import time

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.run import detail  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui.picture_view import PictureView  # noqa: E402

DRAG_PIXELS, CLICK_SECONDS = 4, 0.3
DIMMED = 110
"""Opacity, of 255, of the black over what surrounds the part."""

ARROWS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}


class PartView(PictureView):
    """Shows a part of a subject; ``on_move(center)`` is called when another place is chosen.

    ``center`` is the relative position of the new middle, which may be too close to a border.
    """

    def __init__(self, side: int, on_move) -> None:
        super().__init__(side, side)
        self.subject = self.part = None
        self.on_move = on_move
        self._press = None  # (x, y, time, the middle of the part) while the mouse button is down
        self.holder.set_can_focus(True)
        self.holder.add_events(Gdk.EventMask.BUTTON1_MOTION_MASK | Gdk.EventMask.KEY_PRESS_MASK)
        self.holder.set_tooltip_text(
            _("Drag the picture to the place to try. Hold the mouse button to see the original picture.")
        )
        self.holder.get_accessible().set_name(_("Part of the picture to try"))
        self.holder.connect("button-press-event", self._pressed)
        self.holder.connect("motion-notify-event", self._moved)
        self.holder.connect("button-release-event", self._released)
        self.holder.connect("key-press-event", self._key)

    def show_part(self, subject, part, painted) -> None:
        """Show a part (a ``detail.Detail``) of a subject, and its painting, which may be None."""
        self.subject, self.part, self.painted = subject, part, painted
        self.draw()

    def draw(self) -> bool:
        """Draw the part and its surroundings."""
        if self.part is not None and self.get_realized() and min(self.room()) > 1:
            picture = self._surroundings()
            self.put(picture, (picture.get_width(), picture.get_height()))
        return False

    def _view_box(self) -> tuple:
        """Return the box of the layer that fits into the room, around the part."""
        x, y, width, height = self.subject.box
        center = detail.center_of(self.part.box, self.subject.box)
        room = [side / self.part.scale for side in self.room()]
        left, view_width = detail.span(x, width, center[0], max(room[0], self.part.box[2]))
        top, view_height = detail.span(y, height, center[1], max(room[1], self.part.box[3]))
        return left, top, view_width, view_height

    def _surroundings(self):
        """Return the part in its place, and darker what surrounds it."""
        view, part = self._view_box(), self.part
        light = previews.at_scale(self.subject.layer, view, part.scale)
        picture, shade = light.copy(), light.copy()
        shade.fill(0x000000FF)
        size = light.get_width(), light.get_height()
        shade.composite(picture, 0, 0, *size, 0, 0, 1, 1, GdkPixbuf.InterpType.NEAREST, DIMMED)
        left, top = (round((part.box[axis] - view[axis]) * part.scale) for axis in (0, 1))
        width = min(round(part.box[2] * part.scale), size[0] - left)
        height = min(round(part.box[3] * part.scale), size[1] - top)
        inside = self.painted
        if inside is None or self.is_comparing:
            inside = light.new_subpixbuf(left, top, width, height)
        elif (inside.get_width(), inside.get_height()) != (width, height):
            inside = inside.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
        inside.copy_area(0, 0, width, height, picture, left, top)
        return picture

    def _center(self) -> tuple:
        return detail.center_of(self.part.box, self.subject.box)

    def _pressed(self, holder, event) -> bool:
        if event.button == 1:
            holder.grab_focus()
            self._press = (event.x, event.y, time.monotonic(), self._center())
        return False

    def _moved(self, _holder, event) -> bool:
        if self._press is None:
            return False
        x, y, _time, center = self._press
        if max(abs(event.x - x), abs(event.y - y)) >= DRAG_PIXELS:
            self._move_to(center, x - event.x, y - event.y)
        return True

    def _released(self, holder, event) -> bool:
        if self._press is None:
            return False
        x, y, pressed, center = self._press
        self._press = None
        is_still = max(abs(event.x - x), abs(event.y - y)) < DRAG_PIXELS
        if is_still and time.monotonic() - pressed < CLICK_SECONDS:
            area = holder.get_allocation()
            self._move_to(center, x - area.width / 2, y - area.height / 2)
        return False

    def _key(self, _holder, event) -> bool:
        step = ARROWS.get(Gdk.keyval_name(event.keyval))
        if step is None:
            return False
        pixels = self.part.box[2] * self.part.scale / self.get_scale_factor() / 4
        self._move_to(self._center(), step[0] * pixels, step[1] * pixels)
        return True

    def _move_to(self, center: tuple, x: float, y: float) -> None:
        """Choose the place ``x``, ``y`` of GTK's pixels away from the relative position ``center``."""
        pixels = self.get_scale_factor() / self.part.scale
        width, height = self.subject.box[2:]
        self.on_move((center[0] + x * pixels / width, center[1] + y * pixels / height))
