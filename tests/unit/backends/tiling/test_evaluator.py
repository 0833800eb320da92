"""Tiled and whole evaluation agree at random sizes, windows, layers, masks and guides."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime import backend as onnx_backend
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.tiling.evaluator import tiles_for, tiling_overhead
from nst_core.backends.tiling.layout import network_reach
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    RangePenalty,
    StyleTerm,
    Temporal,
    TotalVariation,
)
from nst_core.loss.priors import add_prior, prior_loss
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.structure import make_structure

LAYER_SETS = (
    (("relu4_2",), ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")),
    (("conv3_2", "relu3_2"), ("relu1_2", "pool2", "conv3_1")),
    ((), ("relu1_1", "relu4_1")),
    (("relu3_3", "relu1_1"), ()),
)
PRIORS = (TotalVariation(0.2, 1.5), AlphaNorm(0.1, 3.5), RangePenalty(9.0), TotalVariation(2.0))


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def picture(seed, height, width):
    """Return a smooth random picture, partly outside 0..1; noise alone hardly activates the deep layers."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(3, height // 4 + 2, width // 4 + 2)).repeat(4, axis=1).repeat(4, axis=2)
    grain = random.normal(scale=0.05, size=(3, height, width))
    return (coarse[:, :height, :width] * 1.2 - 0.1 + grain).astype(np.float32)


def make_objective(backend, height, width, layers, *, statistic="gram", masked=False, guides=1):
    """Return an objective whose terms are all about 1, with ``guides`` style terms per layer."""
    random = np.random.default_rng(height + width)
    content, style = layers
    features = backend.features(picture(1, height, width), list(dict.fromkeys((*style, *content))))

    def mask_at(layer):
        shape = features[layer].shape[1:]
        return random.uniform(size=shape).astype(np.float32) if masked or guides > 1 else None

    contents, styles = [], []
    for layer in content:
        target = features[layer]
        weight = float(2 / np.square(target, dtype=np.float64).sum())
        contents.append(ContentTerm(layer, weight, target, mask_at(layer)))
    for layer in style:
        flat = features[layer].reshape(len(features[layer]), -1)
        gram, mean = flat @ flat.T / flat.shape[1], flat.mean(axis=1)
        weight = float(4 * len(gram) ** 2 / np.square(gram, dtype=np.float64).sum())
        for _ in range(guides):
            guide = mask_at(layer)
            styles.append(
                StyleTerm(layer, weight, gram, guide=guide, statistic=STATISTICS[statistic], mean=mean)
            )
    structures = (structure_of(height, width, masked=masked, halvings=halvings) for halvings in (1, 2))
    held = temporal_of(height, width)
    return Objective(tuple(contents), tuple(styles), (*PRIORS, *structures, held))


def temporal_of(height, width):
    mask = np.random.default_rng(2).uniform(size=(height, width)).astype(np.float32)
    return Temporal(3.0, picture(2, height, width), mask)


def structure_of(height, width, *, masked, halvings):
    mask = np.random.default_rng(1).uniform(size=(height, width)).astype(np.float32) if masked else None
    return make_structure(picture(1, height, width), mask, 1.0, halvings)


