"""Pencil: cross hatching after the tones of a still life, in graphite on smooth paper."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Canvas, bristle_marks
from nst_core.style_library.studio.hatching import Hatching, hatch, outline
from nst_core.style_library.studio.scenes.still_life import still_life
from nst_core.style_library.studio.sheet import Field, Sheet, mix, rgb

ASPECT, SEED = 0.80, 17
PAPER, GRAPHITE = "#f6f1e6", "#34353c"
PALETTE = {
    "wall": ("#707070", "#9a9a9a", "#c8c8c8", "#efefef"),
    "table": ("#3a3a3a", "#6a6a6a", "#a0a0a0"),
    "cloth": ("#7a7a7a", "#c5c5c5", "#f5f5f5", "#ffffff"),
    "stripe": ("#4a4a4a", "#7a7a7a", "#b0b0b0"),
    "shadow": ("#1a1a1a", "#4a4a4a"),
    "glass": ("#0a0a0a", "#3a3a3a", "#7a7a7a", "#f5f5f5"),
    "jug": ("#1f1f1f", "#6a6a6a", "#b5b5b5", "#ffffff"),
    "bowl": ("#3a3a3a", "#9a9a9a", "#e5e5e5", "#ffffff"),
    "apple": ("#141414", "#4a4a4a", "#8f8f8f", "#f5f5f5"),
    "orange": ("#2f2f2f", "#858585", "#c5c5c5", "#ffffff"),
    "lemon": ("#505050", "#b5b5b5", "#eeeeee", "#ffffff"),
    "grape": ("#080808", "#303030", "#808080", "#f0f0f0"),
    "leaf": ("#2a2a2a", "#6a6a6a"),
}
LAYERS = (
    Hatching(above=0.08, turn=-0.75, width=0.0026, length=0.075, spacing=0.0050, fixed=True, opacity=0.30),
    Hatching(above=0.24, turn=0.0, width=0.0024, length=0.045, spacing=0.0042, opacity=0.36),
    Hatching(above=0.42, turn=0.75, width=0.0024, length=0.045, spacing=0.0042, fixed=True, opacity=0.42),
    Hatching(above=0.58, turn=-0.35, width=0.0026, length=0.040, spacing=0.0038, opacity=0.50),
    Hatching(above=0.76, turn=1.5, width=0.0028, length=0.030, spacing=0.0034, opacity=0.65),
)


def paint(width: int) -> Field:
    """Draw the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = still_life(sheet, PALETTE)
    paper = rgb(PAPER) * (1 + 0.012 * sheet.noise(0.003, 3))[..., None]
    tooth = np.clip(0.10 + 0.10 * sheet.noise(0.0022, 2), 0, 0.8).astype(np.float32)
    canvas = Canvas(paper, np.zeros_like(sheet.x), tooth=tooth)
    lead = bristle_marks(sheet.random, dry=0.15, hairs=5)
    for layer in LAYERS:
        hatch(canvas, scene, layer, lead, rgb(GRAPHITE))
    lines = outline(sheet, scene, 0.0025) * (0.85 - 0.5 * tooth)
    return mix(canvas.colour, rgb(GRAPHITE), lines)
