"""Woodcut: black lines cut along the form over two printed colours, with the grain of the plank."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scenes.sunrise import sunrise
from nst_core.style_library.studio.sheet import (
    Field,
    Labels,
    Sheet,
    luminance,
    mix,
    rgb,
    sample,
    slopes,
    smooth,
)

ASPECT, SEED = 0.80, 41
PAPER, INK = "#f1e6cc", "#1c1a1f"
PALETTE = {
    "sky": ("#28506f", "#4f86a0", "#e8c98a", "#f6e6b8"),
    "sun": ("#d2472a", "#e0602f", "#ea7a3f"),
    "cloud": ("#c9c0a8", "#f5eedc"),
    "far": ("#1f3f5f", "#4f86a0", "#a8c0b8"),
    "near": ("#101a2a", "#28506f", "#6f96a0"),
    "snow": ("#a8b8b8", "#f5eedc"),
    "water": ("#1f3f5f", "#3a6a88", "#8fb0b0"),
    "path": ("#d2602f", "#eaa05a", "#f6e0a8"),
    "bank": ("#101010", "#3a3424", "#8f7a3f"),
    "trunk": ("#100c0c", "#5a2a1c"),
    "needles": ("#0c1614", "#1f3f36", "#5f7f4a"),
}
FLAT = ("#f1e6cc", "#e9b765", "#d8552f", "#7fa6a4", "#2f6683")
"""The printed colours, each from one block: paper, ochre, vermilion, pale blue, blue."""
LINES = 62.0
"""Lines for each width of the sheet, where the contour rises evenly."""


def paint(width: int) -> Field:
    """Print the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = sunrise(sheet, PALETTE)
    colour = scene.colour
    fibre = sheet.noise(0.0035, 3, stretch=26.0)
    blocks = np.stack([rgb(flat) for flat in FLAT])
    nearest = ((sheet.blur(colour, 0.002)[:, :, None] - blocks) ** 2).sum(3).argmin(2)
    shift = 0.0016 * sheet.width  # the blocks never register exactly
    printed = sample(
        blocks[nearest].astype(np.float32), sheet.x * sheet.width + shift, sheet.y * sheet.width - shift
    )
    covered = smooth(fibre + 0.6 * sheet.noise(0.15, 3), -2.4, -0.9)
    printed = mix(rgb(PAPER), sheet.blur(printed, 0.0008), 0.55 + 0.42 * covered)
    black = carved(sheet, scene.contour, luminance(colour))
    black = np.maximum(black, _key_lines(sheet, scene.label))
    inked = (
        black * (0.80 + 0.20 * smooth(fibre, -1.9, -1.0)) * smooth(fibre + sheet.noise(0.2, 2), -3.4, -2.2)
    )
    paper = (1 + 0.02 * sheet.noise(0.004, 3))[..., None]
    return mix(printed, rgb(INK), inked) * paper


def carved(sheet: Sheet, contour: Field, tone: Field) -> Field:
    """Return the black lines that are left between cuts: broad where ``tone`` is dark."""
    wander = contour + 0.0030 * sheet.noise(0.10, 3) + 0.0010 * sheet.noise(0.02, 2)
    down, across = slopes(contour)
    slope = np.hypot(down, across) * sheet.width + 1e-3
    pitch = np.clip(
        2.0 ** np.round(np.log2(np.clip(slope, 0.25, 4))), 0.25, 4
    )  # keeps lines about equally far
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * LINES * wander / np.where(slope > 0, pitch, 1))
    swell = 1.08 - 1.30 * sheet.blur(tone, 0.003) + 0.10 * sheet.noise(0.05, 2)
    edge = 2.2 * LINES / sheet.width
    return smooth(swell - wave, -edge, edge)


def _key_lines(sheet: Sheet, label: Labels) -> Field:
    """Return the outlines of things, cut with a knife: they swell and thin out."""
    value = sheet.random.permutation(int(label.max()) + 2).astype(np.float32)[label]
    edge = (np.abs(value - sheet.blur(value, 0.0012)) > 0.25).astype(np.float32)
    return smooth(sheet.blur(edge, 0.0016), 0.30 - 0.12, 0.62) * smooth(sheet.noise(0.12, 2), -1.8, -0.9)
