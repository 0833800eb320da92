"""A still life: a bottle, a jug and a bowl of fruit on a table with a cloth."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette, lit_ball
from nst_core.style_library.studio.sheet import Point, Ramp, Sheet, smooth

EDGE = 0.50
"""Height of the table's far edge."""


def still_life(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene.

    Materials: wall, table, cloth, stripe, shadow, glass, jug, bowl, apple, orange, lemon, grape, leaf.
    """
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    drift = sheet.noise(0.25, 3)
    light = 0.75 - 0.55 * x - 0.35 * y + 0.10 * drift
    scene.add(np.ones_like(x), palette["wall"], light, x + 0.6 * y + 0.03 * drift)
    scene.add(
        sheet.soft(y - EDGE - 0.05 * x), palette["table"], 0.7 - 0.5 * (y - EDGE) + 0.08 * drift, y - 0.05 * x
    )
    _cloth(scene, palette)
    for centre, wide in (
        ((0.22, 0.585), 0.17),
        ((0.80, 0.60), 0.16),
        ((0.52, 0.66), 0.27),
        ((0.30, 0.735), 0.12),
    ):
        shade = smooth(1 - sheet.radius((centre[0] + 0.05, centre[1]), (wide, 0.22 * wide)), -0.1, 0.7)
        scene.add(0.75 * shade, palette["shadow"], 0.4, y)
    _turned(scene, palette["glass"], 0.20, [(0.10, 0.022), (0.22, 0.026), (0.30, 0.070), (0.58, 0.074)])
    label = sheet.polygon([(0.135, 0.40), (0.265, 0.40), (0.265, 0.49), (0.135, 0.49)])
    scene.add(label, palette["cloth"], 0.85 - 3.5 * np.abs(x - 0.18), x)
    _turned(
        scene,
        palette["jug"],
        0.79,
        [(0.22, 0.055), (0.28, 0.045), (0.40, 0.105), (0.50, 0.11), (0.60, 0.065)],
    )
    handle = np.abs(sheet.radius((0.90, 0.37), (0.055, 0.085)) - 1)
    scene.add(
        sheet.soft((0.2 - handle) * 0.06) * sheet.soft(x - 0.872), palette["jug"], 0.35 + y - 0.3, handle
    )
    _bowl(scene, palette)
    for kind, centre, size in (("apple", (0.27, 0.70), 0.062), ("lemon", (0.70, 0.705), 0.050)):
        _fruit(scene, palette, kind, centre, size)
    for column, row in ((0, 0), (1, 0), (2, 0), (0.5, 1), (1.5, 1), (1, 2)):
        _fruit(scene, palette, "grape", (0.80 + 0.036 * column, 0.665 + 0.032 * row), 0.021)
    return scene


def _cloth(scene: Scene, palette: Palette) -> None:
    """Add a cloth with folds that hangs over the near edge of the table."""
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    folds = np.sin(34 * x + 9 * y + 1.2 * sheet.noise(0.3, 2)) * smooth(y, 0.56, 0.80)
    outline = 0.56 + 0.035 * np.sin(9 * x + 0.5) + 0.35 * smooth(np.abs(x - 0.5), 0.34, 0.5)
    tone = 0.72 + 0.26 * folds - 0.25 * smooth(y, 0.74, 0.80) + 0.05 * sheet.noise(0.1, 2)
    scene.add(sheet.soft(y - outline), palette["cloth"], tone, x + 0.25 * y + 0.02 * folds)
    stripe = smooth(np.cos(60 * (y - outline)), 0.75, 0.9) * smooth(outline + 0.13 - y, 0, 0.01)
    scene.add(0.85 * sheet.soft(y - outline) * stripe, palette["stripe"], tone, y - outline)


def _turned(scene: Scene, colours: Ramp, middle: float, profile: list[Point]) -> None:
    """Add something turned on a lathe; ``profile`` lists its heights and radii from the top down."""
    sheet = scene.sheet
    heights, radii = zip(*profile, strict=True)
    radius = np.interp(sheet.y, heights, radii).astype(np.float32)
    radius = sheet.blur(radius, 0.016)
    across = (sheet.x - middle) / radius
    foot = heights[-1] + 0.016 * np.sqrt(np.clip(1 - across**2, 0, 1))
    mask = (
        sheet.soft((1 - np.abs(across)) * radius)
        * sheet.soft(sheet.y - heights[0])
        * sheet.soft(foot - sheet.y)
    )
    depth = np.sqrt(np.clip(1 - across**2, 0, 1))
    tone = 0.12 + 0.62 * np.clip(-0.75 * across + 0.65 * depth, 0, 1) + 0.12 * smooth(across, 0.6, 1.0)
    tone += 0.5 * np.exp(-(((across + 0.5) / 0.09) ** 2))
    scene.add(mask, colours, tone, sheet.x - middle + 0.1 * across * radius)


def _bowl(scene: Scene, palette: Palette) -> None:
    """Add a bowl heaped with fruit."""
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    heap = (
        ("orange", (0.43, 0.49), 0.070),
        ("apple", (0.57, 0.48), 0.074),
        ("lemon", (0.50, 0.43), 0.060),
        ("orange", (0.61, 0.535), 0.062),
        ("apple", (0.40, 0.545), 0.060),
        ("orange", (0.51, 0.54), 0.068),
    )
    for kind, centre, size in heap:
        _fruit(scene, palette, kind, centre, size)
    u, v = (x - 0.505) / 0.185, (y - 0.555) / 0.125
    mask = (
        sheet.soft((1 - np.hypot(u, v)) * 0.12)
        * sheet.soft(v - 0.10 * (1 - u * u))
        * sheet.soft(0.92 - v, 0.01)
    )
    tone = lit_ball(sheet, (0.505, 0.52), (0.21, 0.18)) - 0.08
    scene.add(mask, palette["bowl"], tone, np.hypot(u, v))
    band = mask * smooth(0.07 - np.abs(v - 0.34 - 0.10 * (1 - u * u)), 0, 0.02)
    scene.add(band, palette["stripe"], tone, v)


def _fruit(scene: Scene, palette: Palette, kind: str, centre: Point, size: float) -> None:
    sheet = scene.sheet
    radii = (1.25 * size, 0.9 * size) if kind == "lemon" else (size, 0.95 * size)
    angle = 0.35 if kind == "lemon" else 0.0
    tone = lit_ball(sheet, centre, radii) + 0.05 * sheet.noise(0.04, 2)
    tone += 0.45 * np.exp(
        -((sheet.radius((centre[0] - 0.38 * size, centre[1] - 0.42 * size), radii) / 0.2) ** 2)
    )
    scene.add(sheet.ellipse(centre, radii, angle), palette[kind], tone, sheet.radius(centre, radii))
    if kind == "apple":
        stalk = [(centre[0], centre[1] - 0.7 * size), (centre[0] + 0.25 * size, centre[1] - 1.2 * size)]
        scene.add(sheet.line(stalk, 0.004), palette["shadow"], 0.1, sheet.x)
        leaf = sheet.ellipse((centre[0] + 0.5 * size, centre[1] - size), (0.4 * size, 0.17 * size), -0.4)
        scene.add(leaf, palette["leaf"], 0.6, sheet.y + 0.4 * sheet.x)
