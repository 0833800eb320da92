"""Laying out the colours of one picture as those of another are: statistics of chroma, and the map of them.

Chroma is a and b of OKLab. The map is the optimal transport between two Gaussians (Kolkin et al. 2022,
"Neural Neighbor Style Transfer", section 3.4, which takes another map of the same mean and covariance; this
one moves colours least). Takes and returns arrays. Does not depend on pictures, regions or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import square_root

Matrix = npt.NDArray[np.float64]

NOISE = 0.006
"""Standard deviation of chroma below which it is noise. Noise of one 8-bit step in each channel has 0.002;
the weaker axis of six photographs and four coloured paintings (512 pixels) has 0.012 to 0.034."""

RARE_SHARE = 0.005
"""Share of the pixels, at either end of a and of b, whose colours do not count as part of a palette."""


@dataclass(frozen=True, kw_only=True)
class ChromaStatistics:
    """The chroma of a picture: mean (2,), covariance (2, 2), and the range ``low`` to ``high`` (2,)."""

    mean: Matrix
    covariance: Matrix
    low: Matrix
    high: Matrix

    @property
    def deviation(self) -> float:
        """The standard deviation along the axis on which chroma varies most."""
        return float(np.sqrt(max(0.0, np.linalg.eigvalsh(self.covariance)[-1])))


def chroma_statistics(samples: Sequence[tuple[Array, Array | None]]) -> ChromaStatistics | None:
    """Return the statistics of ``samples``: each has chroma (n, 2) and the weights (n,) of the pixels.

    Weights of None are 1. Return None if no pixel has a weight.
    """
    chroma = np.concatenate([values for values, _ in samples]).astype(np.float64)
    weights = np.concatenate(
        [np.ones(len(values)) if weight is None else weight.astype(np.float64) for values, weight in samples]
    )
    counted = weights > 0
    chroma, weights = chroma[counted], weights[counted]
    if not len(chroma):
        return None
    weights /= weights.sum()
    mean = weights @ chroma
    centred = chroma - mean
    covariance = (centred * weights[:, None]).T @ centred
    ranges = np.array([_common_range(column, weights) for column in chroma.T])
    return ChromaStatistics(mean=mean, covariance=covariance, low=ranges[:, 0], high=ranges[:, 1])


def _common_range(values: Matrix, weights: Matrix) -> tuple[float, float]:
    """Return the least and the greatest of ``values`` without the rare ones at both ends."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order])
    ends = np.searchsorted(shares, (RARE_SHARE, 1.0 - RARE_SHARE))
    low, high = values[order[np.minimum(ends, len(order) - 1)]]
    return float(low), float(high)


def transport_map(source: Matrix, target: Matrix) -> Matrix:
    """Return the (n, n) map A with A source A^T = target that moves samples of a Gaussian least.

    A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2 for the covariances S, ``source``, and T, ``target`` (Dowson and
    Landau 1982, "The Frechet distance between multivariate normal distributions"). Along an axis on which the
    source varies by less than ``NOISE``, A is the map of a source that varies by that much: it does not
    amplify noise.
    """
    values, vectors = np.linalg.eigh(source)
    deviations = np.sqrt(np.maximum(values, NOISE**2))
    root = (vectors * deviations) @ vectors.T
    inverse = (vectors / deviations) @ vectors.T
    transport: Matrix = inverse @ square_root(root @ target @ root) @ inverse
    return transport


def colour_share(photo: ChromaStatistics) -> float:
    """Return how far a photo has colours to follow: 0 if they are noise, 1 from twice the noise."""
    return float(np.clip(photo.deviation / NOISE - 1.0, 0.0, 1.0))


def lay_out(chroma: Array, photo: ChromaStatistics, style: ChromaStatistics) -> Array:
    """Map the photo's ``chroma`` (..., 2) to the palette of ``style``: A (chroma - mean) + mean of the style.

    The result is not limited to the range of the style.
    """
    transport = transport_map(photo.covariance, style.covariance)
    offset = style.mean - transport @ photo.mean
    mapped: Array = chroma @ transport.T.astype(np.float32) + offset.astype(np.float32)
    return mapped
