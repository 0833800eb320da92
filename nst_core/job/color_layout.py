"""The setting ``color_layout``: the style's colours, placed as the photo's colours are.

The result keeps its lightness. Its chroma is mixed with the photo's, which is mapped to the palette of the
style, in every region to that of the region's own styles. The mapped chroma is smoothed along the edges of
the result. Takes a job and its subject, and gives pictures other colours; needs no network. Does not depend
on how pictures are painted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nst_core.array_types import Array
from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import from_oklab, lightness, to_oklab
from nst_core.images.colour_layout import (
    ChromaStatistics,
    chroma_statistics,
    colour_share,
    lay_out,
)
from nst_core.images.guided_filter import LocalLines, fit_local_lines
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize, resize_picture
from nst_core.images.strips import row_strips
from nst_core.job.keep_colors import region_keep_colors
from nst_core.job.model import Job
from nst_core.job.prepare import region_names
from nst_core.painting.regions import PreparedImage, StyleRegion, multiply_masks
from nst_core.painting.resample import resize_mask, resize_planes
from nst_core.painting.subject import Subject

LAYOUT_SIDE = 1024
"""Long side, in pixels, at which the photo's colours are laid out. Lightness keeps its full size, and eyes
resolve colours less finely."""

RADIUS_SHARE = 1 / 128
"""Half side of the windows in which the colours follow the result's edges, as a share of the long side: 4
pixels of 512, about the reach of the five 3 x 3 passes of Kolkin et al. 2022."""

FLATNESS = 1e-3
"""Variance of OKLab L below which edges of the result are ignored. From 3e-4 to 1e-2 pictures hardly differ;
small values follow the edges of single strokes, large ones blur small coloured things."""

STRIP_PIXELS = 2**18
"""Pixels computed at a time."""


@dataclass(frozen=True, kw_only=True)
class _Colours:
    """The colours of one region at the layout's size.

    ``chroma`` (2, h, w) is the photo's, mapped from its statistics ``photo`` to ``palette``. ``weight``
    (h, w) says which pixels count. ``share`` in 0..1 says how far the photo has colours to follow there.
    """

    chroma: Array
    photo: ChromaStatistics
    weight: Array
    palette: ChromaStatistics
    share: float


class ColorLayout:
    """The layout of one job's colours. It is made once, and applied to previews and the result alike."""

    def __init__(
        self,
        content: Picture,
        subject: Subject,
        regions: Sequence[StyleRegion],
        like: ColorLayout | None = None,
    ) -> None:
        """Compute the statistics of the photo and of the styles in each of ``regions``.

        ``like`` is the layout of another frame of the same shot, with the same regions: its statistics are
        used, so that one colour becomes the same in both.
        """
        self.masks = [region.mask for region in regions]
        if like is None:
            self.colours = list(_lay_out_regions(content, subject, regions))
        else:
            self.colours = [colours and _lay_out_like(content, colours) for colours in like.colours]

    def apply(self, rows: Array, amount: float) -> Array:
        """Return ``rows`` (h, w, 3) in the layout's colours.

        ``amount`` in 0..1 is the setting: at 0 the result is ``rows`` itself. OKLab L does not change.
        """
        if amount <= 0.0 or not any(self.colours):
            return rows
        height, width = rows.shape[:2]
        lines = [_follow_edges(colours, rows) if colours else None for colours in self.colours]
        masks = [resize_mask(mask, height, width) for mask in self.masks]
        result = np.empty_like(rows)
        for strip in row_strips(height, width, STRIP_PIXELS):
            lab = to_oklab(rows[strip])
            total, change = np.zeros(lab.shape[:2], np.float32), np.zeros((2, *lab.shape[:2]), np.float32)
            for colours, fitted, mask in zip(self.colours, lines, masks, strict=True):
                covered = np.ones_like(total) if mask is None else mask[strip]
                total += covered
                if colours is not None and fitted is not None:
                    target = _change_to(colours, fitted.enlarge(height, width, strip), lab)
                    change += covered * np.float32(amount * colours.share) * target
            change /= np.where(total > 0, total, np.float32(1))
            result[strip] = _recolour(rows[strip], lab, change)
        return result


def colour_regions(job: Job, subject: Subject) -> list[StyleRegion]:
    """Return the regions in which the setting has an effect, with their styles.

    There are none without a content, on a grey content, and where the photo's colours are kept anyway.
    """
    if job.content is None or job.content.grey or not subject.all_styles:
        return []
    modes = {
        name: region_keep_colors(region, job)
        for name, region in zip(region_names(job), job.regions, strict=True)
    }
    regions = subject.regions or (StyleRegion(subject.styles),)
    return [region for region in regions if modes.get(region.name, job.settings.keep_colors) != "luminance"]


