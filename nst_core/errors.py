"""The engine's errors: a code for programs, and a message with a hint for people.

Errors are raised where they are detected. The command line, the worker and the GIMP plug-in each convert them
in one place: to exit codes, events and dialogs. The codes are a contract between the engine and its callers;
the plug-in may replace the wording.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from enum import Enum

from nst_core.contract import printable


class ErrorCode(str, Enum):
    """Kind of error. Stable, unlike the wording."""

    BAD_SETTING = "bad-setting"
    BAD_IMAGE = "bad-image"
    TOO_SMALL = "too-small"
    TOO_LARGE = "too-large"
    MISSING_FILE = "missing-file"
    UNREADABLE_FILE = "unreadable-file"
    OUTPUT_EXISTS = "output-exists"
    UNWRITABLE_OUTPUT = "unwritable-output"
    DISK_FULL = "disk-full"
    UNKNOWN_LAYER = "unknown-layer"
    UNKNOWN_MODEL = "unknown-model"
    NO_FILM = "no-film"
    NO_MODEL = "no-model"
    BAD_MODEL = "bad-model"
    DOWNLOAD_FAILED = "download-failed"
    WRONG_HASH = "wrong-hash"
    NO_ENGINE = "no-engine"
    NO_DEVICE = "no-device"
    OUT_OF_MEMORY = "out-of-memory"
    DIVERGED = "diverged"
    CANCELLED = "cancelled"
    PROTOCOL = "protocol"
    INTERNAL = "internal"


class NstError(Exception):
    """An error that the user can understand.

    ``message`` says what is wrong and ``hint`` what to do about it, both in full sentences. What files and
    servers contributed to them is made printable and bounded here.
    """

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        self.code = code
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class DeviceError(NstError):
    """A device other than the processor failed; the processor can do the same work.

    The device was lost, say, or its driver refused or miscalculated something.
    """

    def __init__(self, message: str) -> None:
        super().__init__(
            ErrorCode.NO_ENGINE, message, "Use --device cpu, or update the driver of the graphics card."
        )


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the choice closest to ``word``, or "" if none is close."""
    matches = difflib.get_close_matches(word.lower(), list(choices), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""


DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""System errors for a full disk, an exceeded quota and a file that is too large."""


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error message, without the full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
