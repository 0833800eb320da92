"""The judge's measures: how far a result is from the painting's style, and how much of the photo it keeps.

Takes the photo, the painting and results, (H, W, 3) float32 in 0..1 of any size, and the weights of AlexNet.
Reads no files, and does not know how a result was painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from nst_core.array_types import Array
from nst_core.images.resize import fit, resize
from nst_core.vgg.network import Weights
from tests.bench.judge.alexnet import alexnet_features
from tests.bench.judge.statistics import (
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

STRUCTURE_LAYER = "relu3"
STYLE_POWER = 2
"""The share of style counts twice in :attr:`Measures.overall`: a photo that keeps all is no painting."""

SPECKLE_WEIGHT = 20.0
"""Specks on 5 % of the pixels, beyond those that are allowed, leave nothing of :attr:`Measures.overall`."""

NO_DISTANCE = 1e-9
"""A photo that is nearer to the painting than this has its style already."""


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
        gained = clip(1 - self.style)
        kept = clip((self.structure - self.structure_by_chance) / max(1 - self.structure_by_chance, 1e-9))
        mean = (gained**STYLE_POWER * kept) ** (1 / (STYLE_POWER + 1))
        return float(mean * clip(1 - SPECKLE_WEIGHT * self.speckle_excess))


def clip(share: float) -> float:
    """Return ``share`` within 0..1."""
    return min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Description:
    """The statistics of one picture at ``LONG_SIDE``."""

    patches: list[Array]
    gaussians: list[Gaussian]
    similarity: Matrix
    colors: Array


def describe(pixels: Array, network: Weights) -> Description:
    """Return the statistics of a picture, which is at ``LONG_SIDE`` already."""
    features = alexnet_features(pixels, network)
    return Description(
        patch_quantiles(pixels),
        [gaussian_of(planes) for planes in features.values()],
        self_similarity(features[STRUCTURE_LAYER]),
        color_quantiles(pixels),
    )


def scale_to(pixels: Array, height: int, width: int) -> Array:
    """Return the picture at another size, still in 0..1."""
    return np.clip(resize(pixels, height, width), 0, 1)


def fit_to(pixels: Array, long_side: int) -> Array:
    """Return the picture at the size with this long side."""
    height, width = fit(pixels.shape[0], pixels.shape[1], long_side)
    return scale_to(pixels, height, width)


@dataclass(frozen=True)
class Originals:
    """The statistics of the photo and the painting, and the correlation of their structures."""

    photo: Description
    painting: Description
    structure_by_chance: float


class Judge:
    """Measures results for one photo and one painting, whose own statistics it computes once.

    A result smaller than ``LONG_SIDE`` is enlarged, and lacks detail that the originals have. They are
    reduced to its size first, so that the untouched photo is at distance 1 at every size.
    """

    def __init__(self, photo: Array, painting: Array, network: Weights) -> None:
        self.network = network
        self.photo, self.painting = photo, painting
        self.originals: dict[int, Originals] = {}
        self.allowed: dict[tuple[int, int], float] = {}

    def measure(self, result: Array) -> Measures:
        """Compare ``result``, which has the photo's proportions at any size, with both originals."""
        originals = self.originals_like(max(result.shape[:2]))
        height, width = fit(self.photo.shape[0], self.photo.shape[1], LONG_SIDE)
        own = describe(scale_to(result, height, width), self.network)
        return Measures(
            patches=patch_distance(own, originals),
            features=feature_distance(own, originals),
            structure=correlation(own.similarity, originals.photo.similarity),
            color=relative(
                quantile_distance(own.colors, originals.painting.colors),
                quantile_distance(originals.photo.colors, originals.painting.colors),
            ),
            speckle=speckle(result),
            speckle_allowed=self.speckle_allowed(*result.shape[:2]),
            structure_by_chance=originals.structure_by_chance,
        )

    def originals_like(self, long_side: int) -> Originals:
        """Describe the originals with the detail of a picture of this size."""
        detail = min(LONG_SIDE, long_side)
        if detail not in self.originals:
            photo, painting = (
                fit_to(fit_to(pixels, detail), LONG_SIDE) for pixels in (self.photo, self.painting)
            )
            described = describe(photo, self.network)
            stretched = alexnet_features(scale_to(painting, *photo.shape[:2]), self.network)
            self.originals[detail] = Originals(
                described,
                describe(painting, self.network),
                correlation(self_similarity(stretched[STRUCTURE_LAYER]), described.similarity),
            )
        return self.originals[detail]

    def speckle_allowed(self, height: int, width: int) -> float:
        """Return the larger share of specks: the photo's at this size, or the painting's at this area."""
        if (height, width) not in self.allowed:
            photo = scale_to(self.photo, height, width)
            own_height, own_width = self.painting.shape[:2]
            factor = math.sqrt(height * width / (own_height * own_width))
            size = (max(3, round(own_height * factor)), max(3, round(own_width * factor)))
            self.allowed[height, width] = max(speckle(photo), speckle(scale_to(self.painting, *size)))
        return self.allowed[height, width]


def patch_distance(own: Description, originals: Originals) -> float:
    """Return the relative sliced Wasserstein distance of patches, the mean over the levels."""
    levels = zip(own.patches, originals.photo.patches, originals.painting.patches, strict=True)
    return fmean(
        relative(quantile_distance(result, painting), quantile_distance(photo, painting))
        for result, photo, painting in levels
    )


def feature_distance(own: Description, originals: Originals) -> float:
    """Return the relative squared 2-Wasserstein distance of AlexNet features, the mean over the layers."""
    layers = zip(own.gaussians, originals.photo.gaussians, originals.painting.gaussians, strict=True)
    return fmean(
        relative(gaussian_distance(result, painting), gaussian_distance(photo, painting))
        for result, photo, painting in layers
    )


def relative(distance: float, untouched: float) -> float:
    """Return ``distance`` relative to that of the untouched photo."""
    return distance / max(untouched, NO_DISTANCE)


def measure(result: Array, photo: Array, painting: Array, network: Weights) -> Measures:
    """Judge one result; for several of the same photo and painting a :class:`Judge` is faster."""
    return Judge(photo, painting, network).measure(result)
