"""Prepare a job's pictures for the network.

:func:`prepare` converts a :class:`~nst_core.job.model.Job` to a :class:`~nst_core.painting.subject.Subject`
of plain RGB arrays. Colour, transparency, grey and masks are handled here, so that painting does not depend
on them. The other functions compute the sizes, the memory and the workload of a job for its plan. Reads no
files.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import match_colors, match_luminance
from nst_core.images.masks import fit_mask
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, crop_mask, fit
from nst_core.job.keep_colors import (
    content_colour_share,
    keep_colors_modes,
    network_colours,
    region_keep_colors,
    stays_grey,
    to_grey,
)
from nst_core.job.model import Job, WeightedStyle
from nst_core.loss.weights import strength_maps
from nst_core.painting.memory import VECTOR_BYTES
from nst_core.painting.pyramid import check_size
from nst_core.painting.regions import PreparedImage, StyleRegion, multiply_masks
from nst_core.painting.subject import Subject
from nst_core.painting.windows import BoundingBox, bounding_box
from nst_core.painting.workload import Workload
from nst_core.settings import KeepColors


def painted_size(job: Job) -> tuple[int, int]:
    """Return (height, width) of the painting: the content's size, or ``settings.size``."""
    height, width = (job.content.height, job.content.width) if job.content else job.texture_size
    if job.settings.size:
        if job.keep_size and job.settings.size >= max(height, width):
            return height, width
        return fit(height, width, job.settings.size)
    return height, width


def result_size(job: Job) -> tuple[int, int]:
    """Return (height, width) of the result: the painting's, or the content's with ``keep_size``."""
    if job.keep_size and job.content is not None:
        return job.content.height, job.content.width
    return painted_size(job)


def job_workload(job: Job) -> Workload:
    """Return the work that the job requires at every level, apart from the level's size."""
    regions = len(job.regions) + bool(job.regions and job.styles)
    return Workload(
        content=job.content is not None,
        styles=len(job.all_styles),
        regions=max(1, regions),
        masked=bool(job.regions) or job.selection is not None or job.strength_mask is not None,
    )


def styles_follow_content(job: Job) -> bool:
    """Return whether a style is changed to suit the content, so that no other picture has the same."""
    return keep_colors_modes(job) != {"none"} or stays_grey(job)


def fine_style_sizes(job: Job) -> list[tuple[int, int]]:
    """Return (height, width) of the styles that are first combined with the strokes of a fine style."""
    return [(style.picture.height, style.picture.width) for style in job.all_styles if style.fine is not None]


def picture_bytes(job: Job) -> int:
    """Return the bytes that :func:`prepare` allocates for the job's pictures."""
    pictures = [style.picture for style in job.all_styles]
    if job.content is not None:
        pictures.append(job.content)
    return VECTOR_BYTES * sum(picture.height * picture.width for picture in pictures)


def painted_box(job: Job) -> BoundingBox | None:
    """Return the box of the content outside which nothing is painted; None if everything is.

    Raises:
        NstError: ``bad-image`` for an empty mask or one of another shape.
    """
    content = job.content
    if content is None or not job.all_styles:
        return None
    size = content.height, content.width
    painted_mask: Array | None = None
    if job.regions and not job.styles:
        masks = [
            fit_mask(region.mask, *size, f"mask of region {region.name or number}")
            for number, region in enumerate(job.regions, start=1)
        ]
        painted_mask = np.max(masks, axis=0)
    if job.selection is not None:
        painted_mask = multiply_masks(painted_mask, fit_mask(job.selection, *size, "selection"))
    return None if painted_mask is None else bounding_box(painted_mask)


def prepare(job: Job) -> Subject:
    """Convert a job's pictures to the form that the network takes, ``(3, h, w)``.

    Transparent pixels are filled from the visible pixels around them and get no weight. Colours are matched
    according to ``keep_colors``; a region's style is matched to the content there. If the result stays grey,
    everything is grey.

    Raises:
        NstError: ``bad-image`` (nothing visible, crop outside the picture, an empty mask or one of another
            shape), ``too-small``, ``bad-setting`` for masks without a content.
    """
    content = job.content
    if content is None and not job.all_styles:
        raise NstError(
            ErrorCode.BAD_SETTING, "There is neither a content picture nor a style.", "Give at least one."
        )
    share, init_image = content_colour_share(job), None
    if job.init_image is not None:
        init_pixels = network_colours(visible_pixels(job.init_image, "starting picture"), share)
        init_image = channels_first(init_pixels)
    if content is None:
        if job.regions or job.selection is not None or job.strength_mask is not None:
            raise NstError(
                ErrorCode.BAD_SETTING,
                "Masks and regions need a content picture.",
                "Leave them out, or give a content picture.",
            )
        styles = tuple(prepare_style(style, job) for style in job.styles)
        return Subject(content=None, styles=styles, init_image=init_image)
    check_size(content.height, content.width, "The content picture")
    pixels = network_colours(visible_pixels(content, "content picture"), share)
    regions, changeable = _prepare_regions(job, content, pixels)
    strength = None
    if job.strength_mask is not None:
        mask = fit_mask(job.strength_mask, content.height, content.width, "strength mask")
        strength, change_share = strength_maps(mask, job.settings)
        changeable = multiply_masks(changeable, change_share)
    if regions:
        styles = regions[0].styles
    else:
        keep_colors = job.settings.keep_colors
        styles = tuple(_prepare_style(style, job, pixels, content.alpha, keep_colors) for style in job.styles)
    return Subject(
        content=PreparedImage(channels_first(pixels), content.alpha),
        styles=styles,
        init_image=init_image,
        regions=regions,
        strength=strength,
        changes=changeable,
        box=painted_box(job) if regions else None,
        grey=share,
    )


