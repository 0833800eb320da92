import numpy as np
import pytest

from nst_core.images.contact_sheet import contact_sheet
from nst_core.images.picture import Picture

RED, GREEN = (np.full((50, 100, 3), colour, np.float32) for colour in ((1, 0, 0), (0, 1, 0)))


def area(page, colour):
    """Return the bounds of the pixels with ``colour``, (top, bottom, left, right), and their number."""
    rows, columns = np.nonzero(np.all(np.abs(page - colour) < 1e-3, axis=2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1, len(rows)


def test_pictures_are_placed_in_order():
    page = contact_sheet([RED, GREEN, GREEN * 0.5], ["", "", ""], columns=2, cell=100)
    assert page.dtype == np.float32
    top, bottom, left, right, count = area(page, (1, 0, 0))
    assert (bottom - top, right - left, count) == (50, 100, 5000)
    second, third = area(page, (0, 1, 0)), area(page, (0, 0.5, 0))
    assert second[0] == top
    assert second[2] > right
    assert third[0] > bottom
    assert third[2] == left


def test_page_is_white_with_margins():
    page = contact_sheet([RED, GREEN], ["one", "two"], columns=5, cell=100)
    assert page[0].min() == page[-1].min() == 1
    assert page[:, 0].min() == page[:, -1].min() == 1
    assert page.shape[1] < 3 * 110


def test_captions_are_drawn_below_in_ink():
    without_caption = contact_sheet([RED], [""], 1, 100)
    captioned = contact_sheet([RED], ["a caption"], 1, 100)
    assert captioned.shape[0] > without_caption.shape[0]
    bottom = area(captioned, (1, 0, 0))[1]
    caption = captioned[bottom:]
    assert caption.min() < 0.4
    assert np.ptp(caption, axis=2).max() == 0
    assert not np.array_equal(captioned, contact_sheet([RED], ["another one"], 1, 100))


def test_long_captions_are_broken_within_their_cell():
    text = "words and words and words until they do not fit " + "x" * 80
    page = contact_sheet([RED, GREEN], [text, ""], 2, 100)
    start = area(page, (0, 1, 0))[2]
    below = page[area(page, (1, 0, 0))[1] :]
    assert below[:, start:].min() == 1
    assert below[:, :start].min() < 0.4
    assert below.shape[0] > 60


def test_large_pictures_shrink_and_small_ones_grow_by_whole_factors():
    large = np.full((400, 200, 3), (0, 0, 1), np.float32)
    small = np.zeros((10, 10, 3), np.float32)
    small[::2, ::2] = (1, 1, 0)
    page = contact_sheet([large, small], ["", ""], 2, 100)
    top, bottom, left, right, _ = area(page, (0, 0, 1))
    assert (bottom - top, right - left) == (100, 50)
    assert area(page, (1, 1, 0))[4] == 25 * 100


def test_pictures_with_alpha_are_put_on_white():
    alpha = np.zeros((50, 100), np.float32)
    alpha[:25] = 1
    page = contact_sheet([Picture(RED, alpha)], [""], 1, 100)
    assert area(page, (1, 0, 0))[4] == 2500


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError):
        contact_sheet([RED], [], 1)
    with pytest.raises(ValueError):
        contact_sheet([], [], 1)
    with pytest.raises(ValueError):
        contact_sheet([RED], [""], 0)
