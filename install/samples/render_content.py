"""Render the sample content: mountains over a lake in the evening, as a camera might see them.

    python install/samples/render_content.py [OUT.jpg]

Makes the picture from a seed. The land is a ridged fractal height field, drawn column by column from front to
back, lit by a low sun and veiled by distance. The lake mirrors the land and the sky. Needs numpy and Pillow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Array = npt.NDArray[np.float64]

WIDTH, HEIGHT = 960, 640
HORIZON = 0.56
"""Eye level, as a fraction of the picture's height from the top."""
LAND = 1024
"""Side of the square height field, in cells. The field repeats at its edges."""
SUN = np.array([-0.62, 0.42, 0.35]) / np.linalg.norm([-0.62, 0.42, 0.35])
"""Direction to the sun: from the left, above, a little behind the mountains."""


def noise(random: np.random.Generator, size: int, cells: int) -> Array:
    """Return smooth, repeating noise in -1..1 with ``cells`` waves per side, ``(size, size)``."""
    grid = random.uniform(-1, 1, (cells, cells))
    at = np.arange(size) * cells / size
    low = at.astype(int)
    ease = at - low
    ease = ease**3 * (ease * (ease * 6 - 15) + 10)
    high = (low + 1) % cells
    rows = grid[low] * (1 - ease)[:, None] + grid[high] * ease[:, None]
    return rows[:, low] * (1 - ease) + rows[:, high] * ease


def fractal(
    random: np.random.Generator, size: int, first: int, octaves: int, gain: float, ridged: bool
) -> Array:
    """Sum octaves of noise; ``ridged`` folds it into crests. Return about 0..1, ``(size, size)``."""
    total, weight, amplitude = np.zeros((size, size)), np.ones((size, size)), 1.0
    reach = 0.0
    for octave in range(octaves):
        layer = noise(random, size, first * 2**octave)
        layer = (1 - np.abs(layer)) ** 2 if ridged else 0.5 + 0.5 * layer
        total += amplitude * layer * (weight if ridged else 1.0)
        weight = np.clip(layer * 1.6, 0, 1)
        reach += amplitude
        amplitude *= gain
    return total / reach


