"""Tiled against whole: the same loss and gradient at random sizes, windows, layers, masks and guides."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.backends.interface import Tiling
from nst_core.backends.tiled import tiles_for, work_of
from nst_core.backends.torch_backend import TorchBackend
from nst_core.transfer.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    RangePenalty,
    StyleTerm,
    TotalVariation,
)

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
    """Smooth random pictures, partly outside of 0..1; noise alone leaves the deep layers nearly dead."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(3, height // 4 + 2, width // 4 + 2)).repeat(4, axis=1).repeat(4, axis=2)
    grain = random.normal(scale=0.05, size=(3, height, width))
    return (coarse[:, :height, :width] * 1.2 - 0.1 + grain).astype(np.float32)


def make_objective(backend, height, width, layers, *, statistic="gram", masked=False, guides=1):
    """An objective whose terms are all about 1; with several ``guides`` as many style terms a layer."""
    random = np.random.default_rng(height + width)
    content, style = layers
    features = backend.features(picture(1, height, width), list(dict.fromkeys((*style, *content))))

    def mask_at(layer):
        shape = features[layer].shape[1:]
        return random.uniform(size=shape).astype(np.float32) if masked or guides > 1 else None

    contents, styles = [], []
    for layer in content:
        found = features[layer]
        weight = float(2 / np.square(found, dtype=np.float64).sum())
        contents.append(ContentTerm(layer, weight, found, mask_at(layer)))
    for layer in style:
        flat = features[layer].reshape(len(features[layer]), -1)
        gram, mean = flat @ flat.T / flat.shape[1], flat.mean(axis=1)
        weight = float(4 * len(gram) ** 2 / np.square(gram, dtype=np.float64).sum())
        for _ in range(guides):
            guide = mask_at(layer)
            styles.append(StyleTerm(layer, weight, gram, guide, statistic, mean))
    return Objective(tuple(contents), tuple(styles), PRIORS)


def cases(count, seed):
    """Random (height, width, window, layers, pooling, padding, masked) that make more than one tile."""
    random = np.random.default_rng(seed)
    for index in range(count):
        height, width = (int(side) for side in random.integers(40, 330, size=2))
        yield (
            height,
            width,
            int(random.integers(8, 200)),
            LAYER_SETS[index % len(LAYER_SETS)],
            ("max", "average")[index // 2 % 2],
            ("edge", "zero")[index // 3 % 2],
            bool(index % 2),
        )


def assert_same(found, wanted, tolerance):
    """Loss, terms and gradient are the same, relative to the largest of them."""
    found_terms, wanted_terms = np.asarray(found.terms), np.asarray(wanted.terms)
    assert float(found.loss) == pytest.approx(float(wanted.loss), rel=tolerance)
    np.testing.assert_allclose(
        found_terms, wanted_terms, rtol=tolerance, atol=tolerance * abs(float(wanted.loss)) / 10
    )
    gradient, expected = np.asarray(found.gradient), np.asarray(wanted.gradient)
    assert gradient.shape == expected.shape
    assert np.linalg.norm(gradient - expected) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("case", list(cases(8, 6)), ids=str)
def test_tiles_of_torch_equal_the_whole(network, case):
    height, width, window, layers, pooling, padding, masked = case
    backend = TorchBackend(network, pooling=pooling, padding=padding, dtype=torch.float64)
    objective = make_objective(backend, height, width, layers, masked=masked)
    at = backend.upload(picture(2, height, width))
    whole = backend.evaluator(objective, height, width)(at)
    tiled = backend.evaluator(objective, height, width, Tiling(window))(at)
    assert_same(tiled, whole, 1e-9)
