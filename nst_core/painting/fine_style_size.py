"""Settings and size for painting the strokes of one style onto the composition of another."""

from __future__ import annotations

from nst_core.images.resize import fit
from nst_core.loss.weights import style_share
from nst_core.painting.pyramid import SMALLEST_SIDE, Level
from nst_core.painting.subject import style_size
from nst_core.settings import Settings, make_settings

LONGEST_SIDE = 2048
"""Long side, in pixels, at which styles are combined; larger ones are enlarged from there."""


def fine_style_settings(settings: Settings) -> Settings:
    """Return the settings for combining styles: ``settings``, changed to paint strokes only.

    A strength of 0 starts with almost no noise, which would destroy the composition. The smoothness shrinks
    in the same proportion as the weight of the style.
    """
    share = style_share(0.0)
    changes = {
        "strength": 0.0,
        "matching": 0.0,
        "structure": 0.0,
        "color_layout": 0.0,
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
    return make_settings({**settings.model_dump(), **changes})


def fine_style_size(style: tuple[int, int], level: Level, scale: float) -> tuple[int, int]:
    """Return the (height, width) at which styles are combined for a painting that ends at ``level``.

    ``style`` is the style picture's (height, width), ``scale`` the setting ``style_scale``.
    """
    size = style_size(style, level, scale)
    smaller = fit(*size, min(max(size), LONGEST_SIDE))
    return size if min(smaller) < SMALLEST_SIDE else smaller  # a long strip is not shortened
