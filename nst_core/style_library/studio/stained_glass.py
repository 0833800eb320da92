"""Stained glass: panes of streaky antique glass with light behind them, in leads."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scenes.sunrise import sunrise
from nst_core.style_library.studio.sheet import Field, Labels, Sheet, blur, mix, rgb, slopes, smooth

ASPECT, SEED = 0.86, 52
LEAD = 0.0085
"""Width of a lead."""
PALETTE = {
    "sky": ("#16246f", "#1f4fb0", "#3f8fd8", "#a86ac0", "#f2a03a", "#fbd85a"),
    "sun": ("#f07a1a", "#fbb02a", "#ffe27a"),
    "cloud": ("#b07ad0", "#f0b8c8", "#fff0d8"),
    "far": ("#24308f", "#5a4ab8", "#9a7ad8"),
    "near": ("#0f2a5f", "#1a5f8f", "#2fa0a8"),
    "snow": ("#a8d0f0", "#f2f8ff"),
    "water": ("#0a3f7f", "#0f7fa8", "#4fd0c8"),
    "path": ("#d8401f", "#f58f2a", "#ffe07a"),
    "bank": ("#1f4a1a", "#4f8f1f", "#b8d03a"),
    "trunk": ("#5a1f14", "#a8482a"),
    "needles": ("#0a3f2a", "#147a3f", "#6fc04a"),
}


def paint(width: int) -> Field:
    """Glaze the window."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = sunrise(sheet, PALETTE)
    pane = cut_panes(sheet, scene.label, scene.contour)
    count = int(pane.max()) + 1
    sizes = np.maximum(np.bincount(pane.ravel(), minlength=count), 1)
    sums = np.stack([np.bincount(pane.ravel(), scene.colour[..., c].ravel(), count) for c in range(3)], 1)
    glass = (sums / sizes[:, None]).astype(np.float32)
    random = sheet.random
    glass *= 1 + random.normal(0, 0.13, (count, 1)).astype(np.float32)
    glass += random.normal(0, 0.035, (count, 3)).astype(np.float32)
    colour = np.clip(glass, 0.02, 1)[pane]
    streak = sheet.noise(0.018, 4, stretch=5.0) * random.choice([0.4, 1.0], count)[pane]
    thickness = 1 + 0.16 * streak + 0.10 * sheet.noise(0.08, 3)
    colour = np.clip(colour, 0.01, 1) ** np.clip(thickness, 0.4, 1.8)[..., None].astype(np.float32)
    seeds = smooth(sheet.noise(0.006, 1), 2.5, 2.9)
    colour = colour * (1 + 0.5 * seeds)[..., None]
    lead = leads(sheet, pane)
    colour = colour * (1 - 0.55 * smooth(blur(lead, 0.010 * width), 0.12, 0.85))[..., None]
    shine = blur(colour * (1 - lead)[..., None], 0.020 * width)
    glowing = colour * 1.12 + 0.16 * shine
    down, across = slopes(blur(lead, 0.0022 * width))
    metal = (
        rgb("#25262b") + (0.8 * np.clip(across + down, -0.3, 0.5) + 0.03 * sheet.noise(0.004, 2))[..., None]
    )
    return mix(glowing, metal + 0.06 * shine, lead)


def cut_panes(sheet: Sheet, label: Labels, contour: Field) -> Labels:
    """Return the pane of each pixel: the things of the scene, cut along their contour and across it."""
    rows = np.floor(contour / 0.085 + 0.35 * sheet.noise(0.3, 1)).astype(np.int64)
    distance = np.full(sheet.x.shape, np.inf, np.float32)
    cell = np.zeros(sheet.x.shape, np.int64)
    for index in range(95):
        px, py = sheet.random.uniform(0, 1), sheet.random.uniform(0, sheet.aspect)
        away = np.hypot(sheet.x - px, sheet.y - py)
        cell = np.where(away < distance, index, cell)
        distance = np.minimum(distance, away)
    keys = label * 100_000 + (rows - rows.min()) * 1_000 + cell
    _, pane = np.unique(keys, return_inverse=True)
    return _without_slivers(sheet, pane.reshape(label.shape), label)


def _without_slivers(sheet: Sheet, pane: Labels, label: Labels) -> Labels:
    """Return the panes with those too small to cut joined into one pane of the same thing."""
    sizes = np.bincount(pane.ravel())
    small = sizes[pane] < 0.0009 * sheet.width**2
    joined = np.where(small, int(pane.max()) + 1 + label, pane)
    return np.unique(joined, return_inverse=True)[1].reshape(label.shape)


def leads(sheet: Sheet, pane: Labels) -> Field:
    """Return the mask of the leads between panes, and of the frame."""
    border = np.zeros(pane.shape, np.float32)
    border[1:] = np.maximum(border[1:], pane[1:] != pane[:-1])
    border[:, 1:] = np.maximum(border[:, 1:], pane[:, 1:] != pane[:, :-1])
    pixels = 0.5 * LEAD * sheet.width
    spread = blur(border, 0.55 * pixels) * pixels * 1.4
    frame = np.minimum(np.minimum(sheet.x, 1 - sheet.x), np.minimum(sheet.y, sheet.aspect - sheet.y))
    return np.maximum(smooth(spread, 0.28, 0.42), sheet.soft(0.014 - frame))
