"""The objective of a level: the features of the content and the statistics of the styles, as targets.

Takes a :class:`~nst_core.painting.subject.Subject` at the size of a pyramid level, returns an
:class:`~nst_core.loss.objective.Objective`. A :class:`~nst_core.backends.interface.FeatureExtractor` computes
the features; nothing here depends on a framework.

A region's style terms compare guided statistics (Gatys et al. 2017, "Controlling Perceptual Factors in
Neural Style Transfer", section 4): with the paper's guidance channel T, normalised to sum T^2 = 1,
G = sum T^2 f f^T; here T^2 = g / sum g for a guide g in 0..1. A region's weight is its share of the area, so
that each of its pixels is drawn to its style as strongly as without regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.backends.interface import FeatureExtractor
from nst_core.backends.tiling.features import feature_sums, of_style
from nst_core.events import Notice, OnNotice
from nst_core.loss.guides import guides_at_layers
from nst_core.loss.layer_parts import LayerPart
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    Prior,
    RangePenalty,
    StyleTerm,
    Temporal,
    TotalVariation,
)
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.structure import structure_terms
from nst_core.loss.weights import (
    MATCHING_LAYERS,
    matching_share,
    normalise,
    normalised_weights,
    paper_weights,
    relative_content_weight,
    relative_style_weight,
    relative_weights,
    style_layers,
)
from nst_core.painting.matching import LevelMatching, MatchedRegion, Matcher, grid_guide, whole_level
from nst_core.painting.regions import (
    Anchor,
    PreparedImage,
    StyleRegion,
    coverage,
    multiply_masks,
    region_weights,
)
from nst_core.painting.subject import Subject
from nst_core.settings import Settings

Exact = npt.NDArray[np.float64]

TEMPORAL_WEIGHT = 20.0
"""Weight of the mean squared difference to the frame before, next to a relative loss of about 1."""

RANGE_WEIGHT = 30.0
"""Weight of the range penalty next to a relative loss of about 1: 0.2 % of pixels end outside 0..1."""

FEWEST_POSITIONS = 1.0
"""Sum of a guide at a layer below which too little of a region is left for a style."""

TINY_MASS = 1e-3
"""Sum of a guide times strength below which nothing can be divided by it."""


@dataclass(frozen=True)
class Moments:
    """Moments per position of a blend of styles at a layer: ``second`` (N, N), and ``mean`` (N,) or None."""

    second: Array
    mean: Array | None


@dataclass(frozen=True)
class Guide:
    """A region's guide (h, w) at a layer and its sum; values of None are ones everywhere."""

    values: Array | None
    mass: float


def make_objective(
    extractor: FeatureExtractor,
    subject: Subject,
    settings: Settings,
    *,
    on_notice: OnNotice = lambda _notice: None,
    matching: LevelMatching | None = None,
    part: LayerPart = LayerPart.ALL,
) -> Objective:
    """Compute all targets and weight them according to ``settings``.

    Without content there are no content terms (a texture), without styles no style terms (a
    reconstruction); the relative loss is then the remaining one. If there are ``subject.regions``, they
    replace ``subject.styles``, and pixels that no region covers are in no feature loss.
    ``subject.strength`` (h, w) scales the style locally. ``on_notice`` is called for a region that is left
    out at a layer. ``matching`` says how matches are sought, for the setting of that name, and at which
    level; None seeks them afresh. ``part`` leaves out the terms of other layers, which keep their share of
    the weight; the deep part has no priors.
    """
    content = subject.content
    regions = subject.regions or ((StyleRegion(subject.styles),) if subject.styles else ())
    if settings.loss == "paper":
        content_scale, style_scale = paper_weights(settings, extractor.paper_scale)
    else:
        content_scale, style_scale = relative_weights(settings, both=content is not None and bool(regions))
    covered = coverage(regions)
    contents: tuple[ContentTerm, ...] = ()
    if content is not None:
        layers = [pair.layer for pair in settings.content_layers if part.has(pair.layer)]
        masks = guides_at_layers(multiply_masks(content.alpha, covered), layers, (), "simple")
        features = extractor.features(content.pixels, layers)
        contents = content_terms(features, masks, settings, content_scale)
    share = matching_share(settings)
    if share > 0 and content is not None:
        matched = [_matched_region(extractor, region, subject, settings) for region in regions]
        matching = matching or LevelMatching(Matcher(seed=settings.seed), whole_level(content.pixels))
        share = min(1.0, share * matching.share)
        contents += matching.matcher.terms(extractor, matching.level, matched, style_scale * share)
        style_scale *= 1.0 - share
    terms: list[StyleTerm] = []
    for region, weight in zip(regions, region_weights(regions, content, subject.strength), strict=True):
        moments = style_moments(extractor, region.styles, settings, part)
        guides = region_guides(extractor, region, subject, settings, part)
        level_size = None if matching is None else matching.level.size
        _report_empty_layers(region.name, _empty_layers(moments, guides), level_size, on_notice)
        terms += style_terms(moments, guides, settings, style_scale * weight, region=region.name)
    if part is LayerPart.DEEP:
        return Objective(contents, tuple(terms))
    return Objective(
        contents,
        tuple(terms),
        (*priors(settings, covered, content), *temporal_terms(settings, subject.anchor, covered)),
    )


