"""The network in half precision inside ONNX graphs, on the processor, which rounds as a card would."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.backends import half_precision as trial
from nst_core.backends.half_precision import FEATURES, GRADIENT, worst_share
from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime import half_precision
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.loss.objective import ContentTerm, Objective
from nst_core.loss.statistics import STATISTICS
from tests.unit.backends.onnx_runtime.test_webgpu import make_objective, picture

SIZE = 50, 67
"""Both sides become odd at a pool, one at its input and one after the first. Every feature must be rounded on
all of its ways: if a slice of them is not, none equals its pool's maximum, and half of the gradient is lost.
"""


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def open_both(network, **options) -> tuple[OnnxBackend, OnnxBackend]:
    """Return a backend in single and one in half precision."""
    exact, half = (OnnxBackend(network, device="cpu", half=half, **options) for half in (False, True))
    return exact, half


def test_the_network_passes_the_check_of_half_precision(network, monkeypatch):
    monkeypatch.setattr(trial, "SIDE", 64)
    differences = half_precision.compare(*open_both(network))
    assert differences["gradient"] > 1e-3  # it is half precision
    assert worst_share(differences) < 0.5


@pytest.mark.parametrize(
    ("statistic", "pooling", "tiling"), [("gram", "average", None), ("moments", "max", Tiling(40))]
)
def test_gradients_are_those_of_single_precision(network, statistic, pooling, tiling):
    style = ("relu1_1", "relu3_1", "relu4_1")
    objective = make_objective(
        network, SIZE, STATISTICS[statistic], masked=True, style=style, content=("relu3_1", "conv4_2")
    )
    exact, half = open_both(network, pooling=pooling)
    at = picture(1, *SIZE)
    expected = exact.evaluator(objective, *SIZE)(at)
    found = half.evaluator(objective, *SIZE, tiling)(at)
    assert half.half
    np.testing.assert_allclose(found.terms, expected.terms, rtol=FEATURES)
    difference = np.linalg.norm(found.gradient - expected.gradient)
    assert 0.0 < difference < GRADIENT * np.linalg.norm(expected.gradient)


@pytest.mark.parametrize("weight", [0.0, 1e-12, 1e12])
def test_gradients_of_any_size_fit_the_range_of_half_precision(network, weight):
    objective = Objective((ContentTerm("relu2_1", weight, np.ones((128, 16, 16), np.float32)),), ())
    exact, half = (backend.evaluator(objective, 32, 32)(picture(2, 32, 32)) for backend in open_both(network))
    norm = np.linalg.norm(exact.gradient)
    assert np.linalg.norm(half.gradient - exact.gradient) <= GRADIENT * norm
    assert (norm > 0) == (weight > 0)
