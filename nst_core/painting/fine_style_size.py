"""Settings and size for combining the strokes of one style with the composition of another."""

from __future__ import annotations

from nst_core.images.resize import fit
from nst_core.loss.weights import style_share
from nst_core.painting.pyramid import SMALLEST_SIDE, Level
from nst_core.painting.subject import style_size
from nst_core.settings import Settings, make_settings

LONGEST_SIDE = 2048
"""Long side, in pixels, that styles are combined at; larger ones are enlarged from there."""


def fine_style_settings(settings: Settings) -> Settings:
    """Return the settings that styles are combined with: ``settings``, but for strokes alone.

    A strength of 0 begins with next to no noise, which would take the composition apart; the smoothness is as
    much less as the style then counts.
    """
    share = style_share(0.0)
    changed = {
        "strength": 0.0,
        "tv": settings.tv * share / (1.0 + share),
        "loss": "relative",
        "init": "content",
        "content_layers": [(layer, 0.0) for layer, _ in settings.content_layers],
        "style_layers": settings.fine_layers,
        "style_scale": 1.0,
        "style_crop": None,
        "quality": "draft",
        "iterations": settings.iterations,
    }
    return make_settings({**settings.model_dump(), **changed})


def fine_style_size(style: tuple[int, int], level: Level, scale: float) -> tuple[int, int]:
    """Return (height, width) that a style picture of a size is combined at, for what ends at ``level``."""
    size = style_size(style, level, scale)
    smaller = fit(*size, min(max(size), LONGEST_SIDE))
    return size if min(smaller) < SMALLEST_SIDE else smaller  # a strip stays as long as it is
