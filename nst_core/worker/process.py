"""The engine's process, which GIMP's plug-in starts with ``python -I -m nst_core.worker``.

Reads requests from stdin, one after another, and writes events to stdout; pixels are files in the job
directory. :mod:`nst_core.worker.protocol` describes the messages. The process owns the job directory: when
stdin ends, it deletes the directory and exits, even in the middle of a computation.
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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn, TextIO

from nst_core import __version__
from nst_core.contract import PROTOCOL
from nst_core.errors import ErrorCode, NstError
from nst_core.system.process_limits import is_memory_exhausted, limit_threads
from nst_core.system.resource_errors import translate_resource_errors
from nst_core.worker.live_setting import LiveSetting
from nst_core.worker.protocol import (
    LARGEST_REQUEST,
    check_job_directory,
    describe_error,
    parse_request,
    read_color_layout,
)

OUT_OF_MEMORY = "The limit on the engine's memory is reached."


class EventWriter:
    """Writes events to stdout. Everything else that prints to stdout is redirected to stderr."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self.out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)
        self.lock = threading.Lock()

    def send(self, event: str, **fields: object) -> None:
        """Write one event. Does nothing if the reader is gone; the end of stdin will tell."""
        line = json.dumps({"event": event, **fields}, allow_nan=False, default=str)
        with self.lock:
            try:
                self.out.write(line + "\n")
                self.out.flush()
            except (BrokenPipeError, ValueError):
                pass


class RequestReader:
    """Reads requests and commands for a run from stdin in a thread, and ends the process when stdin ends."""

    def __init__(self, directory: Path | None = None) -> None:
        self.requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.color_layout = LiveSetting()
        self.directory = directory
        self.exit_status = 0
        self.cancel: Callable[[], None] = lambda: None  # forgets the state of the run that is going on
        self.thread = threading.Thread(target=self._read_to_end, name="stdin", daemon=True)
        self.thread.start()

    def _read_to_end(self) -> None:
        """Read until stdin ends or reading fails, then end the process: it must not outlive its caller."""
        try:
            self._read()
        except BaseException:
            self.exit_status = 1
            traceback.print_exc()
        finally:
            self.exit_process()

    def _read(self) -> None:
        # os.read, not sys.stdin: a thread blocked inside Python's buffered reader aborts the interpreter.
        rest = b""
        is_too_long = False
        while chunk := self._read_chunk():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if not is_too_long:
                    self._take(line)
                is_too_long = False
            if len(rest) > LARGEST_REQUEST:
                if not is_too_long:  # refuse the line once; the rest of it is skipped
                    self.requests.put(b"")
                is_too_long = True
                rest = b""

    def _read_chunk(self) -> bytes:
        """Return what has arrived on stdin; nothing if stdin has ended."""
        try:
            return os.read(0, 65536)
        except OSError:
            return b""

    def _take(self, line: bytes) -> None:
        """Obey a command for the run that is going on, or queue a request."""
        message = _parse(line)
        command = message.get("command")
        if command == "stop":
            self.stop.set()
        elif command == "cancel":
            self.cancel()
        elif command == "set":
            value = read_color_layout(message)
            if value is not None:
                self.color_layout.put(value)
        else:
            self.stop.clear()
            self.color_layout.clear()
            self.requests.put(line)

    def exit_process(self) -> NoReturn:
        """Delete the job directory and end the process, from any thread."""
        try:
            if self.directory is not None:
                delete_folder(self.directory)
        finally:
            os._exit(self.exit_status)


def delete_folder(directory: Path) -> None:
    """Delete a folder to which another thread may be writing: rename it first, then delete it."""
    renamed = directory.with_name(f"{directory.name}-over")
    with suppress(OSError):
        directory = directory.rename(renamed)
    shutil.rmtree(directory, ignore_errors=True)


def _parse(line: bytes) -> dict[str, object]:
    """Return a message; nothing if it is no JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def handle_request(writer: EventWriter, reader: RequestReader, line: bytes) -> None:
    """Do what a request asks and write its events.

    Raises:
        NstError: the request is invalid, or cannot be done.
    """
    request = parse_request(line)
    if request.job_directory is not None or request.command in ("stylize", "plan", "film"):
        directory = check_job_directory(request.job_directory)
        if reader.directory not in (None, directory):
            raise NstError(ErrorCode.PROTOCOL, "All requests to a process must use the same job directory.")
        reader.directory = directory
    if request.command == "stylize":
        from nst_core.worker.commands import stylize
        from nst_core.worker.states import open_state

        checkpoint = open_state(request.states)
        if checkpoint is not None:
            reader.cancel = checkpoint.remove
        stop, layout = reader.stop.is_set, reader.color_layout
        writer.send("done", **stylize(request, writer.send, stop, layout, checkpoint))
    elif request.command == "film" or (request.command == "plan" and request.frames is not None):
        from nst_core.film.model import check_film_installed

        check_film_installed(("cv2",))

        from nst_core.worker.film import paint_film, plan_film

        if request.command == "film":
            writer.send("done", **paint_film(request, writer.send, reader.stop.is_set))
        else:
            writer.send("plan", **plan_film(request))
            writer.send("done")
    elif request.command == "plan":
        from nst_core.worker.commands import plan

        writer.send("plan", **plan(request))
        writer.send("done")
    elif request.command == "devices":
        from nst_core.backends.devices import list_cards

        writer.send("devices", cards=[asdict(card) for card in list_cards()])
        writer.send("done")
    elif request.command == "doctor":
        from nst_core.diagnostics.doctor import diagnose, format_report

        report = diagnose()
        writer.send("doctor", report=asdict(report), text=format_report(report))
        writer.send("done")
    elif request.command == "fetch":
        from nst_core.worker.fetch import fetch

        writer.send("done", **fetch(request.model, writer.send))
    else:
        raise NstError(ErrorCode.PROTOCOL, f"There is no command {request.command!r}.")


def main() -> None:
    """Write the greeting, then answer requests until stdin ends."""
    limit_threads()
    writer = EventWriter()
    directory = None
    # Known before the request, so that the folder is deleted even if the caller dies while it writes pixels.
    with suppress(NstError):
        directory = check_job_directory(Path(os.environ.get("NST_JOB_DIRECTORY", "")))
    reader = RequestReader(directory)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # the last two exist on POSIX and on Windows
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: reader.exit_process())
    # GIMP's console passes Ctrl-C to the whole process group; the caller decides, and writes to stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    writer.send("hello", protocol=PROTOCOL, version=__version__)
    while True:
        answer_request(writer, reader, reader.requests.get())


def answer_request(writer: EventWriter, reader: RequestReader, line: bytes) -> None:
    """Answer a request, with an error if it fails. The last request sets the process's exit status."""
    # Set before answering: the caller may be gone as soon as it has read the answer.
    reader.exit_status = 0
    try:
        with translate_resource_errors():
            handle_request(writer, reader, line)
    except NstError as error:
        reader.exit_status = 1
        writer.send("error", code=error.code.value, message=error.message, hint=error.hint)
    except Exception as error:  # no caller could report it
        reader.exit_status = 1
        if is_memory_exhausted():
            writer.send("error", code=ErrorCode.OUT_OF_MEMORY.value, message=OUT_OF_MEMORY, hint="")
            return
        traceback.print_exc()
        writer.send(
            "error",
            code=ErrorCode.INTERNAL.value,
            message=f"The engine failed: {type(error).__name__}: {describe_error(error)}.",
            hint="See the log for details.",
        )


if __name__ == "__main__":
    main()
