"""Which mask is laid over the dialog's picture: that of the row under the pointer, or else with the keyboard.

Knows rows and names of masks; the pictures are the caller's.
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402


class MaskTint:
    """Calls ``show(name)`` when another mask is to be shown; "" is none."""

    def __init__(self, show) -> None:
        self.show = show
        self._hovered = self._focused = None
        self._masks: dict = {}
        self._shown = ""

    def watched(self, row, mask) -> Gtk.EventBox:
        """Return ``row``, whose mask ``mask()`` names, in a box that notices the pointer and the keyboard."""
        box = Gtk.EventBox()  # its window is around those of the buttons in the row
        box.add(row)
        self._masks[box] = mask
        box.connect("enter-notify-event", lambda box, _event: self._point_at(box))
        box.connect("leave-notify-event", self._left)
        row.connect("set-focus-child", lambda _row, child: self._focus(box, child))
        box.connect("destroy", self._forget)
        return box

    def update(self) -> None:
        """Show the mask again: rows, masks or the picture have changed."""
        row = self._hovered or self._focused
        name = self._masks[row]() if row is not None else ""
        if name != self._shown or name:
            self._shown = name
            self.show(name)

    def clear(self) -> None:
        """Show no mask until the pointer or the keyboard is in a row again."""
        self._hovered = self._focused = None
        self.update()

    def _point_at(self, box) -> bool:
        self._hovered = box
        self.update()
        return False

    def _left(self, box, event) -> bool:
        if event.detail != Gdk.NotifyType.INFERIOR and self._hovered is box:
            self._hovered = None
            self.update()
        return False

    def _focus(self, box, child) -> None:
        if child is not None:
            self._focused = box
        elif self._focused is box:
            self._focused = None
        self.update()

    def _forget(self, box) -> None:
        self._masks.pop(box, None)
        was_shown = box in (self._hovered, self._focused)
        self._hovered = None if self._hovered is box else self._hovered
        self._focused = None if self._focused is box else self._focused
        if was_shown:
            self.update()
