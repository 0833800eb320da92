"""Watercolour: transparent washes on rough paper, with hard edges, granulation, backruns and splashes."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.valley import valley
from nst_core.style_library.studio.sheet import Field, Sheet, rgb, sample, slopes, smooth

ASPECT, SEED = 0.76, 21
PAPER = "#fbf6ea"
PALETTE = {
    "sky": ("#5f93c8", "#93bfdf", "#cfe2ea", "#fbead2"),
    "cloud": ("#b9bfd6", "#e9e4e6", "#fffdf6"),
    "far": ("#7f8fc0", "#9fadd2", "#c4cbe2"),
    "hill": ("#5f8a7a", "#8fb07a", "#c4c982", "#e8dca4"),
    "meadow": ("#4a7a4a", "#7fa552", "#b5c468", "#e6dd94"),
    "tree": ("#2f5a52", "#4f8560", "#8fae62", "#d2cf82"),
    "poplar": ("#264a4c", "#41745a", "#86a558", "#cfc87a"),
    "trunk": ("#5a4450", "#8a6a5c", "#bfa082"),
    "wall": ("#a79cbc", "#d6c3bd", "#f7e8d0", "#fffaf0"),
    "roof": ("#a04a4a", "#d2694a", "#ea9a6a", "#f5c69a"),
    "window": ("#4f5a7c", "#6f7a98"),
    "water": ("#4a83b0", "#7fb2cf", "#b8d8e0", "#f3f3ea"),
    "path": ("#b59a90", "#dcbf9f", "#f6e3c4"),
    "flower": ("#d94f3f", "#ef8a5c", "#f7b8a0"),
}
LEVELS = (0.10, 0.34, 0.62, 0.98)
"""Densities at which a further wash is laid over those before."""


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = valley(sheet, PALETTE)
    paper = sheet.noise(0.005, 3)
    colour = _by_a_loose_hand(sheet, scene.colour)
    density = -np.log(np.clip(colour / rgb(PAPER), 0.03, 1))
    amount = density.mean(2)
    hue = sheet.blur(density, 0.004) / np.maximum(sheet.blur(amount, 0.004), 0.02)[..., None]
    washes = 0.45 * sheet.blur(amount, 0.006) + 0.62 * layered(sheet, amount)
    washes *= 1 + 0.55 * rims(sheet, scene)
    washes *= np.exp(0.20 * sheet.noise(0.12, 4) + 0.10 * sheet.noise(0.03, 3)) * backruns(sheet)
    washes *= 1 + 0.14 * paper * smooth(washes, 0.05, 0.6)
    washes = washes * _border(sheet) * (1 - 0.85 * _gaps(sheet, scene)) + 0.4 * _splashes(sheet)
    result = rgb(PAPER) * np.exp(-washes[..., None] * np.clip(hue, 0.1, 3.0))
    down, across = slopes(sheet.blur(paper, 0.001))
    rough: Field = result * (1 + 0.04 * np.clip(across + down, -1, 1)[..., None])
    return rough


def layered(sheet: Sheet, amount: Field) -> Field:
    """Return ``amount`` as washes over each other, each with an even tone and a darker edge."""
    total = np.zeros_like(amount)
    shaken = amount + 0.035 * sheet.noise(0.03, 3) + 0.02 * sheet.noise(0.008, 2)
    for before, level in zip((0.0, *LEVELS), LEVELS, strict=False):
        wash = smooth(shaken - level, -0.018, 0.018)
        edge = np.clip(wash - sheet.blur(wash, 0.0045), 0, 1) + 0.5 * np.clip(
            wash - sheet.blur(wash, 0.012), 0, 1
        )
        total += wash * (1.35 * (level - before)) * (1 + 0.85 * edge)
    return total


def rims(sheet: Sheet, scene: Scene) -> Field:
    """Return where pigment gathers at the edges of things while they dry, in 0..1."""
    total = np.zeros_like(sheet.x)
    for _ in range(3):
        value = sheet.random.uniform(0, 1, scene.count).astype(np.float32)[scene.label]
        total += np.abs(value - sheet.blur(value, 0.003))
    return smooth(total / 3, 0.03, 0.22)


def backruns(sheet: Sheet) -> Field:
    """Return factors of pigment: where a drop fell into a damp wash, a pale bloom with a dark fringe."""
    factor = np.ones_like(sheet.x)
    crinkle = 0.16 * sheet.noise(0.07, 5)
    for _ in range(9):
        centre = sheet.random.uniform(0, 1), sheet.random.uniform(0, sheet.aspect)
        size = sheet.random.uniform(0.03, 0.09)
        distance = sheet.radius(centre, (size, size)) + crinkle
        factor *= 1 - 0.38 * smooth(1 - distance, 0, 0.5) + 0.55 * np.exp(-(((distance - 1) / 0.07) ** 2))
    return factor


def _by_a_loose_hand(sheet: Sheet, colour: Field) -> Field:
    """Return the colours, shifted slightly this way and that."""
    dx = sheet.width * (0.0045 * sheet.noise(0.06, 3) + 0.0012 * sheet.noise(0.01, 2))
    dy = sheet.width * (0.0045 * sheet.noise(0.06, 3) + 0.0012 * sheet.noise(0.01, 2))
    return sample(colour, sheet.x * sheet.width + dx, sheet.y * sheet.width + dy)


def _gaps(sheet: Sheet, scene: Scene) -> Field:
    """Return slivers of paper left dry between two washes, and the sparkle of a quick brush."""
    edges = rims(sheet, scene)
    slivers = smooth(edges, 0.75, 0.95) * smooth(sheet.noise(0.10, 2), 1.2, 1.6)
    sparkle = smooth(sheet.noise(0.010, 3, stretch=5.0), 1.6, 1.8) * smooth(sheet.y - 0.5, 0, 0.05)
    return np.clip(slivers + sparkle, 0, 1)


def _border(sheet: Sheet) -> Field:
    """Return 1 in the painted part, 0 on the uneven margin of bare paper."""
    margin = np.minimum(np.minimum(sheet.x, 1 - sheet.x), np.minimum(sheet.y, sheet.aspect - sheet.y))
    inside = smooth(margin - 0.012 + 0.007 * sheet.noise(0.05, 4), -0.002, 0.003)
    edge = inside * np.clip(inside - sheet.blur(inside, 0.004), 0, 1)
    return inside * (1 + 1.2 * edge)


def _splashes(sheet: Sheet) -> Field:
    """Return drops that the brush has thrown."""
    drops = np.zeros_like(sheet.x)
    for _ in range(26):
        centre = sheet.random.uniform(0, 1), sheet.random.uniform(0, sheet.aspect)
        size = 0.0015 * float(np.exp(0.6 * sheet.random.standard_normal()))
        drops += sheet.ellipse(centre, (size, size)) * sheet.random.uniform(0.3, 0.9)
    return np.clip(drops, 0, 1)
