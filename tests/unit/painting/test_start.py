"""What a painting starts from: pictures brought to its shape, and noise."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nst_core.painting.regions import PreparedImage
from nst_core.painting.start import NUDGE, covering, first_picture, nudge, pink_noise
from nst_core.settings import make_settings


def test_pink_noise_falls_with_frequency_and_is_the_seeds() -> None:
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
    ("strength", "least", "most"), [(0, 0.0, 0.01), (50, 0.09, NUDGE), (100, 0.099, NUDGE)]
)
def test_there_is_as_much_noise_as_there_is_style(strength: float, least: float, most: float) -> None:
    assert least <= nudge(make_settings({"strength": strength}), styled=True) <= most


def test_no_noise_where_nothing_needs_it() -> None:
    assert nudge(make_settings({}), styled=False) == 0.0
    assert nudge(make_settings({"loss": "paper"}), styled=True) == 0.0


def test_only_the_content_start_is_nudged() -> None:
    grey = PreparedImage(np.full((3, 40, 50), 0.5, np.float32), None)
    nudged = first_picture("content", grey, [], None, 40, 50, 0, 0.1)
    assert float(nudged.std()) == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(first_picture("content", grey, [], None, 40, 50, 0), grey.pixels)
    np.testing.assert_array_equal(first_picture("mine", grey, [], grey.pixels, 40, 50, 0, 0.1), grey.pixels)


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (16, 300), (300, 16), (80, 120), (120, 80)])
def test_a_start_is_the_middle_of_its_picture(size: tuple[int, int]) -> None:
    """A ramp keeps its middle and its slope."""
    y, x = np.mgrid[:80, :120].astype(np.float32)
    ramp = np.stack([x / 119, y / 79, x * 0 + 0.5])
    found = covering(ramp, *size)
    assert found.shape == (3, *size)
    assert found.mean(axis=(1, 2)) == pytest.approx([0.5, 0.5, 0.5], abs=0.01)
    scale = max(size[0] / 80, size[1] / 120)
    assert np.ptp(found[0]) == pytest.approx(min(1.0, size[1] / scale / 119), abs=0.05)
    assert np.ptp(found[1]) == pytest.approx(min(1.0, size[0] / scale / 79), abs=0.05)


def test_a_tall_picture_that_covers_a_wide_one_is_cut_before_it_is_scaled() -> None:
    tall = np.random.default_rng(1).random((3, 1000, 20), dtype=np.float32)
    tracemalloc.start()
    assert covering(tall, 40, 1000).shape == (3, 40, 1000)
    assert tracemalloc.get_traced_memory()[1] < 10 * 3 * 4 * 40 * 1000
    tracemalloc.stop()
