"""The setting ``series_colors``: all pictures of a series get one palette.

The colours of each result are moved, by one linear map in OKLab, such that their mean and covariance are
those of the styles. So they are those of every other result too, whichever pictures the series has, in
whatever order and on however many machines they are painted, and also of a picture that is added later. The
mean of the results themselves would change with each of them.

In every region the colours are tied to those of the region's own styles. Where the photo's colours are kept,
nothing changes. Takes a job and its subject, and gives pictures other colours; needs no network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import from_oklab, to_oklab
from nst_core.images.colour_layout import transport_map
from nst_core.images.strips import row_strips
from nst_core.job.keep_colors import region_keep_colors, stays_grey
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare_style, region_names
from nst_core.painting.regions import StyleRegion, multiply_masks
from nst_core.painting.resample import resize_mask
from nst_core.painting.subject import Subject

Exact = npt.NDArray[np.float64]

MOST_SAMPLES = 1 << 18
"""Pixels, on a grid, of which the mean and covariance of a picture are taken."""

ROUNDS = 4
"""Times that the map is corrected for colours that sRGB does not have. Each one halves what is missing."""

STRIP_PIXELS = 1 << 18
"""Pixels computed at a time."""


@dataclass(frozen=True)
class ColourMoments:
    """The ``mean`` (3,) and ``covariance`` (3, 3) of a picture's colours in OKLab."""

    mean: Exact
    covariance: Exact


@dataclass(frozen=True)
class _Map:
    """A linear map of colours: ``matrix`` (3, 3) and ``offset`` (3,)."""

    matrix: Exact
    offset: Exact

    def __call__(self, lab: Array) -> Array:
        mapped: Array = lab @ self.matrix.T.astype(np.float32) + self.offset.astype(np.float32)
        return mapped


class SeriesColours:
    """The palettes of one job's regions. Made once, and applied to previews and the result alike."""

    def __init__(self, job: Job, subject: Subject) -> None:
        self.subject, self.content = subject, job.content
        self.ties = list(_ties(job, subject))

    def apply(self, rows: Array) -> Array:
        """Return painted ``rows`` (h, w, 3) with the colours tied to the palettes."""
        if not self.ties:
            return rows
        height, width = rows.shape[:2]
        masks = [resize_mask(mask, height, width) for mask, _ in self.ties]
        alpha = None if self.content is None else self.content.alpha
        counted = resize_mask(multiply_masks(alpha, self.subject.changes), height, width)
        maps = [
            _find_map(rows, multiply_masks(mask, counted), palette)
            for mask, (_, palette) in zip(masks, self.ties, strict=True)
        ]
        result = np.empty_like(rows)
        for strip in row_strips(height, width, STRIP_PIXELS):
            lab = to_oklab(rows[strip])
            total, change = np.zeros((*lab.shape[:2], 1), np.float32), np.zeros_like(lab)
            for mask, colour_map in zip(masks, maps, strict=True):
                covered = np.float32(1.0) if mask is None else mask[strip][:, :, None]
                total += covered
                if colour_map is not None:
                    change += covered * (colour_map(lab) - lab)
            lab += change / np.where(total > 0, total, np.float32(1.0))
            result[strip] = _to_srgb(lab)
        return result


def moments_of(samples: Sequence[tuple[Array, Array]]) -> ColourMoments | None:
    """Return the moments of ``samples``, OKLab colours (n, 3) and their weights (n,); None without weight."""
    lab = np.concatenate([colours for colours, _ in samples]).astype(np.float64)
    weights = np.concatenate([weights for _, weights in samples]).astype(np.float64)
    total = float(weights.sum())
    if total <= 0.0:
        return None
    weights /= total
    mean = weights @ lab
    centred = lab - mean
    return ColourMoments(mean, (centred * weights[:, None]).T @ centred)


def _ties(job: Job, subject: Subject) -> Iterator[tuple[Array | None, ColourMoments]]:
    """Yield the mask and the palette of each region in which the result has the style's colours."""
    if job.content is None or not subject.all_styles or stays_grey(job):
        return
    named = dict(zip(region_names(job), job.regions, strict=True))
    for region in subject.regions or (StyleRegion(subject.styles),):
        own = named.get(region.name)
        mode = job.settings.keep_colors if own is None else region_keep_colors(own, job)
        palette = _palette(job.styles if own is None else own.styles, job)
        if mode == "none" and palette is not None:
            yield region.mask, palette


def _palette(styles: Sequence[WeightedStyle], job: Job) -> ColourMoments | None:
    """Return the moments of all styles of a blend together, each with its share."""
    samples = []
    for style in styles:
        prepared = prepare_style(style, job)
        rows = prepared.pixels.transpose(1, 2, 0)
        lab, weights = _samples(rows, multiply_masks(prepared.alpha, prepared.mask))
        mass = float(weights.sum(dtype=np.float64))
        if style.weight > 0 and mass > 0:
            samples.append((lab, weights * np.float32(style.weight / mass)))
    return moments_of(samples) if samples else None


def _samples(rows: Array, mask: Array | None) -> tuple[Array, Array]:
    """Return OKLab colours (n, 3) of pixels of ``rows`` on a grid, and their weights (n,) in ``mask``."""
    step = math.ceil(math.sqrt(rows.shape[0] * rows.shape[1] / MOST_SAMPLES))
    lab = to_oklab(np.ascontiguousarray(rows[::step, ::step])).reshape(-1, 3)
    weights = np.ones(len(lab), np.float32) if mask is None else mask[::step, ::step].ravel()
    return lab, weights


def _find_map(rows: Array, mask: Array | None, palette: ColourMoments) -> _Map | None:
    """Return the map that gives the colours of ``rows`` where ``mask`` counts the moments of ``palette``.

    Colours that sRGB does not have lose chroma, so the map aims beyond the palette by what they lose.
    """
    lab, weights = _samples(rows, mask)
    source = moments_of([(lab, weights)])
    if source is None:
        return None
    aim = palette
    for _ in range(ROUNDS):
        found = _map_between(source, aim)
        reached = moments_of([(to_oklab(_to_srgb(found(lab))), weights)])
        assert reached is not None  # noqa: S101 -- the weights are those of the source
        aim = ColourMoments(
            aim.mean + palette.mean - reached.mean, aim.covariance + palette.covariance - reached.covariance
        )
    return _map_between(source, aim)


def _map_between(source: ColourMoments, target: ColourMoments) -> _Map:
    matrix = transport_map(source.covariance, target.covariance)
    return _Map(matrix, target.mean - matrix @ source.mean)


def _to_srgb(lab: Array) -> Array:
    flat = lab.reshape(-1, 3)
    return from_oklab(flat[:, :1], flat[:, 1:]).reshape(lab.shape)
