"""Things that several scenes contain: ridges, trees, houses, and round bodies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.sheet import Field, Point, Ramp, Sheet, smooth

Palette = Mapping[str, Ramp]


def below(sheet: Sheet, line: Field | float) -> Field:
    """Return the mask of everything below a line, given as y for each pixel."""
    return sheet.soft(sheet.y - line)


def ridge(sheet: Sheet, height: float, swing: float, scale: float, octaves: int = 4) -> Field:
    """Return the line of a row of hills around ``height``, which varies by ``swing``."""
    profile = sheet.noise(scale, octaves)[sheet.height // 2]
    line: Field = np.broadcast_to(height + swing * profile, sheet.x.shape).astype(np.float32)
    return line


def crown(sheet: Sheet, centre: Point, radii: Point, rough: float = 0.25, scale: float = 0.05) -> Field:
    """Return the mask of foliage: an ellipse with an uneven edge."""
    distance = sheet.radius(centre, radii) + rough * sheet.noise(scale, 3)
    return sheet.soft((1 - distance) * min(radii))


def lit_ball(sheet: Sheet, centre: Point, radii: Point, light: Point = (-0.5, -0.7)) -> Field:
    """Return the tone of a ball in 0..1, lit from the direction ``light``, with a reflex in its shade."""
    u, v = (sheet.x - centre[0]) / radii[0], (sheet.y - centre[1]) / radii[1]
    depth = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    facing = u * light[0] + v * light[1] + 0.55 * depth
    tone: Field = np.clip(0.42 + 0.52 * facing + 0.16 * smooth(-facing, 0.1, 0.6), 0, 1)
    return tone


def tree(scene: Scene, foot: Point, size: float, palette: Palette, leaves: str = "tree") -> None:
    """Add a broad tree: trunk, boughs, and a crown of several masses of leaves, lit from the left."""
    sheet = scene.sheet
    px, py = foot
    random = sheet.random
    top = (px + 0.04 * size, py - 0.62 * size)
    trunk = [(px - 0.05 * size, py), (px - 0.02 * size, py - 0.4 * size), top]
    trunk += [(px + 0.035 * size, py - 0.4 * size), (px + 0.06 * size, py)]
    light = smooth(px + 0.01 - sheet.x, -0.05 * size, 0.05 * size)
    scene.add(sheet.polygon(trunk), palette["trunk"], light, sheet.x + 0.05 * sheet.y)
    for _ in range(9):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0.1, 0.34) * size
        centre = (
            px + 1.15 * reach * float(np.cos(angle)),
            py - 0.78 * size + 0.85 * reach * float(np.sin(angle)),
        )
        radii = random.uniform(0.15, 0.24) * size, random.uniform(0.11, 0.18) * size
        mask = crown(sheet, centre, radii, 0.22, 0.10 * size)
        tone = lit_ball(sheet, centre, (1.3 * radii[0], 1.3 * radii[1])) + 0.12 * sheet.noise(0.06 * size, 2)
        scene.add(mask, palette[leaves], tone, sheet.radius(centre, radii) + 0.3 * sheet.noise(0.1 * size, 2))


def poplar(scene: Scene, foot: Point, height: float, palette: Palette, leaves: str = "tree") -> None:
    """Add a slender tree that reaches up like a flame."""
    sheet = scene.sheet
    px, py = foot
    centre, radii = (px, py - 0.5 * height), (0.11 * height, 0.53 * height)
    sway = 0.03 * height * np.sin(9 * sheet.y / height)
    u = np.abs(sheet.x - px - sway) / radii[0]
    v = (sheet.y - centre[1]) / radii[1]
    distance = np.hypot(u / np.clip(0.75 + 0.45 * v, 0.25, 1.1), v) + 0.12 * sheet.noise(0.12 * height, 3)
    mask = sheet.soft((1 - distance) * radii[0])
    tone = 0.45 - 0.5 * (sheet.x - px) / radii[0] + 0.18 * sheet.noise(0.08 * height, 2)
    scene.add(mask, palette[leaves], tone, sheet.x - px - sway + 0.12 * (sheet.x - px) * v)


def house(scene: Scene, corner: Point, size: Point, palette: Palette, roof: str = "roof") -> None:
    """Add a house: gable in the light, side in the shade. ``corner`` is its lower left."""
    sheet = scene.sheet
    left, base = corner
    wide, high = size
    gable, right = left + 0.42 * wide, left + wide
    eaves, top = base - high, base - 1.75 * high
    ledge = 0.06 * wide
    flat, upright = sheet.y, sheet.x
    grain = 0.12 * sheet.noise(0.03, 3)
    wall = [(left, base), (left, eaves), ((left + gable) / 2, top), (gable, eaves), (gable, base)]
    side = [(gable, base), (gable, eaves), (right, eaves), (right, base)]
    scene.add(sheet.polygon(side), palette["wall"], 0.32 + grain, upright)
    chimney = [(right - 0.3 * wide, eaves), (right - 0.3 * wide, top - 0.25 * high)]
    chimney += [(right - 0.2 * wide, top - 0.25 * high), (right - 0.2 * wide, eaves)]
    scene.add(sheet.polygon(chimney), palette[roof], 0.25, upright)
    slope = [((left + gable) / 2, top), (right - 0.2 * wide, top), (right + ledge, eaves + 0.06 * high)]
    slope += [(gable + 0.2 * ledge, eaves + 0.06 * high)]
    scene.add(sheet.polygon(slope), palette[roof], 0.62 + 1.3 * grain, flat)
    scene.add(sheet.polygon(wall), palette["wall"], 0.88 + grain, upright)
    edge = sheet.line(
        [(left - ledge, eaves + 0.1 * high), ((left + gable) / 2, top), (gable, eaves)], 0.05 * high
    )
    scene.add(edge, palette[roof], 0.3, flat)
    for place, tone in ((left + 0.14 * wide, 0.06), (gable + 0.16 * wide, 0.02), (gable + 0.37 * wide, 0.02)):
        window = [(place, base - 0.3 * high), (place, base - 0.72 * high)]
        window += [(place + 0.12 * wide, base - 0.72 * high), (place + 0.12 * wide, base - 0.3 * high)]
        scene.add(sheet.polygon(window), palette["window"], tone + 0.3, upright)


def mirrored(scene: Scene, shore: float) -> Field:
    """Return what is above the ``shore`` upside down, broken by ripples, as colours for the water below."""
    sheet = scene.sheet
    ripple = sheet.noise(0.018, 3, stretch=6.0)
    swing = 0.004 + 0.05 * np.clip(sheet.y - shore, 0, 1)
    row = np.clip(((2 * shore - sheet.y) + 0.2 * swing * ripple) * sheet.width, 0, sheet.height - 1)
    column = np.clip((sheet.x + swing * ripple) * sheet.width, 0, sheet.width - 1)
    picture = sheet.blur(scene.colour, 0.003)
    broken: Field = picture[row.astype(np.int32), column.astype(np.int32)]
    return broken
