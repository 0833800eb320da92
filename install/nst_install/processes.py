"""Running of other programs: their output is read by line and logged, and they end with the installer."""

from __future__ import annotations

import collections
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nst_install.console import Console

REMOVED_VARIABLES = (
    "PIP_BREAK_SYSTEM_PACKAGES",
    "PIP_CONSTRAINT",
    "PIP_DRY_RUN",
    "PIP_NO_BINARY",
    "PIP_ONLY_BINARY",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)
"""Variables that change where another Python or pip looks, what it chooses, or where it writes."""

CREATION_FLAGS: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Keeps a console window from flashing up for each program on Windows."""

TAIL = 60
"""Number of last output lines that are kept for finding out what went wrong."""

TIMED_OUT, NOT_STARTED = 124, 127


TIE_TO_PARENT: Callable[[], None] | None = None
"""For ``Popen(preexec_fn=...)``: killing the installer also ends the programs it started."""

if sys.platform.startswith("linux"):

    def _die_with_parent() -> None:
        """Ask the system to end this child if the installer is killed, so that it stops writing."""
        import ctypes

        pr_set_pdeathsig = 1
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)

    TIE_TO_PARENT = _die_with_parent


@dataclass(frozen=True)
class ProcessResult:
    """Exit code of a program, and the last lines that it printed."""

    code: int
    tail: str


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment and ``extra``, without variables that mislead Python or pip."""
    environment = {name: value for name, value in os.environ.items() if name not in REMOVED_VARIABLES}
    environment.update(
        {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_USER": "0",
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }
    )
    environment.update(extra or {})
    return environment


def run(
    command: Sequence[str],
    console: Console,
    on_line: Callable[[str], None] = lambda _line: None,
    extra: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> ProcessResult:
    """Run ``command``; send every line it prints to the log and to ``on_line``.

    ``extra`` is added to its environment. ``timeout``, in seconds, is for programs that print nothing until
    they end. If this process is interrupted, the command is ended first. A command that cannot be started
    counts as one that exited with 127, and one that timed out as one that exited with 124.
    """
    console.log("$ " + " ".join(command))
    tail: collections.deque[str] = collections.deque(maxlen=TAIL)
    process: subprocess.Popen[bytes] | None = None
    try:
        with _interrupts_deferred():
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=clean_environment(extra),
                creationflags=CREATION_FLAGS,
                preexec_fn=TIE_TO_PARENT,
            )
        for raw in _read_lines(process, timeout):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line.startswith("Progress "):
                console.log("  " + line)
                tail.append(line)
            on_line(line)
        code = process.wait()
    except subprocess.TimeoutExpired:
        _end(process)
        return ProcessResult(TIMED_OUT, "it did not answer in time")
    except OSError as error:
        if process is not None:
            _end(process)
            raise
        console.log(f"cannot be started: {error}")
        return ProcessResult(NOT_STARTED, str(error))
    except BaseException:
        _end(process)
        raise
    return ProcessResult(code, "\n".join(tail))


def _read_lines(process: subprocess.Popen[bytes], timeout: float | None) -> Iterable[bytes]:
    """Return the lines of a program's output: as they come, or all at its end if there is a ``timeout``."""
    assert process.stdout is not None  # noqa: S101 -- opened with PIPE
    if timeout is None:
        return process.stdout
    return process.communicate(timeout=timeout)[0].splitlines()


def any_process_starts_with(prefix: Path) -> bool:
    """Return whether the command line of any running process starts with ``prefix``; False if unknown."""
    return any(line.startswith(os.fsencode(prefix)) for line in _command_lines())


def _command_lines() -> Iterator[bytes]:
    """Yield the command lines of all processes: from /proc on Linux, from `ps` elsewhere."""
    if sys.platform.startswith("linux"):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # the process has ended
                yield path.read_bytes()
        return
    program = shutil.which("ps")
    if program:
        with suppress(OSError, subprocess.SubprocessError):
            listing = subprocess.run([program, "-A", "-ww", "-o", "args="], capture_output=True, timeout=10)
            yield from listing.stdout.splitlines()


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer interrupts to the end of the block, so that none comes while a child is started but not known."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            handlers[number] = signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
