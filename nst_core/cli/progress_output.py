"""Progress output of a run: a bar, plain lines, lines of JSON, or warnings only.

Takes the events of a run and writes text for people to stderr and JSON for programs to stdout. Does not
depend on what is running.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from nst_core.cli.options import ReportingOptions
from nst_core.cli.terminal import print_line
from nst_core.contract import format_bytes, printable
from nst_core.events import Event, Notice, Plan, PlannedLevel, Preview, Progress

LINE_SECONDS = 2.0
"""Seconds between two progress lines if there is no terminal for a bar."""


class ProgressReporter(Protocol):
    """Reports a run to the user."""

    def report(self, event: Event, path: Path | None = None) -> None:
        """Report an event; ``path`` is the file that a preview was written to, if any."""
        ...

    def finish(self, sentence: str, fields: dict[str, Any], *, is_news: bool = False) -> None:
        """Report the end of the run: ``sentence`` for people, ``fields`` for programs.

        ``is_news``: the sentence names a file that the user did not name.
        """
        ...

    def say(self, sentence: str) -> None:
        """Show people a sentence that is not an event."""
        ...

    def start_step(self, name: str) -> None:
        """Report the start of one of several runs."""
        ...


class QuietReporter:
    """Writes only what people must know, to stderr."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose

    def report(self, event: Event, path: Path | None = None) -> None:  # noqa: ARG002 -- for programs
        """Write notices and, with ``verbose``, the plan."""
        if isinstance(event, Notice):
            self.say(str(event))
        elif isinstance(event, Plan) and self.verbose:
            self.say(format_plan_sentence(event))

    def finish(self, sentence: str, fields: dict[str, Any], *, is_news: bool = False) -> None:  # noqa: ARG002
        """Write the sentence if it is news, or with ``verbose``."""
        if self.verbose or is_news:
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Write a line to stderr."""
        print_line(sentence, err=True)

    def start_step(self, name: str) -> None:
        """Write the name, with ``verbose`` only."""
        if self.verbose:
            self.say(name)


class LineReporter(QuietReporter):
    """Writes a line every few seconds and at the end of each level: for logs."""

    last_line_time = -math.inf

    def report(self, event: Event, path: Path | None = None) -> None:
        """Write progress as lines."""
        super().report(event, path)
        if isinstance(event, Progress):
            now = time.monotonic()
            if event.iteration == event.iterations or now - self.last_line_time >= LINE_SECONDS:
                self.last_line_time = now
                notes = [f"{event.fraction:.0%}", format_time_left(event.seconds_left)]
                self.say(", ".join(filter(None, [format_progress(event), *notes])))

    def finish(self, sentence: str, fields: dict[str, Any], *, is_news: bool = False) -> None:  # noqa: ARG002
        """Write the sentence."""
        self.say(sentence)

    def start_step(self, name: str) -> None:
        """Write the name."""
        self.say(name)


class BarReporter(QuietReporter):
    """Draws a bar on the terminal, with level, iteration, loss and the time left."""

    prefix = ""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__(verbose)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self.console = Console(stderr=True)
        self.bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[time_left]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("Opening the network", total=1.0, time_left="")

    def report(self, event: Event, path: Path | None = None) -> None:
        """Move the bar."""
        super().report(event, path)
        if isinstance(event, Progress):
            self.bar.update(
                self.task,
                completed=event.fraction,
                description=self.prefix + format_progress(event),
                time_left=format_time_left(event.seconds_left),
            )

    def finish(self, sentence: str, fields: dict[str, Any], *, is_news: bool = False) -> None:  # noqa: ARG002
        """Remove the bar and write the sentence."""
        self.bar.stop()
        self.say(sentence)

    def start_step(self, name: str) -> None:
        """Show the name in front of the progress."""
        self.prefix = f"{printable(name)}: "

    def say(self, sentence: str) -> None:
        """Write a line above the bar."""
        self.console.print(printable(sentence), markup=False, highlight=False, soft_wrap=True)


class JsonReporter:
    """Writes every event as a line of JSON to stdout, ending with ``done``.

    If the run fails, :func:`nst_core.cli.failures.report_failure` writes an ``error`` line instead.
    """

    def report(self, event: Event, path: Path | None = None) -> None:
        """Write an event; a preview without its pixels."""
        if isinstance(event, Preview):
            height, width = event.picture.shape[:2]
            fields: dict[str, Any] = {
                "level": event.level + 1,
                "iteration": event.iteration,
                "width": width,
                "height": height,
                "path": None if path is None else str(path),
            }
        else:
            fields = asdict(event)
        self.write_line(type(event).__name__.lower(), fields)

    def finish(self, sentence: str, fields: dict[str, Any], *, is_news: bool = False) -> None:  # noqa: ARG002
        """Write the ``done`` event."""
        self.write_line("done", fields)

    def say(self, sentence: str) -> None:
        """Write to stderr, because the sentence is not an event."""
        print_line(sentence, err=True)

    def start_step(self, name: str) -> None:
        """Write a ``step`` event."""
        self.write_line("step", {"name": name})

    def write_line(self, name: str, fields: dict[str, Any]) -> None:
        """Write one line and flush it, so that a reader sees it at once."""
        line = json.dumps({"event": name, **fields}, allow_nan=False, default=str)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextmanager
def open_reporter(options: ReportingOptions) -> Iterator[ProgressReporter]:
    """Open the reporter that ``options`` ask for: JSON; a bar on a terminal; lines; or quiet."""
    if options.as_json:
        yield JsonReporter()
    elif sys.stderr.isatty() and options.progress is not False:
        reporter = BarReporter(options.verbose)
        with reporter.bar:
            yield reporter
    else:
        yield LineReporter(options.verbose) if options.progress else QuietReporter(options.verbose)


def format_progress(event: Progress) -> str:
    """Return how far a run has come: ``Level 1 of 3, 20/60, loss 0.4``."""
    return (
        f"Level {event.level} of {event.levels}, {event.iteration}/{event.iterations}, loss {event.loss:.4g}"
    )


def format_time_left(seconds: float | None) -> str:
    """Return ``2 min 05 s left``, or an empty string if the time is not known yet."""
    if seconds is None:
        return ""
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"


def format_plan_sentence(plan: Plan) -> str:
    """Return the plan as one sentence, for ``--verbose``."""
    levels = ", ".join(
        f"{level.width} x {level.height} ({level.iterations}{_tiles_in_words(level)})"
        for level in plan.levels
    )
    upsampled = f", upsampled to {plan.width} x {plan.height}" if _is_upsampled(plan) else ""
    estimates = "" if plan.seconds is None else f"; about {plan.seconds:.0f} s"
    if plan.bytes is not None:
        estimates += f", {format_bytes(plan.bytes)} of memory"
    if plan.device_bytes is not None:
        estimates += f", {format_bytes(plan.device_bytes)} of device memory"
    engine = _engine_and_network(plan)
    return f"{engine}; levels (evaluations): {levels}{upsampled}{estimates}; seed {plan.seed}."


def format_plan_table(plan: Plan) -> str:
    """Return the plan as a few lines, one per level, for ``nst plan``."""
    lines = [f"{_engine_and_network(plan)}, seed {plan.seed}"]
    for level in plan.levels:
        size = f"{level.width:>5} x {level.height:<5}"
        lines.append(f"  {size} {level.iterations:>4} evaluations{_tiles_in_words(level)}")
    if _is_upsampled(plan):
        lines.append(f"  {plan.width:>5} x {plan.height:<5} upsampled from the level above")
    estimates = [] if plan.seconds is None else [f"about {format_duration(plan.seconds)}"]
    if plan.bytes is not None:
        estimates.append(f"{format_bytes(plan.bytes)} of memory")
    if plan.device_bytes is not None:
        estimates.append(f"{format_bytes(plan.device_bytes)} of device memory")
    return "\n".join([*lines, ", ".join(estimates)])


def _tiles_in_words(level: PlannedLevel) -> str:
    """Return how many tiles a level has, if any, and whether each is painted on its own."""
    if level.tiles == 1:
        return ""
    return f" in {level.tiles} tiles" + (", one after another" if level.tile_by_tile else "")


def _engine_and_network(plan: Plan) -> str:
    return f"{plan.model} ({plan.model_sha256[:12]}) with {plan.engine} on {plan.device}"


def _is_upsampled(plan: Plan) -> bool:
    """Return whether the last level is smaller than the painting."""
    last_level = plan.levels[-1]
    return (plan.width, plan.height) not in ((0, 0), (last_level.width, last_level.height))


def format_duration(seconds: float) -> str:
    """Return seconds in everyday units: 48 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
