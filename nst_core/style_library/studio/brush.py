"""Brush strokes with bristles: a canvas of colour and relief, and a painter who works from coarse to fine.

A stroke is a mark from :func:`bristle_marks` (how a loaded brush covers, streaks and piles up paint), laid
along an arc. Relief becomes visible in :func:`lit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.sheet import (
    Field,
    Labels,
    Sheet,
    blur,
    luminance,
    resample,
    slopes,
    smooth,
)

LENGTH, WIDTH = 192, 48
"""Size of a mark in its own pixels: along and across."""


@dataclass(frozen=True)
class Mark:
    """How one brush mark covers (``cover``), varies in lightness (``streak``) and stands up (``height``)."""

    cover: Field
    streak: Field
    height: Field


@dataclass(frozen=True)
class Stroke:
    """A place for a mark. Lengths are in pixels; ``bend`` is the curvature of its path."""

    x: float
    y: float
    angle: float
    _: KW_ONLY
    length: float
    width: float
    bend: float = 0.0


@dataclass(frozen=True)
class Brush:
    """A brush and the way it is used. ``width`` is a fraction of the sheet's, ``ratio`` is length to width.

    ``error`` is the difference of colour that calls for a stroke, ``wander`` the deviation of its angle.
    """

    width: float
    ratio: float
    _: KW_ONLY
    density: float = 1.0
    error: float = 0.0
    opacity: float = 1.0
    wander: float = 0.15
    variety: float = 0.04


def bristle_marks(
    random: np.random.Generator, count: int = 24, *, dry: float = 0.35, hairs: int = 14, point: float = 0.0
) -> list[Mark]:
    """Return marks of a brush with so many ``hairs``.

    A ``dry`` brush leaves gaps towards the end; one with a ``point`` ends thin, as a leaf does.
    """
    along = np.linspace(0, 1, LENGTH, dtype=np.float32)[None, :]
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[:, None]
    marks = []
    for _ in range(count):

        def streaks(pieces: int) -> Field:
            grid = random.standard_normal((hairs, pieces)).astype(np.float32)
            return resample(grid, LENGTH, WIDTH)

        hair, gaps, ends = streaks(3), streaks(9), streaks(2)
        start = 0.05 + 0.035 * ends[:, :1] + 0.07 * across**2
        stop = 0.93 + 0.05 * ends[:, -1:] - 0.10 * across**2
        cover = smooth(along - start, -0.015, 0.02) * smooth(stop - along, -0.03, 0.03)
        breadth = 1 - point * (1 - np.sin(np.pi * np.clip(along, 0, 1) ** 0.7))
        cover *= smooth(breadth - np.abs(across + 0.06 * hair), 0.02, 0.14)
        cover *= 1 - dry * smooth(gaps + 2.2 * along - 1.6, 0.0, 1.0)
        ridge = np.exp(-(((np.abs(across) - 0.80) / 0.12) ** 2)) + 0.8 * np.exp(
            -(((stop - along) / 0.05) ** 2)
        )
        height = cover * (0.55 + 0.22 * hair + 0.35 * ridge)
        marks.append(Mark(cover, hair + 0.5 * across, height.astype(np.float32)))
    return marks


class Canvas:
    """Paint on a ground: ``colour`` and ``relief``, changed in place.

    ``tooth`` in 0..1 is the roughness that chalk has to overcome: where it is high, little colour sticks.
    ``areas`` are numbered; a stroke stays in the area of its middle.
    """

    def __init__(
        self, ground: Field, relief: Field, *, tooth: Field | None = None, areas: Labels | None = None
    ) -> None:
        self.colour, self.relief, self.tooth, self.areas = ground.copy(), relief.copy(), tooth, areas

    def paint(self, stroke: Stroke, mark: Mark, colour: Field, opacity: float = 1.0) -> None:
        """Lay a mark in ``colour``; bristles streak it by a few per cent."""
        top, bottom, left, right = _box_of(stroke, self.relief.shape)
        if left >= right or top >= bottom:
            return
        cos, sin = np.cos(stroke.angle), np.sin(stroke.angle)
        dx = (np.arange(left, right, dtype=np.float32) - stroke.x)[None, :]
        dy = (np.arange(top, bottom, dtype=np.float32) - stroke.y)[:, None]
        along = dx * cos + dy * sin
        across = dy * cos - dx * sin - 0.5 * stroke.bend * (along * along - stroke.length**2 / 12)
        column = ((along / stroke.length + 0.5) * LENGTH).astype(np.int32)
        row = ((across / stroke.width + 0.5) * WIDTH).astype(np.int32)
        inside = (column >= 0) & (column < LENGTH) & (row >= 0) & (row < WIDTH)
        index = np.where(inside, row * LENGTH + column, 0)
        cover = np.where(inside, mark.cover.ravel()[index], 0)
        part = np.s_[top:bottom, left:right]
        if self.tooth is not None:
            cover = np.clip(2.2 * (cover * (0.45 + 0.55 * opacity) - self.tooth[part]), 0, 1)
        if self.areas is not None:
            middle = np.clip((int(stroke.y), int(stroke.x)), 0, np.subtract(self.areas.shape, 1))
            cover = cover * (self.areas[part] == self.areas[tuple(middle)])
        cover = cover * np.float32(opacity)
        streaked = colour * (1 + 0.07 * mark.streak.ravel()[index][..., None])
        self.colour[part] += (streaked - self.colour[part]) * cover[..., None]
        raised = mark.height.ravel()[index] * np.float32(min(1.0, stroke.width / 16) + 0.3)
        self.relief[part] += (0.35 * self.relief[part] + raised - self.relief[part]) * cover


def _box_of(stroke: Stroke, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the rows (from, to) and columns (from, to) that a stroke may touch on a canvas of this shape."""
    cos, sin = abs(np.cos(stroke.angle)), abs(np.sin(stroke.angle))
    sag = abs(stroke.bend) * stroke.length**2 / 8
    along, across = stroke.length / 2, stroke.width / 2 + sag
    wide = cos * along + sin * across + stroke.width / 2 + 1
    high = sin * along + cos * across + stroke.width / 2 + 1
    return (
        max(0, int(stroke.y - high)),
        min(shape[0], int(stroke.y + high) + 2),
        max(0, int(stroke.x - wide)),
        min(shape[1], int(stroke.x + wide) + 2),
    )


