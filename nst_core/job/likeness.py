"""Tell the user about a result that can hardly be told from the photograph.

Takes the finished picture and the job's :class:`~nst_core.job.finish.Finisher`, and returns a notice. Does
not depend on how pictures are painted.
"""

from __future__ import annotations

import numpy as np

from nst_core.events import Notice
from nst_core.images.colour import BLOCK_PIXELS
from nst_core.images.picture import Picture
from nst_core.images.strips import row_strips
from nst_core.job.finish import Finisher
from nst_core.job.model import Job
from nst_core.painting.resample import resize_mask
from nst_core.painting.start import has_strokes

LEAST_CHANGE = 1.0 / 255.0
"""Mean change below which a result counts as the photograph: one step of an 8-bit picture."""


def likeness_notice(finisher: Finisher, result: Picture) -> Notice | None:
    """Return a notice if ``result`` is all but the photograph; otherwise None.

    There is none if that was asked for, or if the styles are one colour, which leave nothing to paint.
    """
    if not _asks_for_style(finisher.job) or not has_strokes(finisher.subject):
        return None
    change = mean_change(finisher, result)
    if change >= LEAST_CHANGE:
        return None
    weight = "the strength" if finisher.job.settings.loss == "relative" else "beta"
    return Notice(
        "hardly-changed",
        f"The result is all but the photograph: its values differ by {change * 255:.1f} of 255 on average.",
        f"Raise {weight}, or paint with more iterations.",
    )


def _asks_for_style(job: Job) -> bool:
    """Return whether there is a style whose weight is not 0."""
    settings = job.settings
    weight = settings.strength if settings.loss == "relative" else settings.beta
    return job.content is not None and bool(job.all_styles) and weight > 0.0


def mean_change(finisher: Finisher, result: Picture) -> float:
    """Return the mean absolute difference of values in 0..1 between ``result`` and the content.

    Only pixels that are visible and may change count, by how far they may.
    """
    height, width = result.height, result.width
    content = finisher.content_at(height, width)
    changes = resize_mask(finisher.subject.changes, height, width)
    change = total = 0.0
    for rows in row_strips(height, width, BLOCK_PIXELS):
        visible = np.float32(1.0) if content.alpha is None else content.alpha[rows]
        difference = np.abs(result.pixels[rows] - np.clip(content.pixels[rows], 0.0, 1.0)).mean(axis=2)
        change += float((difference * visible).sum(dtype=np.float64))
        share = np.ones_like(difference) if changes is None else changes[rows]
        total += float((share * visible).sum(dtype=np.float64))
    return change / max(total, 1.0)
