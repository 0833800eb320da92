"""A village in a river valley: clouds, two ranges of hills, houses, trees, and a river that mirrors them."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette, below, house, mirrored, poplar, ridge, tree
from nst_core.style_library.studio.sheet import Sheet, mix, smooth

SHORE = 0.50


def valley(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene.

    Materials: sky, cloud, far, hill, meadow, tree, poplar, trunk, wall, roof, window, water, path, flower.
    """
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    wind = sheet.noise(0.35, 2, stretch=2.0)
    sky = y + 0.04 * wind
    scene.add(np.ones_like(x), palette["sky"], 0.05 + 2.2 * y + 0.06 * sheet.noise(0.2, 3), sky)
    _clouds(scene, palette)
    far = ridge(sheet, 0.33, 0.035, 0.22)
    scene.add(
        below(sheet, far), palette["far"], 0.9 - 3.5 * (y - far) + 0.1 * sheet.noise(0.05, 3), y - 0.8 * far
    )
    hill = ridge(sheet, 0.39, 0.02, 0.3, 2) + 0.05 * np.sin(5 * x + 1)
    fields = np.sin(70 * (x + 1.5 * y) + 3 * sheet.noise(0.2, 2))
    scene.add(
        below(sheet, hill), palette["hill"], 0.5 + 0.22 * sheet.noise(0.07, 3) + 0.1 * fields, y - 0.9 * hill
    )
    for place in (0.05, 0.11, 0.20, 0.66, 0.73, 0.95):
        bush_x = place + 0.02 * float(sheet.random.standard_normal())
        poplar(scene, (bush_x, SHORE - 0.02), 0.10 + 0.03 * float(sheet.random.uniform()), palette)
    house(scene, (0.24, SHORE - 0.005), (0.13, 0.045), palette)
    house(scene, (0.53, SHORE - 0.012), (0.11, 0.04), palette, "roof")
    _church(scene, palette)
    house(scene, (0.35, SHORE), (0.15, 0.055), palette)
    for place, size in ((0.19, 0.12), (0.51, 0.10), (0.64, 0.13)):
        tree(scene, (place, SHORE + 0.005), size, palette)
    for place, height in ((0.72, 0.30), (0.775, 0.36), (0.83, 0.32), (0.89, 0.25)):
        poplar(scene, (place, SHORE + 0.01), height, palette, "poplar")
    _river(scene, palette)
    _near_bank(scene, palette)
    return scene


def _clouds(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    for cx, cy, wide in ((0.20, 0.13, 0.20), (0.60, 0.09, 0.17), (0.86, 0.20, 0.16), (0.44, 0.23, 0.13)):
        puff = sheet.noise(0.09, 4, stretch=1.5)
        distance = sheet.radius((cx, cy), (wide, 0.32 * wide)) - 0.28 * puff
        tone = 0.72 - 5.5 * (sheet.y - cy) * 0.12 / wide - 1.2 * (sheet.x - cx) * 0.3 + 0.12 * puff
        scene.add(smooth(1 - distance, 0.0, 0.35), palette["cloud"], tone, distance + 0.2 * puff)


def _church(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    left, right, base, top = 0.475, 0.515, SHORE - 0.01, 0.34
    tower = [(left, base), (left, top), (right, top), (right, base)]
    shade = 0.9 - 0.55 * smooth(sheet.x, 0.492, 0.498)
    scene.add(sheet.polygon(tower), palette["wall"], shade, sheet.x)
    spire = [(left - 0.004, top), (0.495, top - 0.11), (right + 0.004, top)]
    scene.add(sheet.polygon(spire), palette["roof"], shade - 0.2, sheet.x)
    scene.add(sheet.ellipse((0.495, top + 0.03), (0.007, 0.012)), palette["window"], 0.2, sheet.x)


def _river(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    ripple = sheet.noise(0.012, 3, stretch=7.0)
    light = 0.45 + 0.9 * (sheet.y - SHORE) + 0.16 * ripple
    reflection = mirrored(scene, SHORE)
    scene.add(below(sheet, SHORE + 0.004 * ripple), palette["water"], light, sheet.y + 0.004 * ripple)
    water = below(sheet, SHORE)
    amount = water * np.clip(0.72 - 0.5 * (sheet.y - SHORE) + 0.10 * ripple, 0, 1)
    scene.colour = mix(scene.colour, reflection * 0.92, amount)


def _near_bank(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    bank = 0.66 + 0.10 * smooth(x, 0.25, 0.95) - 0.05 * np.cos(7 * x) + 0.01 * sheet.noise(0.05, 3)
    tufts = sheet.noise(0.035, 3)
    grass = x + 0.35 * y + 0.03 * tufts
    scene.add(below(sheet, bank), palette["meadow"], 0.42 + 0.2 * tufts + 0.6 * (y - bank), grass)
    bend = 0.20 + 0.5 * (y - 0.62) + 0.10 * np.sin(9 * y)
    reach = 0.008 + 0.30 * np.clip(y - 0.62, 0, 1)
    path = sheet.soft(reach - np.abs(x - bend)) * below(sheet, bank)
    scene.add(path, palette["path"], 0.65 + 0.14 * tufts, x - bend)
    if "flower" in palette:
        spots = smooth(sheet.noise(0.011, 1), 1.35, 1.6) * below(sheet, bank + 0.015) * (1 - path)
        scene.add(spots, palette["flower"], 0.5 + 0.3 * sheet.noise(0.08, 2), y)
    tree(scene, (0.93, 0.80), 0.46, palette, "poplar")
