"""Noise that depends on the place in the picture and on the seed, and not on the size of the picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nst_core.array_types import Array
from nst_core.painting.noise_field import pink_noise, white_noise
from nst_core.painting.regions import PreparedImage
from nst_core.painting.start import start_picture
from nst_core.painting.subject import Subject

NoiseOfSize = Callable[[int, int, int], Array]


@pytest.mark.parametrize("noise", [white_noise, pink_noise])
def test_pictures_of_any_sizes_share_the_noise_where_both_have_pixels(noise: NoiseOfSize) -> None:
    wide, tall = noise(150, 300, 3), noise(270, 140, 3)
    assert wide.dtype == np.float32
    assert wide.shape == (3, 150, 300)
    np.testing.assert_array_equal(wide[:, :, :140], tall[:, :150])
    assert not np.array_equal(wide, noise(150, 300, 4))


@pytest.mark.parametrize("noise", [white_noise, pink_noise])
def test_noise_has_mean_0_and_deviation_1(noise: NoiseOfSize) -> None:
    values = noise(256, 384, 5)
    assert abs(float(values.mean())) < 0.05
    assert float(values.std()) == pytest.approx(1.0, rel=0.05)


def test_pink_noise_falls_with_frequency_and_has_no_seams() -> None:
    noise = pink_noise(256, 320, 3)
    power = np.abs(np.fft.rfftn(noise[:, :, :256], axes=(1, 2))) ** 2
    radius = np.hypot(np.fft.fftfreq(256)[:, None] * 256, np.fft.rfftfreq(256)[None, :] * 256)
    slow = power[:, (radius >= 8) & (radius < 16)].mean()
    fast = power[:, (radius >= 32) & (radius < 64)].mean()
    assert slow / fast == pytest.approx(16.0, rel=0.3)
    steps = np.abs(np.diff(noise, axis=2)).mean(axis=(0, 1))
    assert steps[255] == pytest.approx(steps.mean(), rel=0.1)  # between two blocks


def test_photographs_of_a_series_start_from_one_noise() -> None:
    starts = [
        start_picture(
            Subject(content=PreparedImage(np.full((3, *size), 0.5, np.float32), None), styles=()),
            size,
            "content",
            seed=7,
            noise=0.1,
        )
        for size in ((40, 60), (64, 48))
    ]
    np.testing.assert_array_equal(starts[0][:, :, :48], starts[1][:, :40])
