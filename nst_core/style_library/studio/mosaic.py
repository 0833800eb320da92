"""Mosaic: stones set in rows along the outlines of things, each cut and tilted a little differently."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.peacock import peacock
from nst_core.style_library.studio.sheet import Field, Labels, Sheet, blur, mix, rgb, slopes, smooth

ASPECT, SEED = 0.82, 4
STONE = 0.0138
"""Side of a stone."""
ROUNDS = 7
"""Rounds in which the stones move apart."""
PALETTE = {
    "ground": ("#c89a3a", "#e2bd5c", "#f2dc98", "#fbf0cc"),
    "frame": ("#1f2f5f", "#2f5590", "#f4ead0"),
    "vine": ("#16361f", "#2f6a2f", "#5f9a3a"),
    "fruit": ("#6a1a24", "#b03030", "#e0684a"),
    "body": ("#12408f", "#1f7fc4", "#4fc0dc", "#c4f2ea"),
    "tail": ("#0c2a2c", "#164a42", "#2a6f4a", "#6a8f3f"),
    "eye": ("#16204a", "#2a7ab0", "#e8a83a", "#b8501f"),
    "foot": ("#3a2a24", "#7a5a3a"),
}


def paint(width: int) -> Field:
    """Set the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    scene = peacock(sheet, PALETTE)
    owner, across, along = set_stones(sheet, scene)
    count = int(owner.max()) + 1
    sums = np.stack([np.bincount(owner.ravel(), scene.colour[..., c].ravel(), count) for c in range(3)], 1)
    sizes = np.bincount(owner.ravel(), minlength=count)[:, None]
    colours = (sums / np.maximum(sizes, 1)).astype(np.float32)
    random = sheet.random
    colours *= 1 + random.normal(0, 0.085, (count, 1)).astype(np.float32)
    colours += random.normal(0, 0.018, (count, 3)).astype(np.float32)
    tilt = random.normal(0, 1, (count, 2)).astype(np.float32)
    stone = STONE * sheet.width
    rim = np.maximum(np.abs(across), np.abs(along)) / stone
    cell = _inside(owner, stone)
    chips = 0.05 * sheet.noise(0.006, 2)
    face = smooth(0.475 + chips - rim, 0, 0.05) * smooth(cell, 0.42, 0.66)
    lit_face = (
        1 + 0.10 * (tilt[owner, 0] * across + tilt[owner, 1] * along) / stone + 0.05 * sheet.noise(0.004, 2)
    )
    height = blur(face, 0.10 * stone)
    down, right = slopes(height)
    slope = np.clip(1.3 * (right + down) * 2.2, -0.8, 0.8)
    grout = rgb("#6f675c") * (0.8 + 0.12 * sheet.noise(0.004, 3))[..., None]
    shine = np.clip(tilt[owner, 0] * 0.35 - 0.45, 0, 1) * smooth(0.3 - rim, 0, 0.2)
    stones = colours[owner] * (lit_face + 0.4 * slope)[..., None] + 0.10 * shine[..., None]
    return mix(grout * (1 + 0.3 * slope)[..., None], stones, face)


def set_stones(sheet: Sheet, scene: Scene) -> tuple[Labels, Field, Field]:
    """Return each pixel's stone, and its place on it: across and along the row, in pixels from the centre.

    Square stones find their places like this: each pixel goes to the stone that is nearest by the larger of
    both distances, and each stone goes to the middle of its pixels, round after round.
    """
    stone = STONE * sheet.width
    rows, columns = np.mgrid[stone / 2 : sheet.height : stone, stone / 2 : sheet.width : stone]
    centres = np.stack([columns.ravel(), rows.ravel()], 1)
    centres += sheet.random.uniform(-0.3, 0.3, centres.shape) * stone
    angles = scene.angle
    ordinates, abscissas = np.mgrid[0 : sheet.height, 0 : sheet.width].astype(np.float32)
    for _ in range(ROUNDS):
        places = centres.astype(int)
        turn = angles[np.clip(places[:, 1], 0, sheet.height - 1), np.clip(places[:, 0], 0, sheet.width - 1)]
        owner, across, along = _nearest(sheet, centres, turn, stone)
        sizes = np.maximum(np.bincount(owner.ravel(), minlength=len(centres)), 1)
        # Edges of things push stones away, so that rows follow the outlines.
        for axis, field in ((0, abscissas), (1, ordinates)):
            total = np.bincount(owner.ravel(), field.ravel(), len(centres))
            moved = np.where(sizes > 1, total / sizes, centres[:, axis])
            centres[:, axis] = moved
    return owner, across, along


def _nearest(sheet: Sheet, centres: Field, turn: Field, stone: float) -> tuple[Labels, Field, Field]:
    """Return each pixel's nearest stone and the place on it."""
    best = np.full((sheet.height, sheet.width), np.inf, np.float32)
    owner = np.zeros(best.shape, np.int32)
    across, along = np.zeros_like(best), np.zeros_like(best)
    reach = 1.6 * stone
    for index, ((px, py), angle) in enumerate(zip(centres, turn, strict=True)):
        left, right = max(0, int(px - reach)), min(sheet.width, int(px + reach) + 1)
        top, bottom = max(0, int(py - reach)), min(sheet.height, int(py + reach) + 1)
        dx = (np.arange(left, right, dtype=np.float32) - np.float32(px))[None, :]
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(py))[:, None]
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u, v = dx * cos + dy * sin, dy * cos - dx * sin
        distance = np.maximum(np.abs(u), np.abs(v))
        part = np.s_[top:bottom, left:right]
        nearer = distance < best[part]
        best[part] = np.where(nearer, distance, best[part])
        owner[part] = np.where(nearer, index, owner[part])
        across[part] = np.where(nearer, u, across[part])
        along[part] = np.where(nearer, v, along[part])
    return owner, across, along


def _inside(owner: Labels, stone: float) -> Field:
    """Return 1 inside the area of a stone and about a half at the border of two."""
    same = np.ones(owner.shape, np.float32)
    same[1:] = np.minimum(same[1:], owner[1:] == owner[:-1])
    same[:, 1:] = np.minimum(same[:, 1:], owner[:, 1:] == owner[:, :-1])
    near: Field = 1 - np.clip(blur(1 - same, 0.055 * stone) * 0.16 * stone, 0, 1)
    return near
