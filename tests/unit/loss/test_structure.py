"""The structure prior compared with loops over its equation in float64, between frameworks, and in strips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nst_core.loss.objective import Structure
from nst_core.loss.priors import add_prior, on_device, prior_loss
from nst_core.loss.structure import make_structure
from tests.unit.loss.test_losses import central_difference

RNG = np.random.default_rng(23)


def make_prior(height, width, pool):
    rows, columns = height // pool, width // pool
    return Structure(0.7, pool, RNG.normal(size=(3, rows, columns)), RNG.uniform(size=(rows, columns)))


def laplacian_by_loops(picture, pool):
    """Compute the Laplacian of cells' means, neighbour by neighbour; there are none past the edge."""
    channels, height, width = picture.shape
    rows, columns = height // pool, width // pool
    means, result = np.zeros((channels, rows, columns)), np.zeros((channels, rows, columns))
    for c, y, x in np.ndindex(means.shape):
        means[c, y, x] = picture[c, y * pool : (y + 1) * pool, x * pool : (x + 1) * pool].mean()
    for c, y, x in np.ndindex(means.shape):
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= ny < rows and 0 <= nx < columns:
                result[c, y, x] += means[c, ny, nx] - means[c, y, x]
    return result


def loss_by_loops(prior, picture):
    laplacian, total = laplacian_by_loops(picture, prior.pool), 0.0
    for c, y, x in np.ndindex(laplacian.shape):
        total += prior.mask[y, x] * (laplacian[c, y, x] - prior.target[c, y, x]) ** 2
    return prior.weight * total


