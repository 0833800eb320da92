"""Output for the user, and the log file. The only module that prints.

Steps are printed as lines. A progress bar is drawn if stdout is a terminal. For a program that shows the
progress in a window of its own, everything is written as lines of JSON instead.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import IO

from nst_install.contract import printable

LOG_BYTES = 2_000_000
"""A larger log is renamed before the next run starts a new one."""

BAR_SECONDS = 0.1
"""The time between two updates of a progress bar."""


class Console:
    """Prints to stdout and stderr, and writes everything with timestamps to the log once it is open."""

    shows_progress = False
    """Whether other programs' progress is wanted as well, as :meth:`bar`, although there is no terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._log_file: IO[str] | None = None
        self._bar_width = 0
        self._bar_drawn = 0.0

    def open_log(self, path: Path) -> None:
        """Write the log to ``path`` from now on. Go on without a log if it cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_BYTES:
                path.replace(path.with_name(path.name + ".1"))
            self._log_file = path.open("a", encoding="utf-8", errors="replace", buffering=1)
        except OSError:
            return
        self.log("-" * 40)
        self.log(" ".join(sys.argv))

    def close_log(self) -> None:
        """Close the log, so that it can be deleted."""
        if self._log_file:
            self._log_file.close()
        self._log_file = None

    def log(self, text: str) -> None:
        """Write to the log only."""
        if self._log_file:
            try:
                for line in text.splitlines() or [""]:
                    self._log_file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
            except OSError:
                self._log_file = None  # the disk is full; the code that writes something important reports it

    def say(self, text: str = "") -> None:
        """Print a line and log it."""
        text = "\n".join(map(printable, text.split("\n")))
        self.clear_bar()
        self.log(text)
        if not self.quiet:
            print(text, flush=True)

    def say_error(self, text: str) -> None:
        """Print what is wrong to stderr and log it."""
        text = "\n".join(map(printable, text.split("\n")))
        self.clear_bar()
        self.log(text)
        print(text, file=sys.stderr, flush=True)

    def bar(self, label: str, done: int, total: int) -> None:
        """Draw progress in bytes, at most ten times a second."""
        now = time.monotonic()
        if self.quiet or not sys.stdout.isatty() or (done < total and now - self._bar_drawn < BAR_SECONDS):
            return
        self._bar_drawn = now
        columns = shutil.get_terminal_size().columns
        share = min(done / total, 1.0) if total else 0.0
        text = f"    {label[:36]:36} {'#' * int(20 * share):20} {done / 1e6:7.1f} of {total / 1e6:.1f} MB"
        text = text[: columns - 1]
        sys.stdout.write("\r" + text.ljust(self._bar_width))
        sys.stdout.flush()
        self._bar_width = len(text)

    def clear_bar(self) -> None:
        """Erase the progress bar before a line is printed."""
        if self._bar_width:
            sys.stdout.write("\r" + " " * self._bar_width + "\r")
            sys.stdout.flush()
            self._bar_width = 0

    def ask(self, question: str, *, default: bool) -> bool:
        """Ask a yes-or-no question. Return ``default`` if there is no terminal, or no answer."""
        if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
            return default
        try:
            answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        except EOFError:  # Ctrl-D
            answer = ""
            print()
        return default if not answer else answer in ("y", "yes")


class EventConsole(Console):
    """Writes lines of JSON to stdout: ``say`` and ``error`` with a text, ``bar`` with a label and bytes."""

    shows_progress = True

    def say(self, text: str = "") -> None:
        """Write an event for a line of text, and log it."""
        self.log(text)
        self._send("say", text=text)

    def say_error(self, text: str) -> None:
        """Write an event for what is wrong, and log it."""
        self.log(text)
        self._send("error", text=text)

    def bar(self, label: str, done: int, total: int) -> None:
        """Write an event for progress in bytes, at most ten times a second."""
        now = time.monotonic()
        if done >= total or now - self._bar_drawn >= BAR_SECONDS:
            self._bar_drawn = now
            self._send("bar", label=label, done=done, total=total)

    def ask(self, question: str, *, default: bool) -> bool:
        """Return ``default``: nobody is there to answer."""
        self.log(question)
        return default

    @staticmethod
    def _send(event: str, **fields: object) -> None:
        print(json.dumps({"event": event, **fields}), flush=True)