@dataclass(frozen=True)
class _RegionPlan:
    """A region before its styles are prepared. ``mask`` is the region's, within the selection."""

    name: str
    styles: tuple[WeightedStyle, ...]
    mask: Array | None
    keep_colors: KeepColors


def _prepare_regions(
    job: Job, content: Picture, pixels: Array
) -> tuple[tuple[StyleRegion, ...], Array | None]:
    """Return the job's regions, and a mask of the pixels that may change (None: all).

    The background, if it has styles, and a selection without regions are regions too. ``pixels`` (h, w, 3)
    are the content's, as the network gets them.
    """
    size = content.height, content.width
    selection = None if job.selection is None else fit_mask(job.selection, *size, "selection")
    plans, covered = _plan_regions(job, size, selection)
    if not plans:
        return (), selection  # without styles, or with styles everywhere
    regions = []
    for plan in plans:
        if plan.mask is None or not plan.mask.any():
            continue  # completely outside the selection
        weight = multiply_masks(content.alpha, plan.mask)
        styles = tuple(_prepare_style(style, job, pixels, weight, plan.keep_colors) for style in plan.styles)
        regions.append(StyleRegion(styles, plan.mask, plan.name))
    if not regions:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            "All regions are outside the part of the picture that is to be painted.",
            "Let that part overlap a region.",
        )
    return tuple(regions), multiply_masks(None if job.styles else covered, selection)


def _plan_regions(
    job: Job, size: tuple[int, int], selection: Array | None
) -> tuple[list[_RegionPlan], Array]:
    """List the regions, the background included, and return the share of each pixel that regions cover."""
    plans: list[_RegionPlan] = []
    covered = np.zeros(size, np.float32)
    for name, region in zip(region_names(job), job.regions, strict=True):
        mask = fit_mask(region.mask, *size, f"mask of region {name}")
        covered = np.asarray(np.minimum(covered + mask, 1.0), dtype=np.float32)
        mask_in_selection = multiply_masks(mask, selection)
        plans.append(_RegionPlan(name, region.styles, mask_in_selection, region_keep_colors(region, job)))
    if job.styles and job.regions and float(covered.min()) < 1.0:
        name = _unique_name("background", [plan.name for plan in plans])
        background = multiply_masks(1.0 - covered, selection)
        plans.append(_RegionPlan(name, job.styles, background, job.settings.keep_colors))
    elif job.styles and not job.regions and selection is not None:
        plans.append(_RegionPlan("", job.styles, selection, job.settings.keep_colors))
    return plans, covered


def region_names(job: Job) -> list[str]:
    """Return the names of the job's regions in a prepared subject, where each is unique."""
    names: list[str] = []
    for number, region in enumerate(job.regions, start=1):
        names.append(_unique_name(region.name or str(number), names))
    return names


def _unique_name(name: str, used: Collection[str]) -> str:
    """Return ``name``, with a number if another region has it: reports distinguish regions by name."""
    numbered = (f"{name} {number}" for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([name], numbered) if candidate not in used)


def _prepare_style(
    style: WeightedStyle, job: Job, content: Array | None, weight: Array | None, keep_colors: KeepColors
) -> PreparedImage:
    """Convert a style to the form that the network takes, its colours matched according to ``keep_colors``.

    ``content`` (h, w, 3) are the content's pixels; ``weight`` (h, w) says how much each of them counts.
    """
    settings, picture, mask = job.settings, style.picture, style.mask
    if mask is not None:
        mask = fit_mask(mask, picture.height, picture.width, "style mask")
    if settings.style_crop:
        picture = crop(picture, settings.style_crop)
        mask = None if mask is None else crop_mask(mask, settings.style_crop)
    check_size(picture.height, picture.width, "The style picture")
    pixels, style_weight = visible_pixels(picture, "style picture"), multiply_masks(picture.alpha, mask)
    if style_weight is not None and not style_weight.any():
        raise NstError(
            ErrorCode.BAD_IMAGE,
            "The style mask selects nothing: its white area is transparent or outside the crop.",
            "Use a mask that is white on a visible part of the style.",
        )
    if content is not None and job.content is not None:
        if keep_colors == "luminance" or stays_grey(job):
            if keep_colors == "none":
                pixels = to_grey(pixels)
            else:
                pixels = match_luminance(pixels, content, style_alpha=style_weight, content_alpha=weight)
        elif keep_colors == "match":
            pixels = match_colors(
                pixels, content, settings.color_match, style_alpha=style_weight, content_alpha=weight
            )
    return PreparedImage(channels_first(pixels), picture.alpha, style.weight, mask)


def prepare_style(style: WeightedStyle, job: Job) -> PreparedImage:
    """Convert a style of ``job`` to the form that the network takes, in its own colours.

    Raises:
        NstError: ``bad-image``, ``too-small``.
    """
    return _prepare_style(style, job, None, None, "none")


def visible_pixels(picture: Picture, what: str) -> Array:
    """Return the picture's pixels, transparent ones filled from the visible pixels around them.

    Raises:
        NstError: ``bad-image`` if nothing is visible.
    """
    if picture.alpha is None:
        return picture.pixels
    if float(picture.alpha.max()) <= 0.0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} is completely transparent.",
            "Use a picture with something visible on it.",
        )
    return fill_transparent(picture.pixels, picture.alpha)


def channels_first(rows: Array) -> Array:
    """Convert (h, w, 3) to (3, h, w)."""
    return np.ascontiguousarray(rows.transpose(2, 0, 1), dtype=np.float32)
