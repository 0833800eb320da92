"""Content and style loss of one layer, with their gradients with respect to the features.

Written once for numpy and torch arrays (array API). The gradients are closed forms, so a backend only has to
carry them back through the network; no framework differentiates the loss.

With F the features (N, M) and g the guide, every style loss is a function of three sums over positions:
S2 = F diag(g) F^T, S1 = F g and the mass sum(g). It is computed in three steps: :func:`style_sums`, whose
results add up over the tiles of a layer, then :func:`style_loss_of_sums` once, then :func:`style_gradient`
for each tile. :mod:`nst_core.loss.statistics` defines the distances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.loss.statistics.base import StyleStatistic, StyleTarget
from nst_core.loss.statistics.gram import GRAM


@dataclass(frozen=True)
class StyleSums:
    """Sums over positions: ``s2`` (N, N), ``s1`` (N,), None unless the statistic needs means, ``mass`` ().

    The sums of two tiles add up to those of both.
    """

    s2: DeviceArray
    s1: DeviceArray | None
    mass: DeviceArray | float

    def __add__(self, other: StyleSums) -> StyleSums:
        """Add the sums of another tile of the same layer."""
        s1 = None if self.s1 is None or other.s1 is None else self.s1 + other.s1
        return StyleSums(self.s2 + other.s2, s1, self.mass + other.mass)

    def moved(self, move: Callable[[DeviceArray], DeviceArray]) -> StyleSums:
        """Return the sums with ``move`` applied to each array, for example a download from a device."""
        mass = self.mass if isinstance(self.mass, float) else move(self.mass)
        return StyleSums(move(self.s2), None if self.s1 is None else move(self.s1), mass)


def content_loss(
    features: DeviceArray, target: DeviceArray, weight: float, mask: DeviceArray | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return (weight / 2 sum mask (F - P)^2, its gradient (N, h, w)): Gatys et al. 2016, eq. 1 and 2.

    ``features`` and ``target``: (N, h, w); ``mask``: (h, w) or None. The gradient lacks the mask of the ReLU,
    which the network's own backward pass applies.
    """
    xp = array_namespace(features)
    difference = features - target
    gradient = difference * weight if mask is None else difference * (mask * weight)
    return xp.sum(gradient * difference) * 0.5, gradient


def gram_sum(features: DeviceArray, guide: DeviceArray | None = None) -> DeviceArray:
    """Return F diag(g) F^T, (N, N), for ``features`` (N, h, w) and ``guide`` (h, w); eq. 3, undivided."""
    xp = array_namespace(features)
    flat = _flat(features)
    guided = flat if guide is None else flat * xp.reshape(guide, (1, -1))
    return guided @ flat.T


def channels_are_last(features: DeviceArray) -> bool:
    """Return whether ``features`` (N, h, w) of torch are stored with the channels of a position together."""
    return hasattr(features, "stride") and features.stride(0) == 1 and features.stride(2) != 1


def _flat(features: DeviceArray) -> DeviceArray:
    """Return ``features`` (N, h, w) as (N, h * w), stored in the same order."""
    xp = array_namespace(features)
    if not channels_are_last(features):
        return xp.reshape(features, (features.shape[0], -1))
    return xp.reshape(xp.permute_dims(features, (1, 2, 0)), (-1, features.shape[0])).T


def _unflat(product: DeviceArray, features: DeviceArray) -> DeviceArray:
    """Return ``product`` (N, h * w) in the shape of ``features`` (N, h, w), stored in the same order."""
    xp = array_namespace(product)
    if not channels_are_last(features):
        return xp.reshape(product, features.shape)
    channels, height, width = features.shape
    return xp.permute_dims(xp.reshape(product.T, (height, width, channels)), (2, 0, 1))


def guide_mass(features: DeviceArray, guide: DeviceArray | None = None) -> DeviceArray | float:
    """Return the divisor of a Gram sum: the sum of the guide, or the number of positions without one."""
    if guide is None:
        return float(features.shape[1] * features.shape[2])
    return array_namespace(features).sum(guide)


def style_sums(features: DeviceArray, guide: DeviceArray | None = None, *, with_mean: bool) -> StyleSums:
    """Sum ``features`` (N, h, w) over positions, weighted by ``guide`` (h, w); S1 only ``with_mean``."""
    xp = array_namespace(features)
    s1 = None
    if with_mean:
        s1 = xp.sum(features if guide is None else features * guide, axis=(1, 2))
    return StyleSums(gram_sum(features, guide), s1, guide_mass(features, guide))


def style_loss_of_sums(
    statistic: StyleStatistic, sums: StyleSums, target: StyleTarget, weight: float
) -> tuple[DeviceArray, DeviceArray, DeviceArray | None]:
    """Return (loss (), gradient by S2, symmetric (N, N), gradient by S1, (N,), or None without means)."""
    mean = None if sums.s1 is None else sums.s1 / sums.mass
    distance = statistic.distance(sums.s2 / sums.mass, mean, target)
    channels = sums.s2.shape[0]
    scale = weight / (4.0 * channels**2)
    d_s1 = None if distance.d_mean is None else distance.d_mean * (scale / sums.mass)
    return distance.value * scale, distance.d_second * (scale / sums.mass), d_s1


def style_gradient(
    features: DeviceArray,
    d_s2: DeviceArray,
    d_s1: DeviceArray | None,
    guide: DeviceArray | None = None,
) -> DeviceArray:
    """Return the gradient by the features, dF = (2 dS2 F + dS1) diag(g), (N, h, w); eq. 6."""
    xp = array_namespace(features)
    flat = _flat(features)
    # The gradient gets the layout of the features, because kernels that mix layouts are slow; d_s2 = d_s2^T.
    product = (flat.T @ (d_s2 * 2.0)).T if channels_are_last(features) else (d_s2 * 2.0) @ flat
    if d_s1 is not None:
        product = product + xp.reshape(d_s1, (-1, 1))
    gradient = _unflat(product, features)
    return gradient if guide is None else gradient * guide


def style_loss(
    features: DeviceArray,
    target: StyleTarget,
    weight: float,
    guide: DeviceArray | None = None,
    statistic: StyleStatistic = GRAM,
) -> tuple[DeviceArray, DeviceArray]:
    """Return the style loss () of a whole layer and its gradient (N, h, w)."""
    sums = style_sums(features, guide, with_mean=statistic.needs_mean)
    loss, d_s2, d_s1 = style_loss_of_sums(statistic, sums, target, weight)
    return loss, style_gradient(features, d_s2, d_s1, guide)
