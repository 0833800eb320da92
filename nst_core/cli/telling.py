"""How a run is told while it goes on: a bar, plain lines, lines of JSON, or nothing.

Events go in, characters go out: people read stderr, programs read stdout. Knows nothing of what runs.
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

import click

from nst_core.events import Event, Notice, Plan, Preview, Progress

LINE_SECONDS = 2.0
"""Between two lines of progress where there is no terminal to draw a bar on."""


class ProgressReporter(Protocol):
    """Someone who tells the user of a run."""

    def event(self, event: Event, path: Path | None = None) -> None:
        """Tell of an event; a preview may have been written to ``path``."""
        ...

    def done(self, sentence: str, fields: dict[str, Any]) -> None:
        """Tell of the end: ``sentence`` for people, ``fields`` for programs."""
        ...

    def say(self, sentence: str) -> None:
        """Tell people something that is no event."""
        ...

    def step(self, words: str) -> None:
        """Tell that one of several runs begins."""
        ...


class Quiet:
    """Only what people must know, on stderr."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose

    def event(self, event: Event, path: Path | None = None) -> None:  # noqa: ARG002 -- for programs
        """Tell of notices, and with ``verbose`` of the plan."""
        if isinstance(event, Notice):
            self.say(event.message)
        elif isinstance(event, Plan) and self.verbose:
            self.say(plan_in_words(event))

    def done(self, sentence: str, fields: dict[str, Any]) -> None:  # noqa: ARG002 -- for programs
        """Tell of the end only where asked to say more."""
        if self.verbose:
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Write a line to stderr."""
        click.echo(sentence, err=True)

    def step(self, words: str) -> None:
        """Tell of it only where asked to say more."""
        if self.verbose:
            self.say(words)


class Lines(Quiet):
    """A line every few seconds and at the end of each level: for logs."""

    told = -math.inf

    def event(self, event: Event, path: Path | None = None) -> None:
        """Tell of progress in lines."""
        super().event(event, path)
        if isinstance(event, Progress):
            now = time.monotonic()
            if event.iteration == event.iterations or now - self.told >= LINE_SECONDS:
                self.told = now
                self.say(
                    f"{progress_in_words(event)}, {event.fraction:.0%}{left_in_words(event.seconds_left)}"
                )

    def done(self, sentence: str, fields: dict[str, Any]) -> None:  # noqa: ARG002 -- for programs
        """Tell of the end."""
        self.say(sentence)

    def step(self, words: str) -> None:
        """Write a line."""
        self.say(words)


class Bar(Quiet):
    """A bar on the terminal, with level, iteration, loss and the time that is left."""

    prefix = ""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__(verbose)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self.console = Console(stderr=True)
        self.bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("Opening the network", total=1.0, left="")

    def event(self, event: Event, path: Path | None = None) -> None:
        """Move the bar."""
        super().event(event, path)
        if isinstance(event, Progress):
            left = left_in_words(event.seconds_left).removeprefix(", ")
            self.bar.update(
                self.task,
                completed=event.fraction,
                description=self.prefix + progress_in_words(event),
                left=left,
            )

    def done(self, sentence: str, fields: dict[str, Any]) -> None:  # noqa: ARG002 -- for programs
        """Take the bar away and tell of the end."""
        self.bar.stop()
        self.say(sentence)

    def step(self, words: str) -> None:
        """Put it before the progress."""
        self.prefix = f"{words}: "

    def say(self, sentence: str) -> None:
        """Write a line above the bar."""
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class JsonLines:
    """Every event as a line of JSON on stdout, the last one ``done`` (or an error, told elsewhere)."""

    def event(self, event: Event, path: Path | None = None) -> None:
        """Write an event; a preview without its pixels."""
        if isinstance(event, Preview):
            height, width = event.picture.shape[:2]
            fields: dict[str, Any] = {
                "level": event.level + 1,
                "iteration": event.iteration,
                "width": width,
                "height": height,
            }
            fields["path"] = None if path is None else str(path)
        else:
            fields = asdict(event)
        self.write(type(event).__name__.lower(), fields)

    def done(self, sentence: str, fields: dict[str, Any]) -> None:  # noqa: ARG002 -- for people
        """Write the last event."""
        self.write("done", fields)

    def say(self, sentence: str) -> None:
        """Write to stderr, as what people are told is no event."""
        click.echo(sentence, err=True)

    def step(self, words: str) -> None:
        """Write that a run begins."""
        self.write("step", {"name": words})

    def write(self, name: str, fields: dict[str, Any]) -> None:
        """Write one line and flush it, so that a reader sees it now."""
        line = json.dumps({"event": name, **fields}, allow_nan=False, default=str)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextmanager
def reporting_progress(*, as_json: bool, progress: bool | None, verbose: bool) -> Iterator[ProgressReporter]:
    """Choose a teller: JSON where asked for, else a bar on a terminal, lines where asked for, else quiet."""
    if as_json:
        yield JsonLines()
    elif sys.stderr.isatty() and progress is not False:
        bar = Bar(verbose)
        with bar.bar:
            yield bar
    else:
        yield Lines(verbose) if progress else Quiet(verbose)


def progress_in_words(event: Progress) -> str:
    """Say where a run is."""
    return (
        f"Level {event.level} of {event.levels}, {event.iteration}/{event.iterations}, loss {event.loss:.4g}"
    )


def left_in_words(seconds: float | None) -> str:
    """Say how long it will take, or nothing while that is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f", {minutes} min {rest:02d} s left" if minutes else f", {rest} s left"


def plan_in_words(plan: Plan) -> str:
    """Say what is going to happen."""
    levels = ", ".join(
        f"{level.width} x {level.height} ({level.iterations}"
        + (f" in {level.tiles} tiles)" if level.tiles > 1 else ")")
        for level in plan.levels
    )
    last = plan.levels[-1]
    carried = (
        ""
        if (plan.width, plan.height) in ((0, 0), (last.width, last.height))
        else (f", carried up to {plan.width} x {plan.height}")
    )
    takes = "" if plan.seconds is None else f"; about {plan.seconds:.0f} s"
    if plan.bytes is not None:
        takes += f", {plan.bytes / 1e9:.1f} GB"
    if plan.device_bytes is not None:
        takes += f", {plan.device_bytes / 1e9:.1f} GB of the device"
    return (
        f"{plan.model} ({plan.model_sha256[:12]}) with {plan.engine} on {plan.device}; "
        f"levels (evaluations): {levels}{carried}{takes}; seed {plan.seed}."
    )


def plan_in_lines(plan: Plan) -> str:
    """Say what is going to happen, a line a level."""
    lines = [f"{plan.model} ({plan.model_sha256[:12]}) with {plan.engine} on {plan.device}, seed {plan.seed}"]
    for level in plan.levels:
        tiles = f" in {level.tiles} tiles" if level.tiles > 1 else ""
        lines.append(f"  {level.width:>5} x {level.height:<5} {level.iterations:>4} evaluations{tiles}")
    last = plan.levels[-1]
    if (plan.width, plan.height) not in ((0, 0), (last.width, last.height)):
        lines.append(f"  {plan.width:>5} x {plan.height:<5} its change is carried up")
    takes = [] if plan.seconds is None else [f"about {_duration(plan.seconds)}"]
    if plan.bytes is not None:
        takes.append(f"{plan.bytes / 1e9:.1f} GB of memory")
    if plan.device_bytes is not None:
        takes.append(f"{plan.device_bytes / 1e9:.1f} GB of the device's")
    return "\n".join([*lines, ", ".join(takes)])


def _duration(seconds: float) -> str:
    """Say seconds in the units that people use: 48 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
