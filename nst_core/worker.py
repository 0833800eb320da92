"""The engine's process, as GIMP's plug-in starts it: ``python -I -m nst_core.worker``.

Requests come in on stdin, one after the other, events go out on stdout, pixels lie in the job directory; the
messages are described in :mod:`nst_core.protocol`. The process owns the job directory: whatever happens, once
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
from typing import Any, NoReturn, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nst_core import __version__
from nst_core.errors import ErrorCode, NstError, first_line, naming_what_ran_out
from nst_core.protocol import JOB_PREFIX, PROTOCOL
from nst_core.settings import KeepColors

LARGEST_REQUEST = 1 << 20
"""Bytes of the request line; it holds names and numbers, no pixels."""


class Pixels(BaseModel):
    """A raw float32 file in the job directory."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: Path
    width: int = Field(ge=1, le=1_000_000)
    height: int = Field(ge=1, le=1_000_000)
    channels: int = Field(ge=1, le=4)
    weight: float = Field(1.0, ge=0.0, le=1e6, allow_inf_nan=False)
    name: str = ""


class RegionMask(Pixels):
    """A region's mask; ``covered`` is the box (left, top, right, bottom) outside of which it is 0.

    Plans alone go by it, for they read no pixels.
    """

    covered: tuple[int, int, int, int] | None = None

    @model_validator(mode="after")
    def _check_box(self) -> RegionMask:
        left, top, right, bottom = self.covered or (0, 0, self.width, self.height)
        if not (0 <= left < right <= self.width and 0 <= top < bottom <= self.height):
            raise ValueError("the box does not lie in the mask")
        return self


class StylePixels(Pixels):
    """A style picture; ``part`` masks what of it is taken, ``fine`` is the picture with the strokes."""

    part: Pixels | None = None
    fine: Pixels | None = None


class RegionRequest(BaseModel):
    """A part of the content with styles of its own, and its own word on colours where there is one."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    mask: RegionMask
    styles: list[StylePixels] = Field(min_length=1)
    name: str = ""
    keep_colors: KeepColors | None = None


class PreviewRequest(BaseModel):
    """Where previews go and how large and how often they may be."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: Path
    max_side: int = Field(512, ge=16, le=8192)
    seconds: float = Field(1.0, ge=0.0, allow_inf_nan=False)


class Request(BaseModel):
    """The one request line."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    protocol: int
    command: str
    job_directory: Path | None = None
    content: Pixels | None = None
    styles: list[StylePixels] = []
    regions: list[RegionRequest] = []
    selection: Pixels | None = None
    strength_mask: Pixels | None = None
    settings: dict[str, Any] = {}
    result: Path | None = None
    preview: PreviewRequest | None = None


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


def checked_directory(path: Path | None) -> Path:
    """Return the job directory, if it is one that may be deleted.

    Raises:
        NstError: ``protocol`` where it is not an existing, private folder of this user named ``nst-job-...``.
    """
    refused = NstError(ErrorCode.PROTOCOL, f"{path} is not a job directory.", "It must be named nst-job-...")
    if path is None or not path.is_absolute() or not path.name.startswith(JOB_PREFIX):
        raise refused
    if path.is_symlink() or not path.is_dir():
        raise refused
    if hasattr(os, "getuid") and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077):
        raise refused
    return path.resolve()


def parse_request(line: bytes | None) -> Request:
    """Read the request line.

    Raises:
        NstError: ``protocol``, also for another protocol number than this engine speaks.
    """
    try:
        message = json.loads(line or b"")
        number = message.get("protocol")
        if number != PROTOCOL:
            raise NstError(
                ErrorCode.PROTOCOL,
                f"The caller speaks protocol {number}, this engine ({__version__}) speaks {PROTOCOL}.",
                "Install the plug-in and the engine of the same version.",
            )
        return Request.model_validate(message)
    except (ValueError, AttributeError, ValidationError) as error:
        raise NstError(ErrorCode.PROTOCOL, f"The request cannot be read: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return first_line(error)


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
        from nst_core.worker_jobs import stylize

        channel.send("done", **stylize(request, channel.send, caller.stop.is_set))
    elif request.command == "plan":
        from nst_core.worker_jobs import plan

        channel.send("plan", **plan(request))
        channel.send("done")
    elif request.command == "doctor":
        from nst_core.doctor import examine, in_words

        report = examine()
        channel.send("doctor", report=asdict(report), text=in_words(report))
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
        with naming_what_ran_out():
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
