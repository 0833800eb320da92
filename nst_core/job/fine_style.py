"""Combine the brush strokes of one picture with the composition of another (Gatys et al. 2017, section 6).

Takes a job whose styles have a fine picture and returns the job with one combined picture per style. The fine
picture's statistics at shallow layers are painted onto the coarse picture, without any content loss, starting
from the coarse picture: its structure stays and its surface is replaced. The colours are the coarse
picture's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from nst_core.backends.choose import Engine
from nst_core.backends.tiling.style_memory import StyleMemory
from nst_core.events import Event, Notice, OnEvent
from nst_core.images.colour import match_colors
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, crop_mask
from nst_core.job.identity import style_parts
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import channels_first, visible_pixels
from nst_core.painting.fine_style_size import fine_style_settings, fine_style_size
from nst_core.painting.pyramid import Level, check_size, make_levels
from nst_core.painting.regions import PreparedImage
from nst_core.painting.resample import resize_mask
from nst_core.painting.run import PaintOptions, RunCallbacks, as_rows, paint
from nst_core.painting.subject import Subject
from nst_core.settings import Crop, Settings, make_settings


def combine_fine_styles(
    job: Job,
    level: Level,
    engine: Engine,
    callbacks: RunCallbacks,
    limit: float | None = None,
    memory: StyleMemory | None = None,
) -> Job:
    """Combine every style of ``job`` that has a fine picture, at the size it has at the last ``level``.

    ``limit`` is the time for all of them in seconds, shared equally; None is no limit. With ``memory``, what
    was combined for another picture of the series is taken, unless there is a limit.

    Raises:
        NstError: ``too-small``, ``bad-image``, ``out-of-memory``.
    """
    count = sum(style.fine is not None for style in job.all_styles)
    if not count:
        return job
    limit_each = None if limit is None else limit / count
    notices_only = replace(callbacks, on_event=_only_notices(callbacks), preview_seconds=None, frames_every=0)
    callbacks.on_event(
        Notice("fine-style", "First, the coarse style is painted with the brush strokes of the fine style.")
    )

    def combine(style: WeightedStyle) -> WeightedStyle:
        compute = partial(_combine, style, job.settings, level, engine, notices_only, limit_each)
        if memory is None or limit is not None or style.fine is None:
            return compute()
        size = fine_style_size((style.picture.height, style.picture.width), level, job.settings.style_scale)
        origin = engine.network.sha256, engine.name, job.settings
        return memory.recall(["fine", *origin, size, *style_parts([style])], compute)

    def combined(styles: tuple[WeightedStyle, ...]) -> tuple[WeightedStyle, ...]:
        return tuple(combine(_crop_style(style, job.settings.style_crop)) for style in styles)

    regions = tuple(replace(region, styles=combined(region.styles)) for region in job.regions)
    settings = make_settings({**job.settings.model_dump(), "style_crop": None})
    return replace(job, styles=combined(job.styles), regions=regions, settings=settings)


def _crop_style(style: WeightedStyle, area: Crop | None) -> WeightedStyle:
    """Crop a style to ``style_crop``, before its size changes."""
    if area is None:
        return style
    mask = style.mask
    if mask is not None:
        mask = crop_mask(fit_mask(mask, style.picture.height, style.picture.width, "style mask"), area)
    return replace(style, picture=crop(style.picture, area), mask=mask)


def _combine(
    style: WeightedStyle,
    settings: Settings,
    level: Level,
    engine: Engine,
    callbacks: RunCallbacks,
    limit: float | None,
) -> WeightedStyle:
    """Return ``style`` with its two pictures combined into one of the coarse picture's shape."""
    coarse, fine = style.picture, style.fine
    if fine is None:
        return style
    check_size(coarse.height, coarse.width, "The coarse style picture")
    check_size(fine.height, fine.width, "The fine style picture")
    composition = visible_pixels(coarse, "coarse style picture")
    strokes = visible_pixels(fine, "fine style picture")
    strokes = match_colors(
        strokes, composition, settings.color_match, style_alpha=fine.alpha, content_alpha=coarse.alpha
    )
    height, width = fine_style_size((coarse.height, coarse.width), level, settings.style_scale)
    combining_settings = fine_style_settings(settings)
    subject = Subject(
        content=PreparedImage(channels_first(composition)),
        styles=(PreparedImage(channels_first(np.clip(strokes, 0.0, 1.0)), fine.alpha),),
    )
    levels = make_levels(height, width, combining_settings)
    options = PaintOptions(time_limit=limit)
    painted = paint(subject, combining_settings, levels, engine, callbacks, options)
    picture = Picture(
        pixels=as_rows(painted.pixels),
        alpha=resize_mask(coarse.alpha, height, width),
        grey=coarse.grey,
        bits=coarse.bits,
    )
    return WeightedStyle(picture, style.weight, mask=style.mask)


def _only_notices(callbacks: RunCallbacks) -> OnEvent:
    """Return a callback that passes on only the notices that also matter for the result."""

    def on_event(event: Event) -> None:
        if (
            isinstance(event, Notice) and event.code != "time-limit"
        ):  # the limit of this run, not the result's
            callbacks.on_event(event)

    return on_event
