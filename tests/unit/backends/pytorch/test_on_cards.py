"""Evaluations, tiles and optimisers on pretended cards: all arrays there, and the host never waits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nst_core.backends.interface import Tiling
from nst_core.backends.pytorch import backend as backend_module
from nst_core.backends.pytorch.backend import BYTES_PER_PIXEL, TILE_BYTES_PER_PIXEL, TorchBackend
from nst_core.backends.pytorch.devices import DeviceTraits
from nst_core.errors import DeviceError
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    RangePenalty,
    StyleTerm,
    Temporal,
    TotalVariation,
)
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.structure import make_structure
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import store_factory
from nst_core.painting.level_evaluator import BestTerms
from nst_core.painting.luminance_only import LuminanceEvaluator
from nst_core.painting.masked import MaskedEvaluator
from nst_core.planning.benchmark import default_objective
from nst_core.vgg.layers import LAYERS
from tests.unit.backends.pytorch.pretended_card import Watch, pretend

SIDE = 64
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
TRAITS = {
    "cpu": DeviceTraits(),
    "cuda": DeviceTraits(own_memory=True, fused_relu=True, half=True),
    "xpu": DeviceTraits(own_memory=True),
    "mps": DeviceTraits(channels_last=False),
}


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def fused(x, kernel, bias, _stride, padding, *_rest):
    """Compute what cuDNN computes in one kernel; pretended tensors do not know it."""
    return F.conv2d(x, kernel, bias, padding=padding).relu_()


@pytest.fixture
def open_backend(network, monkeypatch):
    """Return a function that opens a backend on a pretended device of a type."""
    monkeypatch.setattr(backend_module, "device_traits", lambda device: TRAITS[device.type])
    monkeypatch.setattr(backend_module, "half_precision_is_safe", lambda _exact, _half: True)
    monkeypatch.setattr(torch, "cudnn_convolution_relu", fused)
    return lambda device: TorchBackend(network, device=f"{device}:0")


def make_objective(statistic: str, *, masked: bool, side: int = SIDE) -> Objective:
    """Return an objective with everything in it: content, matches, style, guides, and all priors."""
    rng = np.random.default_rng(0)
    layers = {layer.name: layer for layer in LAYERS["vgg16"]}

    def random(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32)

    def mask(name: str) -> np.ndarray | None:
        return random(side // layers[name].stride, side // layers[name].stride) if masked else None

    contents = [
        ContentTerm(name, 1.0, random(layers[name].channels, length, length), mask(name), kind=kind)
        for name, kind in (("relu4_2", "content"), ("relu3_1", "match"), ("conv4_1", "content"))
        for length in (side // layers[name].stride,)
    ]
    styles = [
        StyleTerm(
            name,
            1.0,
            np.eye(layers[name].channels, dtype=np.float32),
            guide=mask(name),
            statistic=STATISTICS[statistic],
            mean=random(layers[name].channels),
        )
        for name in STYLE_LAYERS
    ]
    structure = make_structure(random(3, side, side), random(side, side), 0.5, 1)
    temporal = Temporal(1.0, random(3, side, side), random(side, side))
    priors = (RangePenalty(1.0), TotalVariation(1.0, 1.5), AlphaNorm(1.0), structure, temporal)
    return Objective(tuple(contents), tuple(styles), priors)


def picture(backend: TorchBackend, side: int = SIDE) -> torch.Tensor:
    return backend.upload(np.zeros((3, side, side), np.float32))


@pytest.mark.parametrize(
    ("device", "statistic", "masked"),
    [
        ("cuda", "moments", True),
        ("cuda", "wasserstein", True),
        ("xpu", "gram", True),
        ("mps", "gram", False),
    ],
)
def test_an_evaluation_stays_on_the_device(open_backend, device, statistic, masked):
    with pretend(device):
        backend = open_backend(device)
        evaluate = backend.evaluator(make_objective(statistic, masked=masked), SIDE, SIDE)
        at = picture(backend)
        with Watch() as watch:
            evaluation = evaluate(at)
        assert watch.faults == []
        assert {array.device.type for array in evaluation} == {device}
        assert {array.dtype for array in evaluation} == {torch.float32}


@pytest.mark.parametrize("device", ["xpu", "mps"])
def test_eigenvalues_are_computed_where_float64_exists(open_backend, device):
    """Their matrices go to the CPU and back, and nothing else does."""
    with pretend(device):
        backend = open_backend(device)
        evaluate = backend.evaluator(make_objective("wasserstein", masked=False), SIDE, SIDE)
        at = picture(backend)
        with Watch() as watch:
            evaluation = evaluate(at)
        assert watch.faults
        assert all(fault.startswith("copied") and "wasserstein.py" in fault for fault in watch.faults)
        assert {array.device.type for array in evaluation} == {device}


def test_tiles_stay_on_the_device(open_backend):
    with pretend("cuda"):
        backend = open_backend("cuda")
        objective = make_objective("gram", masked=True, side=320)
        evaluate = backend.evaluator(objective, 320, 320, Tiling(256, target_bytes=2**30))
        assert len(evaluate.tiles) > 1
        at = picture(backend, 320)
        with Watch() as watch:
            evaluate(at)
        assert watch.faults == []


@pytest.mark.parametrize("tiling", [None, Tiling(32)])
def test_the_processor_evaluates_for_an_optimiser_on_the_card(open_backend, tiling):
    with pretend("cuda"):
        backend = open_backend("cuda")
        at = picture(backend)
        assert backend.use_cpu(DeviceError("The memory of cuda is not enough."))
        evaluation = backend.evaluator(make_objective("gram", masked=True), SIDE, SIDE, tiling)(at)
        assert {array.device.type for array in evaluation} == {"cuda"}
        assert backend.upload(np.zeros(1, np.float32)).device.type == "cpu"
        assert not backend.use_cpu(DeviceError("again"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "half", "adam"])
def test_an_iteration_never_waits_for_the_device(open_backend, name):
    with pretend("cuda"):
        backend = open_backend("cuda")
        inner = backend.evaluator(make_objective("gram", masked=True), SIDE, SIDE)
        share = np.full((SIDE, SIDE), 0.5, np.float32)
        grey = LuminanceEvaluator(inner, backend, share)
        wrapped = MaskedEvaluator(grey, backend, np.zeros((3, SIDE, SIDE), np.float32), share)
        evaluate = BestTerms(wrapped, [])
        at = picture(backend)
        if name == "adam":
            optimizer = Adam(evaluate, at, iterations=10)
        else:
            optimizer = Lbfgs(
                evaluate,
                at,
                history=2,
                precondition=inverse_frequency(at),
                make_store=store_factory(name),
            )
        for _ in range(2):
            optimizer.iterate()
        with Watch() as watch:
            optimizer.iterate()
            optimizer.iterate()
        assert watch.faults == []


def test_kernels_are_chosen_by_rules_so_that_runs_repeat(open_backend):
    """A search by time may choose others in the next run."""
    searching = torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False)
    with searching, pretend("cuda"):
        open_backend("cuda")
        assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.deterministic


def test_no_array_has_more_numbers_than_32_bits_count(open_backend):
    """relu1_1 has the most: 64 channels of every pixel."""
    with pretend("cuda"):
        assert 64 * open_backend("cuda").limits.whole_pixels < 2**31


def test_an_evaluation_fits_the_memory_that_plans_count(open_backend):
    with pretend("cuda"):
        backend, side, window = open_backend("cuda"), 512, 384
        objective, at = default_objective(backend, side), picture(backend, side)
        for tiling, limit, pixels in (
            (None, BYTES_PER_PIXEL, side**2),
            (Tiling(window, target_bytes=2**30), TILE_BYTES_PER_PIXEL, window**2),
        ):
            evaluate = backend.evaluator(objective, side, side, tiling)
            with Watch() as watch:
                evaluate(at)
            assert 0.6 * limit < watch.largest / pixels < 0.85 * limit


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_an_evaluation_keeps_one_layout_throughout(network, pooling):
    """On the CPU, whose convolutions keep layouts as cuDNN's do."""
    backend = TorchBackend(network, pooling=pooling)
    evaluate = backend.evaluator(make_objective("moments", masked=True), SIDE, SIDE)
    at = picture(backend)
    with Watch(layouts=True) as watch:
        evaluate(at)
    assert watch.faults == []
