"""The report of a run: its loss curves as a PNG, and its settings, results and timings as JSON.

Takes the events of a run and its :class:`~nst_core.job.run.Result`. Only this module imports matplotlib.
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
from nst_core.backends.machine_file import rates_file
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Plan, Progress
from nst_core.job.metadata import settings_to_repeat
from nst_core.job.run import Result

CURVES_FILE = "loss.png"
REPORT_FILE = "report.json"


def check_matplotlib_installed() -> None:
    """Check, before a run, that its loss curves can be drawn.

    Raises:
        NstError: ``bad-setting`` if matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "The loss curves need matplotlib, which is not installed.",
            "Install it into the environment of nst: python -m pip install matplotlib.",
        )


class RunHistory:
    """The plan and the progress of a run, recorded for the report."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.steps: list[Progress] = []

    def record(self, event: Event) -> None:
        """Record a plan or progress; ignore other events."""
        if isinstance(event, Plan):
            self.plan = event
        elif isinstance(event, Progress):
            self.steps.append(event)


def report_json(history: RunHistory, result: Result, files: Mapping[str, Any]) -> str:
    """Return the report as JSON: inputs, settings, each level's seconds, and the loss of each step.

    ``files`` names the pictures. ``nst stylize --settings report.json`` repeats the run.
    """
    seconds = level_seconds(history.steps, len(result.levels))
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
                {**asdict(level), "seconds": level_time}
                for level, level_time in zip(result.levels, seconds, strict=True)
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
                for step in history.steps
            ],
        },
        indent=1,
    )


def level_seconds(steps: Sequence[Progress], levels: int) -> list[float]:
    """Return the seconds of each level, including its targets; 0 for a level that was not reached."""
    ends = [0.0] * (levels + 1)
    for step in steps:
        ends[step.level] = step.seconds
    return [max(0.0, ends[level] - ends[level - 1]) if ends[level] else 0.0 for level in range(1, levels + 1)]


def draw_loss_curves(steps: Sequence[Progress]) -> bytes:
    """Draw the loss and its terms over the evaluations of all levels, on a logarithmic scale, as a PNG."""
    # Matplotlib caches its list of fonts; keep that with our own cache.
    os.environ.setdefault("MPLCONFIGDIR", str(rates_file().parent / "matplotlib"))
    from matplotlib.figure import Figure  # not pyplot, which needs a display and has global state

    figure = Figure(figsize=(10, 6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    positions, level_starts = _positions(steps)
    for name in dict.fromkeys(name for step in steps for name in step.terms):
        values = [step.terms.get(name) for step in steps]
        if any(values):
            axes.plot(positions, [value or None for value in values], linewidth=1.0, label=name)  # type: ignore[arg-type]
    axes.plot(positions, [step.loss for step in steps], color="black", linewidth=2.0, label="loss")
    for level, start in enumerate(level_starts, start=1):
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
    png = io.BytesIO()
    # Without matplotlib's name and version in the metadata, the same run gives the same bytes.
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _positions(steps: Sequence[Progress]) -> tuple[list[int], list[int]]:
    """Return the position of each step on the axis of all evaluations, and the start of each level."""
    positions: list[int] = []
    level_starts: list[int] = []
    previous_levels, level_iterations = 0, 0
    for step in steps:
        if step.level > len(level_starts):
            previous_levels += level_iterations
            level_starts.append(previous_levels)
        positions.append(previous_levels + step.iteration)
        level_iterations = step.iterations
    return positions, level_starts
