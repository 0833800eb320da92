"""The job: pictures, masks and settings, as callers read them.

Plain data. Does not depend on files, on options, or on how pictures are painted.
"""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.array_types import Array
from nst_core.images.picture import Picture
from nst_core.settings import KeepColors, Settings

BUILT_IN_STARTS = ("content", "style", "noise")
"""Values of the setting ``init`` that are not the path of a picture."""


def init_image_path(settings: Settings) -> str | None:
    """Return the path of the picture that ``init`` names, or None if it is a built-in start."""
    return None if settings.init in BUILT_IN_STARTS else settings.init


@dataclass(frozen=True)
class WeightedStyle:
    """A style picture and its weight in a blend.

    ``mask``, ``(height, width)`` in 0..1, selects the part of the picture that the style is taken from; None
    selects all of it. With ``fine``, the picture gives the composition and ``fine`` gives the brush strokes.
    """

    picture: Picture
    weight: float = 1.0
    mask: Array | None = None
    fine: Picture | None = None


@dataclass(frozen=True)
class Region:
    """A part of the content, ``mask`` ``(height, width)`` in 0..1, and the styles that are blended there.

    ``keep_colors`` replaces the setting of that name within the region; None keeps the setting.
    """

    mask: Array
    styles: tuple[WeightedStyle, ...]
    name: str = ""
    keep_colors: KeepColors | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A picture to paint.

    Without ``content`` the job is a texture of the styles, of ``texture_size`` (height, width). Without
    ``styles`` it is a reconstruction of the content. ``init_image`` is the picture to start from if
    ``settings.init`` is a path; the caller reads it. With ``keep_size`` the result has the content's size
    whatever size it was painted at. With ``keep_grey`` the result of a grey content is grey whatever
    ``keep_colors`` says.

    With ``regions``, ``styles`` apply outside all of them; without ``styles`` pixels there stay as they are.
    ``selection`` ``(height, width)`` in 0..1 selects the pixels of the content to paint at all.
    ``strength_mask`` scales the style strength from 0, the unchanged content, to 1. Masks have the content's
    shape; masks of another size are resized.
    """

    content: Picture | None
    styles: tuple[WeightedStyle, ...]
    settings: Settings
    init_image: Picture | None = None
    texture_size: tuple[int, int] = (512, 512)
    keep_size: bool = False
    keep_grey: bool = False
    regions: tuple[Region, ...] = ()
    selection: Array | None = None
    strength_mask: Array | None = None

    @property
    def all_styles(self) -> tuple[WeightedStyle, ...]:
        """All styles, those of the regions included."""
        return (*self.styles, *(style for region in self.regions for style in region.styles))
