"""What a picture shows, before it is painted: colours, tones, and the direction that strokes follow.

A scene is built from layers, back to front. A layer's ``contour`` is a field whose level lines are the
strokes' paths: ``y`` for calm water, the distance from a centre for something round.
"""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.sheet import Field, Ramp, Sheet, mix, ramp


class Scene:
    """Layers over each other.

    ``colour`` and ``contour`` are those of the uppermost layer, ``label`` is its number; ``count`` is the
    number of layers. The first one must cover the whole sheet.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        shape = sheet.height, sheet.width
        self.colour = np.zeros((*shape, 3), np.float32)
        self.contour = np.zeros(shape, np.float32)
        self.label = np.full(shape, -1, np.int32)
        self._double_angle = np.zeros((*shape, 2), np.float32)  # its cosine and sine: opposite ways agree
        self.count = 0

    def add(self, mask: Field, colours: Ramp, tone: Field | float, contour: Field) -> None:
        """Put a layer on top; ``tone`` in 0..1 chooses among ``colours``."""
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        self.count += 1
        if not rows.size:
            return
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        cover = mask[part]
        part_tone = np.broadcast_to(np.asarray(tone, np.float32), mask.shape)[part]
        self.colour[part] = mix(self.colour[part], ramp(part_tone, colours), cover)
        self.contour[part] = np.where(cover > 0.5, contour[part], self.contour[part])
        self.label[part] = np.where(cover > 0.5, self.count - 1, self.label[part])
        down, across = (
            np.gradient(contour[part], axis=axis) if min(cover.shape) > 1 else 1.0 for axis in (0, 1)
        )
        angle = np.broadcast_to(np.arctan2(across, np.negative(down)), cover.shape)  # along the level lines
        double = np.stack([np.cos(2 * angle), np.sin(2 * angle)], 2)
        self._double_angle[part] = mix(self._double_angle[part], double.astype(np.float32), cover)

    @property
    def angle(self) -> Field:
        """The direction of strokes, in radians; opposite directions are the same."""
        smoothed = self.sheet.blur(self._double_angle, 0.004)
        angle: Field = 0.5 * np.arctan2(smoothed[..., 1], smoothed[..., 0])
        return angle
