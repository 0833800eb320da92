"""Charcoal: the side of the stick over rough paper, rubbed tones, and lights lifted with an eraser."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Canvas, bristle_marks
from nst_core.style_library.studio.hatching import Hatching, hatch, outline
from nst_core.style_library.studio.scenes.oak import oak
from nst_core.style_library.studio.sheet import Field, Sheet, luminance, mix, rgb, smooth

ASPECT, SEED = 0.78, 14
PAPER, COAL = "#ece4d4", "#1b1917"
GREYS = ("#0c0c0c", "#4a4a4a", "#8c8c8c", "#d0d0d0", "#ffffff")
PALETTE = {
    "sky": ("#3a3a3a", "#6a6a6a", "#a5a5a5", "#dcdcdc", "#ffffff"),
    "far": ("#505050", "#8a8a8a"),
    "field": ("#5a5a5a", "#a5a5a5", "#eeeeee"),
    "ground": ("#101010", "#4a4a4a", "#9a9a9a"),
    "path": ("#b0b0b0", "#fafafa"),
    "wall": ("#3a3a3a", "#9a9a9a", "#f8f8f8"),
    "roof": ("#1a1a1a", "#5a5a5a", "#8a8a8a"),
    "window": ("#101010", "#202020"),
    "bark": ("#000000", "#2a2a2a", "#8a8a8a"),
}
LAYERS = (
    Hatching(above=0.20, turn=-0.5, width=0.030, length=0.20, spacing=0.022, opacity=0.30, fixed=True),
    Hatching(above=0.32, turn=0.0, width=0.016, length=0.12, spacing=0.014, opacity=0.40),
    Hatching(above=0.50, turn=-0.8, width=0.009, length=0.08, spacing=0.010, opacity=0.55, fixed=True),
    Hatching(above=0.68, turn=0.15, width=0.007, length=0.06, spacing=0.006, opacity=0.80),
)


def paint(width: int) -> Field:
    """Draw the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = oak(sheet, PALETTE)
    paper = rgb(PAPER) * (1 + 0.02 * sheet.noise(0.004, 3))[..., None]
    darkness = 1 - luminance(scene.colour)
    rubbed = 0.50 * sheet.blur(darkness, 0.010) * (1 + 0.14 * sheet.noise(0.05, 4))
    tooth = np.clip(0.26 + 0.13 * sheet.noise(0.0022, 2) + 0.05 * np.sin(190 * np.pi * sheet.x), 0, 0.9)
    canvas = Canvas(mix(paper, rgb(COAL), rubbed), np.zeros_like(sheet.x), tooth=tooth.astype(np.float32))
    stick = bristle_marks(sheet.random, dry=0.3, hairs=8)
    for layer in LAYERS:
        hatch(canvas, scene, layer, stick, rgb(COAL))
    lifted = smooth(sheet.noise(0.012, 2, stretch=9.0), 1.25, 1.7) * smooth(0.55 - darkness, 0.1, 0.35)
    canvas.colour = mix(canvas.colour, paper * 1.02, 0.75 * lifted)
    grain = smooth(1.15 - tooth - 0.15 * sheet.noise(0.003, 2), 0.35, 0.7)
    canvas.colour = mix(canvas.colour, rgb(COAL), 0.85 * outline(sheet, scene, 0.004) * grain)
    dark = smooth(darkness, 0.82, 0.93) * grain
    return mix(canvas.colour, rgb(COAL), 0.8 * dark)
