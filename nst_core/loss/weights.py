"""Coefficients of the objective's terms: those of the paper, or those of the relative loss.

The paper's loss is a sum of sums of squares. Their sizes differ by orders of magnitude between networks,
layers and pictures, so alpha/beta must be tuned again for each. The relative loss divides each term by its
value for an empty picture (F = 0, G = 0):

content    1/2 sum m (F - P)^2  /  1/2 sum m P^2        = relative squared error of the features
style      sum (G - A)^2  /  sum A^2                    = relative squared error of the Gram matrix

Both are near 1 if the picture has nothing of the target, and 0 if it has all of it, for any network, size and
layer. One number, the strength, then sets their ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nst_core.array_types import Array
from nst_core.settings import LayerWeight, Settings

STYLE_SHARE = {0.0: 0.1, 25.0: 1.5, 50.0: 10.0, 75.0: 60.0, 100.0: 500.0}
"""Ratio of style to content loss by strength, log-interpolated.

Chosen by eye, with Tuebingen and the Golden Gate as the Starry Night, The Scream and the Shipwreck: below 0.1
the style only tints; most of the change happens between 1 and 20 (at 6 skies were left half unpainted, at 20
The Scream had taken half of Tuebingen's houses); above 500 nothing changes any more.
"""

MATCHING_LAYERS = {"relu2_1": 0.5, "relu3_1": 1.0, "relu4_1": 1.0}
"""Layers at which the style's features at the matched positions are targets, and their weights."""

SEARCH_WEIGHTS = {"relu1_1": 0.5, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0}
"""Layers of the hypercolumns, and their weights."""

SEARCH_UP_TO = 1024
"""Long side, in pixels, of the largest level at which matches are sought."""

FADE = 0.25
"""Value of a strength mask below which the result fades into the photograph."""

TINY = 1e-12
"""Energies below this (a black picture, a dead layer) count as this."""


def style_share(strength: float) -> float:
    """Return the weight of the relative style loss for ``strength`` 0..100; the content's weight is 1."""
    logarithms = [math.log(share) for share in STYLE_SHARE.values()]
    return math.exp(float(np.interp(strength, list(STYLE_SHARE), logarithms)))


def relative_weights(settings: Settings, *, both: bool) -> tuple[float, float]:
    """Return the relative loss's weights of content and style; ``both`` says that the objective has both."""
    if not both:
        return 1.0, 1.0
    share = style_share(settings.strength)
    return 1.0 / (1.0 + share), share / (1.0 + share)


def paper_weights(settings: Settings, feature_scale: float) -> tuple[float, float]:
    """Return the paper's weights of content and style, alpha and beta, for features of any scale.

    The paper's features are ``feature_scale`` times those of the network. Its content loss is quadratic in
    them; its style loss compares products of two, and so is of the fourth power.
    """
    return settings.alpha * feature_scale**2, settings.beta * feature_scale**4


def matching_share(settings: Settings) -> float:
    """Return the share of the style's weight that the matches have; the statistics have the rest."""
    return 0.0 if settings.loss == "paper" else settings.matching / 100.0


def loss_layers(settings: Settings) -> tuple[str, ...]:
    """Return the layers whose features the loss needs, each once."""
    layers = [pair.layer for pair in (*settings.content_layers, *settings.style_layers)]
    if matching_share(settings) > 0:
        layers += MATCHING_LAYERS
    return tuple(dict.fromkeys(layers))


def strength_maps(mask: Array, settings: Settings) -> tuple[Array, Array]:
    """Turn a strength mask (h, w) in 0..1 into (scale of the style, share of the change), both (h, w).

    A mask of 0.5 halves the strength: the style is scaled by the ratio of the two strengths' style shares.
    Even a strength of 0 tints, so the change fades to 0 over the lowest ``FADE`` of the mask. The
    paper's loss has no strength; there the mask itself scales the style.
    """
    if settings.loss == "paper":
        scale = mask
    else:
        steps = np.linspace(0.0, 1.0, 257)
        full = style_share(settings.strength)
        ratios = [style_share(settings.strength * step) / full for step in steps]
        scale = np.interp(mask, steps, ratios).astype(np.float32)
    change = np.minimum(mask / np.float32(FADE), np.float32(1.0))
    return np.asarray(scale, dtype=np.float32), np.asarray(change, dtype=np.float32)


def normalise(layers: Sequence[LayerWeight]) -> list[float]:
    """Return the layers' weights divided by their sum (all 0 stays 0)."""
    return normalised_weights([layer.weight for layer in layers])


def normalised_weights(weights: Sequence[float]) -> list[float]:
    """Return ``weights``, 0 or more and of any size, divided by their sum (all 0 stays 0)."""
    largest = max(weights, default=0.0)
    if largest <= 0.0:
        return [0.0] * len(weights)
    scaled = [weight / largest for weight in weights]  # their sum neither overflows nor vanishes
    return [weight / sum(scaled) for weight in scaled]


def style_layers(settings: Settings) -> tuple[LayerWeight, ...]:
    """Return the layers of the style's statistics with their weights.

    The default weights are those of the relative loss. The paper's loss counts the same layers alike, as the
    paper does, unless the settings name others.
    """
    if settings.loss == "paper" and settings.style_layers == Settings().style_layers:
        return tuple(LayerWeight(layer, 1.0) for layer, _ in settings.style_layers)
    return tuple(settings.style_layers)


def relative_content_weight(target: Array, mask: Array | None) -> float:
    """Return the ContentTerm weight that makes the term a relative squared error."""
    ones = np.float64(1.0) if mask is None else mask
    energy = sum(float((np.square(plane, dtype=np.float64) * ones).sum()) for plane in target)
    return 2.0 / max(energy, TINY)


def relative_style_weight(target: Array) -> float:
    """Return the StyleTerm weight that makes the term a relative squared error of the Gram matrix."""
    energy = float(np.square(target, dtype=np.float64).sum())
    channels = len(target)
    return 4.0 * channels * channels / max(energy, TINY)
