"""The paintings in the queue, each on a line at the top of the dialog; nothing while there are none.

A painting with a window can be shown, one that waits can be dropped. The queue is looked at every second.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.process import paint_queue  # noqa: E402
from nst_gimp.run import queue_words, turn  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

LOOK_MILLISECONDS = 1000
MOST_HEIGHT = 96
"""Pixels for the rows; three of them fit, more are scrolled."""


class QueueRows(Gtk.ScrolledWindow):
    """The rows. ``on_change(entries)`` is called with the first look and whenever the queue has changed."""

    def __init__(self, image, on_change) -> None:
        super().__init__(
            hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True, overlay_scrolling=False
        )
        self.get_accessible().set_name(_("Paintings that are waiting"))
        self.set_max_content_height(MOST_HEIGHT)
        self.set_no_show_all(True)
        self.image, self.on_change = image, on_change
        self.entries: list = []
        self._timer, self._rows = 0, {}
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self.box.show()
        self.add(self.box)

    def start(self) -> None:
        """Look at the queue now, and then every second."""
        self._look(is_first=True)
        self._timer = GLib.timeout_add(LOOK_MILLISECONDS, self._look)

    def stop(self) -> None:
        """Stop looking."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _look(self, *, is_first: bool = False) -> bool:
        entries = paint_queue.entries()
        if is_first or entries != self.entries:
            self.entries = entries
            self._show_rows()
            self.on_change(entries)
        elif entries:
            self._show_rows()  # the time that is left
        return True

    def _show_rows(self) -> None:
        keys = [(entry.number, _action(entry.facts)) for entry in self.entries]
        if keys != list(self._rows):
            for child in self.box.get_children():
                child.destroy()
            self._rows = {key: self._add_row(*key) for key in keys}
        for place, entry in enumerate(self.entries, 1):
            text = queue_words.describe_entry(place, entry)
            if turn.is_on(entry, self.image):
                text = _("This image: {text}").format(text=text)
            self._rows[entry.number, _action(entry.facts)].set_text(text)
        self.set_visible(bool(self.entries))

    def _add_row(self, number: int, action: str) -> Gtk.Label:
        row = Gtk.Box(spacing=12)
        label = Gtk.Label(xalign=0.0, ellipsize=3)
        row.pack_start(label, True, True, 0)
        if action:
            button = Gtk.Button(label=_("Show") if action == paint_queue.SHOW else _("Drop"))
            tips = {
                paint_queue.SHOW: _("Show the window of this painting"),
                paint_queue.DROP: _("Remove this painting from the queue"),
            }
            button.set_tooltip_text(tips[action])
            button.connect("clicked", lambda _button: paint_queue.wish(number, action))
            row.pack_end(button, False, False, 0)
        self.box.pack_start(row, False, False, 0)
        row.show_all()
        return label


def _action(facts: dict) -> str:
    """Return what the button of a painting does: show its window, or drop it, or "" for no button."""
    if not facts.get("is_painting"):
        return paint_queue.DROP
    return paint_queue.SHOW if facts.get("has_window") else ""