def make_land(random: np.random.Generator) -> tuple[Array, Array]:
    """Return heights (fraction of the field's side; the lake is at 0) and colours ``(LAND, LAND, 3)``."""
    ridges = fractal(random, LAND, 3, 8, 0.5, ridged=True)
    hills = fractal(random, LAND, 4, 6, 0.5, ridged=False)
    depth = np.linspace(0, 1, LAND)[:, None]
    across = np.linspace(-1, 1, LAND)[None, :]
    valley = np.clip((np.abs(across) - 0.10) * 1.7, 0, 1) ** 1.2
    rise = np.clip((depth - 0.20) / 0.5, 0, 1) ** 1.25
    height = (
        0.34 * rise * ridges**1.5 * (0.55 + 0.45 * valley) + 0.075 * hills * (0.25 + rise) * valley - 0.018
    )
    height -= (
        0.05 * np.clip(1 - depth / 0.20, 0, 1) * (1 - 0.92 * np.clip((np.abs(across) - 0.35) / 0.4, 0, 1))
    )

    dy, dx = np.gradient(height * LAND)
    normal = np.stack([-dx, np.ones_like(dx), -dy], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = np.clip(normal @ np.array([SUN[0], SUN[1], -SUN[2]]), 0, 1)
    light *= shadows(height)

    speckle = fractal(random, LAND, 64, 4, 0.7, ridged=False)
    wood = np.array([0.075, 0.115, 0.06]) * (0.45 + 1.1 * speckle[..., None])
    meadow = np.array([0.24, 0.25, 0.10]) * (0.7 + 0.6 * speckle[..., None])
    rock = np.array([0.30, 0.26, 0.235]) * (0.65 + 0.7 * speckle[..., None])
    snow = np.array([0.90, 0.92, 0.98]) * (0.94 + 0.1 * speckle[..., None])
    steep = np.clip((0.78 - normal[..., 1:2]) * 6, 0, 1)
    level = height[..., None] + 0.03 * (speckle[..., None] - 0.5)
    ground = mix(meadow, wood, smooth(hills[..., None] + 0.25 * speckle[..., None], 0.52, 0.62))
    ground = mix(ground, rock, np.maximum(smooth(level, 0.06, 0.10), 0.8 * steep * smooth(level, 0.03, 0.07)))
    ground = mix(ground, snow, smooth(level, 0.105, 0.14) * (1 - 0.45 * steep))
    warm, sky = np.array([1.75, 1.32, 0.92]), np.array([0.30, 0.37, 0.52])
    return height, ground * (light[..., None] * warm + sky * (0.55 + 0.45 * normal[..., 1:2]))


def shadows(height: Array) -> Array:
    """Return the light at each cell: 1 in the sun, less in the shadow of a ridge to the left."""
    slope = SUN[1] / -SUN[0] / LAND
    horizon = np.full(LAND, -1.0)
    lit = np.ones_like(height)
    for _ in range(2):  # twice, because the field repeats
        for column in range(LAND):
            horizon -= slope
            lit[:, column] = np.clip(1 - (horizon - height[:, column]) * 150, 0.12, 1)
            horizon = np.maximum(horizon, height[:, column])
    return lit


def mix(a: Array, b: Array, share: Array) -> Array:
    """Blend ``a`` into ``b``; ``share`` is the fraction of ``b``."""
    return a * (1 - share) + b * share


def smooth(x: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def make_sky(random: np.random.Generator) -> Array:
    """Return the evening sky for the whole picture, in linear light, ``(HEIGHT, WIDTH, 3)``."""
    up = np.clip(1 - np.arange(HEIGHT) / (HORIZON * HEIGHT), 0, 1)[:, None, None]
    x = np.linspace(0, 1, WIDTH)[None, :, None]
    sky = mix(np.array([0.98, 0.66, 0.42]), np.array([0.50, 0.60, 0.78]), smooth(up, 0.0, 0.38))
    sky = mix(sky, np.array([0.10, 0.22, 0.50]), smooth(up, 0.28, 1.0))
    sun = np.exp(-(((x - 0.13) / 0.30) ** 2) - (((up - 0.20) / 0.28) ** 2))
    sky = sky + sun * np.array([0.55, 0.30, 0.08])

    cloud = fractal(random, 1024, 5, 7, 0.55, ridged=False)
    v = np.clip(1.0 / (0.14 + up[:, 0, 0]) * 200, 0, 1023)
    rows = (v[:, None] + 0.06 * np.arange(WIDTH)[None, :]).astype(int) % 1024
    columns = ((np.arange(WIDTH)[None, :] - WIDTH / 2) / (0.30 + up[:, :, 0]) * 0.55).astype(int) % 1024
    veil = smooth(cloud[rows, columns], 0.50, 0.70)[..., None] * smooth(up, 0.02, 0.16)
    underside = mix(np.array([1.05, 0.70, 0.50]), np.array([0.86, 0.84, 0.88]), smooth(up, 0.1, 0.7))
    return mix(sky, underside, 0.82 * veil)


def draw_land(picture: Array, height: Array, colour: Array) -> None:
    """Draw the land into ``picture``, all columns from front to back."""
    haze = np.array([0.62, 0.62, 0.72])
    glow = np.array([0.98, 0.74, 0.52])
    skyline = np.full(WIDTH, HORIZON * HEIGHT)
    column = np.arange(WIDTH)
    eye, focal = 0.030, 0.95 * WIDTH
    distance = 0.05
    while distance < 0.96:
        x = (column / WIDTH - 0.5) * distance * WIDTH / focal * 1.25 + 0.5
        cx, cy = x * LAND % LAND, np.full(WIDTH, distance * LAND)
        h, c = sample(height, cx, cy), sample(colour, cx, cy)
        share = 1 - np.exp(-max(distance - 0.15, 0) * 0.62)
        veil = mix(glow, haze, np.clip((column / WIDTH)[:, None] * 1.6, 0, 1))
        c = mix(c, veil, np.full((WIDTH, 1), share))
        top = HORIZON * HEIGHT - (h - eye * np.clip(1 - h / eye, 0, 1) * 0.25) / distance * focal * 0.80
        top = np.where(h > 0, top, HEIGHT)
        for i in np.nonzero(top < skyline)[0]:
            start, end = max(int(np.ceil(top[i])), 0), int(np.ceil(skyline[i]))
            picture[start:end, i] = c[i]
            skyline[i] = top[i]
        distance *= 1.0022


def sample(field: Array, x: Array, y: Array) -> Array:
    """Interpolate ``field`` between its cells, bilinearly."""
    x0, y0 = x.astype(int) % LAND, y.astype(int) % LAND
    x1, y1 = (x0 + 1) % LAND, np.minimum(y0 + 1, LAND - 1)
    fx, fy = x - np.floor(x), y - np.floor(y)
    if field.ndim == 3:
        fx, fy = fx[:, None], fy[:, None]
    return mix(mix(field[y0, x0], field[y0, x1], fx), mix(field[y1, x0], field[y1, x1], fx), fy)


def add_lake(picture: Array, random: np.random.Generator) -> None:
    """Mirror the picture above the shore in the water below, distorted by ripples."""
    shore = int(HORIZON * HEIGHT)
    ripples = fractal(random, 1024, 32, 5, 0.6, ridged=False) - 0.5
    for row in range(shore, HEIGHT):
        near = (row - shore) / (HEIGHT - shore)
        depth = 420 / (near + 0.12)
        across = ((np.arange(WIDTH) - WIDTH / 2) * (0.1 + 0.2 / (near + 0.3))).astype(int) % 1024
        wave = mix(ripples[int(depth) % 1024, across], ripples[(int(depth) + 1) % 1024, across], depth % 1)
        source = 2 * shore - row + wave * (8 + 90 * near)
        rows = np.clip(source, 0, shore - 1).astype(int)
        mirrored = picture[rows, np.arange(WIDTH)]
        deep = np.array([0.035, 0.085, 0.12])
        picture[row] = mirrored * (0.80 - 0.34 * near) + deep * (0.25 + near) + 0.13 * wave[:, None]


def add_boat(image: Image.Image) -> Image.Image:
    """Put a small sailing boat on the lake, with its reflection."""
    scale = 4
    layer = Image.new("RGBA", (WIDTH * scale, HEIGHT * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    x, y = 0.665 * WIDTH * scale, 0.685 * HEIGHT * scale
    unit = 0.16 * HEIGHT * scale

    def shape(points: list[tuple[float, float]], ink: tuple[int, int, int, int], mirrored: bool) -> None:
        flip = -0.72 if mirrored else 1.0
        draw.polygon([(x + px * unit, y - flip * py * unit) for px, py in points], fill=ink)

    for mirrored in (True, False):
        alpha = 90 if mirrored else 255
        shape([(-0.02, 0.10), (0.02, 0.10), (0.01, 1.02), (-0.01, 1.02)], (60, 40, 28, alpha), mirrored)
        shape([(0.03, 0.14), (0.46, 0.16), (0.27, 0.52), (0.015, 0.99)], (248, 232, 205, alpha), mirrored)
        shape([(-0.03, 0.14), (-0.34, 0.17), (-0.19, 0.5), (-0.02, 0.90)], (216, 92, 58, alpha), mirrored)
        shape([(-0.44, 0.11), (0.52, 0.11), (0.40, -0.01), (-0.33, -0.01)], (70, 34, 26, alpha), mirrored)
        if mirrored:
            layer = layer.filter(ImageFilter.GaussianBlur(2.2 * scale))
            draw = ImageDraw.Draw(layer)
    small = layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return Image.alpha_composite(image.convert("RGBA"), small).convert("RGB")


def add_pines(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Frame the picture with a near shore and its pines, dark against the light."""
    scale = 3
    layer = Image.new("RGBA", (WIDTH * scale, HEIGHT * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    below = 2 * HEIGHT * scale
    for left, right, base in ((-0.02, 0.30, 0.985), (0.86, 1.02, 0.97)):
        xs = np.linspace(left, right, 60)
        inner = (right - xs if left < 0 else xs - left) / (right - left)
        ys = base + 0.03 - 0.10 * inner**0.7 + random.normal(0, 0.003, 60)
        bank = [(x * WIDTH * scale, y * HEIGHT * scale) for x, y in zip(xs, ys, strict=True)]
        draw.polygon([*bank, (bank[-1][0], below), (bank[0][0], below)], fill=(34, 38, 22, 255))
        for _ in range(int(70 * (right - left) / 0.32)):
            at = int(random.integers(0, 60))
            tall = (0.10 + 0.36 * inner[at] ** 1.4) * random.uniform(0.55, 1.1) * HEIGHT * scale
            draw_pine(draw, *bank[at], tall, random)
    small = layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return Image.alpha_composite(image.convert("RGBA"), small).convert("RGB")


def draw_pine(
    draw: ImageDraw.ImageDraw, x: float, y: float, tall: float, random: np.random.Generator
) -> None:
    """Draw a pine: a trunk and whorls of drooping branches, lit from the left."""
    draw.line([(x, y), (x, y - tall)], fill=(38, 28, 20, 255), width=max(2, int(tall / 60)))
    for level in np.linspace(0.12, 0.99, max(12, int(tall / 16))):
        reach = 0.20 * tall * (1 - level) ** 0.85 + 2
        for _ in range(7):
            side = random.uniform(-1, 1)
            light = np.clip(0.5 - 0.6 * side + random.normal(0, 0.15), 0, 1)
            ink = tuple(int(c) for c in np.array((14, 24, 16)) + light * np.array((46, 50, 16)))
            root = y - level * tall
            tip = (x + side * reach, root + abs(side) * reach * random.uniform(0.25, 0.6))
            draw.line([(x, root), tip], fill=(*ink, 255), width=max(3, int(tall / 70)))


def render(seed: int = 8) -> Image.Image:
    """Render the picture: ``WIDTH`` x ``HEIGHT``, RGB."""
    random = np.random.default_rng(seed)
    height, colour = make_land(random)
    picture = make_sky(random)
    draw_land(picture, height, colour)
    add_lake(picture, random)
    exposed = 1 - np.exp(
        -1.35 * np.clip(picture, 0, None)
    )  # like film: bright areas never turn into flat white
    encoded = np.clip(exposed, 0, 1) ** (1 / 1.75)
    encoded += random.normal(0, 0.008, encoded.shape[:2])[..., None]
    image = Image.fromarray((np.clip(encoded, 0, 1) * 255).astype(np.uint8))
    return add_pines(add_boat(image.filter(ImageFilter.GaussianBlur(0.6))), random)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("content.jpg")
    render().save(target, quality=88, optimize=True)
