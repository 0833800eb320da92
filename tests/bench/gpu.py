"""Speed and exactness of torch on a GPU, compared with the goals: ``python -m tests.bench.gpu`` (CUDA).

Prints, for the first CUDA device: the difference between a recorded evaluation (CUDA graph) and a plain one;
seconds of 500 evaluations at 512 x 512 (goal on an H200: 2 s); seconds of 500 L-BFGS iterations at that size;
seconds of the default run at 1024 (goal: 5 s), without the start of the process. Needs NST_MODELS or an
installed network.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from nst_core import stylize
from nst_core.backends.choose import open_engine
from nst_core.backends.pytorch.cuda_graph import CudaGraphEvaluator
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore


def smooth(seed: int, size: int) -> np.ndarray:
    """Return a random picture with large and small structure, (3, size, size)."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((3, size // 32, size // 32), np.float32).repeat(32, axis=1).repeat(32, axis=2)
    return np.clip(coarse + rng.normal(0, 0.05, (3, size, size)), 0, 1).astype(np.float32)


def main() -> None:
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device: this benchmark needs one.")
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    settings = make_settings({"engine": "torch", "device": "cuda"})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    backend, size = engine.backend, 512
    subject = Subject(content=PreparedImage(smooth(1, size)), styles=(PreparedImage(smooth(2, size)),))
    objective = make_objective(engine.extractor, subject, settings)
    recorded = backend.evaluator(objective, size, size)
    assert isinstance(recorded, CudaGraphEvaluator)
    at = backend.upload(smooth(3, size))
    plain, replayed = recorded.evaluate(at), recorded(at)
    difference = (plain.gradient - replayed.gradient).norm() / plain.gradient.norm()
    print(f"recorded: {recorded.graph is not None}; gradient differs by {float(difference):.1e} relative")

    for name, evaluate in (("plain", recorded.evaluate), ("recorded", recorded)):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(500):
            evaluation = evaluate(at)
        torch.cuda.synchronize()
        print(
            f"500 evaluations at 512 x 512, {name}: {time.perf_counter() - began:.2f} s "
            f"(loss {float(evaluation.loss):.4f})"
        )

    def loss_and_gradient(picture):
        evaluation = recorded(picture)
        return evaluation.loss, evaluation.gradient

    optimizer = Lbfgs(loss_and_gradient, at, precondition=inverse_frequency(at))
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(500):
        state = optimizer.iterate()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    print(f"500 L-BFGS iterations at 512 x 512: {seconds:.2f} s (loss {float(state.loss):.4f})")
    engine.close()

    content, style = (smooth(seed, 1024).transpose(1, 2, 0) for seed in (4, 5))
    for turn in ("first", "second"):
        began = time.perf_counter()
        stylize(content, style, settings)
        print(f"default at 1024 x 1024, {turn} run of the process: {time.perf_counter() - began:.2f} s")
    print(f"peak device memory: {torch.cuda.max_memory_allocated() / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
