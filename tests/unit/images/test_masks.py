"""Masks: files of every kind, and masks of another size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nst_core.errors import ErrorCode, NstError
from nst_core.images.masks import fit_mask, read_mask

RAMP = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (16, 1))


def test_sixteen_bit_mask_keeps_its_steps(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "ramp.png")
    mask = read_mask(tmp_path / "ramp.png")
    assert mask.shape == (16, 64)
    np.testing.assert_allclose(mask, RAMP / 65535, atol=1e-5)


def test_mask_is_mean_of_channels_times_alpha(tmp_path):
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[0] = (255, 255, 255, 255)
    pixels[1] = (255, 0, 0, 255)
    pixels[:, 1, 3] = 0
    pixels[:, 2, 3] = 51
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    expected = np.array([[1, 0, 0.2, 1], [1 / 3, 0, 0.2 / 3, 1 / 3]])
    np.testing.assert_allclose(read_mask(tmp_path / "alpha.png"), expected, atol=1e-3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_black_is_0_and_white_is_1_in_every_mode(tmp_path, mode):
    image = Image.new("L", (8, 4), 0)
    image.paste(255, (0, 0, 4, 4))
    image.convert(mode).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(mask[:, :4], 1.0)
    np.testing.assert_array_equal(mask[:, 4:], 0.0)


def test_mask_of_another_size_is_resized_within_the_range():
    mask = (np.random.default_rng(0).uniform(size=(30, 40)) > 0.5).astype(np.float32)
    for height, width in ((15, 20), (61, 81), (300, 400), (30, 40)):
        fitted = fit_mask(mask, height, width, "mask")
        assert fitted.shape == (height, width)
        assert 0.0 <= fitted.min() < fitted.max() <= 1.0
        assert fitted.mean() == pytest.approx(mask.mean(), abs=0.02)
    np.testing.assert_array_equal(fit_mask(mask, 30, 40, "mask"), mask)


@pytest.mark.parametrize(
    ("size", "words"), [((40, 30), "30 x 40"), ((30, 42), "42 x 30"), ((1, 1), "1 x 1 pixels")]
)
def test_mask_of_another_aspect_ratio_is_refused(size, words):
    with pytest.raises(NstError, match=words) as caught:
        fit_mask(np.ones(size, np.float32), 30, 400, "selection")
    assert caught.value.code is ErrorCode.BAD_IMAGE
    assert caught.value.hint
