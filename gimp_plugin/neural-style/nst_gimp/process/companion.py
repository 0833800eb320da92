"""One engine process beside the dialog, kept warm, that answers plans and trials one after the other.

Knows the protocol's form and GTK's loop, and nothing of what is asked. Never blocks. Of each kind of request
only the newest that waits is sent: sliders move faster than any engine plans.
"""

from __future__ import annotations

from collections import namedtuple

from gi.repository import GLib

from nst_gimp.process.engine import Engine
from nst_gimp.process.job import Job
from nst_gimp.text.messages import UserError, unexpected

LOOK_MILLISECONDS = 50

Asked = namedtuple("Asked", "kind make on_event on_error")


class Companion:
    """Starts its process with the first question; :meth:`close` ends it."""

    def __init__(self) -> None:
        self.version = ""
        self.job = self._engine = self._running = None
        self._waiting = {}
        self._timer = 0
        self._deaf = False

    def ask(self, kind: str, make, on_event, on_error) -> None:
        """Ask as soon as the engine is free.

        ``make(job)`` returns the request; it is called when its turn comes, and may raise a UserError.
        ``on_event(event)`` gets events, "done" as the last; ``on_error(UserError)`` ends it otherwise.
        """
        self._waiting[kind] = Asked(kind, make, on_event, on_error)
        if not self._timer:
            self._timer = GLib.timeout_add(LOOK_MILLISECONDS, self._look)

    def finish(self, kind: str) -> None:
        """Have a running request of ``kind`` end with what there is; one that waits is forgotten."""
        self._waiting.pop(kind, None)
        if self._running is not None and self._running.kind == kind:
            self._engine.keep()

    def drop(self, kind: str) -> None:
        """Hear no more of ``kind``, and have it end."""
        self.finish(kind)
        if self._running is not None and self._running.kind == kind:
            self._deaf = True

    def close(self) -> None:
        """End the process and forget everything."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
        self._waiting.clear()
        self._leave()

    def _leave(self) -> None:
        self._running, self._deaf = None, False
        if self._engine is not None:
            self._engine.close(0.5)
            self._engine = None
        if self.job is not None:
            self.job.__exit__()
            self.job = None

    def _look(self) -> bool:
        """Take what has come, send what waits; called by GTK as long as there is either."""
        if self._running is None and not self._begin():
            self._timer = 0
            return False
        try:
            while self._running is not None:
                event = self._engine.next_event(0)
                if event is None:
                    break
                self._take(event)
        except UserError as error:
            self._failed(error)
        return True

    def _take(self, event: dict) -> None:
        if event["event"] == "hello":
            self.version = str(event.get("version") or "")
        asked, deaf = self._running, self._deaf
        if event["event"] == "done":
            self._running, self._deaf = None, False
        if deaf:
            return
        try:
            asked.on_event(event)
        except Exception as error:  # or GTK would never call again
            self.drop(asked.kind)
            asked.on_error(unexpected(error))

    def _failed(self, error: UserError) -> None:
        asked, deaf = self._running, self._deaf
        self._running, self._deaf = None, False
        if not error.told:
            self._leave()
        if asked is not None and not deaf:
            asked.on_error(error)

    def _begin(self) -> bool:
        """Send the next request that waits; return whether one is on its way."""
        while self._waiting:
            asked = self._waiting.pop(next(iter(self._waiting)))
            try:
                if self._engine is None:
                    self.job = Job()
                    self._engine = Engine(self.job.folder)
                request = asked.make(self.job)
            except Exception as error:  # or GTK would never call again
                if self._engine is None:
                    self._leave()
                asked.on_error(unexpected(error))
                continue
            self._engine.send(request)
            self._running = asked
            return True
        return False
