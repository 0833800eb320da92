"""The pictures of a run: at their own sizes, at the size of a level, and cut to the computed window.

Takes and returns :class:`Subject`. Does not depend on the network or the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nst_core.array_types import Array
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import Anchor, PreparedImage, StyleRegion
from nst_core.painting.resample import resize_change, resize_mask, resize_planes
from nst_core.painting.windows import BoundingBox, Window
from nst_core.painting.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The pictures and masks of a run, ``(3, h, w)`` in 0..1.

    Without ``content`` a texture of the styles is painted, without ``styles`` the content is reconstructed.
    ``init_image`` is the starting picture if the setting ``init`` names a file. ``regions``, if there are
    any, say which style goes where. All masks have the content's size: ``strength`` (h, w) scales the style
    locally, ``changes`` (h, w) in 0..1 says how much each pixel may change, and ``grey`` (h, w) how much of
    each pixel is painted in luminance only. ``box`` contains all regions if they do not cover the whole
    content; only a window around it is computed. ``anchor`` is what a frame of a film is held to.
    """

    content: PreparedImage | None
    styles: tuple[PreparedImage, ...]
    init_image: Array | None = None
    regions: tuple[StyleRegion, ...] = ()
    strength: Array | None = None
    changes: Array | None = None
    box: BoundingBox | None = None
    grey: Array | None = None
    anchor: Anchor | None = None

    @property
    def all_styles(self) -> tuple[PreparedImage, ...]:
        """All style pictures that the network sees."""
        return tuple(style for region in self.regions for style in region.styles) or self.styles

    @property
    def workload(self) -> Workload:
        """The pictures and masks of every level."""
        masked = bool(self.regions) or self.changes is not None
        return Workload(self.content is not None, len(self.all_styles), max(1, len(self.regions)), masked)


def subject_at_level(subject: Subject, level: Level, style_scale: float) -> Subject:
    """Resize the original pictures of ``subject`` to ``level``.

    The area of a style is ``style_scale``^2 times the level's, so that strokes keep their share of the
    picture.
    """
    content = content_at_size(subject, level.height, level.width)
    styles = tuple(_style_at_level(style, level, style_scale) for style in subject.styles)
    regions = tuple(
        StyleRegion(
            tuple(_style_at_level(style, level, style_scale) for style in region.styles),
            resize_mask(region.mask, level.height, level.width),
            region.name,
        )
        for region in subject.regions
    )
    strength, changes, grey = (
        resize_mask(mask, level.height, level.width)
        for mask in (subject.strength, subject.changes, subject.grey)
    )
    return replace(
        subject,
        content=content,
        styles=styles,
        regions=regions,
        strength=strength,
        changes=changes,
        grey=grey,
        anchor=_anchor_at_level(subject.anchor, level),
    )


def _anchor_at_level(anchor: Anchor | None, level: Level) -> Anchor | None:
    size = level.height, level.width
    if anchor is None or anchor.mask.shape == size:
        return anchor
    mask = resize_mask(anchor.mask, *size)
    assert mask is not None  # noqa: S101 -- an anchor has one
    return Anchor(resize_change(anchor.pixels, *size), mask)


def content_at_size(subject: Subject, height: int, width: int) -> PreparedImage | None:
    """Resize the original content, if there is one, to ``height`` x ``width``."""
    content = subject.content
    if content is None:
        return None
    return PreparedImage(
        resize_planes(content.pixels, height, width), resize_mask(content.alpha, height, width)
    )


def _style_at_level(style: PreparedImage, level: Level, style_scale: float) -> PreparedImage:
    height, width = style_size(style.pixels.shape[1:], level, style_scale)
    return PreparedImage(
        resize_planes(style.pixels, height, width),
        resize_mask(style.alpha, height, width),
        style.weight,
        resize_mask(style.mask, height, width),
    )


def style_size(style: tuple[int, ...], level: Level, scale: float) -> tuple[int, int]:
    """Return (height, width) of a style picture such that its area is ``scale``^2 times the level's.

    ``style`` is its original (height, width). Areas are used rather than sides, so that a tall style on a
    wide content has strokes of the same size as a wide one. The short side is at least the 16 pixels that
    relu5_1 needs.
    """
    factor = scale * math.sqrt(level.height * level.width / (style[0] * style[1]))
    factor = max(factor, 16.0 / min(style))
    return max(16, round(style[0] * factor)), max(16, round(style[1] * factor))


def crop_to_window(subject: Subject, window: Window) -> Subject:
    """Cut the content and masks of a subject at a level to ``window``; styles stay as they are."""
    content = subject.content
    if content is None or content.pixels.shape[1:] == window.size:
        return subject
    regions = (replace(region, mask=window.cut_mask(region.mask)) for region in subject.regions)
    return replace(
        subject,
        content=replace(content, pixels=window.cut(content.pixels), alpha=window.cut_mask(content.alpha)),
        regions=tuple(regions),
        strength=window.cut_mask(subject.strength),
        changes=window.cut_mask(subject.changes),
        grey=window.cut_mask(subject.grey),
        anchor=subject.anchor and Anchor(window.cut(subject.anchor.pixels), window.cut(subject.anchor.mask)),
    )


def target_pixels(subject: Subject) -> float:
    """Return the number of pixels in all pictures whose features are targets (at least 1)."""
    pictures = [style.pixels for style in subject.all_styles]
    if subject.content is not None:
        pictures.append(subject.content.pixels)
    return max(1.0, float(sum(picture.shape[1] * picture.shape[2] for picture in pictures)))
