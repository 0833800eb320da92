"""Shows a run without a window, in GIMP's own progress bar. Its Cancel button ends this process."""

from __future__ import annotations

import time

from gi.repository import Gimp

from nst_gimp.text.words import _, format_duration

UPDATE_SECONDS = 0.1


def describe_progress(event: dict) -> str:
    """Return a progress event as text: "Pass 2 of 4, 1 min 03 s left"."""
    text = _("Pass {level} of {levels}").format(level=event.get("level", 1), levels=event.get("levels", 1))
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


class ProgressBar:
    """Shows a run in the status bar of the image. In batch mode nothing is shown."""

    wants_previews = False

    def __init__(self) -> None:
        self.facts = RunFacts()

    def begin(self, _subject, style_name: str) -> None:
        """Show the progress bar."""
        Gimp.progress_init(_("Painting in the style of {name}").format(name=style_name))

    def add_notice(self, text: str) -> None:
        """Take a notice for the layer's record."""
        self.facts.notices.append(text)

    def follow(self, engine, _job_folder) -> dict:
        """Show the engine's progress until it is done, and return its last event."""
        last_update = 0.0
        while True:
            event = engine.next_event()
            if event is None:
                continue
            self.facts.take(event)
            kind = event["event"]
            if kind == "progress" and time.monotonic() - last_update >= UPDATE_SECONDS:
                last_update = time.monotonic()
                Gimp.progress_update(min(1.0, max(0.0, float(event.get("fraction", 0.0)))))
                Gimp.progress_set_text(describe_progress(event))
            elif kind == "done":
                Gimp.progress_update(1.0)
                return event

    def end(self) -> None:
        """Remove the progress bar."""
        Gimp.progress_end()