@pytest.mark.parametrize(
    ("size", "pool"), [((8, 12), 2), ((9, 7), 2), ((13, 10), 4), ((5, 6), 1), ((2, 3), 2)]
)
def test_loss_and_gradient_equal_the_equation(size, pool):
    prior, picture = make_prior(*size, pool), RNG.uniform(size=(3, *size))
    value, gradient = prior_loss(prior, picture)
    assert value == pytest.approx(loss_by_loops(prior, picture), rel=1e-12)
    reference = central_difference(lambda p: loss_by_loops(prior, p), picture)
    np.testing.assert_allclose(gradient, reference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("pool", [2, 4])
def test_torch_equals_numpy(pool):
    prior, picture = make_prior(21, 30, pool), RNG.uniform(size=(3, 21, 30))
    (moved,) = on_device([prior], torch.tensor)
    value, gradient = prior_loss(moved, torch.tensor(picture))
    expected = prior_loss(prior, picture)
    assert float(value) == pytest.approx(float(expected[0]), rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("size", "pool"), [((37, 23), 2), ((50, 31), 4), ((3, 90), 4), ((1, 5), 2), ((9, 1), 1)]
)
def test_strips_equal_the_whole(size, pool):
    prior, picture = make_prior(*size, pool), RNG.uniform(size=(3, *size))
    value, expected = prior_loss(prior, picture)
    for strip_pixels in (1, 4 * size[1], 200, 10**6):
        gradient = np.ones_like(picture)
        assert add_prior(prior, picture, gradient, strip_pixels) == pytest.approx(float(value), rel=1e-12)
        np.testing.assert_allclose(gradient, expected + 1.0, rtol=1e-12)


@pytest.mark.parametrize("size", [(32, 48), (65, 47)])
@pytest.mark.parametrize("halvings", [1, 2])
def test_made_prior_is_0_at_the_content_and_its_weight_at_a_flat_picture(size, halvings):
    content = RNG.uniform(size=(3, *size)).astype(np.float32)
    for counts in (None, RNG.uniform(size=size).astype(np.float32)):
        prior = make_structure(content, counts, 0.3, halvings)
        assert prior.pool == 2**halvings
        np.testing.assert_allclose(prior.target, laplacian_by_loops(content, prior.pool), atol=1e-5)
        assert float(prior_loss(prior, content)[0]) == pytest.approx(0.0, abs=1e-10)
        for value in (0.0, 0.7):
            flat = np.full_like(content, value)
            assert float(prior_loss(prior, flat)[0]) == pytest.approx(0.3, rel=1e-4)
        inverted = prior_loss(prior, (1.0 - content).astype(np.float64))[0]
        assert float(inverted) == pytest.approx(4 * 0.3, rel=1e-4)  # lightness counts, not contours alone


def test_cells_count_by_their_share_of_edges():
    """By loops: e / (e + the mean of e) with e the mean energy of 3 x 3 cells, times the mask."""
    content = RNG.uniform(size=(3, 12, 15)).astype(np.float32)
    content[:, :, 8:] = 0.5
    mask = RNG.uniform(size=(12, 15)).astype(np.float32)
    prior = make_structure(content, mask, 1.0, 1)
    energies = (laplacian_by_loops(content, 2) ** 2).sum(axis=0)
    around, counts = np.zeros((6, 7)), np.zeros((6, 7))
    for y, x in np.ndindex(around.shape):
        for ny, nx in np.ndindex(3, 3):
            around[y, x] += energies[min(max(y + ny - 1, 0), 5), min(max(x + nx - 1, 0), 6)] / 9
        counts[y, x] = mask[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
    usual = (around * counts).sum() / counts.sum()
    np.testing.assert_allclose(prior.mask, counts * around / (around + usual), rtol=1e-4)
    assert not prior.mask[:, 6:].any()  # nothing holds strokes down where the content is flat


def test_grain_of_a_flat_content_is_no_structure():
    flat = np.full((3, 16, 16), 0.4, np.float32)
    picture = RNG.uniform(size=flat.shape)
    strokes = float(prior_loss(make_structure(flat + picture.astype(np.float32), None, 1.0, 1), flat)[0])
    assert float(prior_loss(make_structure(flat, None, 1.0, 1), picture)[0]) == 0.0
    grain = (flat + RNG.normal(scale=1e-3, size=flat.shape)).astype(np.float32)
    assert float(prior_loss(make_structure(grain, None, 1.0, 1), flat)[0]) < 0.01 * strokes


def test_nothing_is_made_if_no_cell_counts():
    content = RNG.uniform(size=(3, 16, 16)).astype(np.float32)
    assert make_structure(content, np.zeros((16, 16), np.float32), 1.0, 1) is None
    assert make_structure(content[:, :1], None, 1.0, 1) is None


def test_cells_outside_the_mask_have_no_part():
    content, picture = RNG.uniform(size=(2, 3, 24, 40))
    mask = np.zeros((24, 40), np.float32)
    mask[:, :16] = 1.0
    prior = make_structure(content.astype(np.float32), mask, 1.0, 1)
    value, gradient = prior_loss(prior, picture)
    assert gradient[:, :, :16].any()
    assert not gradient[:, :, 18:].any()  # cells that count see their neighbours
    changed = picture.copy()
    changed[:, :, 18:] = 0.0
    assert float(prior_loss(prior, changed)[0]) == pytest.approx(float(value), rel=1e-12)
    other = content.copy()
    other[:, :, 20:] = 0.5
    again = make_structure(other.astype(np.float32), mask, 1.0, 1)
    assert again.weight == pytest.approx(prior.weight, rel=1e-12)


def test_a_window_that_starts_at_a_cell_has_the_structure_of_the_whole():
    content, picture = RNG.uniform(size=(2, 3, 33, 61))
    mask = np.zeros((33, 61), np.float32)
    mask[:, 20:40] = RNG.uniform(size=(33, 20))
    whole = make_structure(content.astype(np.float32), mask, 1.0, 2)
    window = slice(8, 52)
    part = make_structure(content[:, :, window].astype(np.float32), mask[:, window], 1.0, 2)
    assert part.weight == pytest.approx(whole.weight, rel=1e-6)
    value, gradient = prior_loss(whole, picture)
    in_window = prior_loss(part, picture[:, :, window])
    assert float(in_window[0]) == pytest.approx(float(value), rel=1e-6)
    np.testing.assert_allclose(
        in_window[1][:, :, 4:-4], gradient[:, :, window][:, :, 4:-4], rtol=1e-5, atol=1e-8
    )


def test_gradient_of_a_grey_picture_leads_to_the_grey_of_the_content():
    """In luminance mode the content is grey: all colours have one gradient, so the picture stays grey."""
    grey = RNG.uniform(size=(1, 20, 20)).astype(np.float32).repeat(3, axis=0)
    prior = make_structure(grey, None, 1.0, 1)
    _, gradient = prior_loss(prior, RNG.uniform(size=(1, 20, 20)).repeat(3, axis=0))
    assert np.ptp(gradient, axis=0).max() < 1e-12


def test_weight_scales_value_and_gradient():
    prior, picture = make_prior(16, 18, 2), RNG.uniform(size=(3, 16, 18))
    once, twice = prior_loss(prior, picture), prior_loss(replace(prior, weight=1.4), picture)
    assert float(twice[0]) == pytest.approx(2 * float(once[0]), rel=1e-12)
    np.testing.assert_allclose(twice[1], 2 * once[1], rtol=1e-12)
