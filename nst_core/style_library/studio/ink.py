"""Ink: mountains in the mist, in thin washes on rice paper, and bamboo in front with a loaded brush."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Canvas, Mark, Stroke, bristle_marks
from nst_core.style_library.studio.sheet import Field, Point, Sheet, mix, rgb, smooth

ASPECT, SEED = 0.80, 63
PAPER, INK, SEAL = "#efe6d2", "#17181c", "#b5352a"


def paint(width: int) -> Field:
    """Paint the picture."""
    sheet = Sheet(width, ASPECT, SEED)
    fibres = sheet.noise(0.004, 3, stretch=4.0)
    paper = rgb(PAPER) * (1 + 0.015 * fibres + 0.02 * sheet.noise(0.3, 2))[..., None]
    density = mountains(sheet) + _water(sheet)
    density *= 1 + 0.10 * fibres + 0.12 * sheet.noise(0.02, 3)
    canvas = Canvas(paper * np.exp(-density[..., None] * (1.15, 1.08, 1.0)), np.zeros_like(sheet.x))
    canvas.colour = canvas.colour.astype(np.float32)
    _boat(canvas, sheet)
    flying_white = bristle_marks(sheet.random, dry=0.75, hairs=20)
    leaves = bristle_marks(sheet.random, dry=0.35, hairs=16, point=0.92)
    for foot, lean, thick, strength in (
        (0.80, -0.10, 0.020, 0.35),
        (0.955, -0.16, 0.034, 0.80),
        (0.88, 0.05, 0.027, 0.95),
    ):
        bamboo(canvas, sheet, (foot, lean), (thick, strength), (flying_white, leaves))
    _splashes(canvas, sheet)
    return _sealed(canvas.colour, sheet)


def mountains(sheet: Sheet) -> Field:
    """Return the ink of three ranges: dark along the crest, fading downwards into mist."""
    density = 0.05 * smooth(sheet.noise(0.3, 4), -0.5, 2.0)
    for height, swing, scale, strength in (
        (0.20, 0.05, 0.16, 0.20),
        (0.30, 0.08, 0.22, 0.42),
        (0.42, 0.07, 0.18, 0.75),
    ):
        profile = np.abs(sheet.noise(scale, 5)[sheet.height // 2])
        line = height + 0.04 - swing * profile + 0.14 * np.abs(sheet.x - 0.30) * (height > 0.25)
        line = line + 0.0016 * sheet.noise(0.01, 3)
        depth = sheet.y - line
        inside = sheet.soft(depth)
        fade = np.exp(-np.clip(depth, 0, 1) / (0.055 + 0.02 * sheet.noise(0.12, 3)).clip(0.02))
        pooled = 1 + 0.9 * np.exp(-np.clip(depth, 0, 1) / 0.006)
        cliffs = smooth(sheet.noise(0.045, 4) + 0.5 * np.sin(150 * sheet.x + 60 * depth), 0.3, 1.5)
        wash = inside * fade * (0.55 * pooled + 0.75 * cliffs)
        mist = 1 - inside * smooth(depth, 0.03, 0.16)
        density = density * (0.25 + 0.75 * mist) + strength * wash
    return density


def bamboo(
    canvas: Canvas,
    sheet: Sheet,
    place: Point,
    brush: tuple[float, float],
    marks: tuple[list[Mark], list[Mark]],
) -> None:
    """Paint a cane from joint to joint, then its twigs and leaves. ``brush`` is its thickness and its ink."""
    random, width = sheet.random, sheet.width
    foot, lean = place
    thick, strength = brush
    base = sheet.aspect + 0.05
    while base > -0.05:
        length = random.uniform(0.15, 0.19)
        middle = foot + lean * (sheet.aspect - base + length / 2)
        angle = -np.pi / 2 + np.arctan(lean)
        centre = middle * width, (base - length / 2) * width
        cane = Stroke(*centre, angle, length=1.08 * length * width, width=thick * width)
        canvas.paint(cane, marks[0][int(random.integers(24))], rgb(INK), 0.75 * strength)
        joint = foot + lean * (sheet.aspect - base + length)
        end = joint * width, (base - length - 0.002) * width
        ring = Stroke(*end, 0.05, length=1.3 * thick * width, width=0.007 * width, bend=0.02)
        canvas.paint(ring, marks[1][int(random.integers(24))], rgb(INK), min(1.0, 1.1 * strength))
        if base < 0.78:
            _twig(canvas, sheet, (joint, base - length), strength, marks[1])
        base -= length + 0.006


def _twig(canvas: Canvas, sheet: Sheet, start: Point, strength: float, leaves: list[Mark]) -> None:
    """Paint a twig to the left with a fan of leaves that hang."""
    random, width = sheet.random, sheet.width
    angle, length = random.uniform(2.5, 3.4), random.uniform(0.08, 0.16)
    tip = start[0] + length * np.cos(angle), start[1] + 0.5 * length * np.sin(angle)
    slant = float(np.arctan2(tip[1] - start[1], tip[0] - start[0]))
    centre = width * (start[0] + tip[0]) / 2, width * (start[1] + tip[1]) / 2
    twig = Stroke(*centre, slant, length=length * width, width=0.005 * width)
    canvas.paint(twig, leaves[0], rgb(INK), 0.9 * strength)
    for _ in range(int(random.integers(5, 9))):
        turn = random.normal(2.05, 0.45)
        size = random.uniform(0.075, 0.125)
        along = random.uniform(0.35, 1.05)
        px = start[0] + along * (tip[0] - start[0]) + 0.45 * size * np.cos(turn)
        py = start[1] + along * (tip[1] - start[1]) + 0.45 * size * np.sin(turn)
        pixels = size * width
        bend = random.normal(0, 0.6) / pixels
        leaf = Stroke(px * width, py * width, turn, length=pixels, width=0.20 * pixels, bend=bend)
        canvas.paint(leaf, leaves[int(random.integers(24))], rgb(INK), strength * random.uniform(0.65, 1.0))


def _water(sheet: Sheet) -> Field:
    """Return the ink of a lake: a few long ripples with the paper between them."""
    ripple = smooth(sheet.noise(0.014, 3, stretch=14.0), 0.9, 2.2)
    reach = smooth(sheet.y, 0.56, 0.62) * (1 - smooth(sheet.y, 0.62, 0.80))
    return 0.30 * ripple * reach


def _boat(canvas: Canvas, sheet: Sheet) -> None:
    """Paint a fishing boat with its fisherman, and birds over the water."""
    x, y = sheet.x, sheet.y
    u = (x - 0.30) / 0.075
    hull = sheet.soft(0.013 - np.abs(y - 0.640 + 0.020 * u * u) - 0.010 * np.abs(u) ** 3) * sheet.soft(
        (1 - np.abs(u)) * 0.1
    )
    hat = sheet.polygon([(0.312, 0.583), (0.328, 0.571), (0.344, 0.583)])
    man = sheet.polygon([(0.320, 0.583), (0.338, 0.583), (0.345, 0.628), (0.316, 0.628)])
    rod = sheet.line([(0.32, 0.605), (0.235, 0.560)], 0.0018)
    figure = np.maximum(np.maximum(hull, hat), np.maximum(man, rod))
    for px, py, size in ((0.50, 0.16, 0.016), (0.54, 0.14, 0.012), (0.57, 0.17, 0.010)):
        wings = [
            (px - size, py - 0.3 * size),
            (px - 0.4 * size, py - 0.5 * size),
            (px, py),
            (px + 0.5 * size, py - 0.6 * size),
        ]
        figure = np.maximum(figure, sheet.line([*wings, (px + size, py - 0.35 * size)], 0.0022))
    canvas.colour = mix(canvas.colour, rgb(INK), 0.9 * sheet.blur(figure, 0.0008))
    shade = np.exp(-((u / 1.1) ** 2) - ((y - 0.672) / 0.010) ** 2) * smooth(
        sheet.noise(0.008, 2, stretch=6.0), -0.6, 0.8
    )
    canvas.colour = mix(canvas.colour, rgb(INK), 0.45 * shade)


def _splashes(canvas: Canvas, sheet: Sheet) -> None:
    for _ in range(30):
        centre = sheet.random.uniform(0.45, 1), sheet.random.uniform(0, sheet.aspect)
        size = 0.0014 * float(np.exp(0.7 * sheet.random.standard_normal()))
        canvas.colour = mix(canvas.colour, rgb(INK), 0.8 * sheet.ellipse(centre, (size, 1.2 * size)))


def _sealed(colour: Field, sheet: Sheet) -> Field:
    """Return the picture with a red seal in its corner."""
    u, v = (sheet.x - 0.075) / 0.027, (sheet.y - 0.715) / 0.034
    square = smooth(1 - np.maximum(np.abs(u), np.abs(v)) + 0.04 * sheet.noise(0.01, 2), 0, 0.05)
    lines = np.minimum(np.abs(np.abs(v) - 0.38), np.maximum(np.abs(u), 0.7 * np.abs(v) + 0.1 * np.sign(v)))
    carved = smooth(lines, 0.07, 0.13)
    worn = smooth(sheet.noise(0.006, 3), -1.9, -0.9)
    return mix(colour, rgb(SEAL), 0.9 * square * carved * worn)
