"""A bare oak on a hill before a storm, with a barn, a fence, a track and heavy clouds."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette, below, house, ridge
from nst_core.style_library.studio.sheet import Field, Point, Sheet, smooth


def oak(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene. Materials: sky, far, field, ground, path, wall, roof, window, bark."""
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    cloud = sheet.noise(0.28, 5, stretch=1.6)
    break_in_clouds = np.exp(-(((x - 0.72) / 0.22) ** 2 + ((y - 0.36) / 0.10) ** 2))
    sky = 0.40 + 0.20 * cloud + 0.55 * break_in_clouds + 0.35 * (y - 0.2)
    scene.add(np.ones_like(x), palette["sky"], sky, y - 0.35 * x + 0.05 * cloud)
    far = ridge(sheet, 0.47, 0.018, 0.2)
    scene.add(below(sheet, far), palette["far"], 0.65 - 4 * (y - far), y - far)
    hill = 0.53 - 0.05 * np.cos(4.2 * (x - 0.32)) + 0.004 * sheet.noise(0.05, 3)
    clods = sheet.noise(0.05, 4, stretch=2.5)
    scene.add(below(sheet, hill), palette["field"], 0.72 + 0.13 * clods - 0.9 * (y - hill), y - hill)
    house(scene, (0.70, 0.565), (0.17, 0.06), palette)
    near = 0.66 + 0.04 * np.sin(5 * x + 2) + 0.006 * sheet.noise(0.03, 3)
    scene.add(
        below(sheet, near),
        palette["ground"],
        0.5 + 0.2 * clods - 0.8 * (y - near),
        y - 0.7 * near + 0.01 * clods,
    )
    bend = 0.66 - 0.6 * (y - 0.56) + 0.10 * np.sin(11 * (y - 0.5))
    path = sheet.soft(0.006 + 0.22 * np.clip(y - 0.56, 0, 1) - np.abs(x - bend)) * below(sheet, 0.565)
    scene.add(path, palette["path"], 0.75 + 0.12 * clods, x - bend)
    _fence(scene, palette)
    shadow = np.exp(-(((x - 0.42) / 0.22) ** 2 + ((y - 0.625 - 0.1 * (x - 0.3)) / 0.018) ** 2))
    scene.add(0.7 * shadow, palette["bark"], 0.15, y - 0.1 * x)
    _grow(scene, palette, (0.27, 0.64))
    return scene


def _grow(scene: Scene, palette: Palette, foot: Point) -> None:
    """Add the tree: each bough forks into two that are thinner and turn away from each other."""
    sheet = scene.sheet
    mask = np.zeros_like(sheet.x)
    queue = [(foot, -np.pi / 2 + 0.06, 0.17, 0.050)]
    while queue:
        (px, py), angle, length, width = queue.pop()
        middle = px + 0.5 * length * np.cos(angle + 0.15), py + 0.5 * length * np.sin(angle + 0.15)
        end = px + length * np.cos(angle), py + length * np.sin(angle)
        across = np.cos(angle + np.pi / 2), np.sin(angle + np.pi / 2)
        outline = [
            (at[0] + side * half * across[0], at[1] + side * half * across[1])
            for side, row in ((1, ((px, py), middle, end)), (-1, (end, middle, (px, py))))
            for at, half in zip(row, _halves(width)[::side], strict=True)
        ]
        mask = np.maximum(mask, sheet.polygon(outline))
        if width < 0.0025:
            continue
        forks = 2 if sheet.random.uniform() < 0.72 else 3
        for turn in np.linspace(-0.55, 0.55, forks) + sheet.random.normal(0, 0.16, forks):
            shrink = sheet.random.uniform(0.66, 0.84)
            lift = -0.10 * np.cos(angle + turn)
            queue.append(
                (end, angle + turn + lift * np.sign(np.cos(angle + turn)), length * shrink, 0.62 * width)
            )
    root = [
        (foot[0] - 0.055, foot[1] + 0.012),
        (foot[0] - 0.018, foot[1] - 0.05),
        (foot[0] + 0.018, foot[1] - 0.05),
    ]
    mask = np.maximum(mask, sheet.polygon([*root, (foot[0] + 0.06, foot[1] + 0.012)]))
    side: Field = sheet.blur(mask, 0.01)
    lit = np.gradient(side, axis=1) * sheet.width * 0.02
    scene.add(
        mask,
        palette["bark"],
        0.22 + lit + 0.08 * sheet.noise(0.012, 2),
        sheet.x + 0.15 * sheet.noise(0.1, 2) * 0.1,
    )


def _halves(width: float) -> tuple[float, float, float]:
    return 0.5 * width, 0.40 * width, 0.33 * width


def _fence(scene: Scene, palette: Palette) -> None:
    """Add posts and wires that follow the near field."""
    sheet = scene.sheet
    tops = []
    for place in np.linspace(0.50, 1.02, 7):
        foot = 0.655 + 0.04 * float(np.sin(5 * place + 2)) + 0.01
        lean = 0.006 * float(sheet.random.standard_normal())
        size = 0.055 + 0.05 * (place - 0.5)
        post = [(place, foot), (place + lean, foot - size)]
        scene.add(sheet.line(post, 0.007), palette["bark"], 0.25, sheet.x)
        tops.append((place + lean, foot - 0.85 * size))
    for drop in (0.0, 0.022):
        wire = sheet.line([(px, py + drop) for px, py in tops], 0.0018)
        scene.add(wire, palette["bark"], 0.2 + 0.3 * smooth(sheet.noise(0.1, 1), 0, 1), sheet.y)
