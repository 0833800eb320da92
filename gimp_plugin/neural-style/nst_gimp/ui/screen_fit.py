"""Windows no larger than the screen, whatever its size and scale.

GTK asks for the size that the contents would like; without a window manager's help a window may then be
larger than a small screen, or one at 200 %.
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

FRAME_WIDTH, FRAME_HEIGHT = 16, 56
"""What is left for the window's frame and title bar, in GTK's pixels."""


def largest_size(window) -> tuple:
    """Return the largest (width, height) of a window on the screen that it is on, or will be on."""
    display = Gdk.Display.get_default()
    surface = Gtk.Widget.get_window(window)
    monitor = display.get_monitor_at_window(surface) if surface is not None else display.get_primary_monitor()
    area = (monitor or display.get_monitor(0)).get_workarea()
    return area.width - FRAME_WIDTH, area.height - FRAME_HEIGHT


def set_size(window, width: int, height: int) -> None:
    """Let a window open with this size, or with the largest that fits on the screen."""
    most_width, most_height = largest_size(window)
    window.set_default_size(min(width, most_width), min(height, most_height))


def keep_on_screen(window) -> None:
    """Shrink a window that opens larger than the screen, as GTK's file choosers do."""

    def shrink(*_args) -> bool:
        (width, height), most = window.get_size(), largest_size(window)
        if width > most[0] or height > most[1]:
            window.resize(min(width, most[0]), min(height, most[1]))
            window.move(*(max(0, place) for place in window.get_position()))
        return False

    window.connect_after("map", shrink)


def scrolled(child, **properties) -> Gtk.ScrolledWindow:
    """Return ``child`` with scrollbars that are shown whenever a part of it is out of view."""
    window = Gtk.ScrolledWindow(overlay_scrolling=False, **properties)
    window.add(child)
    return window


def column(child) -> Gtk.ScrolledWindow:
    """Return a column as high as its contents, which can be scrolled on a screen that is too low for it."""
    window = scrolled(child, hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True)
    window.set_can_focus(False)  # what is in it has the focus
    return window
