"""Judged quality over evaluations x pixels, for schedules of levels side by side.

``python -m tests.bench.schedule PHOTO PAINTING [--every 10] [--settings "strength=60"]``
``    --schedule 256:150 --schedule 256:50 --schedule 128:30,256:30 [--schedule 128:20x8,256:30]``

A schedule is its levels, coarse to fine: long side and evaluations of each, and after an x the factor on the
setting ``matching`` (1 at the coarsest level and 0.5 at the others if it is left out). A level that ends
with h computes its deep layers at half size. Every ``--every``
evaluations the picture, enlarged to the size of the last level, is judged (:mod:`tests.bench.judge`). Prints
a line for each: cost, in evaluations of a picture of the final size, loss, measures, and the change of the
picture since the line before (root of the mean square); then for each schedule after how much of its cost the
judged style came within a hundredth of its last value, and stayed there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.choose import Engine, open_engine
from nst_core.events import Event, Preview
from nst_core.images.read import read_picture
from nst_core.images.resize import fit, resize
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.painting.pyramid import FINE_MATCHING, Level
from nst_core.painting.run import RunCallbacks, paint
from nst_core.painting.subject import Subject
from nst_core.settings import Settings, make_settings
from nst_core.vgg.store import ModelStore
from tests.bench.judge.alexnet import load_alexnet
from tests.bench.judge.measures import Judge, Measures

NEAR = 0.01
"""Difference of judged styles below which they are the same to the eye."""


@dataclass(frozen=True)
class Point:
    """The picture after ``iteration`` evaluations of a level: its ``cost``, and what the judge found."""

    level: int
    iteration: int
    cost: float
    measures: Measures
    change: float


def parse_schedule(text: str, height: int, width: int) -> tuple[Level, ...]:
    """Return the levels of a schedule for a picture of ``height`` x ``width``.

    Raises:
        ValueError: ``text`` is no schedule.
    """
    levels = []
    for number, part in enumerate(text.split(",")):
        side, _, rest = part.partition(":")
        evaluations, _, factor = rest.removesuffix("h").partition("x")
        matching = float(factor) if factor else 1.0 if number == 0 else FINE_MATCHING
        size, halved = fit(height, width, int(side)), rest.endswith("h")
        levels.append(Level(*size, int(evaluations), matching=matching, halved=halved))
    return tuple(levels)


def cost_of(levels: Sequence[Level], level: int, iteration: int) -> float:
    """Return the evaluations up to a moment, in evaluations of the last level; each level has one more."""
    finished = [*levels[:level], Level(levels[level].height, levels[level].width, iteration)]
    pixels = sum(one.height * one.width * (one.iterations + 1) for one in finished)
    return pixels / (levels[-1].height * levels[-1].width)


def settled(points: Sequence[Point]) -> float:
    """Return the cost from which on the judged style stays near its last value."""
    last = points[-1].measures.style
    since = points[-1].cost
    for point in reversed(points):
        if abs(point.measures.style - last) > NEAR:
            break
        since = point.cost
    return since


class Watcher:
    """Judges the pictures of a run; see :class:`nst_core.painting.progress.RunCallbacks`."""

    def __init__(self, judge: Judge, levels: Sequence[Level]) -> None:
        self.judge, self.levels = judge, levels
        self.points: list[Point] = []
        self.picture: Array | None = None

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Preview):
            return
        height, width = self.levels[-1].height, self.levels[-1].width
        picture = np.clip(resize(event.picture, height, width), 0.0, 1.0)
        change = 0.0 if self.picture is None else float(np.sqrt(np.mean((picture - self.picture) ** 2)))
        self.picture = picture
        cost = cost_of(self.levels, event.level, event.iteration)
        self.points.append(Point(event.level, event.iteration, cost, self.judge.measure(picture), change))


def run(subject: Subject, settings: Settings, engine: Engine, watcher: Watcher, every: int) -> None:
    """Paint with the watcher's levels and print a line for each moment."""
    levels = tuple(watcher.levels)
    painted = paint(subject, settings, levels, engine, RunCallbacks(on_event=watcher, frames_every=every))
    losses = {(sample.level, sample.iteration): sample.loss for sample in painted.curve}
    for point in watcher.points:
        measures, side = point.measures, max(levels[point.level].height, levels[point.level].width)
        print(
            f"{side:>6} {point.iteration:>4} {point.cost:>7.1f} {losses[point.level, point.iteration]:>8.4f}"
            f" {measures.style:>7.3f} {measures.structure:>9.3f} {measures.color:>7.3f}"
            f" {100 * measures.speckle_excess:>8.2f} {measures.overall:>8.3f} {point.change:>8.4f}",
            flush=True,
        )
    whole = cost_of(levels, len(levels) - 1, levels[-1].iterations)
    print(f"style settled after {settled(watcher.points):.1f} of {whole:.1f}", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--schedule", action="append", required=True, metavar="SIDE:EVALUATIONS[xFACTOR],...")
    parser.add_argument("--settings", default="", metavar="NAME=VALUE ...")
    options = parser.parse_args()
    settings = make_settings(dict(pair.split("=", 1) for pair in options.settings.split()))
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    content, style = read_picture(options.content), read_picture(options.style)
    subject = prepare(Job(content=content, styles=(WeightedStyle(style),), settings=settings))
    judge = Judge(content.pixels, style.pixels, load_alexnet())
    for text in options.schedule:
        levels = parse_schedule(text, content.height, content.width)
        print(f"{text}\n  side eval    cost     loss   style structure  colour speckle% overall   change")
        run(subject, settings, engine, Watcher(judge, levels), options.every)
    engine.close()


if __name__ == "__main__":
    main()
