"""The guided filter against a brute-force version in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.guided_filter import fit_local_lines

RNG = np.random.default_rng(7)


def brute_force(guide, values, weight, radius, flatness):
    """Fit every window with ``numpy.polyfit``-like sums, pixel by pixel."""
    height, width = guide.shape
    guide, values, weight = (array.astype(np.float64) for array in (guide, values, weight))

    def window(y, x):
        return slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)

    fits = {}
    for y in range(height):
        for x in range(width):
            part = window(y, x)
            w = weight[part]
            if w.sum() == 0:
                fits[y, x] = 0.0, np.zeros(len(values)), np.zeros(len(values))
                continue
            w_share = w / w.sum()
            mean = (w_share * guide[part]).sum()
            variance = (w_share * (guide[part] - mean) ** 2).sum()
            mean_value = np.array([(w_share * plane[part]).sum() for plane in values])
            covariance = np.array(
                [
                    (w_share * (guide[part] - mean) * (plane[part] - m)).sum()
                    for plane, m in zip(values, mean_value, strict=True)
                ]
            )
            slope = covariance / (variance + flatness)
            fits[y, x] = w.sum(), slope, mean_value - slope * mean
    result = np.zeros_like(values)
    for y in range(height):
        for x in range(width):
            rows, columns = window(y, x)
            around = [
                fits[row, column]
                for row in range(*rows.indices(height))
                for column in range(*columns.indices(width))
            ]
            total = sum(mass for mass, _, _ in around)
            if total:
                result[:, y, x] = sum(m * (slope * guide[y, x] + offset) for m, slope, offset in around)
                result[:, y, x] /= total
    return result


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("radius", "shape"), [(1, (7, 9)), (3, (12, 8)), (5, (4, 3)), (2, (1, 1))])
def test_filter_equals_brute_force(radius, shape, weighted):
    guide, values = RNG.random(shape, np.float32), RNG.random((2, *shape), np.float32)
    weight = (RNG.random(shape, np.float32) * (RNG.random(shape) > 0.5)).astype(np.float32)
    fitted = fit_local_lines(guide, values, weight if weighted else None, radius, 1e-3)
    expected = brute_force(guide, values, weight if weighted else np.ones(shape), radius, 1e-3)
    np.testing.assert_allclose(fitted.slope * guide + fitted.offset, expected, atol=1e-5)


def test_flat_values_stay_and_edges_of_the_guide_are_kept():
    guide = np.zeros((16, 16), np.float32)
    guide[:, 8:] = 1.0
    flat = fit_local_lines(guide, np.full((1, 16, 16), 0.3, np.float32), None, 3, 1e-3)
    np.testing.assert_allclose(flat.slope * guide + flat.offset, 0.3, atol=1e-6)
    edge = fit_local_lines(guide, guide[None], None, 3, 1e-3)
    np.testing.assert_allclose((edge.slope * guide + edge.offset)[0], guide, atol=0.02)


def test_pixels_without_weight_have_no_part():
    guide, values = RNG.random((20, 20), np.float32), RNG.random((1, 20, 20), np.float32)
    weight = np.zeros((20, 20), np.float32)
    weight[:, :10] = 1.0
    other = values.copy()
    other[:, :, 10:] = 1e3
    first, second = (fit_local_lines(guide, planes, weight, 2, 1e-3) for planes in (values, other))
    np.testing.assert_array_equal(first.offset, second.offset)
    assert first.known[:, :12].all()
    assert not first.known[:, 12:].any()
    assert not first.offset[:, :, 15:].any()


def test_enlarged_rows_are_those_of_the_whole():
    guide, values = RNG.random((11, 7), np.float32), RNG.random((2, 11, 7), np.float32)
    fitted = fit_local_lines(guide, values, None, 2, 1e-3)
    whole = fitted.enlarge(30, 40, slice(0, 30))
    for rows in (slice(0, 1), slice(5, 17), slice(29, 30)):
        part = fitted.enlarge(30, 40, rows)
        np.testing.assert_array_equal(part.slope, whole.slope[:, rows])
        np.testing.assert_array_equal(part.offset, whole.offset[:, rows])
        np.testing.assert_array_equal(part.known, whole.known[rows])
    same = fitted.enlarge(11, 7, slice(2, 5))
    np.testing.assert_array_equal(same.slope, fitted.slope[:, 2:5])
