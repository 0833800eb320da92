"""Every style statistic compared with a brute-force float64 reading of its definition, with its gradient."""

from __future__ import annotations

from typing import get_args

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
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.statistics.base import PictureMoments
from nst_core.loss.statistics.gaussians import BLUR
from nst_core.settings import Settings

every_statistic = pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS)


def features(seed, channels=4, height=5, width=6):
    """Return features like those after a ReLU: not negative, correlated, with means that are not 0."""
    rng = np.random.default_rng(seed)
    mixed = np.einsum(
        "ij,jhw->ihw", rng.normal(size=(channels, channels)), rng.normal(size=(channels, height, width))
    )
    return np.maximum(mixed + rng.uniform(0, 1, size=(channels, 1, 1)), 0)


def moments_by_loops(values, guide):
    """Compute mean and second moment over positions, weighted by a guide, one by one."""
    n = len(values)
    mean, second, mass = np.zeros(n), np.zeros((n, n)), 0.0
    for y in range(values.shape[1]):
        for x in range(values.shape[2]):
            f, g = values[:, y, x], 1.0 if guide is None else guide[y, x]
            mean, second, mass = mean + g * f, second + g * np.outer(f, f), mass + g
    return mean / mass, second / mass


def loss_by_definition(name, values, style, weight, guide=None):
    """Compute the definitions; tr (S^1/2 C S^1/2)^1/2 is the sum of the roots of the eigenvalues of C S."""
    n = len(values)
    mu, G = moments_by_loops(values, guide)
    m, A = moments_by_loops(style, None)
    per_square = (A**2).sum() / np.trace(A)
    blur = BLUR * np.trace(A) / n
    if name == "gram":
        distance = ((G - A) ** 2).sum()
    elif name == "moments":
        sigma = np.sqrt(np.diag(G) - mu**2 + blur)
        s = np.sqrt(np.diag(A) - m**2 + blur)
        gaussians = ((mu - m) ** 2).sum() + ((sigma - s) ** 2).sum()
        distance = 0.5 * ((G - A) ** 2).sum() + 0.5 * per_square * gaussians
    else:
        C = G - np.outer(mu, mu) + blur * np.eye(n)
        S = A - np.outer(m, m) + blur * np.eye(n)
        cross = np.sqrt(np.linalg.eigvals(C @ S).real).sum()
        distance = per_square * (((mu - m) ** 2).sum() + np.trace(C + S) - 2 * cross)
    return weight / (4 * n**2) * distance


def target_of(statistic, style, dtype=np.float64):
    mean, second = moments_by_loops(style, None)
    term = StyleTerm("relu1_1", 1.0, second.astype(dtype), statistic=statistic, mean=mean.astype(dtype))
    return term.make_target()


@pytest.mark.parametrize("guided", [False, True])
@every_statistic
def test_loss_and_gradient_equal_the_definition(statistic, guided):
    values, style = features(1), features(2, height=7)
    guide = np.random.default_rng(3).uniform(size=values.shape[1:]) if guided else None
    value, gradient = style_loss(values, target_of(statistic, style), 2.0, guide, statistic)
    assert value == pytest.approx(loss_by_definition(statistic.name, values, style, 2.0, guide), rel=1e-9)
    numeric = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        ahead, behind = values.copy(), values.copy()
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        numeric[index] = (
            loss_by_definition(statistic.name, ahead, style, 2.0, guide)
            - loss_by_definition(statistic.name, behind, style, 2.0, guide)
        ) / 2e-5
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8 * np.abs(numeric).max() + 1e-10)


@every_statistic
def test_sums_of_tiles_add_up_to_the_whole_layer(statistic):
    values, target = features(4, height=9, width=8), target_of(statistic, features(5))
    guide = np.random.default_rng(6).uniform(size=(9, 8))
    loss, gradient = style_loss(values, target, 1.5, guide, statistic)
    tiles = [(slice(0, 4), slice(0, 8)), (slice(4, 9), slice(0, 3)), (slice(4, 9), slice(3, 8))]
    sums = [style_sums(values[:, y, x], guide[y, x], with_mean=statistic.needs_mean) for y, x in tiles]
    tiled, d_s2, d_s1 = style_loss_of_sums(statistic, sums[0] + sums[1] + sums[2], target, 1.5)
    assert tiled == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(d_s2, d_s2.T, rtol=1e-12)
    for y, x in tiles:
        of_tile = style_gradient(values[:, y, x], d_s2, d_s1, guide[y, x])
        np.testing.assert_allclose(of_tile, gradient[:, y, x], rtol=1e-9, atol=1e-12)


