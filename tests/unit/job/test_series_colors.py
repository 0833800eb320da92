"""The setting ``series_colors``: the mean and covariance of a result's colours are those of its styles."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.array_types import Array
from nst_core.images.colour import from_oklab, to_oklab
from nst_core.images.picture import Picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.job.series_colors import SeriesColours
from nst_core.settings import make_settings


def coloured(seed: int, mean: tuple[float, float, float], height: int = 40, width: int = 50) -> Array:
    """Return pixels (height, width, 3) whose OKLab colours vary around ``mean``."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(0.0, 0.02, (3, 3)) + np.diag([0.12, 0.02, 0.03])
    lab = np.array(mean) + rng.normal(size=(height * width, 3)) @ mix.T
    return from_oklab(lab[:, :1].astype(np.float32), lab[:, 1:].astype(np.float32)).reshape(height, width, 3)


def moments(rows: Array, where: Array | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and covariance of the colours in OKLab, computed the plain way."""
    lab = to_oklab(rows).reshape(-1, 3).astype(np.float64)
    lab = lab if where is None else lab[where.ravel() > 0]
    return lab.mean(axis=0), np.cov(lab.T, bias=True)


def assert_same_palette(rows: Array, style: Array, where: Array | None = None) -> None:
    for got, wanted, tolerance in zip(moments(rows, where), moments(style), (2e-3, 4e-4), strict=True):
        np.testing.assert_allclose(got, wanted, atol=tolerance)


WARM, COOL = coloured(1, (0.6, 0.05, 0.08)), coloured(2, (0.4, -0.02, -0.08))


def tied(job: Job, rows: Array) -> Array:
    return SeriesColours(job, prepare(job)).apply(rows)


def make_job(**parts: object) -> Job:
    settings = make_settings({"series_colors": True, **parts.pop("settings", {})})  # type: ignore[dict-item]
    content = Picture(coloured(0, (0.5, 0.0, 0.0)))
    values = {"content": content, "styles": (WeightedStyle(Picture(COOL)),), **parts}
    return Job(settings=settings, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("mean", [(0.3, 0.04, 0.0), (0.75, -0.03, 0.05), (0.5, 0.0, 0.0)])
def test_all_results_have_the_colours_of_the_style(mean: tuple[float, float, float]) -> None:
    for size in ((40, 50), (64, 32)):
        rows = coloured(5, mean, *size)
        assert_same_palette(tied(make_job(), rows), COOL)


def test_blend_ties_to_the_colours_of_all_styles() -> None:
    styles = (WeightedStyle(Picture(COOL), 2.0), WeightedStyle(Picture(WARM), 2.0))
    both = np.concatenate([COOL, WARM])
    assert_same_palette(tied(make_job(styles=styles), coloured(5, (0.5, 0.0, 0.0))), both)


def test_region_has_the_colours_of_its_own_style() -> None:
    left = np.zeros((40, 50), np.float32)
    left[:, :25] = 1.0
    region = Region(left, (WeightedStyle(Picture(WARM)),))
    result = tied(make_job(regions=(region,)), coloured(5, (0.5, 0.0, 0.0)))
    assert_same_palette(result, WARM, left)
    assert_same_palette(result, COOL, 1.0 - left)


def test_only_what_is_painted_counts_and_colours_of_the_photo_stay() -> None:
    selection = np.zeros((40, 50), np.float32)
    selection[:20] = 1.0
    rows = coloured(5, (0.5, 0.0, 0.0))
    rows[20:] = 0.9
    assert_same_palette(tied(make_job(selection=selection), rows), COOL, selection)
    kept = Region(selection, (WeightedStyle(Picture(WARM)),), keep_colors="luminance")
    np.testing.assert_array_equal(tied(make_job(styles=(), regions=(kept,)), rows), rows)
    for mode in ("luminance", "match"):
        np.testing.assert_array_equal(tied(make_job(settings={"keep_colors": mode}), rows), rows)


def test_flat_and_grey_pictures_are_not_amplified_into_noise() -> None:
    rng = np.random.default_rng(0)
    flat = np.float32(0.5) + rng.normal(0, 0.2 / 255, (40, 50, 3)).astype(np.float32)
    result = tied(make_job(), flat)
    assert result.std(axis=(0, 1)).max() < 0.05
    grey = Picture(np.repeat(coloured(0, (0.5, 0.0, 0.0))[:, :, :1], 3, axis=2), grey=True)
    assert_same_palette(tied(make_job(content=grey), coloured(5, (0.5, 0.0, 0.0))), COOL)
    one_grey = make_job(content=grey, styles=(WeightedStyle(Picture(grey.pixels, grey=True)),))
    np.testing.assert_array_equal(tied(one_grey, flat), flat)
