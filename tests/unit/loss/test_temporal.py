"""The prior that holds a frame to another: loops over its equation in float64, strips, and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.loss.objective import Temporal
from nst_core.loss.priors import add_prior, on_device, prior_loss
from tests.unit.loss.test_losses import central_difference

RNG = np.random.default_rng(29)


def make_prior(height, width):
    return Temporal(0.7, RNG.normal(size=(3, height, width)), RNG.uniform(size=(height, width)))


def loss_by_loops(prior, picture):
    """Ruder, Dosovitskiy and Brox 2016, eq. 7: 1/D sum c_k (x_k - w_k)^2, D the number of values."""
    total = 0.0
    for c, y, x in np.ndindex(picture.shape):
        total += prior.mask[y, x] * (picture[c, y, x] - prior.target[c, y, x]) ** 2
    return prior.weight * total / picture.size


def test_loss_and_gradient_equal_the_equation():
    prior, picture = make_prior(7, 9), RNG.uniform(size=(3, 7, 9))
    value, gradient = prior_loss(prior, picture)
    assert value == pytest.approx(loss_by_loops(prior, picture), rel=1e-12)
    reference = central_difference(lambda p: loss_by_loops(prior, p), picture)
    np.testing.assert_allclose(gradient, reference, rtol=1e-6, atol=1e-9)


def test_torch_equals_numpy():
    prior, picture = make_prior(21, 30), RNG.uniform(size=(3, 21, 30))
    (moved,) = on_device([prior], torch.tensor)
    value, gradient = prior_loss(moved, torch.tensor(picture))
    expected = prior_loss(prior, picture)
    assert float(value) == pytest.approx(float(expected[0]), rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("strip_pixels", [1, 46, 200, 10**6])
def test_strips_equal_the_whole(strip_pixels):
    prior, picture = make_prior(37, 23), RNG.uniform(size=(3, 37, 23))
    value, expected = prior_loss(prior, picture)
    gradient = np.ones_like(picture)
    assert add_prior(prior, picture, gradient, strip_pixels) == pytest.approx(float(value), rel=1e-12)
    np.testing.assert_allclose(gradient, expected + 1.0, rtol=1e-12)
