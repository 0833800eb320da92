"""From pictures to an objective: what the network sees in the content and the styles, as targets.

Pictures come in as ``(3, height, width)`` arrays in 0..1 at the size of a pyramid level, with the regions of
the content that have styles of their own; an :class:`~nst_core.loss.objective.Objective` goes out.
Features are computed by whatever :class:`~nst_core.backends.interface.FeatureExtractor` is given; nothing
here knows a framework.

A region's style terms compare guided statistics (Gatys et al. 2017, "Controlling Perceptual Factors in
Neural Style Transfer", section 4): with the paper's guidance channel T, normalised to sum T^2 = 1,
G = sum T^2 f f^T; here T^2 = g / sum g for a guide g in 0..1. A region weighs by its share of the area, so
that each of its pixels is drawn to its style as strongly as without regions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.backends.interface import FeatureExtractor
from nst_core.backends.tiling.features import feature_sums
from nst_core.events import Notice
from nst_core.loss.guides import guides_at_layers
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    Prior,
    RangePenalty,
    Statistic,
    StyleTerm,
    TotalVariation,
)
from nst_core.loss.weights import (
    STATISTIC_GAIN,
    normalise,
    normalised_weights,
    relative_content_weight,
    relative_style_weight,
    style_share,
)
from nst_core.painting.regions import PreparedImage, StyleRegion, coverage, multiply_masks, region_weights
from nst_core.settings import LayerWeight, Settings

Exact = npt.NDArray[np.float64]

RANGE_WEIGHT = 30.0
"""Weight of the range penalty beside a relative loss of about 1: 0.2 % of pixels end outside 0..1."""


FEWEST_POSITIONS = 1.0
"""Sum of a guide at a layer below which there is too little of a region to have a style there."""

TINY_MASS = 1e-3
"""Sum of a guide times strength below which nothing can be divided by it."""

OnNotice = Callable[[Notice], None]


@dataclass(frozen=True)
class Moments:
    """A blend's moments per position at a layer: ``second`` (N, N), and ``mean`` (N,) where asked for."""

    second: Array
    mean: Array | None


@dataclass(frozen=True)
class Guide:
    """A region's guide at a layer, and what it adds up to; None is everywhere."""

    values: Array | None
    mass: float


def style_moments(
    extractor: FeatureExtractor, styles: Sequence[PreparedImage], layers: Sequence[str], settings: Settings
) -> dict[str, Moments]:
    """Return the moments of a blend of styles at each layer where there is enough of them to have any.

    A blend's moments are the styles' own, averaged by their weights: those of the features of all pictures
    thrown together, each picture with its share. So a blend costs no more than one style, and one of two
    equal styles is that style: to the bit, averages being taken in double precision.
    """
    second: dict[str, Exact] = {}
    mean: dict[str, Exact] = {}
    missing: set[str] = set()
    for style, share in zip(styles, normalised_weights([style.weight for style in styles]), strict=True):
        if share <= 0:
            continue
        visible = guides_at_layers(style.alpha, layers, (), "simple")
        parts = guides_at_layers(
            style.part, layers, _network_layers(extractor, style.part, settings), settings.guides
        )
        covered = {layer: multiply_masks(visible[layer], parts[layer]) for layer in layers}
        seen = {
            layer: guide
            for layer, guide in covered.items()
            if guide is None or float(guide.sum()) >= FEWEST_POSITIONS
        }
        missing |= set(layers) - set(seen)
        summed = feature_sums(extractor, style.pixels, seen, settings.style_loss) if seen else {}
        for layer, sums in summed.items():
            _add(second, layer, sums.s2 / sums.mass, share)
            if sums.s1 is not None:
                _add(mean, layer, sums.s1 / sums.mass, share)
    return {
        layer: Moments(
            np.asarray(second[layer], np.float32),
            np.asarray(mean[layer], np.float32) if layer in mean else None,
        )
        for layer in second
        if layer not in missing
    }


def _add(totals: dict[str, Exact], layer: str, moment: Array, share: float) -> None:
    own = moment.astype(np.float64) * share
    totals[layer] = totals[layer] + own if layer in totals else own


def _network_layers(extractor: FeatureExtractor, mask: Array | None, settings: Settings) -> Sequence[str]:
    """Name the network's layers where guides go through them."""
    return () if mask is None or settings.guides == "simple" else extractor.layers


def content_terms(
    features: Mapping[str, Array],
    masks: Mapping[str, Array | None],
    layers: Sequence[LayerWeight],
    scale: float,
    *,
    relative: bool,
) -> tuple[ContentTerm, ...]:
    """Make the content terms; ``scale`` is alpha, or the content's share of a relative loss."""
    terms = []
    for (layer, _), weight in zip(layers, normalise(layers), strict=True):
        target, mask = features[layer], masks[layer]
        unit = relative_content_weight(target, mask) if relative else 1.0
        if weight * scale > 0 and (mask is None or mask.any()):
            terms.append(ContentTerm(layer, scale * weight * unit, target, mask))
    return tuple(terms)


