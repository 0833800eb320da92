"""Painting in luminance only: values and gradients, for whole pictures and parts of them."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.backends.interface import Evaluation
from nst_core.painting.luminance_only import LuminanceEvaluator, start_in_grey

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(size=(3, 6, 8))


class Host:
    """A backend that leaves arrays where they are."""

    def upload(self, array):
        return np.array(array, np.float64)


def cubes(picture):
    """A loss whose gradient differs at every value."""
    return Evaluation((WEIGHTS * picture**3).sum(), 3.0 * WEIGHTS * picture**2, np.zeros(0))


@pytest.mark.parametrize("whole", [True, False])
def test_gradient_is_that_of_the_picture_in_grey(whole):
    share = np.ones((6, 8), np.float32) if whole else RNG.uniform(size=(6, 8)).astype(np.float32)
    evaluator, picture = LuminanceEvaluator(cubes, Host(), share), RNG.uniform(size=(3, 6, 8))
    if whole:
        picture = start_in_grey(picture, share).astype(np.float64)
    evaluation = evaluator(picture)
    for position in [(0, 1, 2), (1, 5, 7), (2, 3, 3)]:
        step = np.zeros_like(picture)
        step[position] = 1e-6
        if whole:  # the picture stays grey
            step[:] = step.sum(axis=0)
            expected = evaluation.gradient.sum(axis=0)[position[1:]]
        else:
            expected = evaluation.gradient[position]
        slope = (evaluator(picture + step).loss - evaluator(picture - step).loss) / 2e-6
        assert slope == pytest.approx(expected, rel=1e-5)
    if whole:
        assert np.ptp(evaluation.gradient, axis=0).max() == 0.0


def test_only_the_masked_part_is_seen_in_grey():
    picture, share = RNG.uniform(size=(3, 6, 8)).astype(np.float32), np.zeros((6, 8), np.float32)
    share[:, :4] = 1.0
    composed = LuminanceEvaluator(cubes, Host(), share).compose(picture)
    assert np.ptp(composed[:, :, :4], axis=0).max() < 1e-6
    np.testing.assert_array_equal(composed[:, :, 4:], picture[:, :, 4:])
    np.testing.assert_allclose(start_in_grey(picture, share), composed, atol=1e-6)
