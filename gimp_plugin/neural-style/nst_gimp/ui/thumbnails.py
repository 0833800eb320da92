"""Thumbnails that are read one at a time while GTK is idle, so that a window opens at once."""

from __future__ import annotations

import os

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GLib, Gtk  # noqa: E402

from nst_gimp.ui import widgets  # noqa: E402

_thumbnails = {}


def modified_at(path: str) -> int:
    """Return the time of a file's last change in nanoseconds, 0 if it is missing."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def thumbnail(path: str, side: int):
    """Return a small picture of a file, or None if GdkPixbuf cannot read it."""
    key = (path, side, modified_at(path))
    if key not in _thumbnails:
        try:
            read = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, side, side, True)
            _thumbnails[key] = read.apply_embedded_orientation()
        except GLib.Error:
            _thumbnails[key] = None
    return _thumbnails[key]


class IdleThumbnails:
    """Fills images of ``side`` pixels in the grid ``owner``, until it is destroyed.

    ``finish(picture)`` returns the picture to show.
    """

    def __init__(self, owner: Gtk.Widget, side: int, finish=lambda picture: picture) -> None:
        self.owner, self.side, self.finish = owner, side, finish
        self._waiting = []
        self._idle = 0
        owner.connect("destroy", lambda _owner: self.stop())

    def add(self, image: Gtk.Image, path: str) -> None:
        """Show the picture of a file in an image, after those that were added before."""
        self._waiting.append((image, path))
        if not self._idle:
            self._idle = GLib.idle_add(self._load_next)

    def stop(self) -> None:
        """Leave the images that still wait as they are."""
        self._waiting.clear()
        if self._idle:
            GLib.source_remove(self._idle)
            self._idle = 0

    def _load_next(self) -> bool:
        if not self._waiting:
            self._idle = 0
            return False
        image, path = self._waiting.pop(0)
        pixels = self.owner.get_scale_factor()
        picture = thumbnail(path, self.side * pixels)
        if picture is not None:
            widgets.put(image, self.finish(picture), pixels)
        return True
