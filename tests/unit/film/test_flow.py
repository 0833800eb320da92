"""Optical flow and what is trusted of it: known motions, what is hidden, and boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.film.flow import Motion, find_motion, flow_frame, move, squared_gradient, trust, warp

RNG = np.random.default_rng(31)


def texture(height, width):
    """Return a smooth random picture (h, w, 3)."""
    coarse = RNG.uniform(size=(height // 4 + 2, width // 4 + 2, 3))
    for axis in (0, 1):
        coarse = np.repeat(coarse, 4, axis=axis)
    for axis in (0, 1):
        coarse = sum(np.roll(coarse, step, axis=axis) for step in range(-2, 3)) / 5
    return coarse[:height, :width].astype(np.float32)


@pytest.mark.parametrize("size", [(96, 120), (40, 48), (17, 23)])
def test_a_pan_is_found_and_undone(size):
    height, width = size
    scene = texture(height + 4, width + 4)
    before, after = scene[:height, :width], scene[1 : height + 1, 2 : width + 2]
    motion = find_motion(flow_frame(before), flow_frame(after))
    inner = motion.backward[4:-4, 6:-6]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), (2.0, 1.0), atol=0.25)
    moved = warp(before.transpose(2, 0, 1), motion.backward).transpose(1, 2, 0)
    wrong = np.square(moved - after)[motion.trusted].mean()
    assert wrong < 0.1 * np.square(before - after).mean()


def test_what_comes_into_view_is_not_trusted():
    flow = np.zeros((20, 30, 2), np.float32)
    flow[:, :, 0] = 5.0
    trusted = trust(-flow, flow)
    assert trusted[:, :25].all()
    assert not trusted[:, 25:].any()


def test_flow_that_does_not_lead_back_is_not_trusted():
    """Eq. 4: |w~ + w^|^2 > 0.01 (|w~|^2 + |w^|^2) + 0.5."""
    backward = np.zeros((20, 30, 2), np.float32)
    forward = np.zeros_like(backward)
    forward[:10, :, 0] = 0.6  # 0.36 of the 0.5 that are allowed
    forward[10:, :, 0] = 0.8
    trusted = trust(forward, backward)
    assert trusted[:10].all()
    assert not trusted[10:].any()


def test_boundaries_of_motion_are_not_trusted():
    """Eq. 5, by loops over central differences."""
    backward = np.zeros((16, 24, 2), np.float32)
    backward[:, 12:, 0] = 1.0
    trusted = trust(-backward, backward)
    for y, x in np.ndindex(14, 22):
        y, x = y + 1, x + 1
        energy = sum(
            ((backward[y, x + 1, c] - backward[y, x - 1, c]) / 2) ** 2
            + ((backward[y + 1, x, c] - backward[y - 1, x, c]) / 2) ** 2
            for c in (0, 1)
        )
        assert squared_gradient(backward)[y, x] == pytest.approx(energy)
        if energy > 0.01 * (backward[y, x] ** 2).sum() + 0.002:
            assert not trusted[y, x]
    assert not trusted[:, 11:13].any()
    assert trusted[:, :11].all()


def test_moved_frames_keep_their_detail():
    """Half a pixel to the right and back, a hundred times. Without compensation, cubic kernels diverge."""
    fine = RNG.uniform(size=(3, 64, 64)).astype(np.float32)
    flow, everywhere = np.full((64, 64, 2), 0.5, np.float32), np.ones((64, 64), bool)
    motions = [Motion(sign * flow, everywhere, -sign * flow, everywhere) for sign in (1, -1)]
    kept, plain, inner = fine, fine, np.s_[:, 16:-16, 16:-16]
    for number in range(200):
        kept = move(kept, motions[number % 2])
        plain = warp(plain, motions[number % 2].backward)
        if number == 19:
            wrong, wrong_plain = (np.square(moved - fine)[inner].mean() for moved in (kept, plain))
            assert wrong < 0.6 * wrong_plain
    assert 0.45 * fine.std() < kept[inner].std() < fine.std()
    unknown = Motion(flow, everywhere, -flow, ~everywhere)
    assert move(fine, unknown)[inner].std() < move(fine, motions[0])[inner].std()


def test_moved_frames_become_no_darker_or_lighter_at_a_boundary_of_motion():
    """Two halves move apart by half a pixel, and back, thirty times."""
    fine = RNG.uniform(size=(3, 48, 48)).astype(np.float32)
    flow, everywhere = np.zeros((48, 48, 2), np.float32), np.ones((48, 48), bool)
    flow[:, :24, 0], flow[:, 24:, 0] = -0.5, 0.5
    moved = fine
    for number in range(60):
        sign = (1, -1)[number % 2]
        moved = move(moved, Motion(sign * flow, everywhere, -sign * flow, everywhere))
        assert fine.min() <= moved.min()
        assert moved.max() <= fine.max()
