"""An engine process that stays loaded while the dialog is open, and answers plans and trials one by one.

Knows the form of the protocol and GTK's main loop, but nothing about the requests. Never blocks. Of the
waiting requests of one kind only the newest is sent, because sliders move faster than any engine can plan.
"""

from __future__ import annotations

from collections import namedtuple

from gi.repository import GLib

from nst_gimp.process.engine import EngineProcess
from nst_gimp.process.job_folder import JobFolder
from nst_gimp.text.messages import UserError, to_user_error

POLL_MILLISECONDS = 50

PendingRequest = namedtuple("PendingRequest", "kind make_request on_event on_error")


class WarmEngine:
    """Starts its process with the first request. :meth:`close` ends it."""

    def __init__(self) -> None:
        self.version = ""
        self.job_folder = self._engine = self._running = None
        self._waiting = {}
        self._timer = 0
        self._ignore_events = False

    def submit(self, kind: str, make_request, on_event, on_error) -> None:
        """Send a request as soon as the engine is free. It replaces a waiting request of the same kind.

        ``make_request(job_folder)`` returns the engine request. It is called when its turn comes, and may
        raise a UserError. ``on_event(event)`` gets the events, "done" last. ``on_error(UserError)`` is called
        if it fails.
        """
        self._waiting[kind] = PendingRequest(kind, make_request, on_event, on_error)
        if not self._timer:
            self._timer = GLib.timeout_add(POLL_MILLISECONDS, self._poll)

    def stop_early(self, kind: str) -> None:
        """Stop a running request of ``kind`` with the best result so far, and discard a waiting one."""
        self._waiting.pop(kind, None)
        if self._running is not None and self._running.kind == kind:
            self._engine.stop_early()

    def set_color_layout(self, kind: str, value: float) -> None:
        """Change that setting of a running request of ``kind``."""
        if self._running is not None and self._running.kind == kind:
            self._engine.set_color_layout(value)

    def cancel(self, kind: str) -> None:
        """Stop a running request of ``kind`` and ignore its events, and discard a waiting one."""
        self.stop_early(kind)
        if self._running is not None and self._running.kind == kind:
            self._ignore_events = True

    def close(self) -> None:
        """End the process and discard all requests."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
        self._waiting.clear()
        self._end_process()

    def _end_process(self) -> None:
        self._running, self._ignore_events = None, False
        if self._engine is not None:
            self._engine.close(0.5)
            self._engine = None
        if self.job_folder is not None:
            self.job_folder.__exit__()
            self.job_folder = None

    def _poll(self) -> bool:
        """Handle new events and send the next request. GTK calls this as long as there is work."""
        if self._running is None and not self._send_next():
            self._timer = 0
            return False
        try:
            while self._running is not None:
                event = self._engine.next_event(0)
                if event is None:
                    break
                self._handle_event(event)
        except UserError as error:
            self._handle_error(error)
        return True

    def _handle_event(self, event: dict) -> None:
        if event["event"] == "hello":
            self.version = str(event.get("version") or "")
        request, ignore = self._running, self._ignore_events
        if event["event"] == "done":
            self._running, self._ignore_events = None, False
        if ignore:
            return
        try:
            request.on_event(event)
        except Exception as error:  # or GTK would never call again
            self.cancel(request.kind)
            request.on_error(to_user_error(error))

    def _handle_error(self, error: UserError) -> None:
        request, ignore = self._running, self._ignore_events
        self._running, self._ignore_events = None, False
        if not error.engine_is_alive:
            self._end_process()
        if request is not None and not ignore:
            request.on_error(error)

    def _send_next(self) -> bool:
        """Send the next waiting request. Return whether one was sent."""
        while self._waiting:
            pending = self._waiting.pop(next(iter(self._waiting)))
            try:
                if self._engine is None:
                    self.job_folder = JobFolder()
                    self._engine = EngineProcess(self.job_folder.directory)
                request = pending.make_request(self.job_folder)
            except Exception as error:  # or GTK would never call again
                if self._engine is None:
                    self._end_process()
                pending.on_error(to_user_error(error))
                continue
            self._engine.send(request)
            self._running = pending
            return True
        return False
