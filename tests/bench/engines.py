"""Seconds and peak memory of an evaluation: the torch backend compared with ONNX Runtime.

``python -m tests.bench.engines [--sizes 256 512 1024] [--rounds 5] [--threads N]``

Both have the same weights, picture and objective (content relu4_2, style relu1_1 to relu5_1). They take turns
in one process, so that other work of the machine slows both. The best round counts, and the median ratio is
of neighbouring evaluations. Peak memory is that of a separate process for each, which computes targets with
ONNX Runtime as every run does, binds the objective and evaluates it three times.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from nst_core.array_types import Array
from nst_core.backends.interface import Backend
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_2"
ENGINES = ("torch", "onnx")


def picture(seed: int, side: int) -> Array:
    """Return blocks of colour with grain, (3, side, side)."""
    random = np.random.default_rng(seed)
    blocks = random.uniform(size=(3, side // 8, side // 8)).repeat(8, axis=1).repeat(8, axis=2)
    return np.clip(blocks + random.normal(scale=0.05, size=blocks.shape), 0, 1).astype(np.float32)


def make_objective(network: Network, side: int) -> Objective:
    """Return the default objective between two pictures."""
    extractor = OnnxFeatures(network, "cpu", padding="edge")
    content = extractor.features(picture(1, side), [CONTENT])[CONTENT]
    styles = []
    for layer, features in extractor.features(picture(2, side), STYLE).items():
        flat = features.reshape(len(features), -1)
        gram = flat @ flat.T / flat.shape[1]
        styles.append(StyleTerm(layer, float(4 * len(gram) ** 2 / np.square(gram).sum()), gram))
    extractor.close()
    weight = float(2 / np.square(content).sum())
    return Objective((ContentTerm(CONTENT, weight, content),), tuple(styles), (RangePenalty(30.0),))


def open_backend(engine: str, network: Network, threads: int) -> Backend:
    """Open a backend on the CPU; import torch only if it is needed."""
    if engine == "onnx":
        return OnnxBackend(network, device="cpu")
    import torch

    from nst_core.backends.pytorch.backend import TorchBackend

    torch.set_num_threads(threads)
    return TorchBackend(network, device="cpu")


def seconds_of(evaluate: object, at: object) -> float:
    """Return the seconds of one evaluation."""
    began = time.perf_counter()
    evaluate(at)  # type: ignore[operator]
    return time.perf_counter() - began


def compare(network: Network, side: int, rounds: int, threads: int) -> dict[str, float]:
    """Let the engines take turns; return the best seconds of each and the median ratio of neighbours."""
    objective, at = make_objective(network, side), picture(3, side)
    runs = {}
    for engine in ENGINES:
        backend = open_backend(engine, network, threads)
        runs[engine] = (backend.evaluator(objective, side, side), backend.upload(at))
        seconds_of(*runs[engine])
    seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine in ENGINES:
            gc.collect()
            seconds[engine].append(seconds_of(*runs[engine]))
    ratios = [onnx / torch for torch, onnx in zip(seconds["torch"], seconds["onnx"], strict=True)]
    best = {engine: min(values) for engine, values in seconds.items()}
    return {**best, "ratio": best["onnx"] / best["torch"], "median": statistics.median(ratios)}


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return int(info.peak_wset)
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage includes the process before it became this program
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(largest) if sys.platform == "darwin" else int(largest) * 1024


def peak_memory_of(engine: str, side: int, threads: int) -> int:
    """Return the peak memory of an evaluation in its own process, in bytes."""
    command = [sys.executable, "-m", "tests.bench.engines", "--alone", engine, "--sizes", str(side)]
    finished = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=True
    )
    return int(json.loads(finished.stdout)["peak"])


def evaluate_alone(network: Network, engine: str, side: int, threads: int) -> None:
    """Evaluate three times and print the peak memory; run by :func:`peak_memory_of`."""
    objective, at = make_objective(network, side), picture(3, side)
    gc.collect()
    backend = open_backend(engine, network, threads)
    evaluate, uploaded = backend.evaluator(objective, side, side), backend.upload(at)
    for _ in range(3):
        evaluate(uploaded)
    print(json.dumps({"peak": peak_memory()}))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--alone", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    network = ModelStore().resolve(options.model, lambda _notice: None)
    if options.alone:
        evaluate_alone(network, options.alone, options.sizes[0], options.threads)
        return
    print(f"{network.name}, {options.threads} threads, {platform.machine()}, {os.cpu_count()} processors")
    print(
        f"{'size':>6} {'torch s':>9} {'onnx s':>9} {'ratio':>7} {'median':>7} {'torch GB':>9} {'onnx GB':>9}"
    )
    for side in options.sizes:
        times = compare(network, side, options.rounds, options.threads)
        gc.collect()
        peaks = [peak_memory_of(engine, side, options.threads) / 1e9 for engine in ENGINES]
        print(
            f"{side:>6} {times['torch']:>9.3f} {times['onnx']:>9.3f} {times['ratio']:>7.2f} "
            f"{times['median']:>7.2f} {peaks[0]:>9.2f} {peaks[1]:>9.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
