"""What of a layer's features a style is held to be, and how far two styles are from each other.

Second moments G = E[f f^T] (Gram matrices per position) and means mu = E[f] of N features come in, those of
the picture on the device and those of the style as a :class:`StyleTarget`; squared distances and their
gradients by G and mu go out, in closed form. Written once for numpy and torch arrays (array API). With A, m
the style's moments, S = A - m m^T and C = G - mu mu^T the covariances, s^2 and sigma^2 their diagonals:

gram         |G - A|^2, Gatys et al. 2016, eq. 4
moments      1/2 |G - A|^2 + c/2 (|mu - m|^2 + |sigma - s|^2): means and standard deviations of each channel
             beside the Gram matrix; Li et al. 2017, Demystifying Neural Style Transfer, section 4.2, and the
             squared Wasserstein distance of Gaussians whose channels are independent
wasserstein  c (|mu - m|^2 + tr(C + S - 2 (S^1/2 C S^1/2)^1/2)): the squared 2-Wasserstein distance of
             Gaussians (Dowson and Landau 1982)

c = |A|^2 / tr A turns squares of features into squares of Gram matrices: tr A = |m|^2 + tr S is the squared
Wasserstein distance from a picture without features, as |A|^2 is that of Gram matrices. So all three are
|A|^2 where the picture has nothing of the style and 0 where it has all of it; and one weight serves them all.

Gaussians are compared after both have been blurred by a white noise of ``BLUR`` times the style's mean
E[f^2], without which the roots of C and of sigma^2 would have infinite slopes at 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device, to_device

from nst_core.array_types import DeviceArray
from nst_core.loss.objective import Statistic, StyleTerm

BLUR = 1e-3
"""Variance of the noise both Gaussians are blurred by, as a share of the style's mean E[f^2]."""

TINY = 1e-12
"""Energies below this (a black style, a dead layer) count as this."""


class StyleTarget(NamedTuple):
    """What a picture's moments are held against, on the device.

    ``second`` A (N, N); where the statistic needs them, else None: ``mean`` m (N,) and ``root`` (N, N), the
    square root of the style's blurred covariance.
    """

    second: DeviceArray
    mean: DeviceArray | None = None
    root: DeviceArray | None = None


def needs_mean(statistic: Statistic) -> bool:
    """Whether ``statistic`` looks at means."""
    return statistic != "gram"


def make_style_target(term: StyleTerm) -> StyleTarget:
    """Return the target of ``term`` as arrays on the host, for a backend to bring to its device."""
    if not needs_mean(term.statistic):
        return StyleTarget(term.target)
    if term.mean is None:
        raise ValueError(f"the statistic {term.statistic} needs the style's mean")
    if term.statistic != "wasserstein":
        return StyleTarget(term.target, term.mean)
    second, mean = term.target.astype(np.float64), term.mean.astype(np.float64)
    covariance = second - np.outer(mean, mean) + style_blur(second) * np.eye(len(second))
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return StyleTarget(term.target, term.mean, root.astype(term.target.dtype))


def distance(
    statistic: Statistic, second: DeviceArray, mean: DeviceArray | None, target: StyleTarget
) -> tuple[DeviceArray, DeviceArray, DeviceArray | None]:
    """Return the distance (), and its gradients by G, symmetric (N, N), and by mu (N,), None for ``gram``.

    ``second`` G and ``mean`` mu are per position.
    """
    if statistic == "gram":
        return _gram(second, target)
    if mean is None or target.mean is None:
        raise ValueError(f"the statistic {statistic} needs means")
    if statistic == "moments":
        return _moments(second, mean, target)
    if statistic == "wasserstein":
        return _wasserstein(second, mean, target)
    raise ValueError(f"not a statistic: {statistic!r}")


def _gram(second: DeviceArray, target: StyleTarget) -> tuple[DeviceArray, DeviceArray, None]:
    xp = array_namespace(second)
    difference = second - target.second
    return xp.sum(difference * difference), difference * 2.0, None


