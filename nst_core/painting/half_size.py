"""The halved picture of a large level, on which the deep layers are computed.

Halving averages cells of 2 x 2 pixels, the same for the painting, the content, the styles and the masks, so
that features of all of them mean the same. An odd last row or column is in no cell: only the shallow layers
see it. :class:`DeepAtHalfSize` adds the losses of both sizes; its gradient is exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.backends.interface import Evaluation, Evaluator
from nst_core.loss.cells import mean_over_cells
from nst_core.loss.guides import halve_mask
from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.subject import Subject
from nst_core.painting.windows import Window


class DeepAtHalfSize:
    """Evaluates a picture and its half; see :class:`nst_core.backends.interface.Evaluator`.

    ``shallow`` has the terms of the picture, ``deep`` those of the half. The terms of an evaluation are the
    shallow ones, then the deep ones.
    """

    def __init__(self, shallow: Evaluator, deep: Evaluator) -> None:
        self.shallow, self.deep = shallow, deep

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture`` (3, h, w)."""
        xp = array_namespace(picture)
        loss, gradient, terms = self.shallow(picture)
        deep = self.deep(mean_over_cells(picture, 2))
        _, rows, columns = deep.gradient.shape
        quarter = deep.gradient * 0.25
        for row in (0, 1):
            for column in (0, 1):
                gradient[:, row : 2 * rows : 2, column : 2 * columns : 2] += quarter
        return Evaluation(loss + deep.loss, gradient, xp.concat([terms, deep.terms]))


def half_window(window: Window) -> Window:
    """Return the cells of a window that starts at even rows and columns."""
    return Window(*(slice(part.start // 2, part.stop // 2) for part in (window.rows, window.columns)))


def halved(subject: Subject) -> Subject:
    """Return a subject at the size of a level at half that size, with all masks."""
    return replace(
        subject,
        content=None if subject.content is None else _halved_image(subject.content),
        styles=tuple(map(_halved_image, subject.styles)),
        regions=tuple(
            StyleRegion(tuple(map(_halved_image, region.styles)), _halved_mask(region.mask), region.name)
            for region in subject.regions
        ),
        strength=_halved_mask(subject.strength),
        changes=_halved_mask(subject.changes),
        grey=_halved_mask(subject.grey),
        anchor=None,  # the picture itself is held to it
    )


def halved_pixels(pixels: Array) -> Array:
    """Return the means of cells of 2 x 2 pixels of ``pixels`` (3, h, w)."""
    return np.ascontiguousarray(mean_over_cells(pixels, 2), dtype=np.float32)


def _halved_image(image: PreparedImage) -> PreparedImage:
    return replace(
        image,
        pixels=halved_pixels(image.pixels),
        alpha=_halved_mask(image.alpha),
        mask=_halved_mask(image.mask),
    )


def _halved_mask(mask: Array | None) -> Array | None:
    return None if mask is None else halve_mask(mask, 1)