def _lay_out_like(content: Picture, colours: _Colours) -> _Colours:
    """Lay out the colours of ``content`` with the statistics, and the size, of another frame."""
    chroma = _photo_chroma(content, colours.weight.shape)
    return replace(colours, chroma=_map_chroma(chroma, colours.photo, colours.palette))


def _photo_chroma(content: Picture, size: tuple[int, ...]) -> Array:
    """Return the chroma (h, w, 2) of the photo at ``size``, transparent pixels filled."""
    height, width = size
    small = content if size == (content.height, content.width) else resize_picture(content, height, width)
    return to_oklab(fill_transparent(small.pixels, small.alpha))[:, :, 1:]


def _map_chroma(chroma: Array, photo: ChromaStatistics, palette: ChromaStatistics) -> Array:
    return np.ascontiguousarray(lay_out(chroma, photo, palette).transpose(2, 0, 1))


def _lay_out_regions(
    content: Picture, subject: Subject, regions: Sequence[StyleRegion]
) -> Iterator[_Colours | None]:
    """Lay out the colours of each region; None is a region in which the photo has no colours to follow."""
    size = _layout_size(content.height, content.width)
    chroma = _photo_chroma(content, size)
    for region in regions:
        mask = multiply_masks(content.alpha, region.mask, subject.changes)
        weight = np.ones(size, np.float32) if mask is None else _shrink_mask(mask, size)
        photo = chroma_statistics([(chroma.reshape(-1, 2), weight.ravel())])
        palette = chroma_statistics(list(_style_samples(region.styles)))
        if photo is None or palette is None or colour_share(photo) == 0.0:
            yield None
        else:
            yield _Colours(
                chroma=_map_chroma(chroma, photo, palette),
                photo=photo,
                weight=weight,
                palette=palette,
                share=colour_share(photo),
            )


def _style_samples(styles: Sequence[PreparedImage]) -> Iterator[tuple[Array, Array]]:
    """Return the chroma (n, 2) of each style that counts, and the weights (n,) of its pixels.

    The weights of a style add up to its weight in the blend.
    """
    for style in styles:
        size = _layout_size(*style.pixels.shape[1:])
        pixels = resize_planes(style.pixels, *size).transpose(1, 2, 0)
        visible = multiply_masks(style.alpha, style.mask)
        weight = np.ones(size, np.float32) if visible is None else _shrink_mask(visible, size)
        total = float(weight.sum(dtype=np.float64))
        if style.weight > 0 and total > 0:
            share = np.float32(style.weight / total)
            yield to_oklab(pixels)[:, :, 1:].reshape(-1, 2), weight.ravel() * share


def _layout_size(height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) at which a picture's colours are laid out."""
    return (height, width) if max(height, width) <= LAYOUT_SIDE else fit(height, width, LAYOUT_SIDE)


def _shrink_mask(mask: Array, size: tuple[int, int]) -> Array:
    """Resize ``mask`` such that pixels of 0 stay 0 where nothing else is near, and none becomes negative."""
    return mask if mask.shape == size else resize(mask, *size, "bilinear")


def _follow_edges(colours: _Colours, rows: Array) -> LocalLines:
    """Fit the colours of a region to the lightness of the picture ``rows`` (h, w, 3), at the smaller size."""
    height, width = rows.shape[:2]
    size = colours.weight.shape
    if max(height, width) <= max(size):
        chroma = np.stack([resize(plane, height, width) for plane in colours.chroma])
        weight, guide = _shrink_mask(colours.weight, (height, width)), rows
    else:
        chroma, weight, guide = colours.chroma, colours.weight, np.clip(resize(rows, *size), 0, 1)
    radius = max(1, round(RADIUS_SHARE * max(weight.shape)))
    return fit_local_lines(lightness(guide)[:, :, 0], chroma, weight, radius, FLATNESS)


def _change_to(colours: _Colours, lines: LocalLines, lab: Array) -> Array:
    """Return the change (2, n, w) of the chroma of ``lab`` (n, w, 3) that leads to the region's colours."""
    wanted = lines.slope * lab[:, :, 0] + lines.offset
    low, high = (
        limit.astype(np.float32)[:, None, None] for limit in (colours.palette.low, colours.palette.high)
    )
    change = np.clip(wanted, low, high) - lab[:, :, 1:].transpose(2, 0, 1)
    return np.where(lines.known, change, np.float32(0))


def _recolour(rows: Array, lab: Array, change: Array) -> Array:
    """Change the chroma of ``rows`` (n, w, 3), whose OKLab is ``lab``, by ``change`` (2, n, w)."""
    changed = np.any(change != 0, axis=0)
    chroma = lab[:, :, 1:] + change.transpose(1, 2, 0)
    if changed.all():
        flat = from_oklab(lab[:, :, :1].reshape(-1, 1), chroma.reshape(-1, 2))
        return flat.reshape(rows.shape)
    result = rows.copy()
    result[changed] = from_oklab(lab[:, :, :1][changed], chroma[changed])
    return result
