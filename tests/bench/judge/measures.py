"""The judge's measures: how far a result is from the painting's style, and how much of the photo it keeps.

Takes the photo, the painting and results, (H, W, 3) float32 in 0..1 of any size, and the weights of AlexNet.
Reads no files, and does not know how a result was painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from nst_core.array_types import Array
from nst_core.images.resize import fit, resize
from nst_core.vgg.network import Weights
from tests.bench.judge.alexnet import alexnet_features
from tests.bench.judge.statistics import (
    BANDS,
    Gaussian,
    Matrix,
    color_quantiles,
    correlation,
    gaussian_distance,
    gaussian_of,
    patch_quantiles,
    quantile_distance,
    self_similarity,
    speckle,
)

LONG_SIDE = 384
"""Pixels on the long side at which style, structure and colours are compared."""

STYLE_POWER = 2
"""The share of style counts twice in :attr:`Measures.overall`: a photo that keeps all is no painting."""

SPECKLE_WEIGHT = 20.0
"""Specks on 5 % of the pixels, beyond those that are allowed, leave nothing of :attr:`Measures.overall`."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What the judge finds in a result.

    ``patches`` and ``features`` are distances to the painting's patches and AlexNet features, relative to the
    untouched photo's: 0 like the painting, 1 like the photo. ``structure`` is the correlation of
    self-similarities with the photo's: 1 everything kept. ``color`` is the distance to the painting's
    palette, relative to the photo's. ``speckle`` is the share of isolated outlying pixels, and
    ``speckle_allowed`` the larger one of the painting's and the photo's. ``structure_by_chance`` is the
    structure of the painting itself, stretched over the photo.
    """

    patches: float
    features: float
    structure: float
    color: float
    speckle: float
    speckle_allowed: float
    structure_by_chance: float

    @property
    def style(self) -> float:
        """The worse one of the two distances of style."""
        return max(self.patches, self.features)

    @property
    def speckle_excess(self) -> float:
        """The share of specks that neither the painting nor the photo accounts for."""
        return max(0.0, self.speckle - self.speckle_allowed)

    @property
    def overall(self) -> float:
        """The weighted geometric mean of the style gained and the structure kept, less specks: 1 is ideal.

        The untouched photo gains no style, and the painting itself keeps no structure beyond chance: both
        are 0. So a picture cannot make up with one measure for what it lacks in another.
        """
        kept = (self.structure - self.structure_by_chance) / max(1 - self.structure_by_chance, 1e-9)
        shares = max(0.0, 1 - self.style) ** STYLE_POWER * max(0.0, kept)
        return float(shares ** (1 / (STYLE_POWER + 1)) * max(0.0, 1 - SPECKLE_WEIGHT * self.speckle_excess))


@dataclass(frozen=True)
class Description:
    """The statistics of one picture at ``LONG_SIDE``."""

    patches: list[Array]
    gaussians: list[Gaussian]
    similarity: Matrix
    colors: Array

    def distances_to(self, painting: Description) -> Matrix:
        """Return the distances of each band of patches, of the features of each layer, and of the colours."""
        patches = map(quantile_distance, painting.patches, self.patches)
        features = map(gaussian_distance, painting.gaussians, self.gaussians)
        colors = quantile_distance(painting.colors, self.colors)
        return np.maximum([*patches, *features, colors], 1e-9)


def scale_to(pixels: Array, height: int, width: int) -> Array:
    """Return the picture at another size, still in 0..1."""
    return np.clip(resize(pixels, height, width), 0, 1)


def fit_to(pixels: Array, long_side: int) -> Array:
    """Return the picture at the size with this long side."""
    height, width = fit(pixels.shape[0], pixels.shape[1], long_side)
    return scale_to(pixels, height, width)


class Judge:
    """Measures results for one photo and one painting, whose own statistics it computes once.

    A result smaller than ``LONG_SIDE`` is enlarged, and lacks detail that the originals have. They are
    reduced to its size first, so that the untouched photo is at distance 1 at every size.
    """

    def __init__(self, photo: Array, painting: Array, network: Weights) -> None:
        self.photo, self.painting, self.network = photo, painting, network
        self.originals = cache(self.describe_originals)
        self.allowed = cache(self.speckle_allowed)

    def measure(self, result: Array) -> Measures:
        """Compare ``result``, which has the photo's proportions at any size, with both originals."""
        photo, painting, by_chance = self.originals(min(LONG_SIDE, max(result.shape[:2])))
        height, width = fit(self.photo.shape[0], self.photo.shape[1], LONG_SIDE)
        own = self.describe(scale_to(result, height, width))
        relative = own.distances_to(painting) / photo.distances_to(painting)
        return Measures(
            patches=float(relative[: BANDS + 1].mean()),
            features=float(relative[BANDS + 1 : -1].mean()),
            structure=correlation(own.similarity, photo.similarity),
            color=float(relative[-1]),
            speckle=speckle(result),
            speckle_allowed=self.allowed(*result.shape[:2]),
            structure_by_chance=by_chance,
        )

    def describe(self, pixels: Array) -> Description:
        """Return the statistics of a picture, which is at ``LONG_SIDE`` already."""
        features = alexnet_features(pixels, self.network)
        gaussians = [gaussian_of(planes) for planes in features.values()]
        similarity = self_similarity(features["relu3"])
        return Description(patch_quantiles(pixels), gaussians, similarity, color_quantiles(pixels))

    def describe_originals(self, detail: int) -> tuple[Description, Description, float]:
        """Describe photo and painting with the detail of that size, and correlate their structures."""
        photo, painting = (
            fit_to(fit_to(pixels, detail), LONG_SIDE) for pixels in (self.photo, self.painting)
        )
        stretched = alexnet_features(scale_to(painting, *photo.shape[:2]), self.network)["relu3"]
        described = self.describe(photo)
        by_chance = correlation(self_similarity(stretched), described.similarity)
        return described, self.describe(painting), by_chance

    def speckle_allowed(self, height: int, width: int) -> float:
        """Return the larger share of specks: the photo's at this size, or the painting's at this area."""
        own_height, own_width = self.painting.shape[:2]
        factor = math.sqrt(height * width / (own_height * own_width))
        painting = scale_to(
            self.painting, max(3, round(own_height * factor)), max(3, round(own_width * factor))
        )
        return max(speckle(scale_to(self.photo, height, width)), speckle(painting))


def measure(result: Array, photo: Array, painting: Array, network: Weights) -> Measures:
    """Judge one result; for several of the same photo and painting a :class:`Judge` is faster."""
    return Judge(photo, painting, network).measure(result)
