"""The judge against cheats: what no painter would call a painting must lose against a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nst_core import stylize
from nst_core.array_types import Array
from nst_core.images.colour import match_colors
from nst_core.vgg.network import Weights
from nst_core.vgg.store import ModelStore
from tests.bench.judge.measures import Judge, Measures, measure, scale_to

HEIGHT, WIDTH = 96, 128
BLUES = ("#10245c", "#1f4f9b", "#5f93c9", "#e8c95a", "#0c1530")


def as_pixels(image: Image.Image) -> Array:
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), np.float32) / np.float32(255)


def photo_of_a_house() -> Array:
    """Sky and lawn, a house with windows, a tree: smooth areas and clear edges."""
    image = Image.new("RGB", (4 * WIDTH, 4 * HEIGHT))
    draw = ImageDraw.Draw(image)
    for row in range(4 * HEIGHT):
        shade = row / (4 * HEIGHT)
        draw.line([(0, row), (4 * WIDTH, row)], fill=(int(150 + 70 * shade), int(185 + 40 * shade), 225))
    draw.rectangle([0, 300, 4 * WIDTH, 4 * HEIGHT], fill=(92, 128, 70))
    draw.rectangle([90, 160, 330, 340], fill=(205, 190, 170))
    draw.polygon([(70, 160), (210, 70), (350, 160)], fill=(140, 70, 60))
    for left in (120, 190, 260):
        draw.rectangle([left, 200, left + 40, 250], fill=(60, 70, 85))
    draw.rectangle([440, 200, 462, 350], fill=(95, 70, 50))
    draw.ellipse([380, 70, 530, 240], fill=(50, 95, 50))
    grain = np.random.default_rng(0).normal(scale=0.01, size=(HEIGHT, WIDTH, 3))
    return np.clip(as_pixels(image) + grain, 0, 1).astype(np.float32)


def painting_of(palette: tuple[str, ...], turn: Callable[[float, float], float], seed: int) -> Array:
    """Thick strokes in a palette; ``turn`` gives their angle at (x, y) in 0..1."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (4 * WIDTH, 4 * HEIGHT), palette[0])
    draw = ImageDraw.Draw(image)
    for x, y, shade in rng.random((2500, 3)):
        angle = turn(x, y)
        dx, dy = 22 * np.cos(angle), 22 * np.sin(angle)
        color = palette[int((0.6 * y + 0.4 * shade) * len(palette))]
        middle = (4 * WIDTH * x, 4 * HEIGHT * y)
        ends = [(middle[0] - dx, middle[1] - dy), (middle[0] + dx, middle[1] + dy)]
        draw.line(ends, fill=color, width=8)
    return as_pixels(image)


SWIRLS = painting_of(BLUES, lambda x, y: float(np.arctan2(y - 0.4, x - 0.6)) + np.pi / 2, 1)


def noisy(pixels: Array, deviation: float) -> Array:
    noise = np.random.default_rng(9).normal(scale=deviation, size=pixels.shape)
    return np.clip(pixels + noise, 0, 1).astype(np.float32)


CHEATS: dict[str, Callable[[Array, Array], Array]] = {
    "untouched": lambda photo, painting: photo,
    "the painting": lambda photo, painting: painting,
    "cross-fade 25": lambda photo, painting: 0.75 * photo + 0.25 * painting,
    "cross-fade 50": lambda photo, painting: 0.5 * photo + 0.5 * painting,
    "cross-fade 75": lambda photo, painting: 0.25 * photo + 0.75 * painting,
    "matched colours": lambda photo, painting: np.clip(match_colors(photo, painting), 0, 1),
    "noise 0.03": lambda photo, painting: noisy(photo, 0.03),
    "noise 0.1": lambda photo, painting: noisy(photo, 0.1),
    "noise 0.2": lambda photo, painting: noisy(photo, 0.2),
    "matched colours with noise": lambda photo, painting: noisy(match_colors(photo, painting), 0.03),
    "cross-fade with contrast": lambda photo, painting: np.clip(
        match_colors((photo + painting) / 2, painting), 0, 1
    ),
}


@pytest.mark.slow
def test_cheats_lose_against_a_real_painting(
    models: ModelStore, alexnet: Weights, rates_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    photo, painting = photo_of_a_house(), SWIRLS
    settings = {"quality": "draft", "strength": 40, "iterations": 20, "model": "vgg16"}
    judge = Judge(photo, painting, alexnet)
    real = judge.measure(stylize(photo, painting, settings).pixels)
    scores = {cheat: judge.measure(make(photo, painting)) for cheat, make in CHEATS.items()}
    for cheat, score in scores.items():
        assert score.overall < real.overall, cheat


def test_untouched_photo_is_the_measure_of_distance(alexnet: Weights) -> None:
    """Half as large it is judged like the whole: the originals lose the same detail."""
    photo, painting = photo_of_a_house(), SWIRLS
    judge = Judge(photo, painting, alexnet)
    half = scale_to(photo, HEIGHT // 2, WIDTH // 2)
    for score in (judge.measure(photo), judge.measure(half)):
        assert (score.style, score.structure, score.color) == pytest.approx((1, 1, 1), abs=1e-6)
        assert score.speckle_excess == 0
        assert score.overall == pytest.approx(0, abs=1e-4)
    assert measure(photo, photo, painting, alexnet) == judge.measure(photo)


def test_dots_are_held_against_a_result_alone(alexnet: Weights) -> None:
    photo = photo_of_a_house()
    calm = scale_to(scale_to(SWIRLS, HEIGHT // 4, WIDTH // 4), HEIGHT, WIDTH)
    dotted = photo.copy()
    dotted[5:90:6, 4:124:8] = 1 - dotted[5:90:6, 4:124:8].round()
    judge = Judge(photo, calm, alexnet)
    clean, score = judge.measure(photo), judge.measure(dotted)
    assert clean.speckle_excess == 0
    assert score.speckle - clean.speckle == pytest.approx(15 * 15 / (HEIGHT * WIDTH), rel=0.1)
    assert score.speckle_excess > 0.01
    assert score.speckle_allowed == clean.speckle_allowed


def scored(**values: float) -> float:
    """Return the overall score of a result that is fair in all measures but ``values``."""
    fair = {"patches": 0.4, "features": 0.3, "structure": 0.7, "color": 0.3, "speckle": 0.01}
    return Measures(**{**fair, "speckle_allowed": 0.02, "structure_by_chance": 0.4, **values}).overall


def test_overall_score() -> None:
    assert scored() == pytest.approx((0.6**2 * 0.5) ** (1 / 3))
    assert scored(patches=0, features=0, structure=1) == 1
    assert scored(features=0.4) == scored() > scored(features=0.5) > scored(features=1.2) == 0
    assert scored(structure=0.3) == 0 < scored(structure=0.5) < scored()
    assert scored(speckle=0.02) == scored() > scored(speckle=0.03) > scored(speckle=0.07) == 0
