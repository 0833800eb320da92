"""A peacock between vines, in a frame: large plain shapes, as for a mosaic."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.scene import Scene
from nst_core.style_library.studio.scenes.shapes import Palette
from nst_core.style_library.studio.sheet import Field, Point, Sheet, smooth

HIP = (0.46, 0.46)
"""Where the tail begins."""


def peacock(sheet: Sheet, palette: Palette) -> Scene:
    """Return the scene. Materials: ground, frame, vine, fruit, body, tail, eye, foot."""
    scene = Scene(sheet)
    x, y = sheet.x, sheet.y
    halo = sheet.radius((0.50, 0.36), (1, 1))
    scene.add(np.ones_like(x), palette["ground"], 0.95 - 0.9 * halo + 0.1 * sheet.noise(0.1, 2), halo)
    _vines(scene, palette)
    _tail(scene, palette)
    _body(scene, palette)
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, sheet.aspect - y))
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * (x + y) / 0.066) * np.sin(2 * np.pi * (x - y) / 0.066)
    tone = np.where(np.abs(border - 0.032) < 0.019, 0.25 + 0.75 * smooth(waves, 0.5, 0.6), 0.0)
    scene.add(sheet.soft(0.062 - border), palette["frame"], tone, border)
    return scene


def _vines(scene: Scene, palette: Palette) -> None:
    sheet = scene.sheet
    for side in (1, -1):
        steps = np.linspace(0, 1, 60)
        centre = 0.5 + side * 0.38
        stem = [(centre + side * 0.035 * np.sin(9 * t), 0.74 - 0.66 * t) for t in steps]
        scene.add(sheet.line(stem, 0.013), palette["vine"], 0.1, sheet.radius((centre, 0.4), (1, 8)))
        for index in range(4, 58, 6):
            px, py = stem[index]
            turn = side * (1 if index % 12 == 4 else -1)
            centre_leaf = px + 0.042 * turn, py - 0.012
            leaf = sheet.ellipse(centre_leaf, (0.040, 0.019), -0.6 * turn)
            tone = 0.45 + 8 * (sheet.y - py) * -1
            scene.add(leaf, palette["vine"], tone, sheet.y + 0.6 * turn * sheet.x)
            if index % 12 == 10:
                berry = (px - 0.034 * turn, py + 0.022)
                scene.add(
                    sheet.ellipse(berry, (0.017, 0.017)), palette["fruit"], 0.6, sheet.radius(berry, (1, 1))
                )


def _tail(scene: Scene, palette: Palette) -> None:
    """Add the open tail, three rings of feathers with eyes."""
    sheet = scene.sheet
    distance = sheet.radius(HIP, (1, 1))
    angle = np.arctan2(sheet.y - HIP[1], sheet.x - HIP[0])
    fan = sheet.soft(0.365 - distance + 0.012 * np.cos(angle * 22)) * sheet.soft(0.10 - (sheet.y - HIP[1]))
    barbs = 0.5 + 0.5 * np.cos(angle * 44)
    scene.add(fan, palette["tail"], 0.25 + 0.45 * barbs + 0.5 * (distance - 0.2), angle * 0.3)
    for ring, (radius, count) in enumerate(((0.315, 17), (0.235, 12), (0.160, 8))):
        for turn in np.linspace(np.pi - 0.15, 2 * np.pi + 0.15, count) + 0.04 * ring:
            centre = HIP[0] + radius * float(np.cos(turn)), HIP[1] + radius * float(np.sin(turn))
            size = 0.028 - 0.003 * ring
            for scale, tone in ((1.0, 1.0), (0.74, 0.68), (0.5, 0.35), (0.26, 0.0)):
                spot = sheet.ellipse(centre, (1.2 * size * scale, size * scale), turn)
                scene.add(spot, palette["eye"], tone, sheet.radius(centre, (1, 1)))


def _body(scene: Scene, palette: Palette) -> None:
    """Add the bird before its tail."""
    sheet = scene.sheet
    x, y = sheet.x, sheet.y
    for place in (0.475, 0.535):
        leg = [(place, 0.60), (place + 0.006, 0.70), (place + 0.04, 0.715)]
        scene.add(sheet.line(leg, 0.012), palette["foot"], 0.4, x)
    body = sheet.ellipse((0.50, 0.53), (0.085, 0.105), 0.25)
    scales = _scales(x, y)
    scene.add(
        body, palette["body"], 0.30 + 0.55 * scales - 0.9 * (x - 0.5), sheet.radius((0.5, 0.53), (0.8, 1.05))
    )
    neck = [_bow(t) for t in np.linspace(0, 1, 30)]
    scene.add(sheet.line(neck, 0.080), palette["body"], 0.55 + 0.35 * scales - 3 * (x - 0.535), x - 0.3 * y)
    head: Point = (0.592, 0.262)
    scene.add(
        sheet.ellipse(head, (0.060, 0.050)),
        palette["body"],
        0.62 - 4 * (y - head[1]),
        sheet.radius(head, (1, 1)),
    )
    beak = [(0.640, 0.240), (0.715, 0.275), (0.638, 0.290)]
    scene.add(sheet.polygon(beak), palette["ground"], 0.2, y)
    scene.add(
        sheet.ellipse((0.602, 0.257), (0.021, 0.019)),
        palette["ground"],
        1.0,
        sheet.radius((0.602, 0.257), (1, 1)),
    )
    scene.add(sheet.ellipse((0.603, 0.257), (0.010, 0.010)), palette["frame"], 0.0, x)
    for lean in (-0.035, 0.0, 0.035):
        crest = [(0.583, 0.225), (0.583 + lean, 0.165)]
        scene.add(sheet.line(crest, 0.005), palette["body"], 0.2, x)
        scene.add(sheet.ellipse((0.583 + lean, 0.16), (0.014, 0.014)), palette["eye"], 0.4, x)


def _bow(t: float) -> Point:
    """Return a point of the neck's curve."""
    return 0.515 + 0.065 * t + 0.035 * float(np.sin(np.pi * t)), 0.50 - 0.235 * t


def _scales(x: Field, y: Field) -> Field:
    """Return the pattern of small feathers, in 0..1."""
    pattern: Field = 0.5 + 0.5 * np.sin(140 * (x + 0.4 * y)) * np.sin(110 * (y - 0.3 * x))
    return pattern
