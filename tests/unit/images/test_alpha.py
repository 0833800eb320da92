import numpy as np
import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.images.alpha import fill_transparent

RANDOM = np.random.default_rng(4)


def scene(height=60, width=90):
    """Return a smooth picture, the same with magenta hidden in a hole, and the alpha of the hole."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pixels = np.stack([x / width, y / height, 0.5 + 0 * x], axis=-1)
    alpha = np.ones((height, width), np.float32)
    alpha[20:40, 30:60] = 0
    poisoned = pixels.copy()
    poisoned[alpha == 0] = (1.0, 0.0, 1.0)
    return pixels, poisoned, alpha


def test_hidden_colours_do_not_matter():
    _, poisoned, alpha = scene()
    changed = poisoned.copy()
    changed[alpha == 0] = RANDOM.random(((alpha == 0).sum(), 3))
    assert np.array_equal(fill_transparent(poisoned, alpha), fill_transparent(changed, alpha))


def test_visible_pixels_are_untouched():
    _, poisoned, alpha = scene()
    alpha[0:5] = 0.01
    filled = fill_transparent(poisoned, alpha)
    assert np.array_equal(filled[alpha > 0], poisoned[alpha > 0])
    assert filled is not poisoned


def test_hole_continues_its_surroundings():
    pixels, poisoned, alpha = scene()
    filled = fill_transparent(poisoned, alpha)
    assert np.abs(filled - pixels).max() < 0.2
    assert np.abs(filled[:, :, 2] - 0.5).max() < 1e-6
    # No seam: neighbouring pixels are close, across the border of the hole and inside it.
    assert np.abs(np.diff(filled, axis=0)).max() < 0.12
    assert np.abs(np.diff(filled, axis=1)).max() < 0.12


def test_distant_hidden_pixels_get_the_mean_of_visible_ones():
    pixels = np.zeros((64, 64, 3), np.float32)
    alpha = np.zeros((64, 64), np.float32)
    pixels[0, 0], alpha[0, 0] = (0.25, 0.5, 0.75), 1
    assert np.abs(fill_transparent(pixels, alpha) - (0.25, 0.5, 0.75)).max() < 1e-6


def test_faint_pixels_count_less():
    pixels = np.zeros((2, 4, 3), np.float32)
    alpha = np.zeros((2, 4), np.float32)
    pixels[0, 0], alpha[0, 0] = 1.0, 0.01
    pixels[1, 0], alpha[1, 0] = 0.2, 1.0
    assert np.all(fill_transparent(pixels, alpha)[:, 1:] < 0.25)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (33, 17), (64, 65)])
def test_every_size_is_filled(size):
    pixels = RANDOM.random((*size, 3)).astype(np.float32)
    alpha = (RANDOM.random(size) > 0.6).astype(np.float32)
    alpha[0, 0] = 1
    filled = fill_transparent(pixels, alpha)
    assert filled.shape == pixels.shape
    assert filled.dtype == np.float32
    visible = pixels[alpha > 0]
    assert np.all(filled >= visible.min(axis=0) - 1e-5)
    assert np.all(filled <= visible.max(axis=0) + 1e-5)


def test_picture_without_hidden_pixels_is_returned_unchanged():
    pixels = RANDOM.random((5, 5, 3)).astype(np.float32)
    assert fill_transparent(pixels, None) is pixels
    assert fill_transparent(pixels, np.full((5, 5), 0.5, np.float32)) is pixels


def test_fully_transparent_picture_is_grey_or_refused():
    pixels, alpha = np.ones((4, 6, 3), np.float32), np.zeros((4, 6), np.float32)
    assert np.array_equal(fill_transparent(pixels, alpha), np.full((4, 6, 3), 0.5))
    with pytest.raises(NstError) as caught:
        fill_transparent(pixels, alpha, "error")
    assert caught.value.code == ErrorCode.BAD_IMAGE
