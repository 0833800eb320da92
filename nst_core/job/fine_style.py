"""The strokes of one picture with the composition of another, as one style (Gatys et al. 2017, section 6).

A job whose styles name a fine picture comes in; the same job with pictures that combine both goes out. The
fine picture's statistics at shallow layers are painted onto the coarse picture, without any content loss,
starting from the coarse picture: its structure stays, its surface is replaced. Colours are the coarse one's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst_core.backends.choose import Engine
from nst_core.events import Event, Notice, OnEvent
from nst_core.images.colour import match_colors
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, crop_mask
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import channels_first, visible_pixels
from nst_core.painting.fine_style_size import fine_style_settings, fine_style_size
from nst_core.painting.pyramid import Level, check_size, make_levels
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import RunCallbacks, as_rows, paint
from nst_core.painting.start import resize_mask
from nst_core.painting.subject import Subject
from nst_core.settings import Crop, Settings, make_settings


def with_fine_styles(
    job: Job, level: Level, engine: Engine, watch: RunCallbacks, limit: float | None = None
) -> Job:
    """Combine every style of ``job`` that has a fine picture, at the size it has at the last ``level``.

    ``limit`` are the seconds for all of them, shared alike; None is as many as they take.

    Raises:
        NstError: ``too-small``, ``bad-image``, ``out-of-memory``.
    """
    count = sum(style.fine is not None for style in job.all_styles)
    if not count:
        return job
    share = None if limit is None else limit / count
    told = replace(watch, on_event=_only_notices(watch), preview_seconds=None, frames_every=0)
    watch.on_event(Notice("fine-style", "First the coarse style is painted with the fine style's strokes."))

    def combined(styles: tuple[WeightedStyle, ...]) -> tuple[WeightedStyle, ...]:
        cut = (_cut(style, job.settings.style_crop) for style in styles)
        return tuple(_combine(style, job.settings, level, engine, told, share) for style in cut)

    regions = tuple(replace(region, styles=combined(region.styles)) for region in job.regions)
    settings = make_settings({**job.settings.model_dump(), "style_crop": None})
    return replace(job, styles=combined(job.styles), regions=regions, settings=settings)


def _cut(style: WeightedStyle, area: Crop | None) -> WeightedStyle:
    """Cut a style as ``style_crop`` asks, before its size changes."""
    if area is None:
        return style
    part = style.part
    if part is not None:
        part = crop_mask(fit_mask(part, style.picture.height, style.picture.width, "style mask"), area)
    return replace(style, picture=crop(style.picture, area), part=part)


def _combine(
    style: WeightedStyle,
    settings: Settings,
    level: Level,
    engine: Engine,
    watch: RunCallbacks,
    limit: float | None,
) -> WeightedStyle:
    """Return ``style`` with both its pictures in one, of the coarse one's shape."""
    coarse, fine = style.picture, style.fine
    if fine is None:
        return style
    check_size(coarse.height, coarse.width, "The coarse style picture")
    check_size(fine.height, fine.width, "The fine style picture")
    composition = visible_pixels(coarse, "coarse style picture")
    strokes = visible_pixels(fine, "fine style picture")
    strokes = match_colors(strokes, composition, settings.color_match, fine.alpha, coarse.alpha)
    height, width = fine_style_size((coarse.height, coarse.width), level, settings.style_scale)
    chosen = fine_style_settings(settings)
    subject = Subject(
        PreparedImage(channels_first(composition)),
        (PreparedImage(channels_first(np.clip(strokes, 0.0, 1.0)), fine.alpha),),
    )
    levels = make_levels(height, width, chosen)
    painted = paint(subject, chosen, levels, engine.backend, engine.extractor, watch, limit=limit)
    alpha = resize_mask(coarse.alpha, height, width)
    picture = Picture(as_rows(painted.pixels), alpha, coarse.grey, coarse.bits)
    return WeightedStyle(picture, style.weight, style.part, None)


def _only_notices(watch: RunCallbacks) -> OnEvent:
    def tell(event: Event) -> None:
        if isinstance(event, Notice) and event.code != "time-limit":  # that is of this run, not of the result
            watch.on_event(event)

    return tell