def cases(count, seed):
    """Yield random (height, width, window, layers, pooling, padding, masked), mostly with several tiles."""
    random = np.random.default_rng(seed)
    for index in range(count):
        height, width = (int(side) for side in random.integers(40, 230, size=2))
        layers = LAYER_SETS[index % len(LAYER_SETS)]
        smallest = network_reach([*layers[0], *layers[1]], "vgg16").smallest_window
        yield (
            height,
            width,
            smallest + int(random.integers(16, 80)),
            layers,
            ("max", "average")[index // 2 % 2],
            ("edge", "zero")[index // 3 % 2],
            bool(index % 2),
        )


def relative_error(array, expected):
    """Return the distance of two arrays as a share of the expected one's length."""
    array, expected = np.asarray(array), np.asarray(expected)
    return float(np.linalg.norm(array - expected) / np.linalg.norm(expected))


def assert_same(evaluation, expected, tolerance):
    """Check that loss, terms and gradient are the same, relative to the largest of them."""
    terms, expected_terms = np.asarray(evaluation.terms), np.asarray(expected.terms)
    assert float(evaluation.loss) == pytest.approx(float(expected.loss), rel=tolerance)
    np.testing.assert_allclose(
        terms, expected_terms, rtol=tolerance, atol=tolerance * abs(float(expected.loss)) / 10
    )
    assert evaluation.gradient.shape == expected.gradient.shape
    assert relative_error(evaluation.gradient, expected.gradient) <= tolerance


KERNELS: dict = {}
KINK_TRIES = 16


def onnx(network, **options):
    """Open a backend on the CPU; transforming kernels would be half of a small test's time."""
    backend = OnnxBackend(network, device="cpu", **options)
    backend._kernels = KERNELS.setdefault(network.path, backend._kernels)
    return backend


def tiled_and_whole(backend, objective, height, width, window):
    at = backend.upload(picture(2, height, width))
    whole = backend.evaluator(objective, height, width)(at)
    return backend.evaluator(objective, height, width, Tiling(window))(at), whole


@pytest.mark.slow
@pytest.mark.parametrize("case", list(cases(3, 2)), ids=str)
def test_tiles_of_torch_equal_the_whole(network, case):
    height, width, window, layers, pooling, padding, masked = case
    backend = TorchBackend(network, pooling=pooling, padding=padding, dtype=torch.float64)
    objective = make_objective(backend, height, width, layers, masked=masked)
    assert_same(*tiled_and_whole(backend, objective, height, width, window), 1e-9)


@pytest.mark.parametrize("index", [0, 1, 4, 5])
def test_tiles_of_onnx_equal_the_whole(network, index, monkeypatch):
    """Half of the cases compute the deeper layers on rows, at any size."""
    monkeypatch.setattr(onnx_backend, "SMALLEST_PICTURE", (0, 10**9)[index // 4])
    height, width, window, layers, pooling, padding, masked = list(cases(8, 11))[index]
    backend = onnx(network, pooling=pooling, padding=padding)
    reference = TorchBackend(network, pooling=pooling, padding=padding)
    objective = make_objective(reference, height, width, layers, masked=masked)
    tiled, whole = tiled_and_whole(backend, objective, height, width, window)
    random = np.random.default_rng(1)
    for _ in range(KINK_TRIES):
        if relative_error(tiled.gradient, whole.gradient) <= 1e-5:
            break
        # A ReLU or a maximum may be so close to its kink that rounding decides its side. Then the gradient
        # must equal the whole's for a picture that float32 can hardly distinguish from this one.
        near = picture(2, height, width) + random.normal(scale=2e-7, size=(3, height, width))
        whole = backend.evaluator(objective, height, width)(near.astype(np.float32))
    assert_same(tiled, whole, 1e-5)


@pytest.mark.parametrize("statistic", ["moments", "wasserstein"])
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_tiles_equal_the_whole_for_every_statistic_and_several_regions(network, statistic, engine):
    """Several style terms per layer, each with its guide; sums alone give their distances."""
    exact = TorchBackend(network, pooling="average", dtype=torch.float64)
    backend = exact if engine == "torch" else onnx(network, pooling="average")
    layers = ((), ("relu1_1", "relu2_1"))
    objective = make_objective(exact, 60, 83, layers, statistic=statistic, guides=2)
    at = picture(2, 60, 83)
    whole = exact.evaluator(objective, 60, 83)(exact.upload(at))
    tiled = backend.evaluator(objective, 60, 83, Tiling(48))(backend.upload(at))
    assert_same(tiled, whole, 1e-8 if engine == "torch" else 2e-5)


def test_a_statistic_without_a_graph_takes_two_passes_over_one_tile(network):
    layers = ((), ("relu1_1", "relu2_1"))
    exact, backend = TorchBackend(network, dtype=torch.float64), onnx(network)
    objective = make_objective(exact, 50, 40, layers, statistic="wasserstein")
    at = picture(2, 50, 40)
    whole = exact.evaluator(objective, 50, 40)(exact.upload(at))
    assert_same(backend.evaluator(objective, 50, 40)(at), whole, 2e-5)


def test_tiles_of_a_repeating_picture_equal_the_whole(network, monkeypatch):
    """The first of equal maxima gets the gradient, in tiles as in the whole."""
    monkeypatch.setattr(onnx_backend, "SMALLEST_PICTURE", 0)
    backend = onnx(network, pooling="max")
    objective = make_objective(TorchBackend(network), 128, 200, LAYER_SETS[1])
    at = np.tile(picture(3, 16, 16), (1, 8, 13))[:, :, :200].copy()
    whole = backend.evaluator(objective, 128, 200)(at)
    assert_same(backend.evaluator(objective, 128, 200, Tiling(96))(at), whole, 1e-5)


def test_an_exception_between_tiles_ends_the_evaluation(network):
    """The reported shares of work rise from 0, and the next evaluation starts again."""
    backend = onnx(network, pooling="average")
    objective = make_objective(TorchBackend(network, pooling="average"), 90, 120, LAYER_SETS[1])
    shares = []

    def on_tile(done):
        shares.append(done)
        if len(shares) == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        backend.evaluator(objective, 90, 120, Tiling(64, on_tile))(picture(2, 90, 120))
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    shares.clear()
    backend.evaluator(objective, 90, 120, Tiling(64, shares.append))(picture(2, 90, 120))
    assert 0.7 < shares[-1] < 1.0


def test_tiling_overhead_is_half_a_pass_and_the_margins():
    objective = Objective(style=(StyleTerm("relu5_1", 1.0, np.eye(512, dtype=np.float32)),))
    assert tiling_overhead(tiles_for(objective, 200, 300, 512, "vgg16"), 200 * 300) == 1.0
    work = tiling_overhead(tiles_for(objective, 2000, 3000, 1024, "vgg16"), 2000 * 3000)
    assert 1.5 * 1.1 < work < 1.5 * 1.5


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_priors_in_strips_equal_those_of_the_whole(prior):
    at = picture(4, 37, 23).astype(np.float64)
    value, expected = prior_loss(prior, at)
    for strip_pixels in (1, 23, 100, 10**6):
        gradient = np.ones_like(at)
        assert add_prior(prior, at, gradient, strip_pixels) == pytest.approx(float(value), rel=1e-12)
        np.testing.assert_allclose(gradient, expected + 1.0, rtol=1e-12)
