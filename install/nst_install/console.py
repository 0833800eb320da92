"""What the user sees, and the log. Steps are lines; a progress bar is drawn where stdout is a terminal.

The only module that prints.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import IO

LOG_BYTES = 2_000_000
"""A log that is larger is moved aside before the next run writes into a new one."""


class Console:
    """Prints to stdout and writes everything, with times, to the log once there is one."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.path: Path | None = None
        self._log: IO[str] | None = None
        self._bar_width = 0
        self._drawn = 0.0

    def open_log(self, path: Path) -> None:
        """Write the log to ``path`` from here on. A log that cannot be written is no reason to stop."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_BYTES:
                path.replace(path.with_name(path.name + ".1"))
            self._log = path.open("a", encoding="utf-8", errors="replace", buffering=1)
            self.path = path
        except OSError:
            return
        self.note("-" * 40)
        self.note(" ".join(sys.argv))

    def close_log(self) -> None:
        """Let go of the log, so that it can be deleted."""
        if self._log:
            self._log.close()
        self._log = None

    def note(self, text: str) -> None:
        """Write to the log alone."""
        if self._log:
            try:
                for line in text.splitlines() or [""]:
                    self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
            except OSError:
                self._log = None  # the disk is full; whoever is writing what matters says so

    def say(self, text: str = "") -> None:
        """Tell the user, and the log."""
        self.clear_bar()
        self.note(text)
        if not self.quiet:
            print(text, flush=True)

    def complain(self, text: str) -> None:
        """Tell the user what is wrong, on stderr, and the log."""
        self.clear_bar()
        self.note(text)
        print(text, file=sys.stderr, flush=True)

    def bar(self, label: str, done: int, total: int) -> None:
        """Draw progress in bytes, at most ten times a second."""
        now = time.monotonic()
        if self.quiet or not sys.stdout.isatty() or (done < total and now - self._drawn < 0.1):
            return
        self._drawn = now
        columns = shutil.get_terminal_size().columns
        share = min(done / total, 1.0) if total else 0.0
        text = f"    {label[:36]:36} {'#' * int(20 * share):20} {done / 1e6:7.1f} of {total / 1e6:.1f} MB"
        text = text[: columns - 1]
        sys.stdout.write("\r" + text.ljust(self._bar_width))
        sys.stdout.flush()
        self._bar_width = len(text)

    def clear_bar(self) -> None:
        """Take the bar away before a line is printed."""
        if self._bar_width:
            sys.stdout.write("\r" + " " * self._bar_width + "\r")
            sys.stdout.flush()
            self._bar_width = 0

    def ask(self, question: str, default: bool) -> bool:
        """Ask yes or no; where nobody is there to answer, ``default``."""
        if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
            return default
        try:
            answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        except EOFError:  # Ctrl-D
            answer = ""
            print()
        return default if not answer else answer in ("y", "yes")