def style_terms(
    moments: Mapping[str, Moments],
    guides: Mapping[str, Guide],
    layers: Sequence[LayerWeight],
    scale: float,
    *,
    relative: bool,
    statistic: Statistic = "gram",
    region: str = "",
) -> tuple[StyleTerm, ...]:
    """Make a region's style terms; ``scale`` is beta, or the style's share of a relative loss.

    Layers without moments, or with hardly any guide, are left out, and the others have their weight.
    """
    known = [pair for pair in layers if pair.layer in moments and guides[pair.layer].mass >= FEWEST_POSITIONS]
    gain = STATISTIC_GAIN[statistic]
    terms = []
    for (layer, _), weight in zip(known, normalise(known), strict=True):
        target = moments[layer]
        unit = gain * relative_style_weight(target.second) if relative else gain
        if weight * scale > 0:
            guide = guides[layer].values
            terms.append(
                StyleTerm(layer, scale * weight * unit, target.second, guide, statistic, target.mean, region)
            )
    return tuple(terms)


def priors(settings: Settings, covered: Array | None = None) -> tuple[Prior, ...]:
    """Make the image priors of the relative loss; the paper's loss has none.

    They are means over the picture: where only part of it, ``covered`` (h, w), is painted, they weigh more,
    so that each painted pixel is held as strongly as without regions.
    """
    if settings.loss == "paper":
        return ()
    gain = 1.0 if covered is None else 1.0 / max(float((covered > 0).mean()), 1e-6)
    found: list[Prior] = [RangePenalty(gain * RANGE_WEIGHT)]
    if settings.tv > 0:
        found.append(TotalVariation(gain * settings.tv, settings.tv_beta))
    if settings.alpha_norm > 0:
        found.append(AlphaNorm(gain * settings.alpha_norm, settings.alpha_norm_exponent))
    return tuple(found)


def make_objective(
    extractor: FeatureExtractor,
    content: PreparedImage | None,
    styles: Sequence[PreparedImage],
    settings: Settings,
    *,
    regions: Sequence[StyleRegion] = (),
    strength: Array | None = None,
    on_notice: OnNotice = lambda _notice: None,
    size: tuple[int, int] | None = None,
) -> Objective:
    """Compute all targets and weigh them as ``settings`` say.

    Without ``content`` there are no content terms (a texture), without styles no style terms (a
    reconstruction); the relative loss then consists of the one that is left. ``regions``, where there are
    any, take the place of ``styles``; what no region covers has no part in any loss of features.
    ``strength`` (h, w) scales the style by place. ``on_notice`` hears of regions left out at a layer, at a
    level of ``size`` (height, width), of which the content may be a part.
    """
    relative = settings.loss == "relative"
    share = style_share(settings.strength)
    painted = tuple(regions) or ((StyleRegion(tuple(styles)),) if styles else ())
    if not relative:
        content_scale, style_scale = settings.alpha, settings.beta
    elif content is None or not painted:
        content_scale = style_scale = 1.0
    else:
        content_scale, style_scale = 1.0 / (1.0 + share), share / (1.0 + share)
    covered = coverage(painted)

    contents: tuple[ContentTerm, ...] = ()
    if content is not None:
        names = [pair.layer for pair in settings.content_layers]
        masks = guides_at_layers(multiply_masks(content.alpha, covered), names, (), "simple")
        features = extractor.features(content.pixels, names)
        contents = content_terms(features, masks, settings.content_layers, content_scale, relative=relative)
    terms: list[StyleTerm] = []
    for region, weight in zip(painted, region_weights(painted, content, strength), strict=True):
        terms += _region_terms(
            extractor, region, content, strength, settings, style_scale * weight, on_notice, size
        )
    return Objective(contents, tuple(terms), priors(settings, covered))


def _region_terms(
    extractor: FeatureExtractor,
    region: StyleRegion,
    content: PreparedImage | None,
    strength: Array | None,
    settings: Settings,
    scale: float,
    on_notice: OnNotice,
    level: tuple[int, int] | None,
) -> tuple[StyleTerm, ...]:
    layers = [pair.layer for pair in settings.style_layers]
    moments = style_moments(extractor, region.styles, layers, settings)
    visible = guides_at_layers(content.alpha if content else None, layers, (), "simple")
    scaled = guides_at_layers(strength, layers, (), "simple")
    own = guides_at_layers(
        region.mask, layers, _network_layers(extractor, region.mask, settings), settings.guides
    )
    guides = {}
    for layer in layers:
        values = multiply_masks(visible[layer], own[layer], scaled[layer])
        touched = multiply_masks(visible[layer], own[layer])
        mass = np.inf if touched is None else float(touched.sum(dtype=np.float64))
        weighed = values is None or float(values.sum(dtype=np.float64)) > TINY_MASS
        guides[layer] = Guide(values, mass if weighed else 0.0)
    empty = [layer for layer in layers if layer not in moments or guides[layer].mass < FEWEST_POSITIONS]
    if empty:
        place = f"The region {region.name}" if region.name else "The selected part"
        at = f" at {level[1]} x {level[0]} pixels" if level else ""
        on_notice(Notice("empty-region", f"{place} is too small for {', '.join(empty)}{at}; left out there."))
    return style_terms(
        moments,
        guides,
        settings.style_layers,
        scale,
        relative=settings.loss == "relative",
        statistic=settings.style_loss,
        region=region.name,
    )
