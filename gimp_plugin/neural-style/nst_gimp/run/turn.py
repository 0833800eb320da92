"""This painting's turn: its ticket in the queue of paintings, and what others are told about it.

A watcher asks :meth:`Turn.ahead` until nobody is, and passes on the engine's events. Does not wait itself.
"""

from __future__ import annotations

import os
import time

from gi.repository import Gimp

from nst_gimp.image import layers
from nst_gimp.process import paint_queue

LOOK_SECONDS = 0.5
"""Time between two looks at the queue, and between two reports to it."""


class Turn:
    """The turn of one painting. A context manager: leaving gives the turn to the next painting."""

    def __init__(self, subject, style_name: str, watcher) -> None:
        """Take a ticket. The watcher knows the estimate of the time to paint, or None."""
        image = subject.image
        self.ticket = paint_queue.Ticket(
            image=layers.image_name(image),
            image_id=image.get_id(),
            gimp=this_gimp(),
            style=style_name,
            seconds=watcher.expected_seconds,
            has_window=watcher.wants_previews,
        )
        self._ahead: list = self.ticket.ahead()
        self._look = self._report = self._wish_look = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.ticket.release()

    def ahead(self) -> list:
        """Return the paintings that come first, as they were half a second ago at most."""
        if self._ahead and time.monotonic() - self._look >= LOOK_SECONDS:
            self._look = time.monotonic()
            self._ahead = self.ticket.ahead()
        return self._ahead

    def take_wish(self) -> str:
        """Return what somebody wishes, see :mod:`nst_gimp.process.paint_queue`; at most twice a second."""
        if time.monotonic() - self._wish_look < LOOK_SECONDS:
            return ""
        self._wish_look = time.monotonic()
        return self.ticket.take_wish()

    def begin(self) -> None:
        """Tell that this painting paints now."""
        self.ticket.tell(is_painting=True)

    def take(self, event: dict) -> None:
        """Tell what an event of the engine says about the time."""
        if event["event"] == "plan":
            self.ticket.tell(seconds=event.get("seconds"))
        elif event["event"] == "progress" and time.monotonic() - self._report >= LOOK_SECONDS:
            self._report = time.monotonic()
            self.ticket.tell(seconds_left=event.get("seconds_left"))


def this_gimp() -> str:
    """Return what tells this GIMP from others, for which the same numbers stand for other images."""
    return f"{os.getppid()} {Gimp.directory()}"


def is_on(entry, image) -> bool:
    """Return whether an entry of the queue paints ``image`` of this GIMP."""
    return entry.facts.get("gimp") == this_gimp() and entry.facts.get("image_id") == image.get_id()
