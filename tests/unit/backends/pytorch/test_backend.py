"""The torch backend compared with float64 finite differences and with losses of its own features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.layer_losses import content_loss, style_loss
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    RangePenalty,
    StyleTerm,
    TotalVariation,
)
from nst_core.loss.structure import make_structure

LAYERS = ["relu1_1", "conv2_1", "relu2_1", "relu3_1", "pool3", "conv4_2", "relu4_2", "relu5_1"]


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def picture(seed, height=35, width=50):
    """Return a smooth random picture: noise alone hardly activates the deep layers."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(size=(3, height // 4 + 2, width // 4 + 2)).repeat(4, axis=1).repeat(4, axis=2)
    grain = rng.normal(scale=0.05, size=(3, height, width))
    return np.clip(coarse[:, :height, :width] + grain, 0, 1)


def make_objective(backend, height, width, *, masked):
    rng = np.random.default_rng(5)
    features = backend.features(picture(1, height, width), LAYERS)
    mask = {layer: rng.uniform(size=f.shape[1:]) if masked else None for layer, f in features.items()}
    content = tuple(
        ContentTerm(layer, 0.3, features[layer].astype(np.float64), mask[layer])
        for layer in ("conv4_2", "pool3")
    )
    style = []
    for layer in ("relu1_1", "conv2_1", "relu2_1", "relu3_1", "relu4_2", "relu5_1"):
        flat = features[layer].reshape(len(features[layer]), -1)
        style.append(StyleTerm(layer, 2.0, flat @ flat.T / flat.shape[1], guide=mask[layer]))
    structure = make_structure(picture(1, height, width), rng.uniform(size=(height, width)), 0.4, 1)
    priors = (TotalVariation(0.1, 1.5), AlphaNorm(0.2), RangePenalty(1.0), structure)
    return Objective(content, tuple(style), priors)


@pytest.mark.parametrize(
    ("masked", "padding", "pooling"),
    [
        pytest.param(
            masked, padding, pooling, marks=() if masked == (padding == "edge") else pytest.mark.long
        )
        for masked in (False, True)
        for padding in ("edge", "zero")
        for pooling in ("max", "average")
    ],
)
def test_gradient_equals_finite_differences(network, pooling, padding, masked):
    backend = TorchBackend(network, pooling=pooling, padding=padding, dtype=torch.float64)
    objective = make_objective(backend, 35, 50, masked=masked)
    evaluator = backend.evaluator(objective, 35, 50)
    at = torch.tensor(picture(2))
    evaluation = evaluator(at)
    assert float(evaluation.loss) == pytest.approx(float(evaluation.terms.sum()), rel=1e-12)
    rng = np.random.default_rng(9)
    for _ in range(3):
        direction = torch.tensor(rng.normal(size=at.shape))
        # The loss is smooth except at kinks of ReLUs and maxima; a step this small crosses hardly any.
        step = 1e-8
        ahead, behind = evaluator(at + step * direction).loss, evaluator(at - step * direction).loss
        numeric = float(ahead - behind) / (2 * step)
        exact = float((evaluation.gradient * direction).sum())
        assert exact == pytest.approx(numeric, rel=1e-6)


def test_terms_equal_the_losses_of_the_backends_features(network):
    backend = TorchBackend(network, dtype=torch.float64)
    objective = make_objective(backend, 35, 50, masked=True)
    at = picture(3)
    evaluation = backend.evaluator(objective, 35, 50)(torch.tensor(at))
    features = backend.features(at, list(objective.layers))
    for value, term in zip(evaluation.terms, objective.layer_terms, strict=False):
        at_layer = features[term.layer].astype(np.float64)
        if isinstance(term, ContentTerm):
            expected = content_loss(at_layer, term.target, term.weight, term.mask)[0]
        else:
            expected = style_loss(at_layer, term.make_target(), term.weight, term.guide)[0]
        assert float(value) == pytest.approx(float(expected), rel=1e-5)


def test_loss_and_gradient_are_zero_at_the_target_picture(network):
    backend = TorchBackend(network)
    at = picture(4).astype(np.float32)
    features = backend.features(at, ["relu4_2", "relu2_1"])
    flat = features["relu2_1"].reshape(128, -1)
    objective = Objective(
        (ContentTerm("relu4_2", 1.0, features["relu4_2"]),),
        (StyleTerm("relu2_1", 1.0, flat @ flat.T / flat.shape[1]),),
    )
    evaluation = backend.evaluator(objective, 35, 50)(backend.upload(at))
    assert float(evaluation.loss) < 1e-6
    assert float(evaluation.gradient.abs().max()) < 1e-5


def test_flat_picture_has_a_finite_gradient(network):
    backend = TorchBackend(network)
    objective = make_objective(backend, 35, 50, masked=False)
    for value in (0.0, 0.5, 1.0):
        flat = backend.upload(np.full((3, 35, 50), value, np.float32))
        evaluation = backend.evaluator(objective, 35, 50)(flat)
        assert torch.isfinite(evaluation.gradient).all()
