"""Seconds of an evaluation, and its share of the machine's matrix-product rate.

Evaluates the default objective (content relu4_2, style relu1_1 to relu5_1) at a random picture. An evaluation
costs two passes of multiply-adds through the network. Their rate is compared with that of a square float32
matrix product, timed in turns in the same run. On a GPU convolutions run in TF32, so the share may exceed 1.

    python -m tests.bench.evaluate [--engine torch] [--device cuda] [--sizes 256,512] [--model vgg16]
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time

import numpy as np
import psutil

from nst_core.backends.choose import open_engine
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.layers import multiply_adds
from nst_core.vgg.store import ModelStore

PRODUCT_SIDE = 2048


class PeakMemory:
    """The largest resident memory of this process within a block, in bytes."""

    def __enter__(self):
        self.process, self.peak, self.over = psutil.Process(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.over.wait(0.01):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def matrix_product(device: str):
    """Return a function that multiplies two matrices on the device and waits, and its operations."""
    operations = 2.0 * PRODUCT_SIDE**3
    if device.startswith(("cuda", "mps", "xpu")):
        import torch

        a = torch.rand(PRODUCT_SIDE, PRODUCT_SIDE, device=device)
        return lambda: float((a @ a)[0, 0]), operations
    b = np.random.default_rng(0).random((PRODUCT_SIDE, PRODUCT_SIDE), np.float32)
    return lambda: float((b @ b)[0, 0]), operations


def seconds_of(function) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    settings = make_settings({"engine": options.engine, "device": options.device, "model": options.model})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    per_pixel = multiply_adds(["relu5_1"], engine.network.architecture)
    print(
        f"{engine.backend.engine} on {engine.backend.device}, {engine.network.name}, "
        f"{per_pixel:,.0f} multiply-adds a pixel forward"
    )
    product, operations = matrix_product(engine.backend.device)
    rng = np.random.default_rng(1)
    print(f"{'size':>10} {'seconds':>9} {'GFLOP/s':>9} {'of matmul':>9} {'memory MB':>10}")
    for size in map(int, options.sizes.split(",")):
        pictures = [rng.random((3, size, size), np.float32) for _ in range(3)]
        content, style, _ = map(PreparedImage, pictures)
        objective = make_objective(engine.extractor, Subject(content=content, styles=(style,)), settings)
        evaluator = engine.backend.evaluator(objective, size, size)
        at = engine.backend.upload(pictures[2])

        def evaluate(evaluator=evaluator, at=at) -> None:
            engine.backend.download(evaluator(at).gradient)

        with PeakMemory() as memory:
            evaluate()
            product()
            pairs = [(seconds_of(evaluate), seconds_of(product)) for _ in range(options.rounds)]
        seconds = statistics.median(pair[0] for pair in pairs)
        rate = 4.0 * per_pixel * size * size / seconds
        share = statistics.median(4.0 * per_pixel * size * size / e / (operations / p) for e, p in pairs)
        peak = memory.peak / 1e6
        print(f"{size:>4} x {size:<4} {seconds:>8.3f} {rate / 1e9:>9.1f} {share:>9.2f} {peak:>10.0f}")
    if engine.backend.device.startswith("cuda"):
        import torch

        print(f"peak device memory: {torch.cuda.max_memory_allocated() / 1e6:.0f} MB")
    engine.close()


if __name__ == "__main__":
    main()
