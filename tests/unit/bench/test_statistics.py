"""The judge's statistics against brute force and against distances that are known."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.array_types import Array
from nst_core.images.colour import to_oklab
from nst_core.images.resize import resize
from tests.bench.judge.statistics import (
    BANDS,
    COLOR_DIRECTIONS,
    QUANTILES,
    Gaussian,
    correlation,
    gaussian_distance,
    gaussian_of,
    laplacian_bands,
    median_3x3,
    patch_quantiles,
    quantile_distance,
    self_similarity,
    sliced_quantiles,
    speckle,
)

ONE_DIRECTION = np.ones((1, 1), np.float32)


def random_picture(height: int, width: int) -> Array:
    return np.random.default_rng(3).random((height, width, 3), dtype=np.float32)


def matrix_root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a positive matrix by Denman and Beavers' iteration, without eigenvalues."""
    root, inverse = matrix.copy(), np.eye(len(matrix))
    for _ in range(50):
        root, inverse = (root + np.linalg.inv(inverse)) / 2, (inverse + np.linalg.inv(root)) / 2
    return root


def test_gaussian_distance_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((6, 5, 8)).astype(np.float32) * scale for scale in (1, 3))
    means = [features.reshape(6, -1).astype(np.float64).mean(axis=1) for features in (first, second)]
    covariances = [
        np.cov(features.reshape(6, -1).astype(np.float64), bias=True) for features in (first, second)
    ]
    root = matrix_root(covariances[0])
    shared = matrix_root(root @ covariances[1] @ root)
    expected = np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2 * shared)
    distance = gaussian_distance(gaussian_of(first), gaussian_of(second))
    assert distance == pytest.approx(expected, rel=1e-9)
    assert gaussian_distance(gaussian_of(second), gaussian_of(first)) == pytest.approx(expected, rel=1e-9)


def test_gaussians_with_the_same_axes_differ_by_means_and_deviations() -> None:
    first = Gaussian(np.array([0.0, 1.0]), np.diag([4.0, 0.0]))
    second = Gaussian(np.array([3.0, 1.0]), np.diag([1.0, 9.0]))
    assert gaussian_distance(first, second) == pytest.approx(9 + 1 + 9)
    assert gaussian_distance(first, first) == pytest.approx(0, abs=1e-12)


def test_quantiles_are_those_of_numpy() -> None:
    points = random_picture(20, 31).reshape(-1, 3)
    expected = np.quantile(points @ COLOR_DIRECTIONS.T, QUANTILES, axis=0).T
    np.testing.assert_allclose(sliced_quantiles(points, COLOR_DIRECTIONS), expected, atol=1e-6)


def test_sliced_distances_in_one_dimension() -> None:
    points = np.sort(np.random.default_rng(1).random((700, 1), dtype=np.float32), axis=0)
    own = sliced_quantiles(points, ONE_DIRECTION)
    shuffled = np.random.default_rng(2).permutation(points)
    moved = sliced_quantiles(points + np.float32(0.25), ONE_DIRECTION)
    doubled = sliced_quantiles(2 * points, ONE_DIRECTION)
    assert quantile_distance(own, sliced_quantiles(shuffled, ONE_DIRECTION)) == 0
    assert quantile_distance(own, moved) == pytest.approx(0.25, abs=1e-6)
    assert quantile_distance(own, doubled) == pytest.approx(float(points.mean()), abs=1e-3)


def test_sliced_distance_is_the_cost_of_the_best_assignment() -> None:
    """In one dimension the best assignment is that of the sorted values: 512 points are their quantiles."""
    rng = np.random.default_rng(5)
    first, second = (rng.standard_normal((4096, 1)).astype(np.float32) + shift for shift in (0, 2))
    cost = np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean()
    quantiles = [sliced_quantiles(points.astype(np.float32), ONE_DIRECTION) for points in (first, second)]
    assert quantile_distance(*quantiles) == pytest.approx(float(cost), abs=2e-3)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 83)])
def test_bands_add_up_to_the_picture(height: int, width: int) -> None:
    picture = random_picture(height, width)
    *bands, rest = laplacian_bands(picture)
    assert len(bands) == BANDS
    assert rest.shape == (-(-height // 8), -(-width // 8), 3)
    for band in reversed(bands):
        rest = band + resize(rest, band.shape[0], band.shape[1], "bilinear")
    np.testing.assert_allclose(rest, picture, atol=1e-6)


def test_patches_of_a_flat_picture_are_flat() -> None:
    *bands, rest = patch_quantiles(np.full((64, 96, 3), 0.5, np.float32))
    assert max(np.abs(band).max() for band in bands) < 1e-6
    assert np.ptp(rest, axis=1).max() < 1e-5


def test_similarity_of_every_two_positions() -> None:
    features = np.random.default_rng(4).standard_normal((7, 3, 4)).astype(np.float32)
    flat = features.reshape(7, -1).astype(np.float64)
    mean = flat.mean(axis=1)
    expected = np.empty((12, 12))
    for row in range(12):
        for column in range(12):
            a, b = flat[:, row] - mean, flat[:, column] - mean
            expected[row, column] = a @ b / np.sqrt((a @ a) * (b @ b))
    expected -= expected.mean()
    similarity = self_similarity(features)
    np.testing.assert_allclose(similarity, expected, atol=1e-6)
    assert correlation(similarity, similarity) == pytest.approx(1)
    assert correlation(similarity, -2 * similarity) == pytest.approx(-1)
    other = self_similarity(np.random.default_rng(6).standard_normal((5, 3, 4)).astype(np.float32))
    assert correlation(similarity, other) == pytest.approx(
        np.corrcoef(similarity.ravel(), other.ravel())[0, 1]
    )
    assert correlation(similarity, np.zeros((12, 12))) == 0


def test_oklab_of_known_colours() -> None:
    """White, and the primaries as Ottosson's page gives them."""
    colors = np.array([[[1, 1, 1], [1, 0, 0], [0, 0, 1]]], np.float32)
    expected = [[1, 0, 0], [0.628, 0.225, 0.126], [0.452, -0.032, -0.312]]
    np.testing.assert_allclose(to_oklab(colors)[0], expected, atol=2e-3)


def test_planted_dots_are_counted() -> None:
    rng = np.random.default_rng(7)
    picture = np.full((60, 80, 3), 0.5, np.float32) + rng.normal(scale=0.01, size=(60, 80, 3)).astype(
        np.float32
    )
    assert speckle(picture) == 0
    places = [(row, column) for row in range(4, 60, 8) for column in range(0, 80, 10)]
    for index, (row, column) in enumerate(places):
        picture[row, column, index % 3] += 0.3 if index % 2 else -0.3
    assert speckle(picture) == pytest.approx(len(places) / (60 * 80))


def test_edges_and_thick_strokes_are_no_specks() -> None:
    picture = np.zeros((40, 40, 3), np.float32)
    picture[:, 20:] = 1
    picture[10:12, 4:16] = 1
    corners = 4 / (40 * 40)  # a corner of a stroke of two pixels has four bright neighbours of nine
    assert speckle(picture) <= corners


def test_median_of_nine() -> None:
    plane = np.random.default_rng(8).random((9, 11))
    padded = np.pad(plane, 1, mode="reflect")
    expected = [
        [np.median(padded[row : row + 3, column : column + 3]) for column in range(11)] for row in range(9)
    ]
    np.testing.assert_array_equal(median_3x3(plane), expected)
