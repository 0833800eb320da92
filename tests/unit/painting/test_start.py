"""The starting picture: pictures brought to the painting's shape, and noise."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nst_core.painting.regions import PreparedImage
from nst_core.painting.start import CONTENT_NOISE, content_noise, cover, pink_noise, start_picture
from nst_core.painting.subject import Subject
from nst_core.settings import make_settings


def test_pink_noise_falls_with_frequency_and_depends_on_the_seed() -> None:
    noise = pink_noise(96, 128, 3)
    assert noise.dtype == np.float32
    assert abs(float(noise.mean())) < 1e-5
    assert float(noise.std()) == pytest.approx(1.0, rel=1e-4)
    power = np.abs(np.fft.rfftn(noise, axes=(1, 2))) ** 2
    fy, fx = np.fft.fftfreq(96)[:, None] * 96, np.fft.rfftfreq(128)[None, :] * 128
    radius = np.hypot(fy, fx)
    slow = power[:, (radius >= 6) & (radius < 10)].mean()
    fast = power[:, (radius >= 24) & (radius < 40)].mean()
    assert slow / fast == pytest.approx(16.0, rel=0.3)
    np.testing.assert_array_equal(noise, pink_noise(96, 128, 3))
    assert not np.array_equal(noise, pink_noise(96, 128, 4))


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
