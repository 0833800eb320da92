"""Pointillism: a river valley in the sun, in dots of pure colour that the eye mixes."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Canvas, Stroke, bristle_marks, lit, weave
from nst_core.style_library.studio.scenes.valley import valley
from nst_core.style_library.studio.sheet import Field, Sheet, mix, rgb

ASPECT, SEED = 0.74, 33
PALETTE = {
    "sky": ("#5f8fd0", "#8fb8e0", "#c2dcea", "#f7e8d0"),
    "cloud": ("#b0a8d0", "#e5d8e0", "#fff8ea"),
    "far": ("#6a6fb8", "#8f98d0", "#b8bce0"),
    "hill": ("#3f7a6a", "#74a862", "#bcc862", "#f0dc8a"),
    "meadow": ("#2a6048", "#5f9a42", "#a8c44a", "#f0e070"),
    "tree": ("#23405f", "#2f7a52", "#7fae45", "#e2d860"),
    "poplar": ("#2a3568", "#2f6a55", "#6fa042", "#dcd05a"),
    "trunk": ("#4a3560", "#8a5a52", "#d29a6a"),
    "wall": ("#8f82b8", "#dcb8b0", "#fbe6c0", "#fffaea"),
    "roof": ("#a83a55", "#e0623f", "#f59a55", "#fbc88a"),
    "window": ("#35407a", "#5f6aa0"),
    "water": ("#2f62a0", "#4f98c4", "#98cfd8", "#f5f0d8"),
    "path": ("#b88a90", "#f0c090", "#ffe8b8"),
    "flower": ("#e2352f", "#f56a4a", "#ffd0c0"),
}
PURE = ("#e2372e", "#f08a24", "#f7d536", "#7fb83a", "#1f8f62", "#2a9fc4", "#2a5fb8", "#4a3f9a", "#a8458f")
TINTS = ("#f9dcc4", "#c9d9f2", "#e6d2ec", "#fdf2c0", "#d2ecd8")
SIZES = ((0.0125, 1.25, 0.0), (0.0100, 1.0, 0.62), (0.0070, 0.55, 0.75))
"""Of each layer of dots: width, density, and how far a dot's colour may go from the colour of its place."""


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = valley(sheet, PALETTE)
    canvas = Canvas(mix(rgb("#f1e4c8"), scene.colour, 0.55), 0.12 * weave(sheet))
    marks = bristle_marks(sheet.random, dry=0.1, hairs=6)
    target = sheet.blur(scene.colour, 0.002)
    for size, density, split in SIZES:
        _dots(canvas, sheet, target, (size * width, density, split), marks)
    return lit(canvas.colour, canvas.relief, 0.25, 0.05)


def _dots(canvas: Canvas, sheet: Sheet, target: Field, kind: tuple[float, float, float], marks: list) -> None:  # type: ignore[type-arg]
    """Cover the canvas with one size of dots, in an even but random spread."""
    size, density, split = kind
    step = 0.82 * size / np.sqrt(density)
    rows, columns = np.mgrid[0 : sheet.height : step, 0 : sheet.width : step]
    places = np.stack([columns.ravel(), rows.ravel()], 1)
    places = sheet.random.permutation(places + sheet.random.uniform(-0.45, 0.45, places.shape) * step)
    pure = np.stack([rgb(colour) for colour in (*PURE, *TINTS)])
    for px, py in places:
        wanted = target[int(np.clip(py, 0, sheet.height - 1)), int(np.clip(px, 0, sheet.width - 1))]
        choice, angle, spread, chance = sheet.random.uniform(0, 1, 4)
        colour = wanted + 0.05 * np.float32(spread - 0.5)
        if split:
            colour = _split(wanted, pure, float(chance), split)
        breadth = size * (0.85 + 0.3 * spread)
        stroke = Stroke(px, py, 6.3 * angle, length=1.25 * breadth, width=breadth)
        canvas.paint(stroke, marks[int(choice * len(marks))], colour)


def _split(wanted: Field, pure: Field, chance: float, split: float) -> Field:
    """Return one of the pure colours that together look like ``wanted``, or a tint between both."""
    distance = ((pure - wanted) ** 2).sum(1)
    weights = np.exp(-distance / 0.10)
    weights /= weights.sum() + 1e-9
    picked = pure[min(int(np.searchsorted(weights.cumsum(), chance)), len(pure) - 1)]
    if chance > 0.90:  # a touch of the complement, as a shadow has
        picked = 2 * wanted.mean() - wanted
        split *= 0.55
    mixed: Field = wanted + split * 0.75 * (picked - wanted)
    return mixed
