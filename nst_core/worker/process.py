"""The engine's process, as GIMP's plug-in starts it: ``python -I -m nst_core.worker``.

Requests come in on stdin, one after the other, events go out on stdout, pixels lie in the job directory; the
messages are described in :mod:`nst_core.worker.protocol`. The process owns the job directory: whatever happens, once
stdin ends it deletes the directory and is gone, also from the middle of a computation.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn, TextIO

from nst_core import __version__
from nst_core.errors import ErrorCode, NstError, translate_resource_errors
from nst_core.worker.protocol import (
    LARGEST_REQUEST,
    PROTOCOL,
    _first_line,
    checked_directory,
    parse_request,
)


class Channel:
    """stdout, for events alone: whatever else prints ends up on stderr."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self.out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)
        self.lock = threading.Lock()

    def send(self, event: str, **fields: object) -> None:
        """Write one event; a reader that has gone away is noticed on stdin."""
        line = json.dumps({"event": event, **fields}, allow_nan=False, default=str)
        with self.lock:
            try:
                self.out.write(line + "\n")
                self.out.flush()
            except (BrokenPipeError, ValueError):
                pass


class Caller:
    """stdin: requests, wishes to stop, and the end."""

    def __init__(self, directory: Path | None = None) -> None:
        self.requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.directory = directory
        self.status = 0
        self.thread = threading.Thread(target=self._listen, name="stdin", daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        # os.read, not sys.stdin: a thread blocked inside Python's buffered reader aborts the interpreter.
        held = b""
        while True:
            try:
                chunk = os.read(0, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                self.leave()
            held += chunk
            *lines, held = held.split(b"\n")
            for line in lines:
                if _is_stop(line):
                    self.stop.set()
                else:
                    self.stop.clear()
                    self.requests.put(line)
            if len(held) > LARGEST_REQUEST:
                self.requests.put(b"")
                held = b""

    def leave(self) -> NoReturn:
        """Delete the job directory and end the process, from whatever thread."""
        if self.directory is not None:
            delete_folder(self.directory)
        os._exit(self.status)


def delete_folder(directory: Path) -> None:
    """Delete a folder into which another thread may still be writing: first it is moved out of its reach."""
    moved = directory.with_name(f"{directory.name}-over")
    with suppress(OSError):
        directory = directory.rename(moved)
    shutil.rmtree(directory, ignore_errors=True)


def _is_stop(line: bytes) -> bool:
    try:
        message = json.loads(line)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("command") == "stop"


def serve(channel: Channel, caller: Caller, line: bytes) -> None:
    """Answer one request.

    Raises:
        NstError: whatever is wrong with it or goes wrong.
    """
    request = parse_request(line)
    if request.job_directory is not None or request.command in ("stylize", "plan"):
        directory = checked_directory(request.job_directory)
        if caller.directory not in (None, directory):
            raise NstError(ErrorCode.PROTOCOL, "All requests to a process share one job directory.")
        caller.directory = directory
    if request.command == "stylize":
        from nst_core.worker.commands import stylize

        channel.send("done", **stylize(request, channel.send, caller.stop.is_set))
    elif request.command == "plan":
        from nst_core.worker.commands import plan

        channel.send("plan", **plan(request))
        channel.send("done")
    elif request.command == "doctor":
        from nst_core.diagnostics.doctor import examine, format_report

        report = examine()
        channel.send("doctor", report=asdict(report), text=format_report(report))
        channel.send("done")
    else:
        raise NstError(ErrorCode.PROTOCOL, f"There is no command {request.command!r}.")


def main() -> None:
    """Say hello and answer requests, until the caller has taken the last result and stdin ends."""
    channel = Channel()
    directory = None
    # Known before the request, so that a caller killed while it writes pixels leaves no folder behind.
    with suppress(NstError):
        directory = checked_directory(Path(os.environ.get("NST_JOB_DIRECTORY", "")))
    caller = Caller(directory)
    signal.signal(signal.SIGTERM, lambda *_: caller.leave())
    # GIMP's console passes Ctrl-C to the whole group; the caller decides, and says so on stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.send("hello", protocol=PROTOCOL, version=__version__)
    while True:
        answer(channel, caller, caller.requests.get())


def answer(channel: Channel, caller: Caller, line: bytes) -> None:
    """Answer one request, whatever becomes of it; the last one decides the process's exit status."""
    # Known before the answer is: the caller may be gone the moment it has read that.
    caller.status = 0
    try:
        with translate_resource_errors():
            serve(channel, caller, line)
    except NstError as error:
        caller.status = 1
        channel.send("error", code=error.code.value, message=error.message, hint=error.hint)
    except Exception as error:  # the last place where anything can be said
        caller.status = 1
        traceback.print_exc()
        channel.send(
            "error",
            code=ErrorCode.INTERNAL.value,
            message=f"The engine failed: {type(error).__name__}: {_first_line(error)}.",
            hint="The log has the details.",
        )


if __name__ == "__main__":
    main()
