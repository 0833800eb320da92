"""The starting picture: pictures brought to the painting's shape, and noise."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.start import CONTENT_NOISE, content_noise, cover, start_picture
from nst_core.painting.start_colours import in_style_colours
from nst_core.painting.subject import Subject
from nst_core.settings import make_settings


@pytest.mark.parametrize(
    ("strength", "least", "most"), [(0, 0.0, 0.01), (50, 0.09, CONTENT_NOISE), (100, 0.099, CONTENT_NOISE)]
)
def test_content_noise_grows_with_the_strength(strength: float, least: float, most: float) -> None:
    assert least <= content_noise(make_settings({"strength": strength}), styled=True) <= most


def test_reconstructions_and_the_paper_loss_start_without_noise() -> None:
    assert content_noise(make_settings({}), styled=False) == 0.0
    assert content_noise(make_settings({"loss": "paper"}), styled=True) == 0.0


def test_only_a_content_start_gets_noise() -> None:
    grey = PreparedImage(np.full((3, 40, 50), 0.5, np.float32), None)
    content = Subject(content=grey, styles=())
    noisy = start_picture(content, (40, 50), "content", seed=0, noise=0.1)
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.05)
    plain = start_picture(content, (40, 50), "content", seed=0, noise=0.0)
    np.testing.assert_array_equal(plain, grey.pixels)
    with_file = Subject(content=grey, styles=(), init_image=grey.pixels)
    from_file = start_picture(with_file, (40, 50), "mine", seed=0, noise=0.1)
    np.testing.assert_array_equal(from_file, grey.pixels)


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (16, 300), (300, 16), (80, 120), (120, 80)])
def test_cover_takes_the_centre_of_a_picture(size: tuple[int, int]) -> None:
    """A ramp keeps its middle and its slope."""
    y, x = np.mgrid[:80, :120].astype(np.float32)
    ramp = np.stack([x / 119, y / 79, x * 0 + 0.5])
    covering = cover(ramp, *size)
    assert covering.shape == (3, *size)
    assert covering.mean(axis=(1, 2)) == pytest.approx([0.5, 0.5, 0.5], abs=0.01)
    scale = max(size[0] / 80, size[1] / 120)
    assert np.ptp(covering[0]) == pytest.approx(min(1.0, size[1] / scale / 119), abs=0.05)
    assert np.ptp(covering[1]) == pytest.approx(min(1.0, size[0] / scale / 79), abs=0.05)


def test_tall_picture_is_cropped_before_it_is_enlarged_to_cover_a_wide_one() -> None:
    tall = np.random.default_rng(1).random((3, 1000, 20), dtype=np.float32)
    tracemalloc.start()
    assert cover(tall, 40, 1000).shape == (3, 40, 1000)
    assert tracemalloc.get_traced_memory()[1] < 10 * 3 * 4 * 40 * 1000
    tracemalloc.stop()


def coloured(seed: int, low: float, high: float, size: tuple[int, int] = (40, 50)) -> PreparedImage:
    values = np.random.default_rng(seed).uniform(low, high, (3, *size))
    return PreparedImage((values * np.array([1.0, 0.7, 0.4])[:, None, None]).astype(np.float32))


def test_the_start_has_the_colours_of_its_style() -> None:
    content, style = coloured(0, 0.4, 0.5), coloured(1, 0.2, 0.8)
    subject = Subject(content=content, styles=(style,))
    start = in_style_colours(subject, make_settings({})).content
    assert start is not None
    flat = start.pixels.reshape(3, -1)
    np.testing.assert_allclose(flat.mean(axis=1), style.pixels.mean(axis=(1, 2)), atol=0.01)
    np.testing.assert_allclose(np.cov(flat), np.cov(style.pixels.reshape(3, -1)), atol=0.002)


def test_the_start_has_less_of_the_colours_below_strength_30_and_where_a_mask_says_so() -> None:
    content, style = coloured(0, 0.4, 0.5), coloured(1, 0.2, 0.8)

    def change(strength: float, mask: float | None = None) -> float:
        local = None if mask is None else np.full((40, 50), mask, np.float32)
        subject = Subject(content=content, styles=(style,), strength=local)
        start = in_style_colours(subject, make_settings({"strength": strength})).content
        assert start is not None
        return float(np.abs(start.pixels - content.pixels).mean())

    assert change(30) == change(100) == change(100, 1.0)
    assert change(0) < 0.1 * change(30)
    assert change(15) < change(30)
    assert change(30, 0.5) == pytest.approx(0.5 * change(30), rel=1e-3)


def test_each_region_starts_in_the_colours_of_its_own_styles() -> None:
    content, dark, bright = coloured(0, 0.4, 0.5), coloured(1, 0.0, 0.2), coloured(2, 0.8, 1.0)
    left = np.zeros((40, 50), np.float32)
    left[:, :25] = 1.0
    regions = (StyleRegion((dark,), left), StyleRegion((bright, bright), 1.0 - left))
    subject = Subject(content=content, styles=(), regions=regions)
    start = in_style_colours(subject, make_settings({})).content
    assert start is not None
    halves = start.pixels[:, :, :25], start.pixels[:, :, 25:]
    for half, style in zip(halves, (dark, bright), strict=True):
        np.testing.assert_allclose(half.mean(axis=(1, 2)), style.pixels.mean(axis=(1, 2)), atol=0.02)


def test_without_content_or_styles_there_are_no_colours_to_move() -> None:
    for subject in (
        Subject(content=None, styles=(coloured(1, 0, 1),)),
        Subject(content=coloured(1, 0, 1), styles=()),
    ):
        assert in_style_colours(subject, make_settings({})) is subject


def test_overlapping_regions_start_in_the_mean_of_their_colours() -> None:
    content, style = coloured(0, 0.4, 0.5), coloured(1, 0.2, 0.8)
    whole = np.ones((40, 50), np.float32)
    starts = [
        in_style_colours(Subject(content=content, styles=(), regions=regions), make_settings({})).content
        for regions in ((StyleRegion((style,), whole),), (StyleRegion((style,), whole),) * 2)
    ]
    one, two = (start.pixels for start in starts if start is not None)
    np.testing.assert_allclose(two, one, atol=1e-6)
