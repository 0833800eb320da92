"""Scale and blur shared by the statistics that compare Gaussians.

With A the style's second moments and m its means, S = A - m m^T is the covariance of its features.
c = |A|^2 / tr A turns squares of features into squares of Gram matrices: tr A = |m|^2 + tr S is the squared
Wasserstein distance from a picture without features, as |A|^2 is the squared distance of its Gram matrix.

Gaussians are compared after both have been blurred by white noise of ``BLUR`` times the style's mean E[f^2].
Without it the roots of covariances and of variances would have infinite slopes at 0.
"""

from __future__ import annotations

from nst_core.array_types import DeviceArray, array_namespace

BLUR = 1e-3
"""Variance of the noise that blurs both Gaussians, as a share of the style's mean E[f^2]."""

TINY = 1e-12
"""Added to energies, so that a black style or a dead layer divides by more than 0."""


def energy_per_square(second: DeviceArray) -> DeviceArray:
    """Return c = |A|^2 / tr A, (), for a style's A (N, N)."""
    xp = array_namespace(second)
    return xp.sum(second * second) / (xp.linalg.trace(second) + TINY)


def blur_variance(second: DeviceArray) -> DeviceArray:
    """Return the variance () of the noise that blurs Gaussians, for a style's A (N, N)."""
    return array_namespace(second).linalg.trace(second) * (BLUR / len(second)) + TINY
