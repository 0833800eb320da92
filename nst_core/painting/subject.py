"""What is painted: the pictures of a run at their own sizes, at a level's, and in the window computed.

A :class:`Subject` comes in and goes out. Knows neither networks nor losses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nst_core.array_types import Array
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.start import resize_mask, resize_planes
from nst_core.painting.windows import BoundingBox, Window
from nst_core.painting.workload import Workload
from nst_core.settings import Settings


@dataclass(frozen=True)
class Subject:
    """What is painted: the pictures of a run at their own sizes, ``(3, h, w)`` in 0..1.

    Without ``content`` a texture of the styles is painted, without ``styles`` the content is reconstructed.
    ``own`` is the starting picture where the settings' ``init`` names one. ``regions``, where there are any,
    say which style goes where; ``strength`` (h, w) scales the style by place, and ``changes`` (h, w) in 0..1
    says which pixels may change at all; ``grey`` (h, w) how much of each is painted in light and dark alone.
    All masks are of the content's size. ``part`` is the box that all regions lie in, where that is not the
    whole content: a window around it is all that is computed.
    """

    content: PreparedImage | None
    styles: tuple[PreparedImage, ...]
    own: Array | None = None
    regions: tuple[StyleRegion, ...] = ()
    strength: Array | None = None
    changes: Array | None = None
    part: BoundingBox | None = None
    grey: Array | None = None

    @property
    def all_styles(self) -> tuple[PreparedImage, ...]:
        """Every style picture that is looked at."""
        return tuple(style for region in self.regions for style in region.styles) or self.styles

    @property
    def demand(self) -> Workload:
        """What this asks of every level."""
        masked = bool(self.regions) or self.changes is not None
        return Workload(self.content is not None, len(self.all_styles), max(1, len(self.regions)), masked)


def subject_at_level(subject: Subject, level: Level, settings: Settings) -> Subject:
    """Resize the original pictures of ``subject`` to ``level``; strokes keep their share of it."""
    content = content_at_size(subject, level.height, level.width)
    styles = tuple(_style_at(style, level, settings) for style in subject.styles)
    regions = tuple(
        StyleRegion(
            tuple(_style_at(style, level, settings) for style in region.styles),
            resize_mask(region.mask, level.height, level.width),
            region.name,
        )
        for region in subject.regions
    )
    strength, changes, grey = (
        resize_mask(mask, level.height, level.width)
        for mask in (subject.strength, subject.changes, subject.grey)
    )
    return Subject(content, styles, subject.own, regions, strength, changes, subject.part, grey)


def content_at_size(subject: Subject, height: int, width: int) -> PreparedImage | None:
    """Resize the original content, where there is one, to ``height`` x ``width``."""
    content = subject.content
    if content is None:
        return None
    return PreparedImage(
        resize_planes(content.pixels, height, width), resize_mask(content.alpha, height, width)
    )


def _style_at(style: PreparedImage, level: Level, settings: Settings) -> PreparedImage:
    height, width = style_size(style.pixels.shape[1:], level, settings.style_scale)
    return PreparedImage(
        resize_planes(style.pixels, height, width),
        resize_mask(style.alpha, height, width),
        style.weight,
        resize_mask(style.part, height, width),
    )


def style_size(style: tuple[int, ...], level: Level, scale: float) -> tuple[int, int]:
    """Return (height, width) of a style picture such that its area is ``scale``^2 times the level's.

    Areas rather than sides: a tall style on a wide content then has strokes of the same size as a wide one.
    The short side never falls below the 16 pixels that relu5_1 needs.
    """
    factor = scale * math.sqrt(level.height * level.width / (style[0] * style[1]))
    factor = max(factor, 16.0 / min(style))
    return max(16, round(style[0] * factor)), max(16, round(style[1] * factor))


def crop_to_window(seen: Subject, window: Window) -> Subject:
    """Cut a subject at a level to the window that is computed; styles stay as they are."""
    content = seen.content
    if content is None or content.pixels.shape[1:] == window.size:
        return seen
    regions = (replace(region, mask=window.cut_mask(region.mask)) for region in seen.regions)
    return replace(
        seen,
        content=replace(content, pixels=window.cut(content.pixels), alpha=window.cut_mask(content.alpha)),
        regions=tuple(regions),
        strength=window.cut_mask(seen.strength),
        changes=window.cut_mask(seen.changes),
        grey=window.cut_mask(seen.grey),
    )


def target_pixels(seen: Subject) -> float:
    """Return how many pixels target features are had of, at least 1."""
    pictures = [style.pixels for style in seen.all_styles]
    if seen.content is not None:
        pictures.append(seen.content.pixels)
    return max(1.0, float(sum(picture.shape[1] * picture.shape[2] for picture in pictures)))
