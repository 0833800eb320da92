"""What went wrong, as a sentence for people, a line of JSON for programs, and an exit code.

The one place where the command line turns exceptions into words. 2 is what the user can mend, 1 is a defect
of this program (or, with nothing said, a reader of stdout that has left), 130 and 143 are runs that were
broken off (Ctrl-C, SIGTERM).
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

from nst_core.errors import ErrorCode, NstError, nearest

FINE, DEFECT, BAD_INPUT = 0, 1, 2
DEFECTS = (ErrorCode.INTERNAL, ErrorCode.PROTOCOL)


NOTHING_KEPT = "Broken off; nothing was written."


class BrokenOff(BaseException):
    """A second Ctrl-C or SIGTERM: whoever hears it cleans up and passes it on."""

    def __init__(self, signal_number: int = signal.SIGINT, message: str = NOTHING_KEPT) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def explain(error: BaseException) -> NstError:
    """Turn whatever was raised into the family of errors."""
    if isinstance(error, NstError):
        return error
    if isinstance(error, click.NoSuchOption):
        return NstError(ErrorCode.BAD_SETTING, _no_option(error), _see_help(error))
    if isinstance(error, click.UsageError):
        return NstError(ErrorCode.BAD_SETTING, _sentence(error.format_message()), _see_help(error))
    if isinstance(error, click.ClickException):
        return NstError(ErrorCode.BAD_SETTING, _sentence(error.format_message()))
    if isinstance(error, BrokenOff):
        return NstError(ErrorCode.CANCELLED, str(error))
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return NstError(ErrorCode.CANCELLED, NOTHING_KEPT)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("nst_core"):
        return NstError(
            ErrorCode.NO_ENGINE,
            f"The Python package {error.name} is missing.",
            "Install nst again, or the package.",
        )
    if isinstance(error, MemoryError):
        return NstError(
            ErrorCode.OUT_OF_MEMORY,
            "There is not enough memory.",
            "Paint at a smaller --size, or close programs.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NstError(ErrorCode.DISK_FULL, "The disk is full.", "Make room and run the command again.")
    return NstError(
        ErrorCode.INTERNAL,
        f"nst failed: {type(error).__name__}: {_first_line(error)}.",
        "This is a defect of nst; set NST_DEBUG=1 and run it again for a traceback to report.",
    )


def exit_code(error: BaseException, told: NstError) -> int:
    """Return the exit code for ``error``, as :func:`explain` told it."""
    if isinstance(error, BrokenOff):
        return 128 + error.signal_number
    if told.code is ErrorCode.CANCELLED:
        return 128 + signal.SIGINT
    return DEFECT if told.code in DEFECTS else BAD_INPUT


def report_failure(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell the user, as JSON on stdout if the arguments ask for it, else on stderr; return the exit code."""
    told = explain(error)
    code = exit_code(error, told)
    if code == DEFECT and wants_traceback(arguments):
        traceback.print_exception(error, file=sys.stderr)
    if "--json" in arguments:
        fields = {"event": "error", "code": told.code.value, "message": told.message, "hint": told.hint}
        click.echo(json.dumps(fields))
    else:
        click.echo(f"nst: {told}", err=True)
    return code


def wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether the user asked for the details of a defect."""
    return os.environ.get("NST_DEBUG", "") not in ("", "0") or bool({"-v", "--verbose"} & set(arguments))


def _no_option(error: click.NoSuchOption) -> str:
    """Name the option that is none, and the nearest one."""
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    known = [word for parameter in parameters for word in (*parameter.opts, *parameter.secondary_opts)]
    return f"There is no option {error.option_name!r}.{nearest(error.option_name, known)}"


def _see_help(error: click.UsageError) -> str:
    return f"See `{error.ctx.command_path if error.ctx else 'nst'} --help`."


def _sentence(text: str) -> str:
    """Give click's message on one line, with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no message").splitlines()[0].rstrip(".")
