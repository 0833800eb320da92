"""Image priors: losses on pixels that favour natural pictures, with closed-form gradients.

Written once for numpy and torch arrays. Pictures are ``(3, height, width)`` in 0..1. Every prior is a mean
over pixels or channels, or relative to its target, so its weight means the same at every size.

The prior of a pixel or of a cell of pixels depends only on its neighbours. So large pictures are processed in
strips of rows, and temporary memory does not grow with the picture. :mod:`nst_core.loss.structure` has the
prior of the content's structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.objective import AlphaNorm, Prior, RangePenalty, Structure, Temporal, TotalVariation
from nst_core.loss.structure import rows_of, structure_loss

STRIP_PIXELS = 2**20
"""Pixels of a strip; a smaller picture is one strip."""

TV_EPSILON = 1e-8
"""Added to the squared gradient: if its exponent beta/2 is below 1, the slope at 0 would be infinite."""

ALL = slice(None)


def total_variation(
    picture: DeviceArray, beta: float, owned: slice = ALL, count: int | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the mean over pixels of ((dx)^2 + (dy)^2)^(beta / 2) and its gradient.

    Mahendran and Vedaldi 2015, eq. 3, as a mean. dx and dy are forward differences, 0 past the last column
    and row. In a strip, only ``owned`` rows count; ``count`` is the number of values in the whole picture.
    """
    xp = array_namespace(picture)
    count = count or _count(picture)
    dx = xp.concat([picture[:, :, 1:] - picture[:, :, :-1], xp.zeros_like(picture[:, :, :1])], axis=2)
    dy = xp.concat([picture[:, 1:, :] - picture[:, :-1, :], xp.zeros_like(picture[:, :1, :])], axis=1)
    squared = dx * dx + dy * dy + TV_EPSILON
    value = xp.sum(squared[:, owned] ** (beta / 2.0)) / count
    slope = squared ** (beta / 2.0 - 1.0) * (beta / count)
    along_x, along_y = dx * slope, dy * slope
    gradient = -along_x - along_y
    gradient[:, :, 1:] += along_x[:, :, :-1]
    gradient[:, 1:, :] += along_y[:, :-1, :]
    return value, gradient[:, owned]


def alpha_norm(
    picture: DeviceArray, alpha: float, owned: slice = ALL, count: int | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the mean of |2 x - 1|^alpha, 0 at middle grey, and its gradient.

    Mahendran and Vedaldi 2015, eq. 2, as a mean.
    """
    xp = array_namespace(picture)
    count = count or _count(picture)
    centred = picture[:, owned] * 2.0 - 1.0
    size = xp.abs(centred)
    value = xp.sum(size**alpha) / count
    # array-api-compat's sign of torch writes through a mask, with a number from the host.
    sign = xp.astype(centred > 0, size.dtype) - xp.astype(centred < 0, size.dtype)
    return value, sign * size ** (alpha - 1.0) * (2.0 * alpha / count)


def range_penalty(
    picture: DeviceArray, owned: slice = ALL, count: int | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the mean over channel values of the squared distance to 0..1, and its gradient."""
    xp = array_namespace(picture)
    count = count or _count(picture)
    inside = picture[:, owned]
    outside = inside - xp.clip(inside, 0.0, 1.0)
    return xp.sum(outside * outside) / count, outside * (2.0 / count)


def temporal(
    prior: Temporal, picture: DeviceArray, owned: slice = ALL, count: int | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the mean over channel values of mask (x - target)^2, and its gradient.

    Ruder, Dosovitskiy and Brox 2016, eq. 7.
    """
    xp = array_namespace(picture)
    count = count or _count(picture)
    difference = picture[:, owned] - prior.target[:, owned]
    masked = difference * prior.mask[owned]
    return xp.sum(masked * difference) / count, masked * (2.0 / count)


def prior_loss(
    prior: Prior, picture: DeviceArray, owned: slice = ALL, count: int | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the weighted value () of a prior, and its gradient at the owned rows."""
    if isinstance(prior, TotalVariation):
        value, gradient = total_variation(picture, prior.beta, owned, count)
    elif isinstance(prior, AlphaNorm):
        value, gradient = alpha_norm(picture, prior.alpha, owned, count)
    elif isinstance(prior, RangePenalty):
        value, gradient = range_penalty(picture, owned, count)
    elif isinstance(prior, Structure):
        return structure_loss(prior, picture, owned)
    elif isinstance(prior, Temporal):
        value, gradient = temporal(prior, picture, owned, count)
    else:
        raise TypeError(f"not a prior: {prior!r}")
    return value * prior.weight, gradient * prior.weight


def add_prior(
    prior: Prior, picture: DeviceArray, gradient: DeviceArray, strip_pixels: int = STRIP_PIXELS
) -> DeviceArray:
    """Add a prior's gradient to ``gradient`` in place, strip by strip, and return its weighted value ()."""
    _, height, width = picture.shape
    cell = prior.pool if isinstance(prior, Structure) else 1
    margin = 2 * cell if isinstance(prior, Structure) else 1
    rows = max(1, strip_pixels // (width * cell)) * cell
    total = None
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        seen = slice(max(start - margin, 0), min(stop + margin, height))
        owned = slice(start - seen.start, stop - seen.start)
        value, strip_gradient = prior_loss(_rows_of(prior, seen), picture[:, seen], owned, _count(picture))
        gradient[:, start:stop] += strip_gradient
        total = value if total is None else total + value
    return total


def _rows_of(prior: Prior, rows: slice) -> Prior:
    """Return ``prior`` for ``rows`` of the picture."""
    if isinstance(prior, Structure):
        return rows_of(prior, rows)
    if isinstance(prior, Temporal):
        return replace(prior, target=prior.target[:, rows], mask=prior.mask[rows])
    return prior


def on_device(priors: Sequence[Prior], upload: Callable[[Array], DeviceArray]) -> tuple[Prior, ...]:
    """Return ``priors`` with their targets and masks copied to the device by ``upload``."""
    return tuple(
        replace(prior, target=upload(prior.target), mask=upload(prior.mask))
        if isinstance(prior, Structure | Temporal)
        else prior
        for prior in priors
    )


def _count(picture: DeviceArray) -> int:
    return int(picture.shape[0] * picture.shape[1] * picture.shape[2])
