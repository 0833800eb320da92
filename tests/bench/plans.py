"""Plans compared with runs: estimated and actual seconds of a painting.

``python -m tests.bench.plans [--engine auto] [--device auto] [--model auto] [CASE...]``

A case consists of settings as on the command line, joined by commas: ``size=512,quality=draft``. Each is
planned and run as a job on the two pictures of ``install/samples``, in its own process. All share one file of
rates, which is empty at first: the first plan uses only the quick measurement, later ones also the earlier
runs. Prints a line per case: estimated seconds, actual seconds, their ratio, and the share of the time at
which the reported progress was furthest from the truth.

``--rates`` prints instead the time of a megapixel at several sizes, untiled and in tiles, in CPU seconds
(``time.process_time``), which other programs disturb less than seconds of the clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nst_core.backends.choose import open_engine
from nst_core.backends.interface import Tiling
from nst_core.backends.tiling.evaluator import tiles_for, tiling_overhead
from nst_core.events import Plan, Progress
from nst_core.images.read import read_picture
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.run import run_job
from nst_core.painting.run import RunCallbacks
from nst_core.planning.benchmark import default_objective
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore

CASES = (
    "size=384,quality=draft",
    "size=512,quality=draft",
    "size=768,quality=draft",
    "size=512,quality=draft,style_scale=2",
    "size=512,quality=draft,style_loss=wasserstein",
    "size=960,coarsest=0,iterations=6,max_memory=1.9GB",
    "size=3000,time_limit=90",
)

RATES = ((256, None), (384, None), (512, None), (768, None), (1024, None), (1024, 512), (1024, 768))

SAMPLES = Path(__file__).parents[2] / "install" / "samples"


def rates(options: argparse.Namespace) -> None:
    """Print the time of a megapixel at several sizes."""
    engine_settings = {"engine": options.engine, "device": options.device, "model": options.model}
    engine = open_engine(make_settings(engine_settings), ModelStore(), lambda _notice: None)
    print("| size | window | work | CPU seconds for an evaluation | for a megapixel of work |")
    print("|---|---|---|---|---|")
    for side, window in RATES:
        objective = default_objective(engine.backend, side)
        evaluator = engine.backend.evaluator(objective, side, side, Tiling(window) if window else None)
        picture = engine.backend.upload(np.random.default_rng(0).random((3, side, side), np.float32))
        float(evaluator(picture).loss)
        began = time.process_time()
        float(evaluator(picture).loss)
        seconds = time.process_time() - began
        tiles = tiles_for(objective, side, side, window or side, engine.network.architecture)
        work = tiling_overhead(tiles, side * side)
        per_megapixel = seconds / (work * side * side / 1e6)
        print(f"| {side} | {window or '-'} | {work:.2f} | {seconds:.2f} | {per_megapixel:.2f} |", flush=True)
    engine.close()


class EventLog:
    """The plan and the progress of a run."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.steps: list[tuple[float, float]] = []
        self.began = time.perf_counter()

    def __call__(self, event: object) -> None:
        if isinstance(event, Plan):
            self.plan = event
            self.began = time.perf_counter()  # measuring the engine is not part of the run
        elif isinstance(event, Progress):
            self.steps.append((time.perf_counter() - self.began, event.fraction))


def case(text: str, options: argparse.Namespace) -> str:
    """Plan and run one job and return its line."""
    pairs = dict(pair.split("=", 1) for pair in text.split(","))
    engine_settings = {"engine": options.engine, "device": options.device, "model": options.model}
    content, style = (read_picture(SAMPLES / name) for name in ("content.jpg", "style.jpg"))
    events = EventLog()
    settings = make_settings({**engine_settings, **pairs})
    job = Job(content=content, styles=(WeightedStyle(style),), settings=settings)
    run_job(job, RunCallbacks(on_event=events, preview_seconds=2.0))
    seconds = time.perf_counter() - events.began
    assert events.plan is not None
    planned = events.plan.seconds or float("nan")
    shares = [(moment / seconds, reported) for moment, reported in events.steps]
    actual, reported = max(shares, key=lambda pair: abs(pair[0] - pair[1]))
    levels = ", ".join(f"{level.width} ({level.iterations}, {level.tiles})" for level in events.plan.levels)
    return (
        f"| {text} | {levels} | {planned:.1f} | {seconds:.1f} | {planned / seconds:.2f} | "
        f"{reported:.0%} at {actual:.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rates:
        rates(options)
        return
    if options.one:
        print(case(options.one, options))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NST_CACHE"] = folder
        print("| settings | levels (iterations, tiles) | planned s | took s | planned/took | progress |")
        print("|---|---|---|---|---|---|")
        for text in options.cases:
            command = [sys.executable, "-m", "tests.bench.plans", "--one", text]
            for name in ("engine", "device", "model"):
                command += [f"--{name}", getattr(options, name)]
            finished = subprocess.run(command, capture_output=True, text=True)
            print((finished.stdout or finished.stderr).strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