@every_statistic
def test_distance_is_0_to_the_style_itself_and_its_energy_to_nothing(statistic):
    style = features(7, channels=6)
    target = target_of(statistic, style)
    value, gradient = style_loss(style, target, 1.0, None, statistic)
    energy = (target.second**2).sum() / (4 * 36)
    assert abs(value) < 1e-9 * energy
    assert np.abs(gradient).max() < 1e-6 * energy
    of_nothing, _ = style_loss(np.zeros_like(style), target, 1.0, None, statistic)
    # Both Gaussians are blurred, so the blur hardly shows.
    assert of_nothing == pytest.approx(energy, rel=0.1)


@every_statistic
def test_torch_in_single_precision_agrees_with_double(statistic):
    values, target = (
        features(8, channels=64, height=20, width=20),
        target_of(statistic, features(9, channels=64)),
    )
    loss, gradient = style_loss(values, target, 1.0, None, statistic)
    on_device = target.moved(lambda array: torch.tensor(array, dtype=torch.float32))
    single, single_gradient = style_loss(
        torch.tensor(values, dtype=torch.float32), on_device, 1.0, None, statistic
    )
    assert single.dtype == torch.float32
    assert float(single) == pytest.approx(float(loss), rel=1e-4)
    np.testing.assert_allclose(single_gradient.numpy(), gradient, rtol=0, atol=1e-4 * np.abs(gradient).max())


@every_statistic
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_flat_features_and_dead_layers_have_finite_gradients(statistic, level):
    flat = np.full((5, 4, 4), level, dtype=np.float32)
    for style in (features(10, channels=5).astype(np.float32), flat):
        value, gradient = style_loss(flat, target_of(statistic, style, np.float32), 1.0, None, statistic)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_the_setting_offers_every_registered_statistic():
    assert get_args(Settings.model_fields["style_loss"].annotation) == tuple(STATISTICS)


def test_a_term_without_the_means_that_its_statistic_needs_is_refused():
    for statistic in STATISTICS.values():
        term = StyleTerm("relu1_1", 1.0, np.eye(3, dtype=np.float32), statistic=statistic)
        if statistic.needs_mean:
            with pytest.raises(ValueError, match=statistic.name):
                term.make_target()
        else:
            assert term.make_target().mean is None


def moments_of(values):
    mean, second = moments_by_loops(values, None)
    return PictureMoments(second, mean)


@every_statistic
def test_a_part_of_a_picture_is_drawn_as_the_picture_is(statistic):
    """To its own target, with the weight of its positions; and all parts at theirs are the style."""
    values, style = features(8, height=6, width=9), target_of(statistic, features(9))
    loss, gradient = style_loss(values, style, 2.0, None, statistic)
    means, seconds = 0.0, 0.0
    for columns in (slice(0, 4), slice(4, 9)):
        part, share = values[:, :, columns], (columns.stop - columns.start) / 9
        target = statistic.target_of_part(style, moments_of(values), moments_of(part))
        _, own = style_loss(part, target, 2.0 * share, None, statistic)
        np.testing.assert_allclose(
            own, gradient[:, :, columns], rtol=1e-6, atol=1e-9 * np.abs(gradient).max()
        )
        seconds = seconds + share * target.second
        if statistic.needs_mean:
            means = means + share * target.mean
    np.testing.assert_allclose(seconds, style.second, rtol=1e-6, atol=1e-6 * style.second.max())
    if statistic.needs_mean:
        np.testing.assert_allclose(means, style.mean, rtol=1e-6)
    whole = statistic.target_of_part(style, moments_of(values), moments_of(values))
    assert style_loss(values, whole, 2.0, None, statistic)[0] == pytest.approx(loss, rel=1e-9)


def test_target_of_a_part_for_the_wasserstein_distance_is_a_covariance():
    """Of a flat part too, from which Gram matrices would ask for less than nothing."""
    statistic = STATISTICS["wasserstein"]
    values, style = features(8), target_of(statistic, 0.1 * features(9))
    flat = np.broadcast_to(values[:, :1, :1], values.shape) + 1e-3 * features(10)
    target = statistic.target_of_part(style, moments_of(values), moments_of(flat))
    blur = float(target.derived[2]) * np.eye(len(values))
    least = np.linalg.eigvalsh(target.second - np.outer(target.mean, target.mean) + blur).min()
    assert least > -1e-12
    gram = STATISTICS["gram"].target_of_part(style, moments_of(values), moments_of(flat))
    assert np.linalg.eigvalsh(gram.second).min() < 0
