"""Memory of an evaluation: the numbers that memory plans are based on.

``python -m tests.bench.memory [--engine auto] [--device auto] [--model auto] [SIDE/WINDOW...]``

Each case runs in its own process: target features and two evaluations of the default objective at SIDE x SIDE
pixels in tiles of at most WINDOW, or untiled if that is not smaller. Prints the pixels computed at a time and
the peak memory of the process above what it had before (without pages of files). A straight line through the
untiled cases, and one through those in tiles, give the backend's ``fixed_bytes`` and ``bytes_per_pixel``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np
import psutil

from nst_core.backends.choose import open_engine
from nst_core.backends.interface import Tiling
from nst_core.backends.tiling.evaluator import tiles_for
from nst_core.backends.tiling.features import TiledFeatures, feature_sums
from nst_core.planning.benchmark import default_objective
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from tests.bench.sizes import Peak

CASES = ("512/512", "768/768", "1000/1000", "1024/512", "1280/768", "1792/1024", "2048/1152")


def one(options: argparse.Namespace) -> None:
    """Evaluate one case and print (pixels computed at a time, bytes)."""
    side, window = map(int, options.one.split("/"))
    engine_settings = {"engine": options.engine, "device": options.device, "model": options.model}
    engine = open_engine(make_settings(engine_settings), ModelStore(), lambda _notice: None)
    objective = default_objective(engine.backend, side)
    picture = engine.backend.upload(np.random.default_rng(0).random((3, side, side), np.float32))
    before = psutil.Process().memory_info()
    features = TiledFeatures(engine.extractor, engine.network.architecture, window)
    with Peak() as peak:
        for terms in (objective.content, objective.style):
            feature_sums(features, picture, {term.layer: None for term in terms}, with_mean=False)
        tiling = Tiling(window) if window < side else None
        evaluator = engine.backend.evaluator(objective, side, side, tiling)
        for _ in range(2):  # the second takes more: memory is fragmented after the first
            float(evaluator(picture).loss)
    tiles = tiles_for(objective, side, side, window, engine.network.architecture)
    pixels = max(tile.rows.length * tile.columns.length for tile in tiles)
    print(json.dumps([pixels, peak.most - (before.rss - getattr(before, "shared", 0))]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=CASES)
    for name in ("engine", "device", "model"):
        parser.add_argument(f"--{name}", default="auto")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options)
        return
    results = []
    for case in options.cases:
        command = [sys.executable, "-m", "tests.bench.memory", "--one", case]
        for name in ("engine", "device", "model"):
            command += [f"--{name}", getattr(options, name)]
        results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(f"{case}: {results[-1][0] / 1e6:.3f} MP at a time, {results[-1][1] / 1e9:.2f} GB", flush=True)
    for name, tiled in (("untiled", False), ("in tiles", True)):
        points = [
            point
            for case, point in zip(options.cases, results, strict=True)
            if (int(case.split("/")[1]) < int(case.split("/")[0])) is tiled
        ]
        if len(points) > 1:
            slope, fixed = np.polyfit(*np.array(points, dtype=np.float64).T, 1)
            print(f"{name}: {fixed / 1e6:.0f} MB and {slope:.0f} bytes a pixel")


if __name__ == "__main__":
    main()
