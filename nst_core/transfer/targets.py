"""From pictures to an objective: what the network sees in the content and the styles, as targets.

Pictures come in as ``(3, height, width)`` arrays in 0..1 at the size of a pyramid level; an
:class:`~nst_core.transfer.objective.Objective` goes out. Features are computed by whatever
:class:`~nst_core.backends.interface.FeatureExtractor` is given; nothing here knows a framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.backends.interface import FeatureExtractor
from nst_core.settings import LayerWeight, Settings
from nst_core.transfer.layer_losses import gram_sum, guide_mass
from nst_core.transfer.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    Prior,
    RangePenalty,
    StyleTerm,
    TotalVariation,
)
from nst_core.transfer.weights import (
    normalise,
    relative_content_weight,
    relative_style_weight,
    style_share,
)

Array = npt.NDArray[np.float32]

RANGE_WEIGHT = 30.0
"""Weight of the range penalty beside a relative loss of about 1: 0.2 % of pixels end outside 0..1."""


@dataclass(frozen=True)
class Seen:
    """A picture as the network gets it: ``pixels`` (3, h, w) in 0..1, ``alpha`` (h, w) or None."""

    pixels: Array
    alpha: Array | None = None
    weight: float = 1.0


def mask_at_layer(mask: Array | None, height: int, width: int) -> Array | None:
    """Bring a (H, W) mask to a layer of ``height`` x ``width`` the way the pooling layers shrink pictures.

    Each halving averages 2 x 2 blocks and drops an odd last row or column.
    """
    if mask is None:
        return None
    while mask.shape[0] > height:
        rows, columns = mask.shape[0] // 2, mask.shape[1] // 2
        blocks = mask[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        mask = blocks.mean(axis=(1, 3), dtype=np.float32)
    if mask.shape != (height, width):
        raise ValueError(f"a mask cannot be brought to {height} x {width} by halving")
    return np.ascontiguousarray(mask, dtype=np.float32)


def style_grams(
    extractor: FeatureExtractor, styles: Sequence[Seen], layers: Sequence[str]
) -> dict[str, Array]:
    """Return the Gram matrix per position (N, N) at each layer, averaged over the styles by their weights."""
    total = sum(style.weight for style in styles)
    grams: dict[str, Array] = {}
    for style in styles:
        features = extractor.features(style.pixels, layers)
        for layer in layers:
            found = features[layer]
            guide = mask_at_layer(style.alpha, *found.shape[1:])
            mass = guide_mass(found, guide)
            gram = gram_sum(found, guide) * np.float32(style.weight / total / max(float(mass), 1e-12))
            grams[layer] = grams[layer] + gram if layer in grams else gram
    return grams


def content_terms(
    features: dict[str, Array],
    alpha: Array | None,
    layers: Sequence[LayerWeight],
    scale: float,
    *,
    relative: bool,
) -> tuple[ContentTerm, ...]:
    """Make the content terms; ``scale`` is alpha, or the content's share of a relative loss."""
    terms = []
    for (layer, _), weight in zip(layers, normalise(layers), strict=True):
        target = features[layer]
        mask = mask_at_layer(alpha, *target.shape[1:])
        unit = relative_content_weight(target, mask) if relative else 1.0
        if weight * scale > 0:
            terms.append(ContentTerm(layer, scale * weight * unit, target, mask))
    return tuple(terms)


def style_terms(
    grams: dict[str, Array],
    guides: dict[str, Array | None],
    layers: Sequence[LayerWeight],
    scale: float,
    *,
    relative: bool,
) -> tuple[StyleTerm, ...]:
    """Make the style terms; ``scale`` is beta, or the style's share of a relative loss."""
    terms = []
    for (layer, _), weight in zip(layers, normalise(layers), strict=True):
        target = grams[layer]
        unit = relative_style_weight(target) if relative else 1.0
        if weight * scale > 0:
            terms.append(StyleTerm(layer, scale * weight * unit, target, guides[layer]))
    return tuple(terms)


def priors(settings: Settings) -> tuple[Prior, ...]:
    """Make the image priors of the relative loss; the paper's loss has none."""
    if settings.loss == "paper":
        return ()
    found: list[Prior] = [RangePenalty(RANGE_WEIGHT)]
    if settings.tv > 0:
        found.append(TotalVariation(settings.tv, settings.tv_beta))
    if settings.alpha_norm > 0:
        found.append(AlphaNorm(settings.alpha_norm, settings.alpha_norm_exponent))
    return tuple(found)


def make_objective(
    extractor: FeatureExtractor, content: Seen | None, styles: Sequence[Seen], settings: Settings
) -> Objective:
    """Compute all targets and weigh them as ``settings`` say.

    Without ``content`` there are no content terms (a texture), without ``styles`` no style terms
    (a reconstruction); the relative loss then consists of the one that is left.
    """
    relative = settings.loss == "relative"
    share = style_share(settings.strength)
    if not relative:
        content_scale, style_scale = settings.alpha, settings.beta
    elif content is None or not styles:
        content_scale = style_scale = 1.0
    else:
        content_scale, style_scale = 1.0 / (1.0 + share), share / (1.0 + share)
    content_layers = [pair.layer for pair in settings.content_layers] if content else []
    style_layers = [pair.layer for pair in settings.style_layers] if styles else []

    contents: tuple[ContentTerm, ...] = ()
    if content is not None:
        features = dict(extractor.features(content.pixels, content_layers))
        contents = content_terms(
            features, content.alpha, settings.content_layers, content_scale, relative=relative
        )
    painted: tuple[StyleTerm, ...] = ()
    if styles:
        grams = style_grams(extractor, styles, style_layers)
        alpha = content.alpha if content else None
        guides = {layer: _guide_at(alpha, layer) for layer in style_layers}
        painted = style_terms(grams, guides, settings.style_layers, style_scale, relative=relative)
    return Objective(contents, painted, priors(settings))


def _guide_at(alpha: Array | None, layer: str) -> Array | None:
    """Bring the content's alpha to a style layer: one halving for each pool up to it."""
    if alpha is None:
        return None
    block = int(layer[4])
    halvings = block if layer.startswith("pool") else block - 1
    return mask_at_layer(alpha, alpha.shape[0] >> halvings, alpha.shape[1] >> halvings)
