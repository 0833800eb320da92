"""What is known of natural pictures, as losses on pixels with closed-form gradients.

Written once for numpy and torch arrays. Pictures are ``(3, height, width)`` in 0..1; every prior is a
mean over pixels or channels, so that its weight means the same at every size.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from array_api_compat import array_namespace

from nst_core.transfer.objective import AlphaNorm, Prior, RangePenalty, TotalVariation

DeviceArray: TypeAlias = Any

TV_EPSILON = 1e-8
"""Added to the squared gradient where its exponent beta/2 is below 1: the slope at 0 would be infinite."""


def total_variation(picture: DeviceArray, beta: float) -> tuple[DeviceArray, DeviceArray]:
    """Mahendran and Vedaldi 2015, eq. 3, as a mean: mean over pixels of ((dx)^2 + (dy)^2)^(beta / 2).

    dx and dy are forward differences, 0 past the last column and row. Returns (value, gradient).
    """
    xp = array_namespace(picture)
    count = picture.shape[0] * picture.shape[1] * picture.shape[2]
    dx = xp.concat([picture[:, :, 1:] - picture[:, :, :-1], xp.zeros_like(picture[:, :, :1])], axis=2)
    dy = xp.concat([picture[:, 1:, :] - picture[:, :-1, :], xp.zeros_like(picture[:, :1, :])], axis=1)
    squared = dx * dx + dy * dy + TV_EPSILON
    value = xp.sum(squared ** (beta / 2.0)) / count
    slope = squared ** (beta / 2.0 - 1.0) * (beta / count)
    along_x, along_y = dx * slope, dy * slope
    gradient = -along_x - along_y
    gradient[:, :, 1:] += along_x[:, :, :-1]
    gradient[:, 1:, :] += along_y[:, :-1, :]
    return value, gradient


def alpha_norm(picture: DeviceArray, alpha: float) -> tuple[DeviceArray, DeviceArray]:
    """Mahendran and Vedaldi 2015, eq. 2, as a mean: mean |2 x - 1|^alpha, the middle grey being its zero."""
    xp = array_namespace(picture)
    count = picture.shape[0] * picture.shape[1] * picture.shape[2]
    centred = picture * 2.0 - 1.0
    size = xp.abs(centred)
    value = xp.sum(size**alpha) / count
    return value, xp.sign(centred) * size ** (alpha - 1.0) * (2.0 * alpha / count)


def range_penalty(picture: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """Return the mean over channel values of the squared distance to 0..1, and its gradient."""
    xp = array_namespace(picture)
    count = picture.shape[0] * picture.shape[1] * picture.shape[2]
    outside = picture - xp.clip(picture, 0.0, 1.0)
    return xp.sum(outside * outside) / count, outside * (2.0 / count)


def prior_loss(prior: Prior, picture: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """Return the weighted value, shape (), and gradient, the picture's shape, of one prior."""
    if isinstance(prior, TotalVariation):
        value, gradient = total_variation(picture, prior.beta)
    elif isinstance(prior, AlphaNorm):
        value, gradient = alpha_norm(picture, prior.alpha)
    elif isinstance(prior, RangePenalty):
        value, gradient = range_penalty(picture)
    else:
        raise TypeError(f"not a prior: {prior!r}")
    return value * prior.weight, gradient * prior.weight
