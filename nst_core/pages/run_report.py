"""A report of a run for people: its loss curves as a picture, and its settings, plan and timings as JSON.

The events of a run and its :class:`~nst_core.job.run.Result` go in; a PNG and a JSON text come out. Only this
module knows matplotlib.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nst_core import __version__
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Plan, Progress
from nst_core.job.metadata import settings_to_repeat
from nst_core.job.run import Result
from nst_core.planning.rate_cache import rates_file

CURVES = "loss.png"
NUMBERS = "report.json"


def check_installed() -> None:
    """Make sure that curves can be drawn, before a run is spent on them.

    Raises:
        NstError: ``bad-setting`` where matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "The loss curves are drawn by matplotlib, which is not installed beside nst.",
            "Install it into the same environment: python -m pip install matplotlib.",
        )


class Course:
    """What a run told of itself, kept for the report."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.steps: list[Progress] = []

    def event(self, event: Event) -> None:
        """Keep the plan and the progress."""
        if isinstance(event, Plan):
            self.plan = event
        elif isinstance(event, Progress):
            self.steps.append(event)


def numbers(course: Course, result: Result, files: Mapping[str, Any]) -> str:
    """Return the report as JSON: what was made of what and how, each level's seconds, each step's loss.

    ``files`` names the pictures. ``nst stylize --settings report.json`` repeats the run.
    """
    seconds = level_seconds(course.steps, len(result.levels))
    return json.dumps(
        {
            "version": __version__,
            **files,
            "settings": settings_to_repeat(result),
            "seed": result.seed,
            "model": result.model,
            "model_sha256": result.model_sha256,
            "engine": result.engine,
            "device": result.device,
            "stopped": result.stopped,
            "notices": [asdict(notice) for notice in result.notices],
            "seconds": result.seconds,
            "levels": [
                {**asdict(level), "seconds": taken}
                for level, taken in zip(result.levels, seconds, strict=True)
            ],
            "loss": result.loss,
            "terms": dict(result.terms),
            "curve": [
                {
                    "level": step.level,
                    "iteration": step.iteration,
                    "seconds": step.seconds,
                    "loss": step.loss,
                    "terms": dict(step.terms),
                }
                for step in course.steps
            ],
        },
        indent=1,
    )


def level_seconds(steps: Sequence[Progress], levels: int) -> list[float]:
    """Return the seconds each of ``levels`` took, its targets included; 0 for one that was never reached."""
    ends = [0.0] * (levels + 1)
    for step in steps:
        ends[step.level] = step.seconds
    return [max(0.0, ends[level] - ends[level - 1]) if ends[level] else 0.0 for level in range(1, levels + 1)]


def curves(steps: Sequence[Progress]) -> bytes:
    """Draw the loss and its terms over the evaluations of all levels, on a logarithmic scale, as a PNG."""
    # Its list of fonts goes where all that can be made again goes, and away with it.
    os.environ.setdefault("MPLCONFIGDIR", str(rates_file().parent / "matplotlib"))
    from matplotlib.figure import Figure  # never pyplot: no display, no global state

    figure = Figure(figsize=(10, 6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    places, starts = _places(steps)
    for name in dict.fromkeys(name for step in steps for name in step.terms):
        values = [step.terms.get(name) for step in steps]
        if any(values):
            axes.plot(places, [value or None for value in values], linewidth=1.0, label=name)  # type: ignore[arg-type]
    axes.plot(places, [step.loss for step in steps], color="black", linewidth=2.0, label="loss")
    for level, start in enumerate(starts, start=1):
        axes.axvline(start, color="0.8", linewidth=0.8, zorder=0)
        axes.annotate(
            f"level {level}", (start, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -12),
            textcoords="offset points", color="0.45", fontsize="small",
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel("loss evaluations")
    axes.set_ylabel("loss and its terms, weighted")
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    page = io.BytesIO()
    # Without the program's name and version among the metadata the same run gives the same bytes.
    figure.savefig(page, format="png", metadata={"Software": None})
    return page.getvalue()


def _places(steps: Sequence[Progress]) -> tuple[list[int], list[int]]:
    """Return where each step lies on the axis of all evaluations, and where each level begins."""
    places: list[int] = []
    starts: list[int] = []
    before, last = 0, 0
    for step in steps:
        if step.level > len(starts):
            before += last
            starts.append(before)
        places.append(before + step.iteration)
        last = step.iterations
    return places, starts
