"""Sunrise over a lake between mountains, with a pine in front: few, large, flat shapes."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette, below
from nst_core.style_library.studio.sheet import Field, Sheet, smooth

SUN, RADIUS, SHORE = (0.56, 0.36), 0.105, 0.50


def sunrise(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene. Materials: sky, sun, cloud, far, near, snow, water, path, bank, trunk, needles."""
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    distance = sheet.radius(SUN, (1, 1))
    rays = np.arctan2(y - SUN[1], x - SUN[0])
    scene.add(np.ones_like(x), palette["sky"], 1.05 - 1.5 * distance, 0.42 * rays)
    scene.add(sheet.ellipse(SUN, (RADIUS, RADIUS)), palette["sun"], 1.0 - 3 * distance, distance)
    for cx, cy, wide in ((0.22, 0.13, 0.17), (0.80, 0.18, 0.15), (0.52, 0.07, 0.12)):
        bumps = 0.25 * np.abs(np.sin(19 * x + 40 * cy)) * (y < cy)
        mask = sheet.soft((1 + bumps - sheet.radius((cx, cy), (wide, 0.024))) * 0.02)
        scene.add(mask, palette["cloud"], 0.8 - 9 * (y - cy), y + 0.02 * np.sin(19 * x))
    for kind, peaks in (
        (
            "far",
            (
                (-0.10, 0.42),
                (0.09, 0.27),
                (0.20, 0.37),
                (0.33, 0.30),
                (0.50, 0.46),
                (0.70, 0.40),
                (1.1, 0.30),
            ),
        ),
        (
            "near",
            ((-0.1, 0.30), (0.04, 0.36), (0.20, 0.47), (0.36, 0.50), (0.66, 0.50), (0.85, 0.34), (1.1, 0.26)),
        ),
    ):
        line = _jagged(sheet, peaks)
        light = (
            0.75
            - 1.8 * (y - line)
            + 0.35 * np.sign(np.gradient(line, axis=1)) * smooth(y - line, -0.01, 0.04)
        )
        scene.add(below(sheet, line), palette[kind], light, 0.6 * y + np.abs(x - SUN[0]) * 0.8)
        snow = (
            below(sheet, line)
            * sheet.soft(line + 0.055 + 0.02 * np.sin(90 * x) - y)
            * sheet.soft(0.40 - line)
        )
        scene.add(snow, palette["snow"], light, x + 0.5 * y)
    _lake(scene, palette)
    bank = 0.70 + 0.05 * np.cos(4.5 * (x - 0.1)) + 0.004 * np.sin(70 * x)
    scene.add(below(sheet, bank), palette["bank"], 0.9 - 4 * (y - bank), y - 0.5 * x + 0.02 * np.sin(24 * x))
    _pine(scene, palette, 0.15, 0.76, 0.70)
    _pine(scene, palette, 0.90, 0.77, 0.40)
    _pine(scene, palette, 0.80, 0.76, 0.26)
    return scene


def _jagged(sheet: Sheet, peaks: tuple[tuple[float, float], ...]) -> Field:
    columns, heights = zip(*peaks, strict=True)
    line: Field = np.interp(sheet.x, columns, heights) + 0.006 * sheet.noise(0.03, 2)[sheet.height // 2]
    return line


def _lake(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    ripple = 0.012 * np.sin(26 * x + 60 * y) * smooth(y, SHORE, SHORE + 0.2)
    scene.add(below(sheet, SHORE), palette["water"], 1.0 - 3.2 * (y - SHORE), y + ripple)
    reach = 0.055 + 0.25 * np.clip(y - SHORE, 0, 1) + 0.03 * np.sin(90 * y)
    path = sheet.soft(reach - np.abs(x - SUN[0] - 0.01 * np.sin(60 * y))) * below(sheet, SHORE + 0.004)
    scene.add(path, palette["path"], 0.9 - 3.0 * (y - SHORE), y + ripple)


def _pine(scene: Scene, palette: Palette, middle: float, foot: float, height: float) -> None:
    """Add a pine: a trunk and tiers of boughs that hang towards their ends."""
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    lean = 0.02 * height * np.sin(4 * (foot - y) / height)
    trunk = sheet.soft(0.028 * height * (0.25 + (y - foot + height) / height) - np.abs(x - middle - lean))
    scene.add(
        trunk * sheet.soft(y - foot + height) * sheet.soft(foot - y),
        palette["trunk"],
        0.6 - 9 * (x - middle),
        x,
    )
    for tier in range(7):
        top = foot - height + 0.115 * height * tier
        reach = (0.07 + 0.033 * tier) * height
        depth = (0.12 + 0.006 * tier) * height
        across = np.abs(x - middle - 0.01 * height * (-1) ** tier) / reach
        lower = (
            top + depth * (0.55 + 0.45 * across) + 0.012 * height * np.abs(np.sin(30 * (x - middle) / height))
        )
        upper = top + depth * 0.85 * across**0.8
        mask = sheet.soft(y - upper) * sheet.soft(lower - y) * sheet.soft((1 - across) * reach)
        tone = 0.75 - 2.2 * (y - upper) / height * 3 - 0.25 * np.sign(x - middle - 0.02)
        scene.add(mask, palette["needles"], tone, 0.6 * y - 0.5 * np.abs(x - middle))
