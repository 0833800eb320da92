"""What a job is, and how its pictures become what the network sees.

A :class:`Job` holds pictures, masks and settings as callers read them; :func:`prepare` turns it into a
:class:`~nst_core.painting.subject.Subject` of plain RGB arrays. Colour, transparency, grey and masks are
dealt with here, so that the method knows nothing of them. Files and wording for people are the callers'.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import match_colors, match_luminance
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, crop_mask, fit
from nst_core.job.keep_colors import content_colour_share, grey, network_colours, region_keep_colors
from nst_core.job.model import Job, WeightedStyle
from nst_core.loss.weights import strength_by_place
from nst_core.painting.memory import VECTOR_BYTES
from nst_core.painting.pyramid import check_size
from nst_core.painting.regions import PreparedImage, StyleRegion, multiply_masks
from nst_core.painting.subject import Subject
from nst_core.painting.windows import BoundingBox, bounding_box
from nst_core.painting.workload import Workload
from nst_core.settings import KeepColors


def painted_size(job: Job) -> tuple[int, int]:
    """Return (height, width) of the painting: the content's, or what ``settings.size`` asks for."""
    height, width = (job.content.height, job.content.width) if job.content else job.texture_size
    if job.settings.size:
        if job.keep_size and job.settings.size >= max(height, width):
            return height, width
        return fit(height, width, job.settings.size)
    return height, width


def result_size(job: Job) -> tuple[int, int]:
    """Return (height, width) of the result: the painting's, or the content's where that is to be kept."""
    if job.keep_size and job.content is not None:
        return job.content.height, job.content.width
    return painted_size(job)


def job_workload(job: Job) -> Workload:
    """Return what the job asks of every level, beside its size."""
    groups = len(job.regions) + bool(job.regions and job.styles)
    masked = bool(job.regions) or job.selection is not None or job.strength_mask is not None
    return Workload(job.content is not None, len(job.all_styles), max(1, groups), masked)


def fine_style_sizes(job: Job) -> list[tuple[int, int]]:
    """Return (height, width) of the styles that are first given the strokes of another picture."""
    return [(style.picture.height, style.picture.width) for style in job.all_styles if style.fine is not None]


def picture_bytes(job: Job) -> int:
    """Return the bytes that :func:`prepare` will take for the job's pictures."""
    pictures = [style.picture for style in job.all_styles]
    if job.content is not None:
        pictures.append(job.content)
    return VECTOR_BYTES * sum(picture.height * picture.width for picture in pictures)


def painted_box(job: Job) -> BoundingBox | None:
    """Return the box of the content outside of which nothing is painted; None is all of it.

    Raises:
        NstError: ``bad-image`` for an empty mask or one of another shape.
    """
    content = job.content
    if content is None or not job.all_styles:
        return None
    size = content.height, content.width
    found: Array | None = None
    if job.regions and not job.styles:
        masks = [
            fit_mask(region.mask, *size, f"mask of region {region.name or number}")
            for number, region in enumerate(job.regions, start=1)
        ]
        found = np.max(masks, axis=0)
    if job.selection is not None:
        found = multiply_masks(found, fit_mask(job.selection, *size, "selection"))
    return None if found is None else bounding_box(found)


def prepare(job: Job) -> Subject:
    """Bring a job's pictures into the form that the network sees, ``(3, h, w)``.

    Transparent pixels are filled from what is visible around them and given no weight; colours are matched
    as ``keep_colors`` asks, a region's to the content there; on a grey content everything is grey.

    Raises:
        NstError: ``bad-image`` (nothing visible, crop outside, an empty mask or one of another shape),
            ``too-small``, ``bad-setting`` for masks without a content.
    """
    content = job.content
    if content is None and not job.all_styles:
        raise NstError(ErrorCode.BAD_SETTING, "There is neither a content picture nor a style.", "Give one.")
    share, own = content_colour_share(job), None
    if job.own is not None:
        own = channels_first(network_colours(visible_pixels(job.own, "starting picture"), share))
    if content is None:
        if job.regions or job.selection is not None or job.strength_mask is not None:
            raise NstError(
                ErrorCode.BAD_SETTING, "Masks and regions need a content picture.", "Leave them out."
            )
        return Subject(None, tuple(_seen_style(style, job, None, None, "none") for style in job.styles), own)
    check_size(content.height, content.width, "The content picture")
    filled = network_colours(visible_pixels(content, "content picture"), share)
    seen = PreparedImage(channels_first(filled), content.alpha)
    regions, covered = _regions(job, content, filled)
    strength, changed = None, None
    if job.strength_mask is not None:
        mask = fit_mask(job.strength_mask, content.height, content.width, "strength mask")
        strength, changed = strength_by_place(mask, job.settings)
    changes = multiply_masks(covered, changed)
    if regions:
        return Subject(seen, regions[0].styles, own, regions, strength, changes, painted_box(job), share)
    colours = job.settings.keep_colors
    styles = tuple(_seen_style(style, job, filled, content.alpha, colours) for style in job.styles)
    return Subject(seen, styles, own, (), strength, changes, None, share)


