"""Paint the sample style: brush strokes along a flow field, in a few strong colours.

    python install/samples/paint_style.py [OUT.jpg]

Makes the picture from a seed. The field is a slow drift with a few whirls in it. Strokes follow it, the
large ones first; each is a bundle of bristles that differ slightly in lightness. The colour of a stroke
depends on its distance from the whirls, so that the picture has large shapes as well as texture. Needs numpy
and Pillow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Array = npt.NDArray[np.float64]

WIDTH, HEIGHT, SUPERSAMPLING = 800, 640, 2

WHIRLS = (  # x, y (fractions of the picture), radius (fraction of its width), direction of turning
    (0.70, 0.26, 0.17, 1.0),
    (0.26, 0.36, 0.22, -1.0),
    (0.86, 0.76, 0.15, -1.0),
    (0.44, 0.84, 0.19, 1.0),
)
GLOW = ((250, 236, 180), (252, 205, 60), (246, 150, 30), (222, 84, 34))
"""From the centre of a whirl outwards: cream, yellow, orange, vermilion."""
NIGHT = ((28, 148, 160), (22, 100, 176), (24, 58, 140), (16, 30, 84))
"""Outside the whirls: turquoise, cobalt, ultramarine, Prussian blue."""

PASSES = (  # number of strokes, length and width in pixels of the finished picture
    (1500, 150, 26),
    (3200, 95, 15),
    (5200, 60, 8),
)


def direction(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the field's unit vectors at points, given in fractions of the picture."""
    angle = 0.5 * np.sin(3.1 * x + 1.3) + 0.6 * np.cos(2.6 * y + 2.0 * x)
    u, v = np.cos(angle), np.sin(angle)
    for cx, cy, radius, turning in WHIRLS:
        dx, dy = x - cx, (y - cy) * HEIGHT / WIDTH
        pull = 3.5 * np.exp(-((np.hypot(dx, dy) / radius) ** 2))
        length = np.hypot(dx, dy) + 1e-6
        u += pull * turning * -dy / length
        v += pull * turning * dx / length
    norm = np.hypot(u, v) + 1e-9
    return u / norm, v / norm


def glow(x: float, y: float) -> float:
    """Return the closeness of a point to the nearest whirl: 1 at its centre, 0 far away."""
    return max(
        float(np.exp(-((np.hypot(x - cx, (y - cy) * HEIGHT / WIDTH) / (0.62 * radius)) ** 2)))
        for cx, cy, radius, _ in WHIRLS
    )


def colour_at(x: float, y: float, random: np.random.Generator) -> Array:
    """Choose a colour for a stroke, with some variation, as if mixed on the brush."""
    value = glow(x, y) + random.normal(0, 0.05)
    if value > 0.16:
        step = np.clip((1 - value) / 0.84, 0, 0.999) * len(GLOW)
        colour = np.array(GLOW[int(step)], float)
    else:
        wave = 0.5 + 0.5 * np.sin(7.0 * x + 5.0 * y + 2.5 * np.sin(6.0 * y))
        step = np.clip(0.72 * wave + 0.22 * (1 - value / 0.16) + random.normal(0, 0.1), 0, 0.999) * len(NIGHT)
        colour = np.array(NIGHT[int(step)], float)
    if random.random() < 0.035:
        colour = np.array((240, 238, 220) if random.random() < 0.6 else (196, 60, 44), float)
    return colour + random.normal(0, 10) + random.normal(0, 4, 3)


def follow(x: float, y: float, pixels: float) -> Array:
    """Follow the field both ways from a point; return the stroke's points in fractions, ``(n, 2)``."""
    halves = []
    for sign in (-1, 1):
        points, px, py = [], x, y
        for _ in range(max(3, int(pixels / 2 / 5))):
            u, v = direction(np.float64(px), np.float64(py))
            px += sign * float(u) * 5 / WIDTH
            py += sign * float(v) * 5 / HEIGHT
            points.append((px, py))
        halves.append(points)
    return np.array([*reversed(halves[0]), (x, y), *halves[1]])


def draw_stroke(
    draw: ImageDraw.ImageDraw, points: Array, colour: Array, width: float, random: np.random.Generator
) -> None:
    """Draw a bundle of bristles: parallel lines of uneven length and lightness."""
    scale = np.array([WIDTH, HEIGHT]) * SUPERSAMPLING
    path = points * scale
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    taper = np.sin(np.linspace(0.15, np.pi - 0.1, len(path))) ** 0.4
    bristles = max(5, int(width * SUPERSAMPLING / 2.6))
    for offset in np.linspace(-0.5, 0.5, bristles):
        shade = random.normal(0, 13) + 26 * offset  # lit from one side, as paint has thickness
        ink = tuple(int(channel) for channel in np.clip(colour + shade, 0, 255))
        start, end = random.integers(0, 3), len(path) - random.integers(0, 3)
        line = path + across * (taper * offset * width * SUPERSAMPLING)[:, None]
        draw.line([(float(px), float(py)) for px, py in line[start:end]], fill=ink, width=4)


def paint(seed: int = 7) -> Image.Image:
    """Paint the picture: ``WIDTH`` x ``HEIGHT``, RGB."""
    random = np.random.default_rng(seed)
    canvas = Image.new("RGB", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING), NIGHT[2])
    draw = ImageDraw.Draw(canvas)
    for strokes, length, width in PASSES:
        for _ in range(strokes):
            x, y = random.uniform(-0.03, 1.03, 2)
            pixels = length * random.uniform(0.6, 1.2)
            draw_stroke(
                draw, follow(x, y, pixels), colour_at(x, y, random), width * random.uniform(0.7, 1.2), random
            )
    small = canvas.filter(ImageFilter.GaussianBlur(0.8)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    weave = random.normal(0, 3.0, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(np.asarray(small, float) + weave, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("style.jpg")
    paint().save(target, quality=88, optimize=True)
