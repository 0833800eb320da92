"""Content and style loss of one layer, with their gradients with respect to the features.

Written once for numpy and torch arrays (array API). The gradients are closed forms, so that a backend need
only carry them back through the network: no framework's differentiation sees the loss.

Every style loss is a function of three sums over positions, with F the features (N, M) and g the guide:
S2 = F diag(g) F^T, S1 = F g and the mass sum(g). So it is had in two steps: :func:`style_sums`, which add up
over the tiles of a layer, then :func:`style_loss_of_sums` once, then :func:`style_gradient` on each
tile. What the statistics compare is said in :mod:`nst_core.loss.style_statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass

from array_api_compat import array_namespace

from nst_core.array_types import DeviceArray
from nst_core.loss.objective import Statistic
from nst_core.loss.style_statistics import StyleTarget, distance, needs_mean


@dataclass(frozen=True)
class StyleSums:
    """Sums over positions: ``s2`` (N, N), ``s1`` (N,) or None where no statistic asks, ``mass`` ().

    Those of two tiles add up to those of both.
    """

    s2: DeviceArray
    s1: DeviceArray | None
    mass: DeviceArray | float

    def __add__(self, other: StyleSums) -> StyleSums:
        """Add the sums of another part of the same layer."""
        s1 = None if self.s1 is None or other.s1 is None else self.s1 + other.s1
        return StyleSums(self.s2 + other.s2, s1, self.mass + other.mass)


def content_loss(
    features: DeviceArray, target: DeviceArray, weight: float, mask: DeviceArray | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Gatys et al. 2016, eq. 1 and 2, without the ReLU's mask, which the network's own backward applies.

    ``features`` and ``target``: (N, h, w); ``mask``: (h, w) or None. Returns
    (weight / 2 sum mask (F - P)^2, its gradient (N, h, w)).
    """
    xp = array_namespace(features)
    difference = features - target
    gradient = difference * weight if mask is None else difference * (mask * weight)
    return xp.sum(gradient * difference) * 0.5, gradient


def gram_sum(features: DeviceArray, guide: DeviceArray | None = None) -> DeviceArray:
    """Return F diag(g) F^T, (N, N), for ``features`` (N, h, w) and ``guide`` (h, w); eq. 3, undivided."""
    xp = array_namespace(features)
    flat = xp.reshape(features, (features.shape[0], -1))
    guided = flat if guide is None else flat * xp.reshape(guide, (1, -1))
    return guided @ flat.T


def guide_mass(features: DeviceArray, guide: DeviceArray | None = None) -> DeviceArray | float:
    """Return what a Gram sum is divided by: the sum of the guide, or the number of positions."""
    if guide is None:
        return float(features.shape[1] * features.shape[2])
    return array_namespace(features).sum(guide)


def style_sums(
    features: DeviceArray, guide: DeviceArray | None = None, statistic: Statistic = "gram"
) -> StyleSums:
    """Sum ``features`` (N, h, w) over positions, weighed by ``guide`` (h, w): what ``statistic`` needs."""
    xp = array_namespace(features)
    s1 = None
    if needs_mean(statistic):
        s1 = xp.sum(features if guide is None else features * guide, axis=(1, 2))
    return StyleSums(gram_sum(features, guide), s1, guide_mass(features, guide))


def style_loss_of_sums(
    statistic: Statistic, sums: StyleSums, target: StyleTarget, weight: float
) -> tuple[DeviceArray, DeviceArray, DeviceArray | None]:
    """Return (loss (), its gradients by S2, symmetric (N, N), and by S1, (N,) or None where it is none)."""
    mean = None if sums.s1 is None else sums.s1 / sums.mass
    value, d_second, d_mean = distance(statistic, sums.s2 / sums.mass, mean, target)
    channels = sums.s2.shape[0]
    scale = weight / (4.0 * channels**2)
    d_s1 = None if d_mean is None else d_mean * (scale / sums.mass)
    return value * scale, d_second * (scale / sums.mass), d_s1


def style_gradient(
    features: DeviceArray,
    d_s2: DeviceArray,
    d_s1: DeviceArray | None,
    guide: DeviceArray | None = None,
) -> DeviceArray:
    """Carry gradients by the sums back to the features: dF = (2 dS2 F + dS1) diag(g), (N, h, w); eq. 6."""
    xp = array_namespace(features)
    flat = xp.reshape(features, (features.shape[0], -1))
    product = (d_s2 * 2.0) @ flat
    if d_s1 is not None:
        product = product + xp.reshape(d_s1, (-1, 1))
    gradient = xp.reshape(product, features.shape)
    return gradient if guide is None else gradient * guide


def style_loss(
    features: DeviceArray,
    target: StyleTarget,
    weight: float,
    guide: DeviceArray | None = None,
    statistic: Statistic = "gram",
) -> tuple[DeviceArray, DeviceArray]:
    """Return the style loss of a whole layer and its gradient, (N, h, w)."""
    sums = style_sums(features, guide, statistic)
    loss, d_s2, d_s1 = style_loss_of_sums(statistic, sums, target, weight)
    return loss, style_gradient(features, d_s2, d_s1, guide)
