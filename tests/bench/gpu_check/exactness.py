"""Parts that compare the card's results with the processor's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.pytorch.cuda_graph import CudaGraphEvaluator
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import store_factory
from tests.bench.gpu_check.pictures import Place, difference, make_objective, open_network, seconds_of
from tests.bench.gpu_check.report import Row, at_most, holds
from tests.bench.sizes import picture

CASES = [
    ("gram", False, "max", "edge"),
    ("gram", True, "average", "zero"),
    ("moments", True, "max", "edge"),
    ("wasserstein", False, "average", "edge"),
    ("wasserstein", True, "max", "zero"),
]
"""Statistic, masks or not, pooling, padding."""

EXACT, ROUNDED = (1e-5, 1e-2), (1e-3, 0.25)
"""Largest differences of loss and gradient from float64: in full float32, and with convolutions in TF32 or
half precision. With the rounding of TF32 emulated on a CPU, ReLUs and maxima that flip move the gradient by
0.03 at the start and by 0.22 at the end of a run, the loss by 1e-5."""


def parity(place: Place) -> list[Row]:
    """Loss and gradient of torch against float64: in full float32, as runs compute them, and in tiles."""
    network, rows = open_network(), []
    height, width = place.choose((255, 321), (63, 70))
    window = place.choose(256, 64)
    for statistic, masked, pooling, padding in CASES[: place.choose(None, 1)]:
        objective = make_objective(network, height, width, statistic, masked=masked)
        at = picture(1, height, width)
        options = {"pooling": pooling, "padding": padding}
        exact = TorchBackend(network, dtype=torch.float64, **options)
        truth = exact.evaluator(objective, height, width)(exact.upload(at))
        backend = TorchBackend(network, device=place.device, **options)
        name = f"{statistic}{', masks' if masked else ''}, {pooling}"
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            full = TorchBackend(network, device=place.device, **options)
            full.evaluation_weights = full._weights
            torch.backends.cudnn.allow_tf32 = False
            rows += _rows(
                f"{name}, float32", plain(full.evaluator(objective, height, width)), full, at, truth, EXACT
            )
        torch.backends.cudnn.allow_tf32 = True
        for what, tiling in (("as in runs", None), ("tiles", Tiling(window))):
            evaluate = plain(backend.evaluator(objective, height, width, tiling))
            rows += _rows(f"{name}, {what}", evaluate, backend, at, truth, ROUNDED)
    half = TorchBackend(network, device=place.device).evaluation_weights.half
    rows.append(Row("network computes in", "half precision" if half else "float32"))
    return rows


def _rows(name: str, evaluate, backend, at: np.ndarray, truth, limits: tuple[float, float]) -> list[Row]:
    """Compare an evaluation with the ``truth``."""
    found = evaluate(backend.upload(at))
    loss = abs(float(found.loss) / float(truth.loss) - 1.0)
    return [
        at_most(f"{name}: loss", loss, limits[0]),
        at_most(f"{name}: gradient", difference(found.gradient, truth.gradient), limits[1]),
    ]


def plain(evaluate):
    """Return an evaluator without its recording."""
    return evaluate.evaluate if isinstance(evaluate, CudaGraphEvaluator) else evaluate


def recording(place: Place) -> list[Row]:
    """Recordings against plain evaluations at other pictures, and places where an iteration waits."""
    if not place.on_cuda:
        return [*waits(place)]
    network, rows, side = open_network(), [], place.choose(256, 64)
    for statistic, masked in (("gram", False), ("moments", True)):
        notices = []
        backend = TorchBackend(network, device=place.device, on_notice=notices.append)
        evaluate = backend.evaluator(
            make_objective(network, side, side, statistic, masked=masked), side, side
        )
        evaluate(backend.upload(picture(1, side, side)))
        said = notices[0].message if notices else ""
        rows.append(holds(f"{statistic}: recorded", evaluate.graph is not None, said))
        other = backend.upload(picture(2, side, side))
        rows.append(
            at_most(
                f"{statistic}: replay against plain, gradient",
                difference(evaluate(other).gradient, evaluate.evaluate(other).gradient),
                1e-6,
            )
        )
    return rows + waits(place)


def waits(place: Place) -> list[Row]:
    """Return the lines at which an iteration waits for the card: there should be none."""
    network, rows, side = open_network(), [], place.choose(256, 64)
    backend = TorchBackend(network, device=place.device)
    evaluate = backend.evaluator(make_objective(network, side, side), side, side)
    at = backend.upload(picture(1, side, side))

    def loss(here):
        evaluation = evaluate(here)
        return evaluation.loss, evaluation.gradient

    loss(at)
    for name in ("full", "half", "adam"):
        if name == "adam":
            optimizer = Adam(loss, at, iterations=50)
        else:
            operator = inverse_frequency(at)
            optimizer = Lbfgs(loss, at, precondition=operator, make_store=store_factory(name))
        optimizer.iterate()
        lines = set[str]()
        if place.on_cuda:
            torch.cuda.set_sync_debug_mode("warn")
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                optimizer.iterate()
                optimizer.iterate()
            torch.cuda.set_sync_debug_mode("default")
            lines = {f"{Path(w.filename).name}:{w.lineno}" for w in heard if "synchroniz" in str(w.message)}
        title = "Adam" if name == "adam" else f"L-BFGS, {name} history"
        rows.append(holds(f"{title}: an iteration waits nowhere", not lines, ", ".join(sorted(lines))))
    return rows


def onnx(place: Place) -> list[Row] | str:
    """ONNX Runtime on CUDA against its processor."""
    device = "cuda" if place.on_cuda else "cpu"
    if device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "the installed ONNX Runtime has no CUDA provider (onnxruntime-gpu is too large to carry)"
    return _onnx_rows(place, device)


def webgpu(place: Place) -> list[Row] | str:
    """ONNX Runtime's WebGPU, through Vulkan on Linux, against its processor."""
    notices = []
    backend = OnnxBackend(open_network(), device="webgpu", on_notice=notices.append)
    if backend.runtime_device.kind != "webgpu":
        return notices[0].message if notices else "WebGPU found no device"
    return _onnx_rows(place, "webgpu")


def _onnx_rows(place: Place, device: str) -> list[Row]:
    network, rows = open_network(), []
    height, width = place.choose((256, 320), (32, 36) if device == "webgpu" else (64, 80))
    at = picture(1, height, width)
    for statistic, tiling in (("gram", None), ("moments", Tiling(place.choose(256, 64)))):
        objective = make_objective(network, height, width, statistic)
        expected = OnnxBackend(network, device="cpu").evaluator(objective, height, width)(at)
        found = OnnxBackend(network, device=device).evaluator(objective, height, width, tiling)(at)
        name = f"{statistic}{', tiles' if tiling else ''}"
        rows.append(
            at_most(f"{name}: loss", abs(float(found.loss) / float(expected.loss) - 1.0), EXACT[0] * 10)
        )
        rows.append(at_most(f"{name}: gradient", difference(found.gradient, expected.gradient), EXACT[1]))
    side = place.choose(512, height)
    evaluate = OnnxBackend(network, device=device).evaluator(make_objective(network, side, side), side, side)
    at = picture(1, side, side)
    evaluate(at)
    times = place.choose(20, 1)
    rows.append(
        Row(
            f"evaluation at {side} x {side}",
            seconds_of(lambda: evaluate(at), place, times) / times * 1e3,
            "ms",
        )
    )
    return rows