def _matched_region(
    extractor: FeatureExtractor, region: StyleRegion, subject: Subject, settings: Settings
) -> MatchedRegion:
    """Return a region with its masks and strengths at the layers of matches."""
    covered, strengths = _masks_at_layers(extractor, region, subject, settings, list(MATCHING_LAYERS))
    alpha = subject.content.alpha if subject.content else None
    return MatchedRegion(region.styles, covered, strengths, grid_guide(multiply_masks(alpha, region.mask)))


def content_terms(
    features: Mapping[str, Array],
    masks: Mapping[str, Array | None],
    settings: Settings,
    scale: float,
) -> tuple[ContentTerm, ...]:
    """Make the content terms; ``scale`` is alpha, or the content's share of a relative loss.

    Layers without ``features`` are another objective's, and keep their share of the weight.
    """
    layers, terms = settings.content_layers, []
    for (layer, _), weight in zip(layers, normalise(layers), strict=True):
        if layer not in features:
            continue
        target, mask = features[layer], masks[layer]
        unit = relative_content_weight(target, mask) if settings.loss == "relative" else 1.0
        if weight * scale > 0 and (mask is None or mask.any()):
            terms.append(ContentTerm(layer, scale * weight * unit, target, mask))
    return tuple(terms)


def style_moments(
    extractor: FeatureExtractor,
    styles: Sequence[PreparedImage],
    settings: Settings,
    part: LayerPart = LayerPart.ALL,
) -> dict[str, Moments]:
    """Return the moments of a blend of styles at each style layer where enough of every style is visible.

    A blend's moments are the styles' own, averaged by their weights: those of the features of all pictures
    together, each picture with its share. So a blend costs no more than one style. A blend of two equal
    styles is that style to the bit, because averages are computed in double precision. In a series the
    moments are computed once.
    """
    layers = [pair.layer for pair in settings.style_layers if part.has(pair.layer)]
    with_mean = STATISTICS[settings.style_loss].needs_mean
    parts: list[object] = ["moments", layers, with_mean, settings.guides]
    for style in styles:
        parts += [style.pixels, style.alpha, style.mask, style.weight]
    compute = partial(_compute_moments, extractor, styles, settings, layers, with_mean=with_mean)
    return of_style(extractor, parts, compute)


def _compute_moments(
    extractor: FeatureExtractor,
    styles: Sequence[PreparedImage],
    settings: Settings,
    layers: Sequence[str],
    *,
    with_mean: bool,
) -> dict[str, Moments]:
    """Compute :func:`style_moments` at ``layers``."""
    second: dict[str, Exact] = {}
    mean: dict[str, Exact] = {}
    missing: set[str] = set()
    for style, share in zip(styles, normalised_weights([style.weight for style in styles]), strict=True):
        if share <= 0:
            continue
        guides = _style_guides(extractor, style, layers, settings)
        missing |= set(layers) - set(guides)
        layer_sums = feature_sums(extractor, style.pixels, guides, with_mean=with_mean) if guides else {}
        for layer, sums in layer_sums.items():
            _accumulate(second, layer, sums.s2 / sums.mass, share)
            if sums.s1 is not None:
                _accumulate(mean, layer, sums.s1 / sums.mass, share)
    return {
        layer: Moments(
            np.asarray(second[layer], np.float32),
            np.asarray(mean[layer], np.float32) if layer in mean else None,
        )
        for layer in second
        if layer not in missing
    }


def _style_guides(
    extractor: FeatureExtractor, style: PreparedImage, layers: Sequence[str], settings: Settings
) -> dict[str, Array | None]:
    """Return the guides of a style's own features, without layers where too little of it is left."""
    visible = guides_at_layers(style.alpha, layers, (), "simple")
    masks = _mask_at_layers(extractor, style.mask, layers, settings)
    guides = {layer: multiply_masks(visible[layer], masks[layer]) for layer in layers}
    return {
        layer: guide
        for layer, guide in guides.items()
        if guide is None or float(guide.sum()) >= FEWEST_POSITIONS
    }


def _mask_at_layers(
    extractor: FeatureExtractor, mask: Array | None, layers: Sequence[str], settings: Settings
) -> dict[str, Array | None]:
    """Bring a region's mask to ``layers`` by the way that the setting ``guides`` names."""
    network_layers = () if mask is None or settings.guides == "simple" else extractor.layers
    return guides_at_layers(mask, layers, network_layers, settings.guides)


def _masks_at_layers(
    extractor: FeatureExtractor,
    region: StyleRegion,
    subject: Subject,
    settings: Settings,
    layers: Sequence[str],
) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
    """Return, by layer, how much of each position a region covers visibly, and the strength there."""
    visible = guides_at_layers(subject.content.alpha if subject.content else None, layers, (), "simple")
    masks = _mask_at_layers(extractor, region.mask, layers, settings)
    covered = {layer: multiply_masks(visible[layer], masks[layer]) for layer in layers}
    return covered, guides_at_layers(subject.strength, layers, (), "simple")


