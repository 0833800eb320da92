"""Errors as the user sees them: a sentence for people, a line of JSON for programs, and an exit code.

This is the only place where the command line turns exceptions into messages. Exit codes: 2 for what the user
can fix, 1 for a bug in nst, 128 and the signal's number for a run that was cancelled: 130 with Ctrl-C, 143
with SIGTERM, 129 if the terminal was closed.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from nst_core.cli.terminal import print_line
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.system.process_limits import is_memory_exhausted
from nst_core.system.resource_errors import is_out_of_memory

SUCCESS, BUG, BAD_INPUT = 0, 1, 2
BUG_CODES = (ErrorCode.INTERNAL, ErrorCode.PROTOCOL)

NOTHING_WRITTEN = "Cancelled; nothing was written."


class Cancelled(BaseException):
    """Cancelled with a signal, such as Ctrl-C. Code that catches it cleans up and raises it again."""

    def __init__(self, signal_number: int = signal.SIGINT, message: str = NOTHING_WRITTEN) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def to_nst_error(error: BaseException) -> NstError:
    """Convert any exception to an :class:`NstError`."""
    if isinstance(error, NstError):
        return error
    if isinstance(error, click.ClickException):
        return _from_click(error)
    if isinstance(error, Cancelled):
        return NstError(ErrorCode.CANCELLED, str(error))
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return NstError(ErrorCode.CANCELLED, NOTHING_WRITTEN)
    if is_out_of_memory(error) or is_memory_exhausted():
        return NstError(
            ErrorCode.OUT_OF_MEMORY,
            "There is not enough memory.",
            "Use a smaller --size, close other programs, or raise the limit if there is one (ulimit -v).",
        )
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("nst_core"):
        return NstError(
            ErrorCode.NO_ENGINE,
            f"The Python package {error.name} is missing.",
            "Install the package, or install nst again.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NstError(
            ErrorCode.DISK_FULL, "The disk is full.", "Free some space and run the command again."
        )
    return NstError(
        ErrorCode.INTERNAL,
        f"Internal error: {type(error).__name__}: {_first_line(error)}.",
        "This is a bug in nst. Run the command again with NST_DEBUG=1 and report the traceback.",
    )


def exit_code(error: BaseException, nst_error: NstError) -> int:
    """Return the exit code for ``error``, which :func:`to_nst_error` converted to ``nst_error``."""
    if isinstance(error, Cancelled):
        return 128 + error.signal_number
    if nst_error.code is ErrorCode.CANCELLED:
        return 128 + signal.SIGINT
    return BUG if nst_error.code in BUG_CODES else BAD_INPUT


def report_failure(error: BaseException, arguments: Sequence[str]) -> int:
    """Report ``error`` on stderr, or as JSON on stdout if the arguments ask for it; return the exit code."""
    nst_error = to_nst_error(error)
    code = exit_code(error, nst_error)
    if code == BUG and wants_traceback(arguments):
        traceback.print_exception(error, file=sys.stderr)
    if "--json" in arguments:
        fields = {
            "event": "error",
            "code": nst_error.code.value,
            "message": nst_error.message,
            "hint": nst_error.hint,
        }
        try:
            click.echo(json.dumps(fields))
            return code
        except OSError:
            pass  # the disk is full under stdout
    print_line(f"nst: {nst_error}", err=True)
    return code


def wants_traceback(arguments: Sequence[str]) -> bool:
    """Return whether the user asked for tracebacks of internal errors."""
    return os.environ.get("NST_DEBUG", "") not in ("", "0") or bool({"-v", "--verbose"} & set(arguments))


def _from_click(error: click.ClickException) -> NstError:
    """Convert an error in the arguments."""
    if isinstance(error, click.NoSuchOption):
        hint = f"{_see_help(error)} The name of a file that begins with a dash is written ./-name."
        return NstError(ErrorCode.BAD_SETTING, _unknown_option(error), hint)
    hint = _see_help(error) if isinstance(error, click.UsageError) else ""
    return NstError(ErrorCode.BAD_SETTING, _sentence(error.format_message()), hint)


def _unknown_option(error: click.NoSuchOption) -> str:
    """Name the unknown option, and the one that was probably meant."""
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    options = [option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)]
    return f"There is no option {error.option_name!r}.{nearest(error.option_name, options)}"


def _see_help(error: click.UsageError) -> str:
    return f"See `{error.ctx.command_path if error.ctx else 'nst'} --help`."


def _sentence(text: str) -> str:
    """Return click's message on one line, with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no message").splitlines()[0].rstrip(".")
