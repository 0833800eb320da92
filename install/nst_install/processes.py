"""Other programs, run to their end: their output read by line and logged, their lives tied to this one's."""

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

MISLEADING = (
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
"""Variables that would make another Python, or pip, look, choose or write otherwise than it is told."""

CREATION_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""On Windows, no console window flashes up for each program."""

TAIL = 60
"""Lines of output that are kept to find out what went wrong."""


def _die_with_parent() -> None:
    """Ask the system to end this child when the installer is killed: it must not go on writing."""
    import ctypes

    pr_set_pdeathsig = 1
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


TIE_TO_PARENT = _die_with_parent if sys.platform.startswith("linux") else None
"""For ``Popen(preexec_fn=...)``: whoever kills the installer ends what it started."""


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code and the end of what it printed."""

    code: int
    tail: str


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what would lead another Python astray."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
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
) -> Finished:
    """Run ``command``; every line it prints goes to the log and to ``on_line``.

    If this process is interrupted, the command is ended first. A command that cannot be started counts as
    one that ended with 127. ``timeout`` is for programs that print nothing until their end.
    """
    console.note("$ " + " ".join(command))
    tail: collections.deque[str] = collections.deque(maxlen=TAIL)
    process: subprocess.Popen[bytes] | None = None
    try:
        with _interrupts_held():
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=clean_environment(extra),
                creationflags=CREATION_FLAGS,
                preexec_fn=TIE_TO_PARENT,
            )
        assert process.stdout is not None  # noqa: S101 -- PIPE was asked for
        lines: Iterable[bytes] = process.stdout
        if timeout is not None:
            lines = process.communicate(timeout=timeout)[0].splitlines()
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line.startswith("Progress "):
                console.note("  " + line)
                tail.append(line)
            on_line(line)
        code = process.wait()
    except subprocess.TimeoutExpired:
        _end(process)
        return Finished(124, "it did not answer in time")
    except OSError as error:
        if process is not None:
            _end(process)
            raise
        console.note(f"cannot be started: {error}")
        return Finished(127, str(error))
    except BaseException:
        _end(process)
        raise
    return Finished(code, "\n".join(tail))


def anything_runs_from(beginning: Path) -> bool:
    """Tell whether a program is running whose path begins so; False where the system does not say."""
    return any(line.startswith(os.fsencode(beginning)) for line in _command_lines())


def _command_lines() -> Iterator[bytes]:
    """Give the command lines of all programs: Linux has them as files, others tell them by `ps`."""
    if sys.platform.startswith("linux"):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended since
                yield path.read_bytes()
        return
    program = shutil.which("ps")
    if program:
        with suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run([program, "-A", "-ww", "-o", "args="], capture_output=True, timeout=10)
            yield from listed.stdout.splitlines()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let no interrupt fall between the birth of a child and its being known; it comes at the end instead."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            before[number] = signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
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
