"""Cubist planes: a still life cut into facets, each seen from its own side, in ochres, greys and blue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nst_core.style_library.studio.brush import Brush, Canvas, bristle_marks, lit, paint_scene, weave
from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.still_life import still_life
from nst_core.style_library.studio.sheet import Field, Labels, Sheet, mix, rgb, sample, smooth

ASPECT, SEED = 0.85, 29
FACETS = 84
PALETTE = {
    "wall": ("#3a3a44", "#6f6a66", "#a8987c", "#d8c8a0"),
    "table": ("#3f2618", "#7a4a28", "#b8803f"),
    "cloth": ("#6f6f78", "#b5ada0", "#ece2c8", "#faf5e4"),
    "stripe": ("#1f3550", "#3f6a8f", "#8fb0bd"),
    "shadow": ("#1a1820", "#4a4038"),
    "glass": ("#101f24", "#24505a", "#5f8f86", "#d5dcc0"),
    "jug": ("#4a2416", "#9a4f26", "#cf8a42", "#f0d8a0"),
    "bowl": ("#26384f", "#5f7f9f", "#b5c4c8", "#f2f0e2"),
    "apple": ("#5a1a1a", "#a8382a", "#d2724a", "#efc890"),
    "orange": ("#6f3a16", "#c07a2a", "#e2ac52", "#f7e0a8"),
    "lemon": ("#6f5a1a", "#bf9f3a", "#e5cf78", "#faf2c8"),
    "grape": ("#1c1c34", "#403f66", "#85839f", "#d5d4d8"),
    "leaf": ("#22301c", "#66763a"),
}


@dataclass(frozen=True)
class Cut:
    """The facets: each pixel's ``owner``, and how far it is from the nearest ``seam``, in widths."""

    owner: Labels
    seam: Field
    slopes: Field


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = still_life(sheet, PALETTE)
    cut = cut_facets(sheet)
    scene.colour = faceted(sheet, scene, cut)
    planes = Scene(sheet)
    planes.add(np.ones_like(sheet.x), ("#000000", "#ffffff"), 0.5, cut.slopes)
    planes.colour = scene.colour
    canvas = Canvas(mix(rgb("#8f6f4a"), scene.colour, 0.6), 0.12 * weave(sheet), areas=cut.owner)
    brushes = (
        Brush(0.022, 2.6, variety=0.020, wander=0.14),
        Brush(0.012, 2.8, error=0.16, variety=0.020, wander=0.10),
        Brush(0.006, 3.2, error=0.22, variety=0.020, wander=0.05),
    )
    paint_scene(canvas, planes, brushes, bristle_marks(sheet.random, dry=0.4), pull=0.7)
    line = smooth(0.0021 * (1 + 0.5 * sheet.noise(0.08, 2)) - cut.seam, -0.0006, 0.0008)
    canvas.colour = mix(canvas.colour, rgb("#1f1a1c"), 0.85 * line * smooth(sheet.noise(0.2, 2), -1.0, 0.2))
    return lit(canvas.colour, canvas.relief, 0.40, 0.06)


def cut_facets(sheet: Sheet) -> Cut:
    """Cut the sheet along straight lines, the largest facet first; facets in the middle become smaller."""
    random = sheet.random
    owner = np.zeros(sheet.x.shape, np.int32)
    seam = np.full(sheet.x.shape, np.inf, np.float32)
    central = np.exp(-(((sheet.x - 0.5) / 0.33) ** 2) - ((sheet.y - 0.46) / 0.30) ** 2) + 0.12
    favoured = random.uniform(0, np.pi, 5)
    for new in range(1, FACETS):
        largest = int(np.argmax(np.bincount(owner.ravel(), central.ravel())))
        inside = owner == largest
        weights = inside.ravel() * central.ravel()
        at = int(np.searchsorted(weights.cumsum(), weights.sum() * random.uniform(0.3, 0.7)))
        row, column = divmod(min(at, inside.size - 1), sheet.width)
        angle = float(favoured[int(random.integers(5))] + random.normal(0, 0.12))
        across = (sheet.x - column / sheet.width) * np.sin(angle) - (sheet.y - row / sheet.width) * np.cos(
            angle
        )
        across -= 0.25 * float(random.uniform() < 0.3) * ((sheet.x - column / sheet.width) ** 2)
        seam = np.where(inside, np.minimum(seam, np.abs(across)), seam).astype(np.float32)
        owner[inside & (across > 0)] = new
    turns = random.choice(favoured, FACETS) + random.normal(0, 0.2, FACETS)
    slopes = sheet.x * np.sin(turns)[owner] - sheet.y * np.cos(turns)[owner]
    return Cut(owner, seam, slopes.astype(np.float32))


def faceted(sheet: Sheet, scene: Scene, cut: Cut) -> Field:
    """Return the scene through the facets: shifted and enlarged by each, and shaded towards one side."""
    random, owner = sheet.random, cut.owner
    count = FACETS

    def per_facet(deviation: float) -> Field:
        return random.normal(0, deviation, count).astype(np.float32)[owner]

    zoom, turn = 1 + per_facet(0.06), per_facet(0.10)
    dx, dy = sheet.x - 0.5, sheet.y - 0.45
    u = 0.5 + zoom * (dx * np.cos(turn) - dy * np.sin(turn)) + per_facet(0.020)
    v = 0.45 + zoom * (dx * np.sin(turn) + dy * np.cos(turn)) + per_facet(0.020)
    seen = sample(sheet.blur(scene.colour, 0.002), u * sheet.width, v * sheet.width)
    totals = np.bincount(owner.ravel(), minlength=count)
    middle = np.bincount(owner.ravel(), cut.slopes.ravel(), count) / np.maximum(totals, 1)
    spread = np.sqrt(
        np.bincount(owner.ravel(), cut.slopes.ravel() ** 2, count) / np.maximum(totals, 1) - middle**2
    )
    along = (cut.slopes - middle[owner]) / (spread[owner] + 1e-3)
    shade = np.clip(0.5 + 0.34 * along, 0, 1).astype(np.float32)
    tints = np.stack([rgb(c) for c in ("#ecd09a", "#d2a45a", "#a39c8c", "#5f7f98", "#b8743f", "#f2e6c6")])
    tint = tints[random.integers(0, len(tints), count)][owner]
    strength = random.uniform(0.05, 0.50, count).astype(np.float32)[owner]
    coloured = mix(seen, tint, strength)
    result: Field = coloured * (0.60 + 0.80 * shade)[..., None]
    return result