def _regions(job: Job, content: Picture, filled: Array) -> tuple[tuple[StyleRegion, ...], Array | None]:
    """Return a job's regions, the selection and what is outside of them included, and what they cover."""
    size = content.height, content.width
    selection = None
    if job.selection is not None:
        selection = fit_mask(job.selection, *size, "selection")
    found: list[tuple[str, tuple[WeightedStyle, ...], Array | None, KeepColors]] = []
    usual = job.settings.keep_colors
    covered = np.zeros(size, np.float32)
    for number, region in enumerate(job.regions, start=1):
        name = _own_name(region.name or str(number), [name for name, *_ in found])
        mask = fit_mask(region.mask, *size, f"mask of region {name}")
        covered = np.asarray(np.minimum(covered + mask, 1.0), dtype=np.float32)
        found.append((name, region.styles, multiply_masks(mask, selection), region_keep_colors(region, job)))
    if job.styles and job.regions and float(covered.min()) < 1.0:
        name = _own_name("background", [name for name, *_ in found])
        found.append((name, job.styles, multiply_masks(1.0 - covered, selection), usual))
    elif job.styles and not job.regions and selection is not None:
        found.append(("", job.styles, selection, usual))
    if not found:
        return (), selection  # without styles, or all over
    regions = []
    for name, styles, place, colours in found:
        if place is None or not place.any():
            continue  # wholly outside of the selection
        weight = multiply_masks(content.alpha, place)
        seen = tuple(_seen_style(style, job, filled, weight, colours) for style in styles)
        regions.append(StyleRegion(seen, place, name))
    if not regions:
        raise NstError(
            ErrorCode.BAD_IMAGE, "No region lies within the selection.", "Give a larger selection."
        )
    everywhere = covered if not job.styles else None
    return tuple(regions), multiply_masks(everywhere, selection)


def _own_name(name: str, others: Sequence[str]) -> str:
    """Return ``name``, numbered where another region has it: reports tell regions apart by their names."""
    numbered = (f"{name} {number}" for number in itertools.count(2))
    return next(word for word in itertools.chain([name], numbered) if word not in others)


def _seen_style(
    style: WeightedStyle, job: Job, content: Array | None, weight: Array | None, colours: KeepColors
) -> PreparedImage:
    """Bring one style into the form that the network sees, its colours moved as ``colours`` asks.

    ``weight`` (h, w) says which of the content's pixels count.
    """
    settings, picture, part = job.settings, style.picture, style.part
    if part is not None:
        part = fit_mask(part, picture.height, picture.width, "style mask")
    if settings.style_crop:
        picture = crop(picture, settings.style_crop)
        part = None if part is None else crop_mask(part, settings.style_crop)
    check_size(picture.height, picture.width, "The style picture")
    pixels, counts = visible_pixels(picture, "style picture"), multiply_masks(picture.alpha, part)
    if counts is not None and not counts.any():
        raise NstError(
            ErrorCode.BAD_IMAGE,
            "Of the style nothing is left: its mask is white only where it is transparent or cropped away.",
            "Give a mask of what is to be seen of it.",
        )
    if content is not None and job.content is not None:
        if job.content.grey or colours == "luminance":
            matched = colours != "none"
            pixels = match_luminance(pixels, content, counts, weight) if matched else grey(pixels)
        elif colours == "match":
            pixels = match_colors(pixels, content, settings.color_match, counts, weight)
    return PreparedImage(channels_first(pixels), picture.alpha, style.weight, part)


def visible_pixels(picture: Picture, what: str) -> Array:
    """Return the picture's pixels with what is transparent filled in from around it.

    Raises:
        NstError: ``bad-image`` where nothing is visible.
    """
    if picture.alpha is None:
        return picture.pixels
    if float(picture.alpha.max()) <= 0.0:
        raise NstError(
            ErrorCode.BAD_IMAGE, f"The {what} is wholly transparent.", "Use one with something to see on it."
        )
    return fill_transparent(picture.pixels, picture.alpha)


def channels_first(rows: Array) -> Array:
    """Turn (h, w, 3) into (3, h, w)."""
    return np.ascontiguousarray(rows.transpose(2, 0, 1), dtype=np.float32)
