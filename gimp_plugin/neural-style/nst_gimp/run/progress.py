"""GIMP's own progress bar, and the run that is shown there only. Its Cancel button ends this process."""

from __future__ import annotations

import time

from gi.repository import Gimp

from nst_gimp.process import paint_queue
from nst_gimp.run import queue_words
from nst_gimp.text.messages import Dropped
from nst_gimp.text.words import _, format_duration

UPDATE_SECONDS = 0.1
BEGIN_SECONDS = 3.0
WAIT_SECONDS = 0.3
"""Between two looks at the queue."""


def describe_progress(event: dict) -> str:
    """Return a progress event as text: "Pass 2 of 4, 1 min 03 s left", or "Frame 2 of 12, ..."."""
    text = _("Pass {level} of {levels}").format(level=event.get("level", 1), levels=event.get("levels", 1))
    if event.get("frames"):
        text = _("Frame {number} of {count}").format(number=event.get("frame", 1), count=event["frames"])
    left = event.get("seconds_left")
    return text if left is None else _("{where}, {time} left").format(where=text, time=format_duration(left))


class RunFacts:
    """What a run's events tell about it, for the record of the result and the name of the layer."""

    def __init__(self) -> None:
        self.engine_version = ""
        self.notices = []
        self._sides: list = []
        self._level = 0

    def take(self, event: dict) -> None:
        """Note an event of the engine."""
        kind = event["event"]
        if kind == "hello":
            self.engine_version = event.get("version", "")
        elif kind == "plan":
            levels = event.get("levels") or []
            self._sides = [max(level.get("width") or 0, level.get("height") or 0) for level in levels]
        elif kind == "progress":
            self._level = int(event.get("level") or 0)
        elif kind == "notice":
            self.notices.append(f"{event.get('message') or ''} {event.get('hint') or ''}".strip())

    @property
    def painted_side(self) -> int:
        """The long side, in pixels, of the level that was reached; 0 if it is unknown."""
        return self._sides[min(self._level or len(self._sides), len(self._sides)) - 1] if self._sides else 0


class StatusBar:
    """GIMP's own progress bar, in the status bar of the image. In batch mode nothing is shown.

    An image has one such bar. Another plug-in that uses it meanwhile ends it, so it is begun again and again.
    """

    def __init__(self, title: str) -> None:
        self._last_update, self._begun, self._text = 0.0, time.monotonic(), title
        Gimp.progress_init(title)

    def wait(self, ahead: list) -> None:
        """Show what the painting waits for."""
        text = queue_words.describe_wait(ahead)
        if text != self._text:
            self._text = text
            Gimp.progress_set_text(text)

    def take(self, event: dict) -> None:
        """Show an event of the engine."""
        now = time.monotonic()
        if event["event"] == "progress" and now - self._last_update >= UPDATE_SECONDS:
            self._last_update, text = now, describe_progress(event)
            if now - self._begun > BEGIN_SECONDS:
                self._begun = now
                Gimp.progress_init(text)
            Gimp.progress_update(min(1.0, max(0.0, float(event.get("fraction", 0.0)))))
            Gimp.progress_set_text(text)
        elif event["event"] == "done":
            Gimp.progress_update(1.0)

    def close(self) -> None:
        """Remove the progress bar."""
        Gimp.progress_end()


class ProgressBar:
    """Shows a run without a window."""

    wants_previews = False
    expected_seconds = None

    def __init__(self) -> None:
        self.facts = RunFacts()

    def begin(self, _subject, style_name: str) -> None:
        """Show the progress bar."""
        self.bar = StatusBar(_("Painting in the style of {name}").format(name=style_name))

    def add_notice(self, text: str) -> None:
        """Take a notice for the layer's record."""
        self.facts.notices.append(text)

    def wait(self, turn, engine) -> None:
        """Wait until no painting comes first.

        Raises:
            Dropped: somebody dropped the painting.
            UserError: the engine failed.
        """
        while ahead := turn.ahead():
            self.bar.wait(ahead)
            event = engine.next_event(WAIT_SECONDS)
            if event is not None:
                self.facts.take(event)
            if turn.take_wish() == paint_queue.DROP:
                raise Dropped

    def follow(self, turn, engine, _job_folder) -> dict:
        """Show the engine's progress until it is done, and return its last event."""
        turn.begin()
        while True:
            event = engine.next_event()
            if event is None:
                continue
            self.facts.take(event)
            turn.take(event)
            self.bar.take(event)
            if event["event"] == "done":
                return event

    def end(self) -> None:
        """Remove the progress bar."""
        self.bar.close()
