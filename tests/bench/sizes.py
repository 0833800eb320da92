"""Seconds and memory of evaluations from a quarter to 24 megapixels, tiled compared with untiled.

``python -m tests.bench.sizes [--megapixels 0.25,1,4] [--evaluations 2] [--engine auto] [--device auto]
[--max-memory 4GB] [--max-device-memory 8GB] [--whole-up-to 1] [--seams FOLDER]``

Each size runs in its own process, which does the work of a run's last level: targets of a content and a style
of that size, an optimiser with the planned history, and some iterations. Prints a line per size: planned
tiles and window; planned and actual seconds; seconds per evaluation and megapixel; peak memory of the machine
(without pages of files, which the system can take back), planned and actual, and of the device. Up to
``--whole-up-to`` megapixels it does the same untiled, and prints the difference: the largest difference of
the gradient, as a share of the largest gradient; its length, as a share of the gradient's; and the difference
of the losses. ``--seams`` writes a picture of the first, in which white is 1e-5. ``--exact`` also prints the
distance of the untiled gradient from the one in double precision (torch), which needs 6 kB per pixel.

``--refining`` measures a level that refines the one before, with deep layers at half size from 2048 pixels
on, twice: evaluated through all tiles (``as before``), and painted tile by tile; then the ratio of both.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from nst_core.backends.choose import Engine, open_engine
from nst_core.backends.interface import Tiling
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.painting.clock import estimate_level_work
from nst_core.painting.memory import choose_memory_layout
from nst_core.painting.memory_budget import memory_budget
from nst_core.painting.pyramid import HALVED_FROM, Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import PaintOptions, RunCallbacks, paint
from nst_core.painting.run_state import NoStates, RunState
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import choose_level_layout
from nst_core.planning.benchmark import measure_rate
from nst_core.settings import Settings, make_settings
from nst_core.vgg.store import ModelStore

GRADIENT_SCALE = 1e5


def size_of(megapixels: float) -> tuple[int, int]:
    """Return height and width, 2 : 3."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    return height, round(megapixels * 1e6 / height)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """Return blocks of colour with grain, (3, height, width)."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((3, -(-height // 16), -(-width // 16)), np.float32)
    pixels = blocks.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width]
    for row in pixels.swapaxes(0, 1):
        row += rng.normal(scale=0.05, size=row.shape)
    return np.clip(pixels, 0, 1, out=pixels)


class Peak:
    """The peak memory of this process within a block, without pages of files, in bytes."""

    def __enter__(self):
        self.most, self.over, self.process = 0, threading.Event(), psutil.Process()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.over.wait(0.02):
            memory = self.process.memory_info()
            self.most = max(self.most, memory.rss - getattr(memory, "shared", 0))

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def content_and_style(height: int, width: int) -> Subject:
    """Return a content and a style of the size."""
    return Subject(
        content=PreparedImage(picture(1, height, width)), styles=(PreparedImage(picture(2, height, width)),)
    )


class AtLastLevel(NoStates):
    """A run whose last of two levels begins, with the picture of the level before."""

    def __init__(self, height: int, width: int) -> None:
        self.start = RunState(level=1, previous=picture(4, height, width))


