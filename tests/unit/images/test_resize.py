import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.errors import ErrorCode, NstError
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, fit, resize, resize_picture
from nst_core.settings import Crop

RANDOM = np.random.default_rng(3)
METHODS = ["lanczos", "bicubic", "bilinear"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(31, 77), (200, 13), (64, 50), (1, 1)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 1 / 255])
def test_flat_areas_stay_exactly_flat(method, size, value):
    flat = np.full((64, 50, 3), value, np.float32)
    assert np.array_equal(resize(flat, *size, method), np.full((*size, 3), np.float32(value)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(40, 60), (160, 240), (93, 171)])
def test_resize_does_not_shift(method, size):
    # A ramp in each direction, sampled at pixel centres, becomes the same ramp at the new pixel centres.
    def ramps(height, width):
        down = (np.arange(height, dtype=np.float32) + 0.5) / height
        across = (np.arange(width, dtype=np.float32) + 0.5) / width
        return np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1)

    resized = resize(ramps(80, 120), *size, method)
    inner = slice(8, -8)
    # Lanczos makes a ramp waver by a fiftieth of a pixel; the other filters keep it exactly.
    tolerance = 0.02 / 80 if method == "lanczos" else 1e-5
    assert np.abs(resized - ramps(*size))[inner, inner].max() < tolerance


@pytest.mark.parametrize("method", METHODS)
def test_resize_does_not_alias(method):
    # Stripes too fine for the smaller picture must become their mean.
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (90, 45))
    assert np.abs(resize(stripes, 30, 30, method) - 0.5).max() < 0.06
    assert np.abs(resize(stripes, 10, 10, method) - 0.5).max() < 0.03


def test_resize_matches_the_definition_of_lanczos():
    # Lanczos with 3 lobes, stretched by the reduction, weights normalised, written out for one row.
    row = RANDOM.random(50).astype(np.float32)
    width, scale = 17, 50 / 17
    expected = []
    for i in range(width):
        centre = (i + 0.5) * scale
        low, high = max(0, int(centre - 3 * scale + 0.5)), min(50, int(centre + 3 * scale + 0.5))
        x = (np.arange(low, high) + 0.5 - centre) / scale
        weights = np.sinc(x) * np.sinc(x / 3) * (np.abs(x) < 3)
        expected.append((weights * row[low:high]).sum() / weights.sum())
    assert np.abs(resize(row[None], 1, width)[0] - expected).max() < 1e-6


def test_channels_are_resized_alike_and_dimensions_are_kept():
    array = RANDOM.random((20, 30, 4)).astype(np.float32)
    resized = resize(array, 13, 41)
    assert resized.shape == (13, 41, 4)
    assert resized.dtype == np.float32
    for channel in range(4):
        alone = resize(array[:, :, channel], 13, 41)
        assert alone.shape == (13, 41)
        assert np.array_equal(alone, resized[:, :, channel])


def test_mirrored_input_gives_mirrored_output():
    array = RANDOM.random((24, 36)).astype(np.float32)
    assert np.abs(resize(array[::-1, ::-1], 11, 50) - resize(array, 11, 50)[::-1, ::-1]).max() < 1e-6


def test_float_precision_and_range_are_kept():
    fine = (RANDOM.random((32, 32)) * 1e-4 + 0.5).astype(np.float32)
    assert len(np.unique(resize(fine, 16, 16))) > 200
    wide = np.zeros((20, 20), np.float32)
    wide[:, 10:] = 1000
    assert resize(wide, 40, 40).max() > 1000


def test_same_size_gives_a_copy():
    array = RANDOM.random((5, 6, 3)).astype(np.float32)
    same = resize(array, 5, 6)
    assert np.array_equal(same, array)
    assert not np.shares_memory(same, array)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_size_of_zero_or_less_is_refused(size):
    with pytest.raises(ValueError):
        resize(np.zeros((4, 4), np.float32), *size)


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.integers(1, 70_000))
def test_fit_keeps_the_aspect_ratio(height, width, long_side):
    new_height, new_width = fit(height, width, long_side)
    assert max(new_height, new_width) == long_side
    assert min(new_height, new_width) >= 1
    assert (new_height >= new_width) == (height >= width) or new_height == new_width
    exact = min(height, width) * long_side / max(height, width)
    assert abs(min(new_height, new_width) - exact) <= 0.5 or min(new_height, new_width) == 1
    assert fit(width, height, long_side) == (new_width, new_height) or height == width
    assert fit(height, width, max(height, width)) == (height, width)


def test_fit_rounds_halves_up():
    assert fit(3, 2, 15) == (15, 10)
    assert fit(4, 1, 2) == (2, 1)
    assert fit(2, 4, 5) == (3, 5)
    assert fit(6, 4, 9) == (9, 6)
    assert fit(1000, 1, 100) == (100, 1)


def test_hidden_colours_do_not_bleed():
    pixels = np.zeros((40, 40, 3), np.float32)
    pixels[:, :20] = (0.2, 0.6, 0.4)
    pixels[:, 20:] = (1.0, 0.0, 1.0)
    alpha = np.zeros((40, 40), np.float32)
    alpha[:, :20] = 1
    for size in ((17, 17), (90, 90)):
        small = resize_picture(Picture(pixels, alpha), *size)
        visible = small.alpha > 0.002
        assert visible.any()
        assert np.abs(small.pixels[visible] - (0.2, 0.6, 0.4)).max() < 1e-3
        assert 0 <= small.alpha.min() <= small.alpha.max() <= 1
        assert small.pixels[small.alpha == 0].max() == 0


def test_resized_picture_is_clamped_and_keeps_its_properties():
    edge = np.zeros((20, 20, 3), np.float32)
    edge[:, 10:] = 1
    picture = Picture(edge, bits=16, profile=b"profile", source="where")
    bigger = resize_picture(picture, 50, 60)
    assert (bigger.pixels.min(), bigger.pixels.max()) == (0, 1)
    assert (bigger.bits, bigger.profile, bigger.source) == (16, b"profile", "where")
    assert (bigger.height, bigger.width) == (50, 60)


def test_opaque_alpha_changes_nothing():
    pixels = RANDOM.random((30, 20, 3)).astype(np.float32)
    opaque = resize_picture(Picture(pixels, np.ones((30, 20), np.float32)), 14, 9)
    assert np.abs(opaque.pixels - resize_picture(Picture(pixels), 14, 9).pixels).max() < 1e-6
    assert np.array_equal(opaque.alpha, np.ones((14, 9)))


def test_crop_cuts_pixels_and_alpha():
    pixels = RANDOM.random((10, 20, 3)).astype(np.float32)
    alpha = RANDOM.random((10, 20)).astype(np.float32)
    cropped = crop(Picture(pixels, alpha, bits=16), Crop(4, 2, 7, 5))
    assert np.array_equal(cropped.pixels, pixels[2:7, 4:11])
    assert np.array_equal(cropped.alpha, alpha[2:7, 4:11])
    assert cropped.bits == 16
    assert not np.shares_memory(cropped.pixels, pixels)
    assert np.array_equal(crop(Picture(pixels), Crop(0, 0, 20, 10)).pixels, pixels)


@pytest.mark.parametrize("area", [(15, 0, 6, 5), (0, 6, 5, 5), (-1, 0, 5, 5), (0, 0, 0, 5), (20, 10, 1, 1)])
def test_crop_outside_the_picture_is_refused(area):
    with pytest.raises(NstError) as caught:
        crop(Picture(np.zeros((10, 20, 3), np.float32)), Crop(*area))
    assert caught.value.code == ErrorCode.BAD_SETTING
    assert "20 x 10" in caught.value.message
