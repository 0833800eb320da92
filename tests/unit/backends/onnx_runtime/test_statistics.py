"""Style statistics other than Gram matrices: ONNX Runtime against torch, torch against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.objective import Objective
from nst_core.loss.statistics import STATISTICS
from tests.unit.backends.onnx_runtime.test_gradient_graph import (
    assert_parity,
    deep_layers,  # noqa: F401 -- a fixture
    make_objective,
    network,  # noqa: F401 -- a fixture
    picture,
)

LAYERS = ("relu1_1", "conv2_1", "relu3_1", "relu5_1")


def with_statistic(objective, backend, size, statistic):
    """Return the same objective with another statistic, with means of the same picture."""
    features = backend.features(picture(1, *size), LAYERS)
    styles = tuple(
        replace(term, statistic=STATISTICS[statistic], mean=features[term.layer].mean(axis=(1, 2)))
        for term in objective.style
    )
    return Objective(objective.content, styles, objective.priors)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("statistic", ["moments", "wasserstein"])
def test_parity_with_torch(network, deep_layers, statistic, masked):  # noqa: F811
    size = (61, 83)
    backend = TorchBackend(network)
    plain = make_objective(backend, *size, style=LAYERS, masked=masked)
    objective = with_statistic(plain, backend, size, statistic)
    assert_parity(network, objective, picture(3, *size))


@pytest.mark.parametrize("statistic", ["moments", "wasserstein"])
def test_gradient_of_torch_equals_finite_differences(network, statistic):  # noqa: F811
    size = (40, 51)
    backend = TorchBackend(network, pooling="average", dtype=torch.float64)
    plain = make_objective(backend, *size, style=LAYERS, content=(), masked=True)
    objective = with_statistic(plain, backend, size, statistic)
    evaluator = backend.evaluator(objective, *size)
    at = torch.tensor(picture(4, *size), dtype=torch.float64)
    exact = evaluator(at)
    direction = torch.tensor(np.random.default_rng(9).normal(size=at.shape))
    # Larger steps cross kinks of ReLUs; smaller ones are lost in the rounding of eigenvalues.
    ahead, behind = (evaluator(at + step * direction).loss for step in (1e-7, -1e-7))
    assert float((exact.gradient * direction).sum()) == pytest.approx(float(ahead - behind) / 2e-7, rel=1e-4)
