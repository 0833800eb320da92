"""Gaussians with the features' means and covariances, by their 2-Wasserstein distance.

c (|mu - m|^2 + tr(C + S - 2 (S^1/2 C S^1/2)^1/2)), squared, of Dowson and Landau 1982, with C = G - mu mu^T
and S = A - m m^T the covariances, blurred, and c as in :mod:`nst_core.loss.statistics.gaussians`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from array_api_compat import device, to_device

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.statistics.base import Distance, PictureMoments, StyleTarget
from nst_core.loss.statistics.gaussians import blur_variance, energy_per_square

HAVE_DOUBLE = ("cpu", "cuda")
"""The types of devices that compute in double precision."""


@dataclass(frozen=True)
class Wasserstein:
    """Distance of Gaussians; see :class:`nst_core.loss.statistics.base.StyleStatistic`."""

    name = "wasserstein"
    needs_mean = True
    gain = 0.9
    """``python -m tests.bench.statistics``, VGG-16, Tuebingen at 192 pixels: the relative content error after
    60 evaluations, as the Starry Night and as The Scream, is 0.747 and 0.789 at 0.9 (0.487 and 0.538 at 0.5,
    0.788 and 0.832 at 1, 1.045 and 1.068 at 2). It is 0.670 and 0.812 with Gram matrices. The pictures agree:
    as much of the houses is left."""
    graph = None
    host_cost = 1.0

    def make_target(self, second: Array, mean: Array | None) -> StyleTarget:
        """Return A and m; in addition the root of the blurred S (N, N), c () and the blur's variance ()."""
        exact_second = second.astype(np.float64)
        scale, blur = energy_per_square(exact_second), blur_variance(exact_second)
        root = _root(_covariance(PictureMoments(second, mean), blur))
        return StyleTarget(
            second, mean, tuple(np.asarray(array, second.dtype) for array in (root, scale, blur))
        )

    def target_of_part(
        self, target: StyleTarget, picture: PictureMoments, part: PictureMoments
    ) -> StyleTarget:
        """Return the part's Gaussian after the picture's own optimal map.

        The gradient by a feature f is 2 c (f - T(f)), with T(f) = m + B (f - mu), B = R (R C R)^-1/2 R, the
        optimal map from the picture's Gaussian to the style's. T brings the part's Gaussian to that of mean
        m + B (mu_part - mu) and covariance B C_part B, and T is the optimal map there, too. So the target is
        a covariance whatever the part is like.
        """
        dtype, (root, scale, blur) = target.second.dtype, target.derived
        exact_root = root.astype(np.float64)
        inner = exact_root @ _covariance(picture, blur) @ exact_root
        values, vectors = np.linalg.eigh((inner + inner.T) * 0.5)
        half_map = exact_root @ vectors
        optimal_map = (half_map / np.sqrt(np.maximum(values, _floor(blur)))) @ half_map.T
        covariance = optimal_map @ _covariance(part, blur) @ optimal_map
        assert picture.mean is not None and part.mean is not None  # noqa: S101, PT018 -- needed
        mean = target.mean + optimal_map @ (part.mean - picture.mean).astype(np.float64)
        second = covariance + np.outer(mean, mean) - blur * np.eye(len(mean))
        moved_root = _root((covariance + covariance.T) * 0.5).astype(dtype)
        return StyleTarget(second.astype(dtype), mean.astype(dtype), (moved_root, scale, blur))

    def distance(self, second: DeviceArray, mean: DeviceArray, target: StyleTarget) -> Distance:
        """Return the distance and its gradients, computed in double precision.

        Eigenvalues span the square of the range of G's, hence the precision. With R the root of S,
        d tr (R C R)^1/2 = 1/2 tr(R (R C R)^-1/2 R dC). So the gradient by C is I minus the optimal map from
        C to S.
        """
        xp = array_namespace(second)
        style_mean, root, scale, blur = (_to_double(array) for array in (target.mean, *target.derived))
        exact_second, exact_mean = _to_double(second), _to_double(mean)
        identity = xp.eye(len(mean), dtype=exact_second.dtype, device=device(exact_second))
        covariance = exact_second - _outer(exact_mean) + identity * blur
        inner = root @ covariance @ root
        values, vectors = xp.linalg.eigh((inner + inner.T) * 0.5)
        floor = _floor(blur)
        roots = xp.sqrt(xp.where(values > floor, values, floor * xp.ones_like(values)))
        shift = exact_mean - style_mean
        value = xp.sum(shift * shift) + xp.linalg.trace(covariance) + xp.sum(root * root)
        value = value - 2.0 * xp.sum(roots)
        half_map = root @ vectors
        d_covariance = identity - (half_map / roots) @ half_map.T
        d_mean = 2.0 * (shift - d_covariance @ exact_mean)
        scaled = (value * scale, d_covariance * scale, d_mean * scale)
        return Distance(*(_as_before(array, second) for array in scaled))


def _floor(blur: DeviceArray) -> DeviceArray:
    """Return the least eigenvalue: rounding may leave one below the blur's own square, never 0."""
    return blur * blur * 1e-3


def _covariance(moments: PictureMoments, blur: DeviceArray) -> npt.NDArray[np.float64]:
    """Return the blurred covariance (N, N) of ``moments``."""
    mean = np.asarray(moments.mean, dtype=np.float64)
    blurred = moments.second.astype(np.float64) - np.outer(mean, mean) + float(blur) * np.eye(len(mean))
    return np.asarray(blurred, dtype=np.float64)


def _root(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the square root of a ``matrix`` (N, N) whose eigenvalues are negative by rounding only."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _outer(vector: DeviceArray) -> DeviceArray:
    return vector[:, None] * vector[None, :]


def _to_double(array: DeviceArray) -> DeviceArray:
    """Convert ``array`` to double precision, on the CPU unless its device is known to have it.

    Apple's GPUs have none, and some of Intel's.
    """
    xp = array_namespace(array)
    if getattr(device(array), "type", "cpu") not in HAVE_DOUBLE:
        array = to_device(array, "cpu")
    return xp.astype(array, xp.float64)


def _as_before(array: DeviceArray, original: DeviceArray) -> DeviceArray:
    """Bring ``array`` back to the precision and the device of ``original``."""
    return to_device(array_namespace(array).astype(array, original.dtype), device(original))


WASSERSTEIN = Wasserstein()
