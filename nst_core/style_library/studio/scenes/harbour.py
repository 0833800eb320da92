"""A harbour in the evening: a low sun, sailing boats, a quay with houses, and light on the water."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette, below, mirrored, ridge
from nst_core.style_library.studio.sheet import Sheet, mix, smooth

SEA = 0.36
SUN = (0.66, 0.27)


def harbour(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene. Materials: sky, cloud, sun, coast, house, roof, water, hull, sail."""
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    glow = np.exp(-np.hypot(x - SUN[0], 1.3 * (y - SUN[1])) / 0.22)
    wisps = sheet.noise(0.12, 4, stretch=3.0)
    scene.add(np.ones_like(x), palette["sky"], 0.1 + 1.0 * y + 0.6 * glow + 0.05 * wisps, y + 0.02 * wisps)
    bands = smooth(wisps + 0.9 * np.sin(22 * y - 1.0), 0.5, 1.5) * smooth(SEA - 0.02 - y, 0.0, 0.05)
    scene.add(0.8 * bands, palette["cloud"], 0.2 + 1.0 * glow + 0.12 * wisps, y + 0.03 * wisps)
    scene.add(sheet.ellipse(SUN, (0.035, 0.035)), palette["sun"], 0.8, sheet.radius(SUN, (1, 1)))
    coast = ridge(sheet, SEA - 0.035, 0.012, 0.2) + 0.05 * smooth(x, 0.25, 0.75)
    scene.add(
        below(sheet, coast),
        palette["coast"],
        0.35 + 0.5 * glow + 0.08 * sheet.noise(0.04, 2),
        y - 0.5 * coast,
    )
    _town(scene, palette)
    _water(scene, palette, glow)
    return scene


def _town(scene: Scene, palette: Palette) -> None:
    """Add a row of houses on the quay, at the left."""
    sheet, random = scene.sheet, scene.sheet.random
    left = -0.01
    while left < 0.36:
        wide, high = random.uniform(0.035, 0.06), random.uniform(0.06, 0.13) * (1.1 - left)
        top, right = SEA - high, left + wide
        wall = [(left, SEA), (left, top), (right, top), (right, SEA)]
        scene.add(sheet.polygon(wall), palette["house"], random.uniform(0.3, 1.0), sheet.x)
        roof = [(left - 0.004, top), (left + wide / 2, top - 0.45 * wide), (right + 0.004, top)]
        scene.add(sheet.polygon(roof), palette["roof"], random.uniform(0.2, 0.8), sheet.y - sheet.x)
        for row in np.arange(top + 0.018, SEA - 0.02, 0.028):
            for column in (left + 0.25 * wide, left + 0.68 * wide):
                window = sheet.ellipse((column, float(row)), (0.0045, 0.007))
                scene.add(window, palette["window"], random.uniform(0, 1), sheet.x)
        left = right + 0.002


def _water(scene: Scene, palette: Palette, glow: np.ndarray) -> None:
    """Add boats, the sea with their reflections, and the path of the sun."""
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    for place, foot, size in ((0.45, SEA + 0.004, 0.10), (0.86, SEA + 0.006, 0.13)):
        _boat(scene, palette, (place, foot), size)
    depth = np.clip(y - SEA, 0.001, 1)
    ripple = sheet.noise(0.016, 3, stretch=6.0)
    tone = 0.62 - 0.9 * depth + 0.10 * ripple + 0.25 * glow
    reflection = mirrored(scene, SEA)
    scene.add(below(sheet, SEA), palette["water"], tone, y + 0.003 * ripple)
    amount = below(sheet, SEA) * np.clip(0.62 - 0.9 * depth + 0.12 * ripple, 0, 1)
    scene.colour = mix(scene.colour, 0.94 * reflection, amount)
    reach = 0.025 + 0.32 * depth
    path = (
        np.exp(-(((x - SUN[0]) / reach) ** 2))
        * smooth(ripple, -0.2 + depth, 0.9 + depth)
        * below(sheet, SEA + 0.004)
    )
    scene.add(path, palette["sun"], 0.75 - 0.6 * depth, y)
    _boat(scene, palette, (0.27, 0.62), 0.36)
    shade = (
        np.exp(-(((x - 0.27) / 0.13) ** 2))
        * smooth(y, 0.62, 0.64)
        * smooth(0.78 - y + 0.02 * ripple, 0, 0.05)
    )
    scene.add(0.75 * shade * smooth(ripple, -0.9, 0.4), palette["hull"], 0.4, y)


def _boat(scene: Scene, palette: Palette, foot: tuple[float, float], size: float) -> None:
    sheet = scene.sheet
    px, py = foot
    mast = [(px, py), (px + 0.01 * size, py - 1.15 * size)]
    main = [(px + 0.02 * size, py - 1.12 * size), (px + 0.14 * size, py - 0.6 * size)]
    main += [(px + 0.42 * size, py - 0.16 * size), (px + 0.02 * size, py - 0.12 * size)]
    jib = [
        (px - 0.01 * size, py - 1.02 * size),
        (px - 0.14 * size, py - 0.5 * size),
        (px - 0.40 * size, py - 0.10 * size),
    ]
    jib += [(px - 0.03 * size, py - 0.16 * size)]
    belly = 0.9 - 0.55 * smooth(sheet.x, px, px + 0.42 * size) + 0.12 * np.sin(14 * (sheet.y - py) / size)
    scene.add(sheet.polygon(main), palette["sail"], belly, sheet.x + 0.3 * sheet.y)
    scene.add(
        sheet.polygon(jib), palette["sail"], 0.45 + 0.5 * (px - sheet.x) / size, sheet.x - 0.4 * sheet.y
    )
    scene.add(sheet.line(mast, 0.012 * size), palette["hull"], 0.2, sheet.x)
    hull = [
        (px - 0.46 * size, py - 0.09 * size),
        (px + 0.48 * size, py - 0.10 * size),
        (px + 0.34 * size, py + 0.05 * size),
    ]
    hull += [(px - 0.34 * size, py + 0.05 * size)]
    scene.add(sheet.polygon(hull), palette["hull"], 0.3 + 4.0 * (py - sheet.y) / size, sheet.y)
    rim = [(px - 0.46 * size, py - 0.09 * size), (px + 0.48 * size, py - 0.10 * size)]
    scene.add(sheet.line(rim, 0.022 * size), palette["sail"], 0.8, sheet.y)