def _accumulate(totals: dict[str, Exact], layer: str, moment: Array, share: float) -> None:
    weighted = moment.astype(np.float64) * share
    totals[layer] = totals[layer] + weighted if layer in totals else weighted


def region_guides(
    extractor: FeatureExtractor,
    region: StyleRegion,
    subject: Subject,
    settings: Settings,
    part: LayerPart = LayerPart.ALL,
) -> dict[str, Guide]:
    """Return the guides of a region at each style layer; their mass does not include the strength.

    The mass is 0 if the strength leaves almost nothing.
    """
    layers = [pair.layer for pair in settings.style_layers if part.has(pair.layer)]
    covered, strengths = _masks_at_layers(extractor, region, subject, settings, layers)
    guides = {}
    for layer, full_strength in covered.items():
        values = multiply_masks(full_strength, strengths[layer])
        mass = np.inf if full_strength is None else float(full_strength.sum(dtype=np.float64))
        has_strength = values is None or float(values.sum(dtype=np.float64)) > TINY_MASS
        guides[layer] = Guide(values, mass if has_strength else 0.0)
    return guides


def _empty_layers(moments: Mapping[str, Moments], guides: Mapping[str, Guide]) -> list[str]:
    """Return the layers at which too little of the style or of the region is left."""
    return [layer for layer in guides if layer not in moments or guides[layer].mass < FEWEST_POSITIONS]


def _report_empty_layers(
    region: str, layers: Sequence[str], level_size: tuple[int, int] | None, on_notice: OnNotice
) -> None:
    if not layers:
        return
    name = f"The region {region}" if region else "The selection"
    at = f" at {level_size[1]} x {level_size[0]} pixels" if level_size else ""
    on_notice(
        Notice("empty-region", f"{name} is too small for {', '.join(layers)}{at}, and is left out there.")
    )


def style_terms(
    moments: Mapping[str, Moments],
    guides: Mapping[str, Guide],
    settings: Settings,
    scale: float,
    *,
    region: str = "",
) -> tuple[StyleTerm, ...]:
    """Make a region's style terms; ``scale`` is beta, or the style's share of a relative loss.

    Layers without moments, or with hardly any guide, are left out, and the other layers take over their
    weight. Layers without guides are another objective's, and keep their share of it.
    """
    empty = _empty_layers(moments, guides)
    layers = [pair for pair in style_layers(settings) if pair.layer not in empty]
    statistic = STATISTICS[settings.style_loss]
    terms = []
    for (layer, _), weight in zip(layers, normalise(layers), strict=True):
        if layer not in guides:
            continue
        target = moments[layer]
        relative = settings.loss == "relative"
        unit = statistic.gain * relative_style_weight(target.second) if relative else statistic.gain
        if weight * scale > 0:
            terms.append(
                StyleTerm(
                    layer,
                    scale * weight * unit,
                    target.second,
                    guide=guides[layer].values,
                    statistic=statistic,
                    mean=target.mean,
                    region=region,
                )
            )
    return tuple(terms)


def priors(
    settings: Settings, covered: Array | None = None, content: PreparedImage | None = None
) -> tuple[Prior, ...]:
    """Make the image priors of the relative loss; the paper's loss has none.

    Most are means over the picture. If only part of it, ``covered`` (h, w), is painted, their weights grow,
    so that they act on each painted pixel as strongly as without regions. The structure of the ``content`` is
    kept where it is visible and covered.
    """
    if settings.loss == "paper":
        return ()
    gain = _gain(covered)
    terms: list[Prior] = [RangePenalty(gain * RANGE_WEIGHT)]
    if settings.tv > 0:
        terms.append(TotalVariation(gain * settings.tv, settings.tv_beta))
    if settings.alpha_norm > 0:
        terms.append(AlphaNorm(gain * settings.alpha_norm, settings.alpha_norm_exponent))
    if settings.structure > 0 and content is not None:
        mask = multiply_masks(content.alpha, covered)
        terms += structure_terms(content.pixels, mask, settings.structure)
    return tuple(terms)


def temporal_terms(
    settings: Settings, anchor: Anchor | None, covered: Array | None = None
) -> tuple[Temporal, ...]:
    """Make the prior that holds a frame to the ``anchor``, where ``covered`` (h, w) is painted.

    The paper's loss has none: it has no scale that a weight could refer to.
    """
    if anchor is None or settings.loss == "paper" or not anchor.mask.any():
        return ()
    mask = multiply_masks(anchor.mask, covered)
    return (Temporal(_gain(covered) * TEMPORAL_WEIGHT, anchor.pixels, anchor.mask if mask is None else mask),)


def _gain(covered: Array | None) -> float:
    """Return the factor by which priors that are means over the picture grow if only part is painted."""
    return 1.0 if covered is None else 1.0 / max(float((covered > 0).mean()), 1e-6)
