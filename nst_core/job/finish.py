"""Finish previews and the result of a job: size, colours, transparency, grey, and unchanged pixels.

Takes what was painted, plain RGB, and the job; returns pictures as callers get them. Does not depend on how
pictures are painted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from nst_core.array_types import Array
from nst_core.events import Preview
from nst_core.images.picture import Picture
from nst_core.images.resize import resize_picture
from nst_core.job.color_layout import ColorLayout, colour_regions
from nst_core.job.keep_colors import blend_by_share, content_colour_share, restore_colours, stays_grey
from nst_core.job.model import Job
from nst_core.job.series_colors import SeriesColours
from nst_core.painting.regions import PreparedImage
from nst_core.painting.resample import resize_planes
from nst_core.painting.run import PaintingResult, as_rows
from nst_core.painting.subject import Subject
from nst_core.painting.upsample import upsample_change


class Finisher:
    """Finishes the previews of one job. ``subject`` is the job's, as it is painted.

    ``like`` finishes another frame of the same shot: its statistics of colours are used.
    """

    def __init__(self, job: Job, subject: Subject, like: Finisher | None = None) -> None:
        self.job, self.subject, self.like = job, subject, like
        self.share = content_colour_share(job)
        self._base: Picture | None = None  # the content at the last size

    @property
    def has_color_layout(self) -> bool:
        """Whether the setting ``color_layout`` has an effect on this job."""
        return bool(colour_regions(self.job, self.subject))

    @cached_property
    def _layout(self) -> ColorLayout:
        content = self.job.content
        assert content is not None  # noqa: S101 -- there are no colour regions without one
        like = None if self.like is None else self.like._layout
        return ColorLayout(content, self.subject, colour_regions(self.job, self.subject), like)

    @cached_property
    def _series(self) -> SeriesColours:
        return SeriesColours(self.job, self.subject)

    def finish_preview(self, preview: Preview, color_layout: float) -> Preview:
        """Return ``preview`` with the colours and unchanged pixels of a result with that ``color_layout``."""
        picture = self.restore(self.lay_out(preview.picture, color_layout))
        return replace(preview, picture=picture, color_layout=color_layout if self.has_color_layout else None)

    def lay_out(self, rows: Array, color_layout: float) -> Array:
        """Return painted ``rows`` (h, w, 3) with their colours laid out as far as the setting says.

        Then they are tied to those of the series, if the setting ``series_colors`` says so.
        """
        if color_layout > 0.0 and self.has_color_layout:
            rows = self._layout.apply(rows, color_layout / 100.0)
        return self._series.apply(rows) if self.job.settings.series_colors else rows

    def restore(self, rows: Array) -> Array:
        """Return painted ``rows`` (h, w, 3) with the colours and pixels that the content keeps."""
        changes = self.subject.changes
        if self.job.content is None or (self.share is None and changes is None):
            return rows
        base = self.content_at(*rows.shape[:2])
        rows = restore_colours(rows, base, self.share)
        return rows if changes is None else blend_by_share(rows, base.pixels, changes)

    def content_at(self, height: int, width: int) -> Picture:
        """Return the content at a size; previews of one level have the same."""
        content = self.job.content
        assert content is not None  # noqa: S101 -- callers check
        if self._base is None or (self._base.height, self._base.width) != (height, width):
            same = (content.height, content.width) == (height, width)
            self._base = content if same else resize_picture(content, height, width)
        return self._base


def finish_picture(finisher: Finisher, painted: PaintingResult, color_layout: float) -> Picture:
    """Convert painted pixels to the result, with the content's size, colours, transparency and grey."""
    pixels, job = painted.pixels, finisher.job
    content = job.content
    if content is None:
        first = job.styles[0].picture
        return Picture(as_rows(pixels), bits=first.bits, grey=all(style.picture.grey for style in job.styles))
    height, width = pixels.shape[1:]
    if job.keep_size and (height, width) != (content.height, content.width):
        original = finisher.subject.content
        assert original is not None  # noqa: S101 -- made from job.content
        low = PreparedImage(resize_planes(original.pixels, height, width))
        height, width = content.height, content.width
        pixels = upsample_change(np.clip(pixels, 0.0, 1.0), low, original, (height, width))
    rows = as_rows(pixels)
    del pixels  # a large result can nearly fill the memory, so each step frees what was before it
    rows = finisher.lay_out(rows, color_layout)
    base, grey = finisher.content_at(height, width), stays_grey(job)
    # A profile of grey cannot describe colours.
    profile = base.profile if base.grey == grey else None
    return replace(base, pixels=finisher.restore(rows), grey=grey, profile=profile)
