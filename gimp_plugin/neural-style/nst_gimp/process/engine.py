"""The engine's process as seen from GIMP: requests go in, events and errors come out.

Knows the form of the protocol, but nothing about pictures or GIMP. No call blocks for longer than asked, so
a window can stay responsive. The engine lives as long as its stdin is open: if this process ends in any way,
even by a signal, the engine ends, too, and deletes the job folder.
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

from nst_gimp.process import locations
from nst_gimp.settings.contract import PROTOCOL
from nst_gimp.text.messages import UserError, engine_error
from nst_gimp.text.words import _

LINE_BYTES = 4_000_000
"""A longer line is not an event: the longest, a plan of a deep pyramid, has a few thousand bytes."""

START_SECONDS = 120.0
"""Limit for the first message; with a cold disk and a virus scanner it has taken half a minute."""

KILLED = (-9, 137)
"""Exit codes of a process that was killed, as the system does when memory runs out."""


def start_timeout() -> float:
    """Return the limit for the first message in seconds: NST_START_SECONDS, or else START_SECONDS."""
    try:
        return max(0.1, float(os.environ["NST_START_SECONDS"]))
    except (KeyError, ValueError):
        return START_SECONDS


class EngineProcess:
    """One engine process. As a context manager, it ends the process on exit."""

    def __init__(self, job_directory: str = "") -> None:
        """Start the process. It continues to load while the caller reads pixels.

        The engine gets ``job_directory`` right away, so that it deletes the folder even if this process is
        killed before it sends its request.

        Raises:
            UserError: there is no engine, or it cannot be started.
        """
        self.location = locations.find_engine()
        self.log = locations.log_path()
        env = locations.engine_environment(self.location)
        if job_directory:
            env["NST_JOB_DIRECTORY"] = job_directory
        self.started = time.monotonic()
        self._messages = queue.SimpleQueue()
        self._greeted = False
        with open(self.log, "ab") as log:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            log.write(f"--- {stamp} {self.location.python}\n".encode())
            log.flush()
            self._log_start = log.tell()
            try:
                self.process = subprocess.Popen(
                    [self.location.python, "-I", "-m", "nst_core.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=env,
                    bufsize=0,
                    **popen_options(),
                )
            except OSError as error:
                raise start_error(self.location, error) from None
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def _read(self) -> None:
        # os.read, because a thread in a buffered reader aborts the interpreter at its normal exit.
        descriptor, rest = self.process.stdout.fileno(), b""
        while True:
            try:
                block = os.read(descriptor, 65536)
            except OSError:
                block = b""
            if not block:
                break
            locations.limit_log(self.log)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._messages.put(line)
            if len(rest) > LINE_BYTES:
                self._messages.put(rest)
                break
        self._messages.put(None)

    def send(self, message: dict) -> None:
        """Send a request or a command. If the process is gone, the next event reports it."""
        with suppress(OSError, ValueError):
            self.process.stdin.write((json.dumps(message) + "\n").encode())

    def next_event(self, seconds=None):
        """Return the next event, or None if none comes within ``seconds`` (None: wait; 0: do not wait).

        The first event is the greeting. It is checked and then returned like any other event.

        Raises:
            UserError: the engine reported an error, died, or does not speak this protocol.
        """
        if not self._greeted:
            left = self.started + start_timeout() - time.monotonic()
            seconds = left if seconds is None else min(seconds, left)
        try:
            line = self._messages.get(timeout=max(seconds, 0.0) if seconds is not None else None)
        except queue.Empty:
            if not self._greeted and time.monotonic() >= self.started + start_timeout():
                raise self._failure(_("The engine did not answer."), "hang") from None
            return None
        if line is None:
            raise self._exit_error()
        if not line.strip():
            return self.next_event(seconds)
        event = self._parse(line)
        if not self._greeted:
            self._check_greeting(event)
        elif event["event"] == "error":
            raise self._reported_error(event)
        return event

    def _reported_error(self, event: dict) -> UserError:
        """Return the error that the engine reports. The engine can take another request after it."""
        error = engine_error(*(str(event.get(part) or "") for part in ("code", "message", "hint")))
        error.engine_is_alive = True
        return self._with_log_path(error) if error.code == "internal" else error

    def _parse(self, line: bytes) -> dict:
        try:
            event = json.loads(line.decode("utf-8"))
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            raise self._failure(_("The engine sent an invalid message."), "protocol")
        return event

    def _check_greeting(self, event: dict) -> None:
        if event["event"] == "error":
            raise self._reported_error(event)
        if event["event"] != "hello" or event.get("protocol") != PROTOCOL:
            raise version_mismatch(event.get("version"))
        self._greeted = True

    def _exit_error(self) -> UserError:
        """Return the error for a process that ended without reporting one."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            code = None
        if code in KILLED:
            error = engine_error("out-of-memory", _("the system stopped the engine"), "")
            return self._with_log_path(error)
        if re.search("No module named '?nst_core", self.log_tail()):
            return UserError(
                _("nst-core is not installed in the Python {path}.").format(path=self.location.python),
                _("Run the installer again, or set NST_PYTHON to a Python that has nst-core."),
                "no-engine",
            )
        reason = _("exit code {code}").format(code=code)
        return self._failure(_("The engine stopped unexpectedly ({reason}).").format(reason=reason), "crash")

    def _failure(self, message: str, code: str) -> UserError:
        hint = _("Try again. If it happens again, see the log {path}.").format(path=self.log)
        return UserError(message, hint, code)

    def _with_log_path(self, error: UserError) -> UserError:
        error.hint = (error.hint + " " + _("See the log {path}.").format(path=self.log)).strip()
        return error

    def log_tail(self) -> str:
        """Return the last 4000 bytes that this process has written to the log."""
        try:
            with open(self.log, "rb") as log:
                size = os.path.getsize(self.log)
                start = self._log_start if size >= self._log_start else 0  # it was cut meanwhile
                log.seek(max(start, size - 4000))
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def stop_early(self) -> None:
        """Ask the engine to stop painting and to deliver the best picture so far."""
        self.send({"command": "stop"})

    def cancel(self) -> None:
        """Tell the engine that nobody will go on with this painting. It ends when :meth:`close` is called."""
        self.send({"command": "cancel"})

    def set_color_layout(self, value: float) -> None:
        """Ask the engine to show and to finish the painting with this value of that setting."""
        self.send({"command": "set", "settings": {"color_layout": value}})

    def close(self, patience: float = 3.0) -> None:
        """End the process: close its stdin, and if it is still alive after ``patience`` seconds, kill it."""
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


def start_error(location, error: Exception) -> UserError:
    """Return the error for an engine whose Python cannot be started."""
    return UserError(
        _("The engine's Python, {path}, cannot be started: {reason}.").format(
            path=location.python, reason=getattr(error, "strerror", None) or error
        ),
        _("Run the installer again."),
        "no-engine",
    )


def version_mismatch(version) -> UserError:
    """Return the error for an engine of another version, or with another protocol, than this plug-in."""
    return UserError(
        _("The engine (version {version}) and this plug-in do not belong together.").format(
            version=version or "?"
        ),
        _("Run the installer again to update both."),
        "protocol",
    )


def popen_options() -> dict:
    """Return the further arguments of Popen that start the engine's Python on this platform."""
    if sys.platform != "win32":
        return {}
    import ctypes

    # gimp.exe adds its own folder to the search for libraries, and a child would inherit that.
    ctypes.windll.kernel32.SetDllDirectoryW(None)
    return {"creationflags": subprocess.CREATE_NO_WINDOW}
