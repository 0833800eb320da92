"""Each statistic of style against a brute-force float64 reading of its definition, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.loss.layer_losses import (
    style_gradient,
    style_loss,
    style_loss_of_sums,
    style_sums,
)
from nst_core.loss.objective import StyleTerm
from nst_core.loss.style_statistics import BLUR, make_style_target

STATISTICS = ["gram", "moments", "wasserstein"]


def features(seed, channels=4, height=5, width=6):
    """Like features after a ReLU: not negative, correlated, with means that are not 0."""
    rng = np.random.default_rng(seed)
    mixed = np.einsum(
        "ij,jhw->ihw", rng.normal(size=(channels, channels)), rng.normal(size=(channels, height, width))
    )
    return np.maximum(mixed + rng.uniform(0, 1, size=(channels, 1, 1)), 0)


def moments_by_loops(values, guide):
    """Mean and second moment of positions, weighed by a guide, one by one."""
    n = len(values)
    mean, second, mass = np.zeros(n), np.zeros((n, n)), 0.0
    for y in range(values.shape[1]):
        for x in range(values.shape[2]):
            f, g = values[:, y, x], 1.0 if guide is None else guide[y, x]
            mean, second, mass = mean + g * f, second + g * np.outer(f, f), mass + g
    return mean / mass, second / mass


def loss_by_definition(statistic, values, other, weight, guide=None):
    """The definitions, word by word; tr (S^1/2 C S^1/2)^1/2 sums the roots of the eigenvalues of C S."""
    n = len(values)
    mu, G = moments_by_loops(values, guide)
    m, A = moments_by_loops(other, None)
    per_square = (A**2).sum() / np.trace(A)
    blur = BLUR * np.trace(A) / n
    if statistic == "gram":
        apart = ((G - A) ** 2).sum()
    elif statistic == "moments":
        sigma = np.sqrt(np.diag(G) - mu**2 + blur)
        s = np.sqrt(np.diag(A) - m**2 + blur)
        apart = 0.5 * ((G - A) ** 2).sum() + 0.5 * per_square * (
            ((mu - m) ** 2).sum() + ((sigma - s) ** 2).sum()
        )
    else:
        C = G - np.outer(mu, mu) + blur * np.eye(n)
        S = A - np.outer(m, m) + blur * np.eye(n)
        cross = np.sqrt(np.linalg.eigvals(C @ S).real).sum()
        apart = per_square * (((mu - m) ** 2).sum() + np.trace(C + S) - 2 * cross)
    return weight / (4 * n**2) * apart


def term(statistic, other):
    mean, second = moments_by_loops(other, None)
    return StyleTerm("relu1_1", 1.0, second, None, statistic, mean)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_loss_and_gradient_are_the_definitions(statistic, guided):
    values, other = features(1), features(2, height=7)
    guide = np.random.default_rng(3).uniform(size=values.shape[1:]) if guided else None
    value, gradient = style_loss(values, make_style_target(term(statistic, other)), 2.0, guide, statistic)
    assert value == pytest.approx(loss_by_definition(statistic, values, other, 2.0, guide), rel=1e-9)
    numeric = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        ahead, behind = values.copy(), values.copy()
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        numeric[index] = (
            loss_by_definition(statistic, ahead, other, 2.0, guide)
            - loss_by_definition(statistic, behind, other, 2.0, guide)
        ) / 2e-5
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8 * np.abs(numeric).max() + 1e-10)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_sums_of_tiles_add_up_to_the_whole_layer(statistic):
    values, target = features(4, height=9, width=8), make_style_target(term(statistic, features(5)))
    guide = np.random.default_rng(6).uniform(size=(9, 8))
    loss, gradient = style_loss(values, target, 1.5, guide, statistic)
    parts = [(slice(0, 4), slice(0, 8)), (slice(4, 9), slice(0, 3)), (slice(4, 9), slice(3, 8))]
    sums = [style_sums(values[:, y, x], guide[y, x], statistic) for y, x in parts]
    tiled, d_s2, d_s1 = style_loss_of_sums(statistic, sums[0] + sums[1] + sums[2], target, 1.5)
    assert tiled == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(d_s2, d_s2.T, rtol=1e-12)
    for y, x in parts:
        part = style_gradient(values[:, y, x], d_s2, d_s1, guide[y, x])
        np.testing.assert_allclose(part, gradient[:, y, x], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_style_is_0_from_itself_and_its_energy_from_nothing(statistic):
    other = features(7, channels=6)
    target = make_style_target(term(statistic, other))
    value, gradient = style_loss(other, target, 1.0, None, statistic)
    energy = (target.second**2).sum() / (4 * 36)
    assert abs(value) < 1e-9 * energy
    assert np.abs(gradient).max() < 1e-6 * energy
    nothing, _ = style_loss(np.zeros_like(other), target, 1.0, None, statistic)
    # The blur is in both of the Gaussians, so that it hardly shows.
    assert nothing == pytest.approx(energy, rel=0.1)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_torch_in_single_precision_agrees_with_double(statistic):
    values, wanted = features(8, channels=64, height=20, width=20), term(statistic, features(9, channels=64))
    loss, gradient = style_loss(values, make_style_target(wanted), 1.0, None, statistic)
    target = make_style_target(wanted)
    on_device = type(target)(
        *(None if part is None else torch.tensor(part, dtype=torch.float32) for part in target)
    )
    single, single_gradient = style_loss(
        torch.tensor(values, dtype=torch.float32), on_device, 1.0, None, statistic
    )
    assert single.dtype == torch.float32
    assert float(single) == pytest.approx(float(loss), rel=1e-4)
    np.testing.assert_allclose(single_gradient.numpy(), gradient, rtol=0, atol=1e-4 * np.abs(gradient).max())


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_flat_features_and_dead_layers_have_finite_gradients(statistic, level):
    flat = np.full((5, 4, 4), level, dtype=np.float32)
    for other in (features(10, channels=5).astype(np.float32), flat):
        mean, second = moments_by_loops(other, None)
        target = make_style_target(
            StyleTerm("relu1_1", 1.0, second.astype(np.float32), None, statistic, mean.astype(np.float32))
        )
        value, gradient = style_loss(flat, target, 1.0, None, statistic)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
