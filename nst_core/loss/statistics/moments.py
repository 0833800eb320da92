"""Means and standard deviations of each channel, in addition to Gram matrices.

1/2 |G - A|^2 + c/2 (|mu - m|^2 + |sigma - s|^2), with s^2 and sigma^2 the diagonals of the style's and the
picture's covariances, blurred, and c as in :mod:`nst_core.loss.statistics.gaussians`. Li et al. 2017,
Demystifying Neural Style Transfer, section 4.2; the second part is the squared Wasserstein distance of
Gaussians whose channels are independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from array_api_compat import device

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.statistics.base import (
    Distance,
    GraphDistance,
    GraphMoments,
    GraphWriter,
    PictureMoments,
    StyleTarget,
)
from nst_core.loss.statistics.gaussians import blur_variance, energy_per_square
from nst_core.loss.statistics.gram import GRAM


def blurred_deviation(second: DeviceArray, mean: DeviceArray, blur: DeviceArray) -> DeviceArray:
    """Return the blurred standard deviation of each channel, (N,), for moments G (N, N) and mu (N,)."""
    xp = array_namespace(second)
    variance = xp.linalg.diagonal(second) - mean * mean
    return xp.sqrt(xp.where(variance > 0, variance, xp.zeros_like(variance)) + blur)


class MomentsGraph:
    """The same distance in a graph; see :class:`nst_core.loss.statistics.base.DistanceGraph`."""

    def inputs(self, channels: int) -> Mapping[str, tuple[int, ...]]:
        """Return the inputs: A, m, s, the blur's variance, and c."""
        return {
            "target": (channels, channels),
            "mean": (channels,),
            "deviation": (channels,),
            "blur": (),
            "per_square": (),
        }

    def feeds(self, target: StyleTarget) -> Mapping[str, npt.NDArray[np.floating]]:
        """Return the values of the inputs."""
        deviation, per_square, blur = target.derived
        return {
            "target": target.second,
            "mean": target.mean,
            "deviation": deviation,
            "blur": blur,
            "per_square": per_square,
        }

    def write(self, graph: GraphWriter, moments: GraphMoments, inputs: Mapping[str, str]) -> GraphDistance:
        """Write the distance and its gradients; the deviations' are on the diagonal of the one by G."""
        channels, second, mean, half = moments.channels, moments.second, moments.mean, graph.number(0.5)
        identity = graph.constant(np.eye(channels, dtype=np.float32), f"identity {channels}")
        squares = graph.add("ReduceSum", graph.add("Mul", second, identity), graph.integers(1), keepdims=0)
        variance = graph.add("Relu", graph.add("Sub", squares, graph.add("Mul", mean, mean)))
        deviation = graph.add("Sqrt", graph.add("Add", variance, inputs["blur"]))

        difference = graph.add("Sub", second, inputs["target"])
        shift = graph.add("Sub", mean, inputs["mean"])
        spread = graph.add("Sub", deviation, inputs["deviation"])
        gaussians = graph.sum_of([graph.total(vector, channels, squared=True) for vector in (shift, spread)])
        grams = graph.total(difference, channels, channels, squared=True)
        both = graph.add("Add", grams, graph.add("Mul", gaussians, inputs["per_square"]))

        slope = graph.add("Div", spread, deviation)
        diagonal = graph.add("Mul", graph.add("Mul", slope, inputs["per_square"]), half)
        d_second = graph.add("Add", difference, graph.add("Mul", identity, diagonal))
        d_mean = graph.add("Sub", shift, graph.add("Mul", mean, slope))
        return GraphDistance(
            graph.add("Mul", both, half), d_second, graph.add("Mul", d_mean, inputs["per_square"])
        )


@dataclass(frozen=True)
class Moments:
    """Gram matrices with means and deviations; see :class:`nst_core.loss.statistics.base.StyleStatistic`."""

    name = "moments"
    needs_mean = True
    gain = 1.5
    """``python -m tests.bench.statistics``, VGG-16, Tuebingen at 192 pixels: the relative content error after
    60 evaluations, as the Starry Night and as The Scream, is 0.698 and 0.803 at 1.5 (0.575 and 0.658 at 1).
    It is 0.670 and 0.812 with Gram matrices. The pictures agree: as much of the houses is left."""
    graph = MomentsGraph()
    host_cost = 0.0

    def make_target(self, second: Array, mean: Array | None) -> StyleTarget:
        """Return A and m; in addition s (N,), c () and the blur's variance (), from double precision."""
        exact_second, exact_mean = second.astype(np.float64), np.asarray(mean, dtype=np.float64)
        blur = blur_variance(exact_second)
        derived = blurred_deviation(exact_second, exact_mean, blur), energy_per_square(exact_second), blur
        return StyleTarget(second, mean, tuple(np.asarray(array, second.dtype) for array in derived))

    def target_of_part(
        self, target: StyleTarget, picture: PictureMoments, part: PictureMoments
    ) -> StyleTarget:
        """Return the target of Gram matrices, with the mean and the deviations after the picture's own map.

        The gradient by a feature f of a channel, apart from the Gram matrices, is c (f - T(f)), with T(f) =
        m + s / sigma (f - mu), which brings the picture's mean and deviation to the style's. T brings the
        part's to m + s / sigma (mu_part - mu) and s / sigma sigma_part.
        """
        deviation, per_square, blur = target.derived
        own, of_part = (blurred_deviation(moments.second, moments.mean, blur) for moments in (picture, part))
        second = GRAM.target_of_part(target, picture, part).second
        assert picture.mean is not None and part.mean is not None  # noqa: S101, PT018 -- needed
        mean = target.mean + deviation / own * (part.mean - picture.mean)
        return StyleTarget(second, mean, (deviation * (of_part / own), per_square, blur))

    def distance(self, second: DeviceArray, mean: DeviceArray, target: StyleTarget) -> Distance:
        """Return the distance and its gradients.

        sigma^2 = G_ii - mu_i^2 + blur, so
        d sigma / d G_ii = 1 / (2 sigma) and d sigma / d mu_i = -mu_i / sigma.
        """
        xp = array_namespace(second)
        style_deviation, scale, blur = target.derived
        deviation = blurred_deviation(second, mean, blur)
        shift = mean - target.mean
        spread = deviation - style_deviation
        gaussians = xp.sum(shift * shift) + xp.sum(spread * spread)
        grams = GRAM.distance(second, None, target)
        slope = spread / deviation
        identity = xp.eye(len(mean), dtype=second.dtype, device=device(second))
        d_second = grams.d_second + identity * (slope * scale)
        d_mean = (shift - mean * slope) * scale
        return Distance((grams.value + gaussians * scale) * 0.5, d_second * 0.5, d_mean)


MOMENTS = Moments()
