"""The one family of errors: a code that programs read, a sentence and a hint that people read.

Errors are raised where they are found and turned into exit codes, events or dialogs in one place
each (``cli``, ``worker``, the plug-in). The codes are a contract between the engine and its
callers; the wording belongs to whoever shows it.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum


class ErrorCode(str, Enum):
    """What went wrong, in a form that does not change when the wording does."""

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
    """Something the user can be told in one sentence.

    ``message`` says what is wrong, ``hint`` what to do about it; both are whole sentences.
    """

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known word closest to ``word``, or an empty string."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""


DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How a system says that a file has no room, on its disk, within a quota, or by its size."""

MEMORY_ENDED = ("out of memory", "allocat", "not enough memory", "alloc_failed", "bad_alloc")
"""What errors of torch and ONNX Runtime say, on Linux, on Windows, and of the libraries on a GPU."""


def is_framework_oom(error: BaseException) -> bool:
    """Whether a framework's error says that memory ended, in whatever words it has for it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in MEMORY_ENDED)


def first_line(error: BaseException) -> str:
    """Give the first line of what a library said, without the full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ended, be it this family's or a framework's."""
    if isinstance(error, NstError):
        return error.code is ErrorCode.OUT_OF_MEMORY
    return isinstance(error, RuntimeError | MemoryError) and is_framework_oom(error)


@contextmanager
def translate_resource_errors() -> Iterator[None]:
    """Turn the end of memory or of a disk, in whatever words it was told, into an error for people.

    Raises:
        NstError: ``out-of-memory``, ``disk-full``; whatever else the block raises passes.
    """
    try:
        yield
    except NstError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                "There is not enough memory for these pictures.",
                "Close other programs, or use smaller pictures.",
            ) from error
        if isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS:
            raise NstError(
                ErrorCode.DISK_FULL,
                "The disk has no room for the temporary files of a picture of this size.",
                "Make room, allow more with --max-memory, or paint at a smaller --size.",
            ) from error
        raise
