"""Lines drawn side by side after the tones of a scene, as with pencil, pen or charcoal, and outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nst_core.style_library.studio.brush import Canvas, Mark, Stroke
from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.sheet import Field, Sheet, luminance, smooth


@dataclass(frozen=True, kw_only=True)
class Hatching:
    """One layer of lines, drawn where the scene is darker than ``above`` (0 white, 1 black).

    ``turn`` is the angle to the scene's direction, or to the horizontal if ``fixed``. Lengths are fractions
    of the sheet's width.
    """

    above: float
    turn: float
    width: float
    length: float
    spacing: float
    fixed: bool = False
    opacity: float = 0.6


def hatch(canvas: Canvas, scene: Scene, layer: Hatching, marks: Sequence[Mark], colour: Field) -> None:
    """Draw one layer. A line ends where its thing ends, and is pressed harder where the scene is darker."""
    sheet = scene.sheet
    darkness = 1 - luminance(sheet.blur(scene.colour, 0.003))
    angles = np.full_like(sheet.x, layer.turn) if layer.fixed else scene.angle + layer.turn
    step = np.array([layer.length * 0.55, layer.spacing]) * sheet.width
    count = int(sheet.width * sheet.height / step.prod())
    for px, py in sheet.random.uniform(0, 1, (count, 2)) * (sheet.width, sheet.height):
        draws = sheet.random.standard_normal(4)
        choice = int(sheet.random.integers(len(marks)))
        row, column = int(py), int(px)
        dark = darkness[row, column]
        if dark < layer.above + 0.02 * draws[0]:
            continue
        angle = float(angles[row, column]) + 0.04 * float(draws[1])
        before, after = (_reach(scene, (px, py), angle, sign * layer.length / 2) for sign in (-1, 1))
        length = (before + after) * float(np.exp(0.15 * draws[2]))
        if length < 2 * layer.width * sheet.width:
            continue
        shift = (after - before) / 2
        stroke = Stroke(
            px + shift * np.cos(angle),
            py + shift * np.sin(angle),
            angle,
            length=length,
            width=max(1.6, layer.width * sheet.width * float(np.exp(0.2 * draws[3]))),
            bend=0.15 * float(draws[0]) / length,
        )
        pressure = layer.opacity * (0.45 + 0.75 * min(1.0, (dark - layer.above) / 0.35))
        canvas.paint(stroke, marks[choice], colour, min(1.0, pressure))


def outline(sheet: Sheet, scene: Scene, width: float) -> Field:
    """Return the outlines of things, in 0..1: uneven, broken in places, and drawn twice in others."""
    lines = np.zeros_like(sheet.x)
    tone = luminance(scene.colour)
    for _ in range(2):
        value = sheet.random.uniform(0, 1, scene.count).astype(np.float32)[scene.label]
        for field, weight in ((value, 1.0), (tone, 1.4)):
            jitter = (0.0022 * sheet.noise(0.08, 2) * sheet.width).astype(np.int32)
            rows, columns = np.mgrid[0 : sheet.height, 0 : sheet.width]
            moved = field[
                np.clip(rows + jitter, 0, sheet.height - 1), np.clip(columns - jitter, 0, sheet.width - 1)
            ]
            edge = np.abs(moved - sheet.blur(moved, width))
            pressed = smooth(sheet.noise(0.15, 3), -1.3, 0.6)
            lines = np.maximum(lines, smooth(weight * edge, 0.05, 0.25) * pressed)
    return sheet.blur(lines, 0.0006)


def _reach(scene: Scene, start: tuple[float, float], angle: float, length: float) -> float:
    """Return the distance in pixels that a line can go from ``start`` and stay on the same thing."""
    sheet = scene.sheet
    label = scene.label[int(start[1]), int(start[0])]
    pixels = length * sheet.width
    steps = np.linspace(0, 1, max(3, int(abs(pixels) / 3))) * pixels
    columns = np.clip(start[0] + steps * np.cos(angle), 0, sheet.width - 1).astype(int)
    rows = np.clip(start[1] + steps * np.sin(angle), 0, sheet.height - 1).astype(int)
    same = scene.label[rows, columns] == label
    return float(abs(steps[-1] if same.all() else steps[int(np.argmin(same))]))
