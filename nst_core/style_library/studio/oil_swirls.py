"""Oil: thick swirls. Long loaded strokes turn around the sun and the clouds of a windy evening."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Brush, Canvas, bristle_marks, lit, paint_scene, weave
from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import below, house, poplar, ridge
from nst_core.style_library.studio.sheet import Field, Sheet, mix, rgb, smooth

ASPECT, SEED = 0.8, 11
WHIRLS = ((0.70, 0.20, 0.15), (0.30, 0.15, 0.11), (0.47, 0.34, 0.09), (0.93, 0.38, 0.09), (0.08, 0.33, 0.10))
"""Centre and radius of each whirl in the sky."""
PALETTE = {
    "sky": ("#14224f", "#1f3f87", "#2d6cae", "#4f9fbe", "#9cc9b4", "#f2e2a0"),
    "sun": ("#e07b28", "#f3a52f", "#f9cf4a", "#fdf0b0"),
    "far": ("#1b2c5c", "#2c4f86", "#4a7fa0"),
    "field": ("#6b3f1d", "#b8731f", "#dfa32c", "#f4cf58", "#fbeaa0"),
    "meadow": ("#163a34", "#2a6a45", "#6a9a45", "#c2bd58"),
    "tree": ("#0e2226", "#1c4233", "#3b6a36", "#8f9a45"),
    "wall": ("#5a5a86", "#a9a7b8", "#efe3c4"),
    "roof": ("#6e2a22", "#b54a2a", "#dd8140"),
    "window": ("#1b2444", "#f2c24c"),
}


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = windy_evening(sheet)
    canvas = Canvas(mix(rgb("#7a4a2a"), scene.colour, 0.45 * np.ones_like(sheet.x)), 0.1 * weave(sheet))
    brushes = (
        Brush(0.038, 4.0, variety=0.05, wander=0.10),
        Brush(0.024, 5.5, error=0.12, variety=0.06, wander=0.08),
        Brush(0.013, 6.5, error=0.17, variety=0.06, wander=0.08),
        Brush(0.007, 5.0, error=0.33, variety=0.05),
    )
    paint_scene(canvas, scene, brushes, bristle_marks(sheet.random, dry=0.25), pull=0.35)
    return lit(canvas.colour, canvas.relief, 0.75, 0.4)


def windy_evening(sheet: Sheet) -> Scene:
    """Return a wheat field under a sky in motion, with a farm and two dark trees."""
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    drift = 0.9 * y + 0.05 * np.sin(6 * x + 1) + 0.02 * sheet.noise(0.3, 2)
    still, turning = np.zeros_like(x), np.zeros_like(x)
    tone = 0.12 + 0.75 * y + 0.07 * sheet.noise(0.15, 2)
    for cx, cy, radius in WHIRLS:
        distance = sheet.radius((cx, cy), (radius, radius))
        still += 0.9 * np.exp(-((distance / 0.9) ** 2))
        turning += 1.3 * radius * np.exp(-((distance / 1.05) ** 2))
        rings = 0.5 + 0.5 * np.cos(2 * np.pi * distance * 1.3)
        tone += np.exp(-((distance / 1.1) ** 2)) * (0.16 + 0.36 * rings)
    scene.add(np.ones_like(x), PALETTE["sky"], tone, drift * (1 - np.clip(still, 0, 1)) + turning)
    disc = sheet.radius(WHIRLS[0][:2], (0.055, 0.055))
    scene.add(smooth(1.15 - disc, 0, 0.3), PALETTE["sun"], 1 - 0.75 * disc, disc)
    far = ridge(sheet, 0.47, 0.022, 0.25, 3) - 0.05 * np.sin(4 * x)
    scene.add(below(sheet, far), PALETTE["far"], 0.8 - 5 * (y - far), y - 0.9 * far)
    plain = 0.53 + 0.02 * np.sin(5 * x + 2)
    scene.add(below(sheet, plain), PALETTE["meadow"], 0.5 + 0.2 * sheet.noise(0.06, 3), y - plain)
    house(scene, (0.57, 0.555), (0.12, 0.045), PALETTE)
    house(scene, (0.68, 0.56), (0.09, 0.035), PALETTE)
    near = 0.58 + 0.03 * np.sin(6 * x + 0.5)
    waves = np.sin(30 * (y - near) + 9 * x + 1.5 * sheet.noise(0.15, 2))
    wheat = 0.55 + 0.22 * waves + 0.12 * sheet.noise(0.04, 2)
    scene.add(below(sheet, near), PALETTE["field"], wheat, y - 0.25 * x + 0.03 * waves)
    for place, height in ((0.13, 0.58), (0.215, 0.42)):
        poplar(scene, (place, 0.70), height, PALETTE)
    return scene
