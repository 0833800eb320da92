"""Watching a run without a window: GIMP's own progress bar, whose Cancel ends this process."""

from __future__ import annotations

import time

from gi.repository import Gimp

from nst_gimp.text.words import _, duration

SECONDS_BETWEEN = 0.1


def sentence(event: dict) -> str:
    """Say where a run is: "Level 2 of 4, 1 min 03 s left"."""
    text = _("Level {level} of {levels}").format(level=event.get("level", 1), levels=event.get("levels", 1))
    left = event.get("seconds_left")
    return text if left is None else _("{where}, {time} left").format(where=text, time=duration(left))


class ProgressBar:
    """Shows a run in the status bar of the image, or nowhere in batch mode."""

    wants_previews = False

    def __init__(self) -> None:
        self.engine_version = ""
        self.notices = []

    def begin(self, _subject, style_name: str) -> None:
        """Show that something has begun."""
        Gimp.progress_init(_("Painting in the style of {name}").format(name=style_name))

    def follow(self, engine, _job) -> dict:
        """Wait for the engine and return its last event."""
        shown = 0.0
        while True:
            event = engine.next_event()
            if event is None:
                continue
            kind = event["event"]
            if kind == "hello":
                self.engine_version = event.get("version", "")
            elif kind == "progress" and time.monotonic() - shown >= SECONDS_BETWEEN:
                shown = time.monotonic()
                Gimp.progress_update(min(1.0, max(0.0, float(event.get("fraction", 0.0)))))
                Gimp.progress_set_text(sentence(event))
            elif kind == "notice":
                self.notices.append(str(event.get("message") or ""))
            elif kind == "done":
                Gimp.progress_update(1.0)
                return event

    def end(self) -> None:
        """Take the bar away."""
        Gimp.progress_end()
