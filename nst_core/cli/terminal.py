"""Lines for people, and standard streams that outlast their readers.

Text from files and servers is made printable here, at the last moment. A run never ends because nobody reads
what it says: its picture is worth more than its messages.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

from nst_core.contract import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET)
"""Errors of a write to a pipe, a terminal or a connection whose other end is closed."""

STDOUT, STDERR = 1, 2


def print_line(text: str, *, err: bool = False) -> None:
    """Print ``text`` for people, to stdout or stderr; its own line breaks are kept."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=err)


def print_answer(fields: object, text: str, *, as_json: bool) -> None:
    """Print the answer of a command: ``fields`` as JSON for programs, or ``text`` for people."""
    if as_json:
        click.echo(json.dumps(fields, indent=1))  # JSON escapes what is not printable
    else:
        print_line(text)


def keep_streams_open() -> None:
    """Let the process go on if the readers of stdout and stderr are gone, or were never there."""
    for descriptor in range(STDERR + 1):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout, sys.stderr = _outlasting(sys.stdout, STDOUT), _outlasting(sys.stderr, STDERR)


class _OutlastingFile(io.FileIO):
    """A standard stream that drops what is written once its reader is gone, or once a write has failed."""

    has_failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what can be written, and say that it was written."""
        try:
            return memoryview(data).nbytes if self.has_failed else super().write(data)
        except OSError as error:
            self.has_failed = True
            if error.errno not in READER_GONE and self.fileno() != STDERR:
                raise  # a full disk under the answer of a command; failing to say so helps nobody
            return memoryview(data).nbytes


def _outlasting(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return ``stream`` on a file that outlasts its reader; a stream of another kind is returned as it is."""
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(_OutlastingFile(descriptor, "w", closefd=False)))
    buffer = getattr(stream, "buffer", None)
    unbuffered = type(buffer) is io.FileIO  # PYTHONUNBUFFERED
    if not isinstance(stream, io.TextIOWrapper) or not (
        unbuffered or type(getattr(buffer, "raw", None)) is io.FileIO
    ):
        return stream  # a console of Windows, or a test's
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_OutlastingFile(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or unbuffered,
    )
