"""Every formula of the paper compared with a brute-force float64 reading of its equation."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.loss.layer_losses import content_loss, gram_sum, guide_mass, style_loss
from nst_core.loss.objective import AlphaNorm, RangePenalty, TotalVariation
from nst_core.loss.priors import prior_loss
from nst_core.loss.statistics.base import StyleTarget

RNG = np.random.default_rng(7)


def central_difference(function, point, step=1e-6):
    """Compute the gradient of a scalar function by central differences, one coordinate at a time."""
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        ahead, behind = point.copy(), point.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (function(ahead) - function(behind)) / (2 * step)
    return gradient


def content_by_loops(features, target, mask):
    """Compute Gatys et al. 2016, eq. 1: 1/2 sum_ij (F_ij - P_ij)^2, term by term."""
    total = 0.0
    for channel in range(features.shape[0]):
        for row in range(features.shape[1]):
            for column in range(features.shape[2]):
                weight = 1.0 if mask is None else mask[row, column]
                total += 0.5 * weight * (features[channel, row, column] - target[channel, row, column]) ** 2
    return total


def style_by_loops(features, style):
    """Compute Gatys et al. 2016, eq. 3 and 4: 1 / (4 N^2 M^2) sum_ij (G_ij - A_ij)^2, sums over positions."""
    n, m = features.shape[0], features.shape[1] * features.shape[2]
    f, p = features.reshape(n, m), style.reshape(n, m)
    total = 0.0
    for i in range(n):
        for j in range(n):
            gram_f = sum(f[i, k] * f[j, k] for k in range(m))
            gram_p = sum(p[i, k] * p[j, k] for k in range(m))
            total += (gram_f - gram_p) ** 2
    return total / (4 * n**2 * m**2)


@pytest.mark.parametrize("masked", [False, True])
def test_content_loss_equals_the_papers(masked):
    features, target = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(3, 4, 5))
    mask = RNG.uniform(size=(4, 5)) if masked else None
    value, gradient = content_loss(features, target, 1.0, mask)
    assert value == pytest.approx(content_by_loops(features, target, mask), rel=1e-12)
    reference = central_difference(lambda f: content_by_loops(f, target, mask), features)
    np.testing.assert_allclose(gradient, reference, rtol=1e-6, atol=1e-8)


def test_style_loss_equals_the_papers_for_pictures_of_one_size():
    features, style = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(4, 3, 5))
    target = StyleTarget(gram_sum(style) / guide_mass(style))
    value, gradient = style_loss(features, target, 1.0)
    assert value == pytest.approx(style_by_loops(features, style), rel=1e-12)
    reference = central_difference(lambda f: style_by_loops(f, style), features)
    np.testing.assert_allclose(gradient, reference, rtol=1e-5, atol=1e-9)


def test_style_loss_does_not_depend_on_repetitions_of_a_pattern():
    pattern, style = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(4, 6, 7))
    target = StyleTarget(gram_sum(style) / guide_mass(style))
    once, _ = style_loss(pattern, target, 1.0)
    tiled, _ = style_loss(np.tile(pattern, (1, 2, 3)), target, 1.0)
    assert tiled == pytest.approx(once, rel=1e-12)


def test_guide_excludes_positions_where_it_is_zero():
    features, target = RNG.normal(size=(3, 4, 6)), RNG.normal(size=(3, 3))
    target = target + target.T
    guide = RNG.uniform(size=(4, 6))
    guide[:, 3:] = 0.0
    value, gradient = style_loss(features, StyleTarget(target), 2.0, guide)
    left, left_guide = features[:, :, :3], guide[:, :3]
    gram = np.einsum("ihw,jhw,hw->ij", left, left, left_guide) / left_guide.sum()
    assert value == pytest.approx(2.0 / (4 * 9) * ((gram - target) ** 2).sum(), rel=1e-12)
    assert not gradient[:, :, 3:].any()
    reference = central_difference(lambda f: style_loss(f, StyleTarget(target), 2.0, guide)[0], features)
    np.testing.assert_allclose(gradient, reference, rtol=1e-6, atol=1e-8)


def variation_by_loops(picture, beta):
    """Compute Mahendran and Vedaldi 2015, eq. 3, as a mean; differences past the edge are 0."""
    channels, height, width = picture.shape
    total = 0.0
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                dx = picture[c, y, x + 1] - picture[c, y, x] if x + 1 < width else 0.0
                dy = picture[c, y + 1, x] - picture[c, y, x] if y + 1 < height else 0.0
                total += (dx**2 + dy**2) ** (beta / 2)
    return total / picture.size


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0, 3.0])
def test_total_variation_and_its_gradient_are_exact(beta):
    picture = RNG.uniform(size=(3, 5, 6))
    value, gradient = prior_loss(TotalVariation(0.7, beta), picture)
    assert value == pytest.approx(0.7 * variation_by_loops(picture, beta), rel=2e-3 if beta < 2 else 1e-6)
    reference = central_difference(lambda p: prior_loss(TotalVariation(0.7, beta), p)[0], picture)
    np.testing.assert_allclose(gradient, reference, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("alpha", [1.5, 2.0, 6.0])
def test_alpha_norm_and_its_gradient_are_exact(alpha):
    picture = RNG.uniform(size=(3, 4, 5))
    value, gradient = prior_loss(AlphaNorm(2.0, alpha), picture)
    assert value == pytest.approx(2.0 * np.mean(np.abs(2 * picture - 1) ** alpha), rel=1e-12)
    reference = central_difference(lambda p: prior_loss(AlphaNorm(2.0, alpha), p)[0], picture)
    np.testing.assert_allclose(gradient, reference, rtol=1e-5, atol=1e-8)


def test_range_penalty_is_zero_inside_and_square_outside():
    picture = RNG.uniform(-0.5, 1.5, size=(3, 4, 5))
    value, gradient = prior_loss(RangePenalty(3.0), picture)
    outside = np.where(picture > 1, picture - 1, np.where(picture < 0, picture, 0.0))
    assert value == pytest.approx(3.0 * np.mean(outside**2), rel=1e-12)
    reference = central_difference(lambda p: prior_loss(RangePenalty(3.0), p)[0], picture)
    np.testing.assert_allclose(gradient, reference, rtol=1e-5, atol=1e-8)
    assert prior_loss(RangePenalty(3.0), np.clip(picture, 0, 1))[0] == 0.0