def lit(colour: Field, relief: Field, strength: float, gloss: float = 0.0) -> Field:
    """Return painted colours under light from the upper left, which shows the relief."""
    down, across = slopes(blur(relief, 0.7))
    slope = np.clip(0.65 * across + 0.75 * down, -1.2, 1.2)
    shine = gloss * np.clip(slope - 0.25, 0, 1) ** 2
    result: Field = colour * (1 + strength * slope)[..., None] + shine[..., None]
    return result


def paint_scene(
    canvas: Canvas, scene: Scene, brushes: Sequence[Brush], marks: Sequence[Mark], *, pull: float = 0.5
) -> None:
    """Paint ``scene`` with one brush after the other; finer ones only where the picture is not yet right.

    ``pull`` in 0..1 turns strokes from the scene's direction along the edges of things.
    """
    sheet, random = scene.sheet, scene.sheet.random
    for brush in brushes:
        pixels = brush.width * sheet.width
        target = blur(scene.colour, max(0.3, 0.25 * pixels))
        angles = _along_edges(scene.angle, blur(scene.colour, max(0.6, 0.35 * pixels)), pull)
        step = pixels * (0.62 / brush.density)
        rows, columns = np.mgrid[0 : sheet.height : step, 0 : sheet.width : step]
        places = np.stack([columns.ravel(), rows.ravel()], 1)
        places = random.permutation(places + random.uniform(-0.6, 0.6, places.shape) * step)
        for px, py in places:
            column = int(np.clip(px, 0, sheet.width - 1))
            row = int(np.clip(py, 0, sheet.height - 1))
            wanted = target[row, column]
            draws = random.standard_normal(8).astype(np.float32)
            choice = int(random.integers(len(marks)))
            if brush.error and np.abs(canvas.colour[row, column] - wanted).sum() < brush.error:
                continue
            stroke = _stroke_at(px, py, angles, pixels, brush, draws)
            mixed = wanted + brush.variety * (0.9 * draws[3] + 0.7 * draws[4:7])
            canvas.paint(stroke, marks[choice], mixed, brush.opacity)


def _stroke_at(px: float, py: float, angles: Field, pixels: float, brush: Brush, draws: Field) -> Stroke:
    """Return a stroke that follows ``angles`` through a point, bent as they turn along it."""
    height, width = angles.shape

    def angle_at(x: float, y: float) -> float:
        return float(angles[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))])

    angle = angle_at(px, py)
    length = pixels * brush.ratio * float(np.exp(0.22 * draws[0]))
    ahead = angle_at(px + 0.35 * length * np.cos(angle), py + 0.35 * length * np.sin(angle))
    turn = (ahead - angle + np.pi / 2) % np.pi - np.pi / 2
    bend = float(np.clip(turn / (0.35 * length), -1.2 / length, 1.2 / length))
    breadth = pixels * float(np.exp(0.15 * draws[2]))
    return Stroke(px, py, angle + brush.wander * float(draws[1]), length=length, width=breadth, bend=bend)


def _along_edges(angle: Field, colour: Field, pull: float) -> Field:
    """Return ``angle``, turned along the edges of ``colour`` where these are strong."""
    tone = luminance(colour)
    down, across = slopes(tone)
    radius = max(1.0, tone.shape[1] / 400)
    same, cross = blur(across**2 - down**2, radius), blur(2 * across * down, radius)
    strength = np.hypot(same, cross)
    weight = pull * strength / (strength + np.percentile(strength, 90) + 1e-9)
    along = 0.5 * np.arctan2(cross, same) + np.pi / 2
    result: Field = 0.5 * np.arctan2(
        (1 - weight) * np.sin(2 * angle) + weight * np.sin(2 * along),
        (1 - weight) * np.cos(2 * angle) + weight * np.cos(2 * along),
    )
    return result


def weave(sheet: Sheet, threads: float = 260.0) -> Field:
    """Return the relief of a linen canvas, in -1..1."""
    slack = 0.0006 * sheet.noise(0.02, 2)
    u, v = (sheet.x + slack) * threads * np.pi, (sheet.y + slack) * threads * np.pi
    result: Field = (np.sin(u) * np.sin(v) + 0.3 * sheet.noise(0.004, 2)).astype(np.float32)
    return result
