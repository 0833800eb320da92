"""A sheet to paint on: coordinates, noise, blurring and shapes that do not depend on the number of pixels.

Lengths are fractions of the sheet's width. Fields are ``(height, width)``; colours are sRGB in 0..1
with a third axis. A small sheet shows the same picture as a large one, because noise is drawn on grids whose
size follows from the scale alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Field = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
Point = tuple[float, float]
Ramp = Sequence[str]
"""Colours from the darkest to the lightest tone of a material, as ``#rrggbb``."""


class Sheet:
    """A blank sheet. ``x`` and ``y`` are the coordinates of its pixels; ``aspect`` is its height."""

    def __init__(self, width: int, aspect: float, seed: int) -> None:
        self.width, self.height = width, round(width * aspect)
        self.aspect = aspect
        self.random = np.random.default_rng(seed)
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        self.x: Field = (columns + 0.5) / width
        self.y: Field = (rows + 0.5) / width

    def noise(self, scale: float, octaves: int = 4, *, stretch: float = 1.0) -> Field:
        """Return noise of mean 0 and deviation 1; ``stretch`` makes it longer along x."""
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            step = scale / 2**octave
            shape = int(self.aspect / step) + 3, int(1 / (step * stretch)) + 3
            grid = self.random.standard_normal(shape).astype(np.float32)
            box = (0.5, 0.5, 0.5 + 1 / (step * stretch), 0.5 + self.aspect / step)
            total += 0.5**octave * resample(grid, self.width, self.height, box)
        normed: Field = (total - total.mean()) / (total.std() + 1e-6)
        return normed

    def blur(self, field: Field, radius: float) -> Field:
        """Return ``field``, or each channel of a colour, blurred with a Gaussian of deviation ``radius``."""
        return blur(field, radius * self.width)

    def soft(self, distance: Field, edge: float = 0.0) -> Field:
        """Return 1 where ``distance`` is positive, 0 where negative, with an edge of a pixel or wider."""
        result: Field = np.clip(0.5 + distance / max(edge, 1 / self.width), 0, 1)
        return result

    def polygon(self, points: Sequence[Point]) -> Field:
        """Return the mask of a polygon."""
        return self._draw(lambda draw, scaled: draw.polygon(scaled, fill=255), points)

    def line(self, points: Sequence[Point], width: float) -> Field:
        """Return the mask of a line."""
        pixels = max(1, round(2 * width * self.width))
        return self._draw(
            lambda draw, scaled: draw.line(scaled, fill=255, width=pixels, joint="curve"), points
        )

    def ellipse(self, centre: Point, radii: Point, angle: float = 0.0) -> Field:
        """Return the mask of an ellipse, turned by ``angle``."""
        return self.soft((1 - self.radius(centre, radii, angle)) * min(radii))

    def radius(self, centre: Point, radii: Point, angle: float = 0.0) -> Field:
        """Return the distance from ``centre`` in units of ``radii``: 1 on the ellipse."""
        dx, dy = self.x - centre[0], self.y - centre[1]
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = dy * np.cos(angle) - dx * np.sin(angle)
        distance: Field = np.hypot(along / radii[0], across / radii[1]).astype(np.float32)
        return distance

    def _draw(
        self, act: Callable[[ImageDraw.ImageDraw, list[Point]], None], points: Sequence[Point]
    ) -> Field:
        image = Image.new("L", (2 * self.width, 2 * self.height))
        act(ImageDraw.Draw(image), [(2 * self.width * px, 2 * self.width * py) for px, py in points])
        small = image.resize((self.width, self.height), Image.Resampling.BOX)
        return np.asarray(small, np.float32) / 255


def resample(
    field: Field, width: int, height: int, box: tuple[float, float, float, float] | None = None
) -> Field:
    """Return a part of ``field`` at another size."""
    image = Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC, box)
    return np.asarray(image, np.float32)


def blur(field: Field, deviation: float) -> Field:
    """Return ``field`` blurred; ``deviation`` is in pixels. Large ones are done on a smaller copy."""
    if field.ndim == 3:
        return np.stack([blur(channel, deviation) for channel in np.moveaxis(field, 2, 0)], 2)
    height, width = field.shape
    factor = max(1, int(deviation / 2))
    small = field
    if factor > 1:
        small = resample(field, max(1, width // factor), max(1, height // factor))
    taps = np.arange(-8, 9)
    kernel = np.exp(-0.5 * (taps / max(deviation / factor, 1e-3)) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        size = small.shape[axis]
        padded = np.pad(small, [(8, 8) if axis == other else (0, 0) for other in (0, 1)], mode="edge")
        small = sum(
            weight * np.take(padded, range(tap + 8, tap + 8 + size), axis)
            for tap, weight in zip(taps, kernel, strict=True)
            if weight > 1e-4
        )
    return resample(small, width, height) if factor > 1 else small


def slopes(field: Field) -> tuple[Field, Field]:
    """Return how much ``field`` rises from pixel to pixel, downwards and to the right."""
    down: Field = np.gradient(field, axis=0)
    right: Field = np.gradient(field, axis=1)
    return down, right


def sample(field: Field, x: Field, y: Field) -> Field:
    """Return ``field`` at pixel coordinates, bilinearly; outside, its nearest pixel counts."""
    height, width = field.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = (x - left).astype(np.float32), (y - top).astype(np.float32)
    if field.ndim == 3:
        u, v = u[..., None], v[..., None]
    upper = field[top, left] * (1 - u) + field[top, right] * u
    lower = field[bottom, left] * (1 - u) + field[bottom, right] * u
    result: Field = upper * (1 - v) + lower * v
    return result


def rgb(colour: str) -> Field:
    """Return ``#rrggbb`` as three numbers in 0..1."""
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], np.float32) / 255


def ramp(tone: Field, colours: Ramp) -> Field:
    """Return the colour of each tone in 0..1, from the first of ``colours`` to the last."""
    stops = np.linspace(0, 255, len(colours))
    channels = np.stack([rgb(colour) for colour in colours], 1)
    table = np.stack([np.interp(np.arange(256), stops, channel) for channel in channels], 1).astype(
        np.float32
    )
    result: Field = table[(np.clip(tone, 0, 1) * 255).astype(np.uint8)]
    return result


def luminance(colour: Field) -> Field:
    """Return the lightness of a colour in 0..1, as the eye weighs it."""
    result: Field = colour @ np.array([0.30, 0.59, 0.11], np.float32)
    return result


def mix(a: Field, b: Field, amount: Field | float) -> Field:
    """Return ``a`` where ``amount`` is 0, ``b`` where it is 1. The amount may lack the channels' axis."""
    weight = np.asarray(amount, np.float32)
    if weight.ndim == 2 and max(a.ndim, b.ndim) in (1, 3):
        weight = weight[..., None]
    result: Field = a + (b - a) * weight
    return result


def smooth(value: Field, low: float, high: float) -> Field:
    """Return 0 below ``low``, 1 above ``high``, and a smooth step between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    result: Field = t * t * (3 - 2 * t)
    return result


def to_image(colour: Field) -> Image.Image:
    """Return colours in 0..1 as a picture."""
    return Image.fromarray((np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8))
