"""The statistics that the judge compares: distributions of patches, features and colours, and specks.

Takes pictures, (H, W, 3) float32 in 0..1, or features, (C, h, w). Nothing here is random: directions come
from a fixed seed. Does not know which picture is the photo, the painting or the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import square_root, to_oklab
from nst_core.images.resize import resize

Matrix: TypeAlias = npt.NDArray[np.float64]

PATCH = 7
BANDS = 3
"""Laplacian levels above the remaining low-pass: with it, patches of 7 to 56 pixels."""

PATCH_POSITIONS = 20_000
"""About the most patches taken of a level."""

QUANTILES = (np.arange(512) + 0.5) / 512
SPECK_DIFFERENCE = 0.15
"""A pixel counts as a speck if a channel differs by more from the median of its 3 x 3 neighbours."""


def unit_directions(count: int, dimensions: int) -> Array:
    """Return ``count`` directions, (count, dimensions), evenly distributed, always the same."""
    directions = np.random.default_rng(0).standard_normal((count, dimensions))
    unit: Array = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    return unit


PATCH_DIRECTIONS = unit_directions(96, 3 * PATCH * PATCH)
COLOR_DIRECTIONS = unit_directions(48, 3)


def sliced_quantiles(points: Array, directions: Array) -> Array:
    """Return the 512 quantiles of ``points``, (n, D), along each direction, (d, D): (d, 512).

    They are interpolated linearly, as by :func:`numpy.quantile`, which takes ten times as long.
    """
    ordered = np.sort(directions @ points.T, axis=1)
    place = QUANTILES * (len(points) - 1)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, len(points) - 1)
    share = (place - below).astype(np.float32)
    quantiles: Array = np.asarray(ordered[:, below] * (1 - share) + ordered[:, above] * share, np.float32)
    return quantiles


def quantile_distance(first: Array, second: Array) -> float:
    """Return the sliced 1-Wasserstein distance: the mean difference of quantiles (Rabin et al. 2011)."""
    return float(np.abs(first - second).mean(dtype=np.float64))


def laplacian_bands(pixels: Array) -> list[Array]:
    """Return ``BANDS`` levels of detail, fine to coarse, and what is left; each half as large as the last."""
    bands = []
    for _ in range(BANDS):
        smaller = halve(pixels)
        height, width = pixels.shape[:2]
        blurred: Array = resize(smaller, height, width, "bilinear")
        bands.append(pixels - blurred)
        pixels = smaller
    return [*bands, pixels]


def halve(pixels: Array) -> Array:
    """Return the means of 2 x 2 pixels; at an odd edge of those that there are."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3)
    means: Array = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def patch_quantiles(pixels: Array) -> list[Array]:
    """Return the quantiles of 7 x 7 patches of each Laplacian level along 96 directions, (96, 512) each."""
    quantiles = []
    for band in laplacian_bands(pixels):
        patches = np.lib.stride_tricks.sliding_window_view(band, (PATCH, PATCH), axis=(0, 1))
        step = max(1, round((patches.shape[0] * patches.shape[1] / PATCH_POSITIONS) ** 0.5))
        points = patches[::step, ::step].reshape(-1, 3 * PATCH * PATCH)
        quantiles.append(sliced_quantiles(points, PATCH_DIRECTIONS))
    return quantiles


def color_quantiles(pixels: Array) -> Array:
    """Return the quantiles of the colours in OKLab along 48 directions, (48, 512)."""
    return sliced_quantiles(to_oklab(pixels).reshape(-1, 3), COLOR_DIRECTIONS)


@dataclass(frozen=True)
class Gaussian:
    """The mean, (C,), and the covariance, (C, C), of features over the positions."""

    mean: Matrix
    covariance: Matrix

    @cached_property
    def root(self) -> Matrix:
        """The symmetric square root of the covariance."""
        return square_root(self.covariance)


def gaussian_of(features: Array) -> Gaussian:
    """Return the Gaussian with the mean and covariance of ``features``, (C, h, w)."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    mean = flat.mean(axis=1)
    centred = flat - mean[:, None]
    return Gaussian(mean, centred @ centred.T / flat.shape[1])


def gaussian_distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared 2-Wasserstein distance of two Gaussians (Dowson and Landau 1982).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)
    """
    middle = np.linalg.eigvalsh(first.root @ second.covariance @ first.root)
    shared = np.sqrt(np.maximum(middle, 0)).sum()
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    distance = np.square(first.mean - second.mean).sum() + traces - 2 * shared
    return max(0.0, float(distance))


def self_similarity(features: Array) -> Matrix:
    """Return the cosine of the centred features at every two positions, less the mean of all: (n, n)."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    unit = centred / (np.linalg.norm(centred, axis=0) + 1e-8)
    cosines: Matrix = unit.T @ unit
    cosines -= cosines.mean()
    return cosines


def correlation(first: Matrix, second: Matrix) -> float:
    """Return the correlation of two arrays that are centred already, -1 to 1; 0 if one of them is zero."""
    norms = np.linalg.norm(first) * np.linalg.norm(second)
    return float((first * second).sum() / norms) if norms > 0 else 0.0


def speckle(pixels: Array) -> float:
    """Return the share of specks, 0 to 1: pixels far from the median of the 3 x 3 pixels around them."""
    specks = np.zeros(pixels.shape[:2], np.bool_)
    for channel in range(pixels.shape[2]):
        plane = pixels[:, :, channel]
        specks |= np.abs(plane - median_3x3(plane)) > SPECK_DIFFERENCE
    return float(specks.mean())


def median_3x3(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the median of 3 x 3 pixels around each pixel of (H, W), mirrored at the edges."""
    padded = np.pad(plane, 1, mode="reflect")
    neighbours = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*plane.shape, 9)
    median: npt.NDArray[Any] = np.partition(neighbours, 4, axis=-1)[:, :, 4]
    return median
