"""White of floating-point pictures: bright and dark ones, highlights, hot pixels, other scales."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.float_range import white_level

HEIGHT, WIDTH = 96, 128
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def photo() -> np.ndarray:
    """Return a picture of 0..1, with soft gradients and grain."""
    rng = np.random.default_rng(5)
    waves = 0.5 + 0.45 * np.stack([np.sin(X / 9 + c) * np.cos(Y / 7 + c) for c in range(3)], axis=2)
    return np.clip(waves + rng.normal(0, 0.02, waves.shape), 0, 1).astype(np.float32)


def logo() -> np.ndarray:
    """Return a white disc with a soft edge on black."""
    disc = np.clip(12.5 - np.hypot(Y - 48, X - 64), 0, 1)
    return np.repeat(disc[:, :, None], 3, axis=2) * np.float32([0.98, 0.6, 0.1])


def stars(wings: float) -> np.ndarray:
    """Return stars on black: points, or spots whose edges are ``wings`` pixels wide."""
    rng = np.random.default_rng(7)
    sky = np.zeros((HEIGHT, WIDTH), np.float32)
    for y, x, peak in zip(*rng.integers(4, 92, (2, 14)), rng.uniform(0.2, 1, 14), strict=True):
        distance = np.square(Y - y) + np.square(X - x)
        sky += peak * (np.exp(-distance / (2 * wings**2)) if wings else distance == 0).astype(np.float32)
    return np.repeat(np.minimum(sky, 0.99)[:, :, None], 3, axis=2)


def with_highlights(picture: np.ndarray, share: float, brightest: float) -> np.ndarray:
    rng = np.random.default_rng(9)
    spots = rng.random((HEIGHT, WIDTH)) < share
    return np.where(spots[:, :, None], rng.uniform(1, brightest, (HEIGHT, WIDTH, 1)), picture).astype(
        np.float32
    )


def with_hot_pixel(picture: np.ndarray, value: float) -> np.ndarray:
    changed = picture.copy()
    changed[40, 50, 0] = value
    return changed


UNIT_RANGE = {
    "photo": photo(),
    "dark photo": photo() * 0.02,
    "hot pixel": with_hot_pixel(photo(), 60_000),
    "hot pixel in the dark": with_hot_pixel(photo() * 0.004, 255),
    "highlights": with_highlights(photo(), 0.05, 6),
    "brilliant highlights": with_highlights(photo(), 0.02, 500),
    "overexposed": photo() * 1.6,
    "white background": np.maximum(photo(), 0) * 0.1 + 0.95,
    "sky of high dynamic range": np.where(Y[:, :, None] < 30, photo() * 8, photo() * 0.3),
    "stars": stars(1.5),
    "logo": logo(),
    "black": photo() * 0,
}


@pytest.mark.parametrize("name", UNIT_RANGE)
def test_white_is_1(name: str) -> None:
    assert white_level(UNIT_RANGE[name].astype(np.float32)) == 1.0


OTHER = {
    "photo": photo(),
    "dark photo": photo() * 0.2,
    "hot pixel": with_hot_pixel(photo(), 1000),
    "whole numbers": np.rint(stars(0) * 255) / 255,
    "logo": logo(),
    "stars as points": stars(0),
    "stars with soft edges": stars(1.5),
    "highlights": with_highlights(photo(), 0.01, 2),
}


@pytest.mark.parametrize("full", [255.0, 65535.0])
@pytest.mark.parametrize("name", OTHER)
def test_white_is_that_of_the_numbers(name: str, full: float) -> None:
    assert white_level((OTHER[name] * full).astype(np.float32)) == full


def test_bright_picture_of_high_dynamic_range_is_white_where_its_bright_values_are() -> None:
    """A few even brighter pixels do not make it dark."""
    picture = with_highlights(photo() * 3 + 0.5, 0.002, 4000)
    assert 2.5 < white_level(picture) < 8
