"""Content and style loss of one layer, with their gradients with respect to the features.

Written once for numpy and torch arrays (array API). The gradients are the paper's closed forms, so that
a backend need only carry them back through the network: no framework's differentiation sees the loss.
Tiling uses the same functions on parts of a layer: :func:`gram_sum` adds up over tiles.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from array_api_compat import array_namespace

DeviceArray: TypeAlias = Any


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


def style_loss_of_gram(
    gram: DeviceArray, target: DeviceArray, weight: float
) -> tuple[DeviceArray, DeviceArray]:
    """Return (weight / (4 N^2) sum (G - A)^2, its gradient by G), both Grams per position; eq. 4."""
    xp = array_namespace(gram)
    scale = weight / (2.0 * gram.shape[0] ** 2)
    difference = gram - target
    return xp.sum(difference * difference) * (0.5 * scale), difference * scale


def gram_gradient(
    features: DeviceArray,
    d_gram: DeviceArray,
    mass: DeviceArray | float,
    guide: DeviceArray | None = None,
) -> DeviceArray:
    """Carry a symmetric gradient with respect to G back to the features, (N, h, w); eq. 6."""
    xp = array_namespace(features)
    flat = xp.reshape(features, (features.shape[0], -1))
    gradient = xp.reshape((d_gram * 2.0 / mass) @ flat, features.shape)
    return gradient if guide is None else gradient * guide


def style_loss(
    features: DeviceArray, target: DeviceArray, weight: float, guide: DeviceArray | None = None
) -> tuple[DeviceArray, DeviceArray]:
    """Return the style loss of a whole layer and its gradient, (N, h, w)."""
    mass = guide_mass(features, guide)
    loss, d_gram = style_loss_of_gram(gram_sum(features, guide) / mass, target, weight)
    return loss, gram_gradient(features, d_gram, mass, guide)
