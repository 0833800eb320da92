"""Pastel: soft chalk, stroke beside stroke, on a toned paper whose tooth shows through."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Brush, Canvas, bristle_marks, paint_scene
from nst_core.style_library.studio.scenes.still_life import still_life
from nst_core.style_library.studio.sheet import Field, Sheet, mix, rgb

ASPECT, SEED = 0.82, 8
PAPER = "#8f7d74"
PALETTE = {
    "wall": ("#35607a", "#4f8a98", "#7fb5b2", "#b8d8c4"),
    "table": ("#6a3f5a", "#a0627a", "#d295a0"),
    "cloth": ("#8f8ac0", "#c3bfe0", "#f2e6e6", "#fffaf0"),
    "stripe": ("#c2415f", "#e2748a", "#f5b0b5"),
    "shadow": ("#3a3560", "#6a5f98"),
    "glass": ("#123a4a", "#1f6a6a", "#4fa58a", "#d9f2d4"),
    "jug": ("#7a2f4f", "#d2603f", "#f5a04f", "#fde6b0"),
    "bowl": ("#3f5aa8", "#7f9fdc", "#c9dcf5", "#ffffff"),
    "apple": ("#7a1f4a", "#d23a4a", "#f2744f", "#fdd08a"),
    "orange": ("#b5452f", "#f0842f", "#fbb04f", "#ffedb8"),
    "lemon": ("#a8862f", "#ecc53a", "#fbea7a", "#fffdd8"),
    "grape": ("#352a6a", "#6a52a8", "#a595d8", "#ece6fa"),
    "leaf": ("#1f5a4a", "#7fb55a"),
}


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = still_life(sheet, PALETTE)
    ground = rgb(PAPER) * (1 + 0.05 * sheet.noise(0.006, 3))[..., None]
    laid = 0.45 * np.sin(150 * np.pi * sheet.y + 0.4 * sheet.noise(0.05, 2))
    tooth = np.clip(0.42 + 0.24 * sheet.noise(0.0035, 2) + 0.10 * laid, 0, 0.95).astype(np.float32)
    canvas = Canvas(mix(ground, sheet.blur(scene.colour, 0.008), 0.40), np.zeros_like(sheet.x), tooth=tooth)
    chalk = bristle_marks(sheet.random, dry=0.45, hairs=9)
    brushes = (
        Brush(0.034, 5.0, variety=0.05, wander=0.30, opacity=0.70),
        Brush(0.024, 5.0, variety=0.06, wander=0.25, error=0.22, opacity=0.80),
        Brush(0.014, 5.0, variety=0.06, wander=0.20, error=0.28, opacity=0.90),
        Brush(0.008, 4.5, variety=0.05, wander=0.12, error=0.36),
    )
    paint_scene(canvas, scene, brushes, chalk, pull=0.4)
    return canvas.colour * (1 + 0.035 * sheet.noise(0.003, 2))[..., None]