def measure(level: Level, engine: Engine, settings: Settings, *, first: bool = True) -> dict:
    """Paint one level and return its measurements; unless it is the ``first``, it has one before it."""
    height, width = level.height, level.width
    subject = content_and_style(height, width)
    rate, small = measure_rate(engine), (height // 2, width // 2)
    layout = choose_level_layout(
        engine.backend, settings, level, None, memory_budget(engine.backend, settings)
    )
    work = estimate_level_work((level,), [layout], settings, engine.network.architecture, rate)[0]
    levels = (level,) if first else (Level(*small, 1), level)
    options = PaintOptions() if first else PaintOptions(states=AtLastLevel(*small))
    before = psutil.Process().memory_info()
    with Peak() as peak:
        painted = paint(subject, settings, levels, engine, RunCallbacks(), options)
    evaluation = painted.seconds * work.evaluation / work.total
    measurements = {
        "height": height,
        "width": width,
        "tiles": layout.tiles,
        "window": layout.window,
        "history": f"{layout.history} {layout.storage}",
        "planned_seconds": work.total,
        "seconds": painted.seconds,
        "seconds_per_megapixel": evaluation / (height * width / 1e6),
        "machine_gb": peak.most / 1e9,
        "planned_gb": (before.rss - getattr(before, "shared", 0) + layout.machine) / 1e9,
    }
    if engine.backend.engine == "torch" and engine.backend.limits.own_memory:
        import torch

        measurements["device_gb"] = torch.cuda.max_memory_allocated() / 1e9
        measurements["planned_device_gb"] = layout.device / 1e9
    return measurements


def rounding_error(engine: Engine, objective, at: np.ndarray, whole: np.ndarray) -> float:
    """Return the distance of a gradient from the one in double precision, as a share of that one."""
    import torch

    from nst_core.backends.pytorch.backend import TorchBackend

    double = TorchBackend(engine.network, device="cpu", dtype=torch.float64)
    _, height, width = at.shape
    exact = np.asarray(double.evaluator(objective, height, width)(double.upload(at)).gradient)
    return float(np.linalg.norm(whole - exact) / np.linalg.norm(exact))


def difference_of_tiles(
    height: int, width: int, engine: Engine, settings: Settings, options: argparse.Namespace
) -> dict:
    """Return the differences of gradient (largest, length) and loss between tiled and untiled."""
    backend = engine.backend
    layout = choose_memory_layout(backend, settings, height, width, memory_budget(backend, settings))
    window = layout.window or 512
    features = TiledFeatures(engine.extractor, engine.network.architecture, window)
    objective = make_objective(features, content_and_style(height, width), settings)
    at = backend.upload(picture(3, height, width))
    tiled = backend.evaluator(objective, height, width, Tiling(window))(at)
    tiled_gradient = backend.download(tiled.gradient)
    evaluation = backend.evaluator(objective, height, width)(at)
    gradient, loss = backend.download(evaluation.gradient), float(evaluation.loss)
    difference = np.abs(tiled_gradient - gradient) / np.abs(gradient).max()
    if options.seams is not None:
        write_seams(difference, options.seams / f"seams-{width}x{height}.png")
    results = {}
    if options.exact:
        results["single against double"] = rounding_error(engine, objective, at, gradient)
    return {
        **results,
        "largest": float(difference.max()),
        "length": float(np.linalg.norm(tiled_gradient - gradient) / np.linalg.norm(gradient)),
        "loss": abs(float(tiled.loss) / loss - 1),
    }


def write_seams(difference: np.ndarray, path: Path) -> None:
    """Write the largest difference of each pixel as a picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(difference.max(axis=0) * GRADIENT_SCALE * 255, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def print_one(options: argparse.Namespace) -> None:
    """Measure one size and print it as JSON."""
    height, width = size_of(float(options.one))
    engine_settings = {"engine": options.engine, "device": options.device, "model": options.model}
    limits = {"max_memory": options.max_memory, "max_device_memory": options.max_device_memory}
    others = {"matching": 0} if options.way else {}  # a level that refines seeks no matches
    settings = make_settings({**engine_settings, **limits, **others, "coarsest": 0})
    engine = open_engine(settings, ModelStore(), lambda _notice: None)
    if options.difference:
        print(json.dumps(difference_of_tiles(height, width, engine, settings, options)))
    else:
        level, refining = Level(height, width, options.evaluations), options.way is not None
        if refining:
            halved = max(height, width) >= HALVED_FROM
            level = replace(level, matching=0.5, halved=halved, refines=options.way == "tiles")
        print(json.dumps(measure(level, engine, settings, first=not refining)))
    engine.close()


def measure_in_process(
    options: argparse.Namespace, megapixels: str, *flags: str, capped: bool = True
) -> dict:
    """Measure a size in its own process; without memory limits unless ``capped``."""
    command = [sys.executable, "-m", "tests.bench.sizes", "--one", megapixels, *flags]
    for name in ("engine", "device", "model", "evaluations"):
        command += [f"--{name}", str(getattr(options, name))]
    if capped:
        command += ["--max-memory", options.max_memory, "--max-device-memory", options.max_device_memory]
    if options.exact:
        command += ["--exact"]
    if options.seams:
        command += ["--seams", str(options.seams)]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        return {"error": finished.stderr.strip().splitlines()[-1]}
    return json.loads(finished.stdout.strip().splitlines()[-1])


def table_row(name: str, size: dict) -> str:
    """Return the measurements of a size as a row of a table."""
    if "error" in size:
        return f"| {name} | {size['error']} |"
    device = f"{size['device_gb']:.2f}" if "device_gb" in size else "-"
    return (
        f"| {name} | {size['width']} x {size['height']} | {size['tiles']} | {size['window'] or '-'} | "
        f"{size['history']} | {size['planned_seconds']:.0f} | {size['seconds']:.0f} | "
        f"{size['seconds_per_megapixel']:.2f} | "
        f"{size['machine_gb']:.2f} | {size['planned_gb']:.2f} | {device} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", default="0.25,1,4,12,24")
    parser.add_argument("--evaluations", type=int, default=1, help="in addition to the first (%(default)s)")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--max-memory", default="4GB")
    parser.add_argument("--max-device-memory", default="8GB")
    parser.add_argument("--whole-up-to", type=float, default=1.0)
    parser.add_argument("--seams", type=Path)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--refining", action="store_true")
    parser.add_argument("--way", choices=("passes", "tiles"), help=argparse.SUPPRESS)
    parser.add_argument("--difference", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print_one(options)
        return
    print(time.strftime("%Y-%m-%d"), f"{psutil.cpu_count()} cores, limits {options.max_memory}")
    print("| MP | size | tiles | window | history | planned s | s | s/MP | GB | planned GB | device GB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for megapixels in options.megapixels.split(","):
        if options.refining:
            before, after = (
                measure_in_process(options, megapixels, "--way", way) for way in ("passes", "tiles")
            )
            print(table_row(f"{megapixels} as before", before))
            print(table_row(f"{megapixels} tile by tile", after))
            print(f"ratio {after['seconds_per_megapixel'] / before['seconds_per_megapixel']:.2f}", flush=True)
            continue
        print(table_row(megapixels, measure_in_process(options, megapixels)), flush=True)
        if float(megapixels) <= options.whole_up_to:
            uncapped = measure_in_process(options, megapixels, capped=False)
            print(table_row(f"{megapixels} uncapped", uncapped), flush=True)
            difference = measure_in_process(options, megapixels, "--difference")
            print(f"tiled against untiled at {megapixels} MP: {difference}", flush=True)


if __name__ == "__main__":
    main()
