"""Any size: seconds and memory of evaluations from a quarter to 24 megapixels, tiled against whole.

``python -m tests.bench.sizes [--megapixels 0.25,1,4] [--evaluations 2] [--engine auto] [--device auto]
[--max-memory 4GB] [--max-device-memory 8GB] [--whole-up-to 1] [--seams FOLDER]``

Each size is a process of its own, which does what a run does at its last level: targets of a content and a
style of that size, an optimizer with the history that the plan gives it, and some iterations. A line
a size: the plan's tiles and window; the seconds that the plan said and that it took; seconds for each
evaluation and megapixel; the most memory of the machine (without pages of files, which the system takes back
when it wants to), and of the device; what the plan said it would be. Up to ``--whole-up-to``
megapixels the same is done as a whole, and the difference between both is told: the largest of the gradient,
as a share of the largest gradient; the length of it, as a share of the gradient's; and that of the losses.
``--seams`` writes a picture of the first, 1e-5 being white. ``--exact`` tells also how far the whole's
gradient is from the one in double precision (torch), which needs 6 kB a pixel.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from nst_core.backends.choose import Engine, open_engine
from nst_core.backends.interface import Tiling
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.painting.clock import estimate_level_work
from nst_core.painting.memory import MemoryLayout, choose_memory_layout, memory_budget
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import RunCallbacks, paint
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.planning.benchmark import measure_rate
from nst_core.settings import Settings, make_settings
from nst_core.vgg.store import ModelStore

GRADIENT_SCALE = 1e5


def size_of(megapixels: float) -> tuple[int, int]:
    """Height and width, 2 : 3."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    return height, round(megapixels * 1e6 / height)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """Blocks of colour under grain, (3, height, width)."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((3, -(-height // 16), -(-width // 16)), np.float32)
    found = blocks.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width]
    for row in found.swapaxes(0, 1):
        row += rng.normal(scale=0.05, size=row.shape)
    return np.clip(found, 0, 1, out=found)


class Peak:
    """The most memory of this process that no file stands for, in bytes, while it is watched."""

    def __enter__(self):
        self.most, self.over, self.process = 0, threading.Event(), psutil.Process()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.over.wait(0.02):
            found = self.process.memory_info()
            self.most = max(self.most, found.rss - getattr(found, "shared", 0))

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def content_and_style(height: int, width: int) -> Subject:
    """Two pictures of the size."""
    return Subject(
        content=PreparedImage(picture(1, height, width)), styles=(PreparedImage(picture(2, height, width)),)
    )


def measure(height: int, width: int, iterations: int, engine: Engine, settings: Settings) -> dict:
    """Paint one level of a size."""
    subject = content_and_style(height, width)
    rate, levels = measure_rate(engine), (Level(height, width, iterations),)
    plan = choose_memory_layout(
        engine.backend, settings, height, width, memory_budget(engine.backend, settings)
    )
    work = estimate_level_work(levels, [plan], settings, engine.network.architecture, rate)[0]
    before = psutil.Process().memory_info()
    with Peak() as peak:
        painted = paint(subject, settings, levels, engine, RunCallbacks())
    evaluation = painted.seconds * work.evaluation / work.total
    found = {
        "height": height,
        "width": width,
        "tiles": plan.tiles,
        "window": plan.window,
        "history": f"{plan.history} {plan.storage}",
        "planned_seconds": work.total,
        "seconds": painted.seconds,
        "seconds_per_megapixel": evaluation / (height * width / 1e6),
        "machine_gb": peak.most / 1e9,
        "planned_gb": (before.rss - getattr(before, "shared", 0) + plan.machine) / 1e9,
    }
    if engine.backend.engine == "torch" and engine.backend.limits.own_memory:
        import torch

        found["device_gb"] = torch.cuda.max_memory_allocated() / 1e9
        found["planned_device_gb"] = plan.device / 1e9
    return found


def _rounding(engine: Engine, objective, at: np.ndarray, whole: np.ndarray) -> float:
    """Length of the difference between a gradient and the one in double precision, as a share of it."""
    import torch

    from nst_core.backends.pytorch.backend import TorchBackend

    double = TorchBackend(engine.network, device="cpu", dtype=torch.float64)
    _, height, width = at.shape
    wanted = np.asarray(double.evaluator(objective, height, width)(double.upload(at)).gradient)
    return float(np.linalg.norm(whole - wanted) / np.linalg.norm(wanted))