def _moments(
    second: DeviceArray, mean: DeviceArray, target: StyleTarget
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
    xp = array_namespace(second)
    scale = energy_per_square(target.second)
    blur = style_blur(target.second)
    deviation = blurred_deviation(second, mean, blur)
    wanted = blurred_deviation(target.second, target.mean, blur)
    shift, spread = mean - target.mean, deviation - wanted
    apart = xp.sum(shift * shift) + xp.sum(spread * spread)
    grams, d_second, _ = _gram(second, target)
    # sigma^2 = G_ii - mu_i^2 + blur: d sigma / d G_ii = 1 / (2 sigma), d sigma / d mu_i = -mu_i / sigma.
    slope = spread / deviation
    d_second = d_second + xp.eye(len(mean), dtype=second.dtype, device=device(second)) * (slope * scale)
    d_mean = (shift - mean * slope) * scale
    return (grams + apart * scale) * 0.5, d_second * 0.5, d_mean


def blurred_deviation(second: DeviceArray, mean: DeviceArray, blur: DeviceArray) -> DeviceArray:
    """Return the blurred standard deviation of each channel, (N,), of moments G (N, N) and mu (N,)."""
    xp = array_namespace(second)
    variance = xp.linalg.diagonal(second) - mean * mean
    return xp.sqrt(xp.where(variance > 0, variance, xp.zeros_like(variance)) + blur)


def _wasserstein(
    second: DeviceArray, mean: DeviceArray, target: StyleTarget
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
    """Compute the distance of Gaussians in double precision: eigenvalues span the square of what G's do.

    With R the root of S, d tr (R C R)^1/2 = 1/2 tr(R (R C R)^-1/2 R dC): what is left of I is how far the
    optimal map from C to S is from standing still.
    """
    xp = array_namespace(second)
    moments = (second, mean, *target)
    exact_second, exact_mean, wanted, wanted_mean, root = (_exact(array) for array in moments)
    scale, blur = energy_per_square(wanted), style_blur(wanted)
    one = xp.eye(len(mean), dtype=exact_second.dtype, device=device(exact_second))
    covariance = exact_second - _outer(exact_mean) + one * blur
    wanted_covariance = wanted - _outer(wanted_mean) + one * blur
    inner = root @ covariance @ root
    values, vectors = xp.linalg.eigh((inner + inner.T) * 0.5)
    floor = blur * blur * 1e-3  # rounding may leave a value below the blur's own square, never 0
    roots = xp.sqrt(xp.where(values > floor, values, floor * xp.ones_like(values)))
    shift = exact_mean - wanted_mean
    apart = xp.sum(shift * shift) + xp.linalg.trace(covariance) + xp.linalg.trace(wanted_covariance)
    value = apart - 2.0 * xp.sum(roots)
    half = root @ vectors
    d_covariance = one - (half / roots) @ half.T
    d_mean = 2.0 * (shift - d_covariance @ exact_mean)
    found = (value * scale, d_covariance * scale, d_mean * scale)
    value, d_second, d_mean = (_like(array, second) for array in found)
    return value, d_second, d_mean


def _outer(vector: DeviceArray) -> DeviceArray:
    return vector[:, None] * vector[None, :]


def energy_per_square(second: DeviceArray) -> DeviceArray:
    """Return c = |A|^2 / tr A, (), of a style's A (N, N)."""
    xp = array_namespace(second)
    return xp.sum(second * second) / (xp.linalg.trace(second) + TINY)


def style_blur(second: DeviceArray) -> DeviceArray:
    """Return the variance (), of the noise that Gaussians are blurred by, of a style's A (N, N)."""
    return array_namespace(second).linalg.trace(second) * (BLUR / len(second)) + TINY


def _exact(array: DeviceArray) -> DeviceArray:
    """Bring ``array`` to double precision, to the CPU where the device has none (Apple's GPUs)."""
    xp = array_namespace(array)
    if getattr(device(array), "type", "") == "mps":
        array = to_device(array, "cpu")
    return xp.astype(array, xp.float64)


def _like(array: DeviceArray, other: DeviceArray) -> DeviceArray:
    """Bring ``array`` back to the precision and the device of ``other``."""
    return to_device(array_namespace(array).astype(array, other.dtype), device(other))
