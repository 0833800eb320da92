"""Impressionist dabs: a harbour in the evening, in short broken touches of unmixed colour."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Brush, Canvas, bristle_marks, lit, paint_scene, weave
from nst_core.style_library.studio.scenes.harbour import harbour
from nst_core.style_library.studio.sheet import Field, Sheet, mix, rgb

ASPECT, SEED = 0.78, 5
PALETTE = {
    "sky": ("#4f78b8", "#86a8d2", "#c9c6d8", "#f2cdb4", "#fbe3b0", "#fff3d0"),
    "cloud": ("#8d8fc0", "#c99bb8", "#f0a98c", "#fdd9a4"),
    "sun": ("#d8482f", "#ee6a2f", "#f88a3f", "#fdb868"),
    "coast": ("#4a5f9f", "#7a7fb5", "#b590ae"),
    "house": ("#6f6fa8", "#b5848f", "#e5b58c", "#fbe4c4"),
    "roof": ("#7a4a78", "#b8605f", "#e08a62"),
    "window": ("#4a5288", "#f7c46a"),
    "water": ("#143c78", "#2f70a8", "#74b0c6", "#cfd9d2", "#f7dfc0"),
    "hull": ("#232f5f", "#3f4f86", "#8a5a68"),
    "sail": ("#8f7fb8", "#d8a8a0", "#fbe3c0", "#fffbe8"),
}


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = harbour(sheet, PALETTE)
    ground = mix(rgb("#d9b48f"), scene.colour, 0.35 * np.ones_like(sheet.x))
    canvas = Canvas(ground, 0.06 * weave(sheet))
    brushes = (
        Brush(0.050, 2.3, variety=0.04, wander=0.20),
        Brush(0.034, 2.4, error=0.26, variety=0.05, wander=0.20),
        Brush(0.021, 2.6, error=0.34, variety=0.04, wander=0.18),
        Brush(0.011, 2.8, error=0.36, variety=0.03, wander=0.10),
    )
    paint_scene(canvas, scene, brushes, bristle_marks(sheet.random, dry=0.3, hairs=10), pull=0.5)
    return lit(canvas.colour, canvas.relief, 0.30, 0.08)