def seams(
    height: int,
    width: int,
    engine: Engine,
    settings: Settings,
    plan: MemoryLayout,
    folder: Path | None,
    exact: bool,
) -> dict:
    """Return how far tiled is from whole: the gradient's largest difference and its length, and the loss."""
    backend = engine.backend
    features = TiledFeatures(engine.extractor, engine.network.architecture, plan.window or 512)
    objective = make_objective(features, content_and_style(height, width), settings)
    at = backend.upload(picture(3, height, width))
    tiled = backend.evaluator(objective, height, width, Tiling(plan.window or 512))(at)
    part = backend.download(tiled.gradient)
    evaluation = backend.evaluator(objective, height, width)(at)
    whole, loss = backend.download(evaluation.gradient), float(evaluation.loss)
    difference = np.abs(part - whole) / np.abs(whole).max()
    if folder is not None:
        from PIL import Image

        folder.mkdir(parents=True, exist_ok=True)
        shown = np.clip(difference.max(axis=0) * GRADIENT_SCALE * 255, 0, 255).astype(np.uint8)
        Image.fromarray(shown).save(folder / f"seams-{width}x{height}.png")
    found = {} if not exact else {"single against double": _rounding(engine, objective, at, whole)}
    return {
        **found,
        "largest": float(difference.max()),
        "length": float(np.linalg.norm(part - whole) / np.linalg.norm(whole)),
        "loss": abs(float(tiled.loss) / loss - 1),
    }


def one(given: argparse.Namespace) -> None:
    """Measure one size and print it as JSON."""
    height, width = size_of(float(given.one))
    named = {"engine": given.engine, "device": given.device, "model": given.model}
    limits = {"max_memory": given.max_memory, "max_device_memory": given.max_device_memory}
    settings = make_settings({**named, **limits, "coarsest": 0})
    engine = open_engine(settings, ModelStore(), lambda _notice: None)
    if given.difference:
        plan = choose_memory_layout(
            engine.backend, settings, height, width, memory_budget(engine.backend, settings)
        )
        print(json.dumps(seams(height, width, engine, settings, plan, given.seams, given.exact)))
    else:
        print(json.dumps(measure(height, width, given.evaluations, engine, settings)))
    engine.close()


def in_process(given: argparse.Namespace, megapixels: str, *more: str, capped: bool = True) -> dict:
    """Measure a size in a process of its own; without limits where not ``capped``."""
    command = [sys.executable, "-m", "tests.bench.sizes", "--one", megapixels, *more]
    for name in ("engine", "device", "model", "evaluations"):
        command += [f"--{name}", str(getattr(given, name))]
    if capped:
        command += ["--max-memory", given.max_memory, "--max-device-memory", given.max_device_memory]
    if given.exact:
        command += ["--exact"]
    if given.seams:
        command += ["--seams", str(given.seams)]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode:
        return {"error": found.stderr.strip().splitlines()[-1]}
    return json.loads(found.stdout.strip().splitlines()[-1])


def line(name: str, found: dict) -> str:
    """One size in a row of a table."""
    if "error" in found:
        return f"| {name} | {found['error']} |"
    device = f"{found['device_gb']:.2f}" if "device_gb" in found else "-"
    return (
        f"| {name} | {found['width']} x {found['height']} | {found['tiles']} | {found['window'] or '-'} | "
        f"{found['history']} | {found['planned_seconds']:.0f} | {found['seconds']:.0f} | "
        f"{found['seconds_per_megapixel']:.2f} | "
        f"{found['machine_gb']:.2f} | {found['planned_gb']:.2f} | {device} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", default="0.25,1,4,12,24")
    parser.add_argument("--evaluations", type=int, default=1, help="beside the first (%(default)s)")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--max-memory", default="4GB")
    parser.add_argument("--max-device-memory", default="8GB")
    parser.add_argument("--whole-up-to", type=float, default=1.0)
    parser.add_argument("--seams", type=Path)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--difference", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given)
        return
    print(time.strftime("%Y-%m-%d"), f"{psutil.cpu_count()} cores, limits {given.max_memory}")
    print("| MP | size | tiles | window | history | planned s | s | s/MP | GB | planned GB | device GB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for megapixels in given.megapixels.split(","):
        print(line(megapixels, in_process(given, megapixels)), flush=True)
        if float(megapixels) <= given.whole_up_to:
            print(line(f"{megapixels} uncapped", in_process(given, megapixels, capped=False)), flush=True)
            found = in_process(given, megapixels, "--difference")
            print(f"tiled against whole at {megapixels} MP: {found}", flush=True)


if __name__ == "__main__":
    main()
