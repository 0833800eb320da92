"""Statistics of chroma and the optimal transport between them, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.colour_layout import (
    NOISE,
    chroma_statistics,
    colour_share,
    lay_out,
    transport_map,
)

RNG = np.random.default_rng(5)


def samples(count=4000, spread=0.05):
    """Return correlated chroma (n, 2)."""
    mixing = RNG.normal(size=(2, 2)) * spread
    return (RNG.normal(size=(count, 2)) @ mixing + RNG.normal(size=2) * 0.05).astype(np.float32)


def spread_of(covariance):
    values = np.linalg.eigvalsh(covariance)
    return np.sqrt(values[0]) > 2 * NOISE


def covariance_pairs(count):
    """Return pairs of covariances that are well above the noise."""
    pairs = []
    while len(pairs) < count:
        pair = [np.cov(samples().T) for _ in range(2)]
        if all(spread_of(covariance) for covariance in pair):
            pairs.append(pair)
    return pairs


def test_map_gives_the_covariance_of_the_target_and_is_symmetric():
    """The map of least cost between Gaussians is the one that is symmetric and positive definite."""
    for source, target in covariance_pairs(20):
        transport = transport_map(source, target)
        np.testing.assert_allclose(transport @ source @ transport.T, target, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(transport, transport.T, atol=1e-9)
        assert np.linalg.eigvalsh(transport).min() > 0


def test_no_other_map_of_that_covariance_moves_colours_less():
    """Every such map is a rotation in between: T^1/2 R S^-1/2. The cost is the trace of the moved squares."""
    for source, target in covariance_pairs(5):
        values, vectors = np.linalg.eigh(source)
        inverse_root = (vectors / np.sqrt(values)) @ vectors.T
        values, vectors = np.linalg.eigh(target)
        root = (vectors * np.sqrt(values)) @ vectors.T

        def cost(transport, source=source):
            moved = transport - np.eye(2)
            return float(np.trace(moved @ source @ moved.T))

        least = cost(transport_map(source, target))
        others = []
        for angle in np.linspace(0, 2 * np.pi, 721):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            others += [cost(root @ turn @ flip @ inverse_root) for flip in (np.eye(2), np.diag([1.0, -1.0]))]
        assert least <= min(others) + 1e-12
        assert least == pytest.approx(min(others), rel=1e-3, abs=1e-9)


def test_laid_out_chroma_has_the_mean_and_covariance_of_the_style():
    photo, style = samples(spread=0.06), samples(spread=0.06)
    source, target = chroma_statistics([(photo, None)]), chroma_statistics([(style, None)])
    laid = lay_out(photo, source, target).astype(np.float64)
    np.testing.assert_allclose(laid.mean(axis=0), style.mean(axis=0), atol=1e-6)
    if spread_of(source.covariance):
        np.testing.assert_allclose(np.cov(laid.T), np.cov(style.astype(np.float64).T), rtol=2e-3, atol=1e-7)


def test_statistics_equal_brute_force_with_weights():
    chroma, weights = samples(500), RNG.random(500).astype(np.float32)
    weights[::3] = 0.0
    statistics = chroma_statistics([(chroma[:200], weights[:200]), (chroma[200:], weights[200:])])
    double = chroma.astype(np.float64)
    np.testing.assert_allclose(statistics.mean, np.average(double, axis=0, weights=weights), atol=1e-9)
    expected = np.cov(double.T, aweights=weights.astype(np.float64), ddof=0)
    np.testing.assert_allclose(statistics.covariance, expected, atol=1e-9)


def test_range_leaves_out_rare_colours():
    chroma = np.linspace(0, 1, 1001, dtype=np.float32)[:, None].repeat(2, axis=1)
    statistics = chroma_statistics([(chroma, None)])
    np.testing.assert_allclose(statistics.low, 0.005, atol=2e-3)
    np.testing.assert_allclose(statistics.high, 0.995, atol=2e-3)
    outlier = np.concatenate([np.full((1000, 2), 0.02, np.float32), np.full((1, 2), 0.4, np.float32)])
    np.testing.assert_allclose(chroma_statistics([(outlier, None)]).high, 0.02, atol=1e-7)


@pytest.mark.parametrize("spread", [0.0, 1e-9, NOISE / 10])
def test_noise_is_not_amplified(spread):
    """A grey or flat photo gets the style's mean colour; its noise does not become colours."""
    noise = (RNG.normal(size=(1000, 2)) * spread).astype(np.float32)
    photo, style = chroma_statistics([(noise, None)]), chroma_statistics([(samples(spread=0.1), None)])
    laid = lay_out(noise, photo, style)
    assert np.isfinite(laid).all()
    deviation = np.sqrt(np.linalg.eigvalsh(style.covariance)[-1])
    assert np.abs(laid - style.mean).max() <= 5 * spread / NOISE * deviation + 1e-6
    assert colour_share(photo) == 0.0


def test_grey_style_makes_everything_grey():
    photo = samples()
    grey = chroma_statistics([(np.zeros((10, 2), np.float32), None)])
    np.testing.assert_allclose(lay_out(photo, chroma_statistics([(photo, None)]), grey), 0.0, atol=1e-8)


def test_one_pixel_and_no_pixel():
    one = chroma_statistics([(np.array([[0.1, -0.2]], np.float32), None)])
    np.testing.assert_allclose(one.mean, [0.1, -0.2], atol=1e-7)
    np.testing.assert_allclose(one.low, one.high)
    assert not one.covariance.any()
    assert colour_share(one) == 0.0
    assert chroma_statistics([(np.zeros((4, 2), np.float32), np.zeros(4, np.float32))]) is None


@pytest.mark.parametrize(("multiple", "share"), [(0.5, 0.0), (1.0, 0.0), (1.5, 0.5), (2.0, 1.0), (9.0, 1.0)])
def test_share_rises_from_the_noise_to_twice_the_noise(multiple, share):
    column = np.array([-1.0, 1.0], np.float32)[:, None] * np.array([[multiple * NOISE, 0.0]], np.float32)
    assert colour_share(chroma_statistics([(column, None)])) == pytest.approx(share, abs=1e-4)
