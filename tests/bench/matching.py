"""The search for matching positions: how near it comes to an exact one, and what it costs.

``python -m tests.bench.matching CONTENT STYLE [--sides 256,512,1024] [--exact-up-to 256] [--runs draft]``

Prints a line for each size: the share of the exact matches' mean cosine similarity that the search in
``DIRECTIONS`` principal directions reaches, the seconds of the features, of the search and of the exact
search, and the search's seconds as a multiple of one evaluation of the default loss.

With ``--runs`` and a quality it paints each size without and with matching instead, in processes of their
own, and prints seconds and peak memory of both and the ratio of the seconds.
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

from nst_core.array_types import Array
from nst_core.backends.choose import Engine, open_engine
from nst_core.images.read import read_picture
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.loss.neighbours import (
    DIRECTIONS,
    nearest,
    principal_directions,
    unit_rows,
)
from nst_core.loss.weights import SEARCH_WEIGHTS
from nst_core.painting.matching import hypercolumns_of
from nst_core.painting.pyramid import Level
from nst_core.painting.subject import Subject, subject_at_level
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore


def columns_of(engine: Engine, pixels: Array) -> Array:
    """Return the hypercolumns of a picture (3, h, w)."""
    return hypercolumns_of(engine.extractor.features(pixels, list(SEARCH_WEIGHTS)))


def seconds_of_evaluation(engine: Engine, subject: Subject) -> float:
    """Return the seconds of one evaluation of the default loss without matching."""
    assert subject.content is not None
    pixels = subject.content.pixels
    objective = make_objective(engine.extractor, subject, make_settings({"matching": 0}))
    evaluate = engine.backend.evaluator(objective, *pixels.shape[1:])
    picture = engine.backend.upload(pixels)
    float(evaluate(picture).loss)
    started = time.perf_counter()
    float(evaluate(picture).loss)
    return time.perf_counter() - started


def time_run(options: argparse.Namespace, side: int, *settings: str) -> tuple[float, float]:
    """Return the seconds and the peak memory, in GB, of a process that paints."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = [str(options.content), str(options.style), "-o", str(Path(folder) / "result.png")]
        line = [sys.executable, "-m", "nst_core.cli", "stylize", *pictures]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*line, f"--size={side}", f"--quality={options.runs}", *settings], stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"painting at {side} pixels failed; nst stylize says why")
    return seconds, usage.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def compare_runs(options: argparse.Namespace, sides: list[int]) -> None:
    """Print a line for each size, painted without and with matching."""
    print("side   without: s, GB     with: s, GB   ratio")
    for side in sides:
        seconds, memory = time_run(options, side, "--matching=0")
        matched_seconds, matched_memory = time_run(options, side)
        print(
            f"{side:<6} {seconds:10.1f} {memory:6.2f}   {matched_seconds:8.1f} {matched_memory:6.2f}"
            f"   {matched_seconds / seconds:.2f}",
            flush=True,
        )


def compare_searches(options: argparse.Namespace, sides: list[int]) -> None:
    """Print a line for each size: the search, and an exact one."""
    settings = make_settings({})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    job = Job(
        content=read_picture(options.content),
        styles=(WeightedStyle(read_picture(options.style)),),
        settings=settings,
    )
    subject = prepare(job)
    print("side   of exact   features s   search s   exact s   search / evaluation")
    for side in sides:
        assert subject.content is not None
        _, height, width = subject.content.pixels.shape
        scale = side / max(height, width)
        level = Level(round(height * scale), round(width * scale), 1)
        images = subject_at_level(subject, level, 1.0)
        assert images.content is not None
        started = time.perf_counter()
        query, candidates = (columns_of(engine, p) for p in (images.content.pixels, images.styles[0].pixels))
        features = time.perf_counter() - started
        started = time.perf_counter()
        directions = principal_directions(candidates, DIRECTIONS)
        found = nearest(unit_rows(query @ directions), unit_rows(candidates @ directions))
        search = time.perf_counter() - started
        share, exact_seconds = "-", "-"
        if side <= options.exact_up_to:
            started = time.perf_counter()
            queries, all_candidates = unit_rows(query), unit_rows(candidates)
            exact = nearest(queries, all_candidates)
            exact_seconds = f"{time.perf_counter() - started:.2f}"
            reached, best = (
                float(np.einsum("nd,nd->n", queries, all_candidates[matches]).mean())
                for matches in (found, exact)
            )
            share = f"{reached / best:.3f}"
        ratio = search / seconds_of_evaluation(engine, images)
        print(
            f"{side:<6} {share:>8}   {features:10.2f}   {search:8.2f}   {exact_seconds:>7}   {ratio:.2f}",
            flush=True,
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--sides", default="256,512,1024")
    parser.add_argument("--exact-up-to", type=int, default=256)
    parser.add_argument("--runs", metavar="QUALITY")
    options = parser.parse_args()
    sides = [int(text) for text in options.sides.split(",")]
    if options.runs:
        compare_runs(options, sides)
    else:
        compare_searches(options, sides)


if __name__ == "__main__":
    main()
