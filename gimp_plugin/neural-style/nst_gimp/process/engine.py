"""The engine's process, from this side: requests in, events out, and what became of it in words.

Knows the protocol's form and nothing of pictures or GIMP. Nothing here blocks for longer than asked, so
that a window can look in between. The process lives as long as its stdin is open: whatever ends this
process, a signal included, ends the engine too, which then deletes the job directory.
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress

from nst_gimp.process import places
from nst_gimp.text.messages import UserError, from_engine
from nst_gimp.text.words import _

PROTOCOL = 1

LINE_BYTES = 4_000_000
"""A line longer than this is not an event: the largest, a plan of a deep pyramid, has a few thousand."""

START_SECONDS = 120.0
"""Patience with the first message; a cold disk and a virus scanner have been seen to take half a minute."""


def start_seconds() -> float:
    """Return the patience with the first message: NST_START_SECONDS, or the usual."""
    try:
        return max(0.1, float(os.environ["NST_START_SECONDS"]))
    except (KeyError, ValueError):
        return START_SECONDS


class Engine:
    """One engine process. Use as a context manager; leaving it ends the process."""

    def __init__(self, job_directory: str = "") -> None:
        """Start the process; it goes on loading while the caller reads pixels.

        ``job_directory`` is told to it at once, so that the folder is deleted even if this process is
        killed before it has sent its request.

        Raises:
            UserError: there is no engine, or it cannot be started.
        """
        self.found = places.find_engine()
        self.log = places.log_path()
        env = places.environment_for(self.found)
        if job_directory:
            env["NST_JOB_DIRECTORY"] = job_directory
        self.started = time.monotonic()
        self._messages = queue.SimpleQueue()
        self._greeted = False
        with open(self.log, "ab") as log:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            log.write(f"--- {stamp} {self.found.python}\n".encode())
            log.flush()
            self._log_start = log.tell()
            try:
                self.process = subprocess.Popen(
                    [self.found.python, "-I", "-m", "nst_core.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=env,
                    bufsize=0,
                    **platform_options(),
                )
            except OSError as error:
                raise UserError(
                    _("The engine's Python, {path}, cannot be started: {reason}.").format(
                        path=self.found.python, reason=error.strerror or error
                    ),
                    _("Run the installer again."),
                    "no-engine",
                ) from None
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def _read(self) -> None:
        # os.read, for a thread inside a buffered reader aborts the interpreter at its normal end.
        descriptor, rest = self.process.stdout.fileno(), b""
        while True:
            try:
                block = os.read(descriptor, 65536)
            except OSError:
                block = b""
            if not block:
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._messages.put(line)
            if len(rest) > LINE_BYTES:
                self._messages.put(rest)
                break
        self._messages.put(None)

    def send(self, message: dict) -> None:
        """Send a request or a command. A process that is gone is reported by the next event."""
        with suppress(OSError, ValueError):
            self.process.stdin.write((json.dumps(message) + "\n").encode())

    def next_event(self, seconds=None):
        """Return the next event, or None if none comes within ``seconds`` (None: wait; 0: only look).

        The first call waits for the greeting, checks it and returns it like any other event.

        Raises:
            UserError: the engine reported an error, died, spoke another protocol or none.
        """
        if not self._greeted:
            left = self.started + start_seconds() - time.monotonic()
            seconds = left if seconds is None else min(seconds, left)
        try:
            line = self._messages.get(timeout=max(seconds, 0.0) if seconds is not None else None)
        except queue.Empty:
            if not self._greeted and time.monotonic() >= self.started + start_seconds():
                raise self._fault(_("The engine did not answer."), "hang") from None
            return None
        if line is None:
            raise self._ended()
        if not line.strip():
            return self.next_event(seconds)
        event = self._parse(line)
        if not self._greeted:
            self._greet(event)
        elif event["event"] == "error":
            raise self._told(event)
        return event

    def _told(self, event: dict) -> UserError:
        """Return the error that the engine reports; it is ready for another request after it."""
        error = from_engine(*(str(event.get(part) or "") for part in ("code", "message", "hint")))
        error.told = True
        return self._with_log(error) if error.code == "internal" else error

    def _parse(self, line: bytes) -> dict:
        try:
            event = json.loads(line.decode("utf-8"))
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            raise self._fault(_("The engine sent something that is not a message."), "protocol")
        return event

    def _greet(self, event: dict) -> None:
        if event["event"] == "error":
            raise self._told(event)
        if event["event"] != "hello" or event.get("protocol") != PROTOCOL:
            raise UserError(
                _("The engine (version {version}) and this plug-in do not belong together.").format(
                    version=event.get("version") or "?"
                ),
                _("Run the installer again, which brings both up to date."),
                "protocol",
            )
        self._greeted = True

    def _ended(self) -> UserError:
        """Say why the process ended without having said so itself."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            code = None
        if code in (-9, 137):
            error = from_engine("out-of-memory", _("the system ended the engine"), "")
            return self._with_log(error)
        if re.search("No module named '?nst_core", self.last_words()):
            return UserError(
                _("The Python {path} has no nst-core in it.").format(path=self.found.python),
                _("Run the installer again, or set NST_PYTHON to the Python that has nst-core."),
                "no-engine",
            )
        how = _("exit code {code}").format(code=code)
        return self._fault(_("The engine ended unexpectedly ({how}).").format(how=how), "crash")

    def _fault(self, sentence: str, code: str) -> UserError:
        hint = _("Try again; if it happens again, the log {path} says more.").format(path=self.log)
        return UserError(sentence, hint, code)

    def _with_log(self, error: UserError) -> UserError:
        error.hint = (error.hint + " " + _("The log is {path}.").format(path=self.log)).strip()
        return error

    def last_words(self) -> str:
        """Return the end of what this process has written to the log."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(self._log_start, os.path.getsize(self.log) - 4000))
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def keep(self) -> None:
        """Ask for the best picture so far."""
        self.send({"command": "stop"})

    def close(self, patience: float = 3.0) -> None:
        """End the process: first by closing its stdin, then, out of ``patience``, by force."""
        with suppress(OSError):
            self.process.stdin.close()
        for end in (None, self.process.terminate, self.process.kill):
            if end is not None:
                end()
            try:
                self.process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue


def platform_options() -> dict:
    """Return what starting the engine's Python takes on this platform beside the command."""
    if sys.platform != "win32":
        return {}
    import ctypes

    # gimp.exe points the search for libraries at its own folder, and a child would inherit that.
    ctypes.windll.kernel32.SetDllDirectoryW(None)
    return {"creationflags": subprocess.CREATE_NO_WINDOW}
