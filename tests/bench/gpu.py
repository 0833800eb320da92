"""Proof and measurement of everything on a graphics card, in eight minutes: ``python -m tests.bench.gpu``.

``[--device cuda] [--small] [--seconds 470] [--only PART ...] [--carried FOLDER] [--out FOLDER]``

Prints one table, and writes it and ``gpu.json`` to ``--out`` (by default $OUT, else a folder gpu-results).
Each part (``tests/bench/gpu_check``) runs in a process of its own with a time limit: one that fails, hangs,
or takes the card's memory with it does not stop the others. ``--device cpu --small`` runs every part at toy
sizes without a card, to find errors of this program. The exit code is 1 if anything is wrong or has failed.

A machine without internet needs what ``python -m tests.bench.gpu_check.carry FOLDER`` gathers on another one:
the network's weights in half precision, and wheels of the libraries that such machines lack. ``--carried``
names that folder there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.gpu_check.report import Outcome, summary, table

ROOT = Path(__file__).resolve().parents[2]

LIMITS = {
    "card": 30,
    "parity": 75,
    "recording": 35,
    "onnx": 45,
    "evaluations": 45,
    "default_1024": 60,
    "megapixels_12": 85,
    "megapixels_24": 100,
    "processes": 60,
    "stop": 30,
    "memory_ends": 45,
    "webgpu": 60,
    "random_vgg19": 40,
    "search": 40,
    "wasserstein": 20,
    "same_bits": 60,
    "host": 30,
    "kernels": 30,
}
"""The parts in their order, and the seconds that each may take. Their sum is more than there is time: most
end sooner, and those that no time is left for are reported as left out."""

SHORTEST = 8.0
"""Seconds without which no part is begun: libraries alone take that long to load."""


def carried_environment(folder: Path | None, scratch: Path) -> dict[str, str]:
    """Return the environment of the parts, with the wheels and weights of ``folder``."""
    environment = {**os.environ, "NST_CACHE": str(scratch / "cache")}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    if folder is not None:
        site = scratch / "site"
        wheels = sorted(map(str, folder.glob("wheels/*.whl")))
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-index",
            "--no-deps",
            "--target",
            str(site),
        ]
        if wheels:
            subprocess.run([*command, *wheels], check=True)
        environment["NST_MODELS"] = str(folder / "models")
        environment["NST_BENCH_SITE"] = str(site)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def run_part(name: str, options: argparse.Namespace, limit: float, environment: dict[str, str]) -> Outcome:
    """Run a part in its own process for at most ``limit`` seconds."""
    command = [sys.executable, "-m", "tests.bench.gpu_check", name, "--device", options.device]
    command += ["--small"] if options.small else []
    began = time.perf_counter()
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome.failed(name, f"not finished after {limit:.0f} s", time.perf_counter() - began)
    seconds = time.perf_counter() - began
    last = finished.stdout.strip().splitlines()[-1:]
    try:
        if not finished.returncode:
            return Outcome.of_json(name, json.loads(last[0]), seconds)
    except (IndexError, TypeError, ValueError):  # a library that ends the process, or prints at its end
        pass
    said = finished.stderr.strip().splitlines()[-1:] or [f"exit code {finished.returncode}"]
    return Outcome.failed(name, said[0][:300], seconds)


def run_parts(options: argparse.Namespace, names: Sequence[str]) -> list[Outcome]:
    """Run the parts, one after another, until the time is over."""
    began, outcomes = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="nst-gpu-") as scratch:
        environment = carried_environment(options.carried, Path(scratch))
        for name in names:
            left = options.seconds - (time.perf_counter() - began)
            if left < SHORTEST:
                outcomes.append(Outcome.left_out(name, "no time left"))
                continue
            limit = left if options.small else min(LIMITS[name], left)
            outcome = run_part(name, options, limit, environment)
            print(table([outcome], heading=not outcomes), flush=True)
            outcomes.append(outcome)
            write_results(options.out, outcomes)  # whatever happens to the parts after it
    return outcomes


def write_results(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write what has been found so far, as data and as a table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.json").write_text(json.dumps([outcome.as_json() for outcome in outcomes], indent=1))
    (folder / "gpu.md").write_text(table(outcomes) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="toy sizes, to try this program")
    parser.add_argument("--seconds", type=float, default=470.0, help="for everything (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(LIMITS), default=list(LIMITS), metavar="PART")
    parser.add_argument("--carried", type=Path, help="a folder that tests.bench.gpu_check.carry has filled")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")))
    options = parser.parse_args()
    if options.carried is not None:
        options.carried = options.carried.resolve()
    outcomes = run_parts(options, options.only)
    write_results(options.out, outcomes)
    print("\n" + summary(outcomes))
    sys.exit(any(outcome.is_bad for outcome in outcomes))


if __name__ == "__main__":
    main()
