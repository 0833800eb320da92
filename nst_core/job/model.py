"""What to paint: pictures, masks and settings as callers read them."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.array_types import Array
from nst_core.images.picture import Picture
from nst_core.settings import KeepColors, Settings

BUILT_IN_STARTS = ("content", "style", "noise")


def start_file(settings: Settings) -> str | None:
    """Return the path of the picture that ``init`` names, if it names one."""
    return None if settings.init in BUILT_IN_STARTS else settings.init


@dataclass(frozen=True)
class WeightedStyle:
    """A style picture and its share in a blend of several.

    ``part``, ``(height, width)`` in 0..1, says which part of the picture the style is taken from; None is all
    of it. With ``fine`` the picture gives the composition and ``fine`` the strokes.
    """

    picture: Picture
    weight: float = 1.0
    part: Array | None = None
    fine: Picture | None = None


@dataclass(frozen=True)
class Region:
    """A part of the content, ``mask`` ``(height, width)`` in 0..1, and the styles blended there.

    ``keep_colors`` is for this region what the setting is for all; None leaves it to the setting.
    """

    mask: Array
    styles: tuple[WeightedStyle, ...]
    name: str = ""
    keep_colors: KeepColors | None = None


@dataclass(frozen=True)
class Job:
    """What to paint.

    Without ``content`` a texture of the styles, ``texture_size`` (height, width); without ``styles`` a
    reconstruction of the content. ``own`` is the starting picture where ``settings.init`` is a path, read by
    the caller. ``keep_size``: the result has the content's size whatever size it was painted at.

    With ``regions``, ``styles`` are for what lies outside of all of them; where there are none, that stays as
    it was. ``selection`` ``(height, width)`` in 0..1 says which part of the content is painted at all, and
    ``strength_mask`` how strongly, from 0, the content as it was, to 1. Masks have the content's shape; those
    of another size are resized.
    """

    content: Picture | None
    styles: tuple[WeightedStyle, ...]
    settings: Settings
    own: Picture | None = None
    texture_size: tuple[int, int] = (512, 512)
    keep_size: bool = False
    regions: tuple[Region, ...] = ()
    selection: Array | None = None
    strength_mask: Array | None = None

    @property
    def all_styles(self) -> tuple[WeightedStyle, ...]:
        """Every style that is painted anywhere."""
        return (*self.styles, *(style for region in self.regions for style in region.styles))
