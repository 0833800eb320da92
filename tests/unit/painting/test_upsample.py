"""A change carried up to a larger size: along the content's edges, and as it is where there are none."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nst_core.painting import upsample
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.start import resize_change, resize_planes
from nst_core.painting.upsample import upsample_change


def scene(height, width):
    """A bright disc on a dark ground, each with its own colour, (3, h, w)."""
    y, x = np.mgrid[:height, :width]
    disc = np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.45) < 0.3
    colours = np.float32([[0.2, 0.3, 0.4], [0.8, 0.7, 0.3]])
    return np.ascontiguousarray(colours[disc.astype(int)].transpose(2, 0, 1))


def plain(picture, content, full, height, width):
    """What carrying was without a guide."""
    change = resize_change(picture - content, height, width)
    return np.clip(resize_planes(full, height, width) + change, 0, 1)


def test_edges_stay_where_the_content_has_them():
    """The disc is painted red, the ground green; enlarged four times the border must not become soft."""
    large, small = scene(160, 240), resize_planes(scene(160, 240), 40, 60)
    paint = np.float32([[[0.1]], [[0.6]], [[0.1]]]), np.float32([[[0.7]], [[0.1]], [[0.1]]])
    wanted = np.where(scene(160, 240)[:1] > 0.5, paint[1], paint[0])
    picture = resize_planes(wanted, 40, 60)
    found = upsample_change(picture, PreparedImage(small), PreparedImage(large), Level(160, 240, 0))
    error = np.abs(found - wanted).mean()
    assert error < 0.3 * np.abs(plain(picture, small, large, 160, 240) - wanted).mean()
    assert error < 0.01


def test_strokes_that_the_content_knows_nothing_of_are_carried_as_they_are():
    large = np.full((3, 128, 128), 0.5, np.float32)
    small = resize_planes(large, 64, 64)
    y, x = np.mgrid[:64, :64]
    strokes = (0.2 * np.sin((x + y) / 3.0)).astype(np.float32)[None].repeat(3, axis=0)
    found = upsample_change(small + strokes, PreparedImage(small), PreparedImage(large), Level(128, 128, 0))
    np.testing.assert_allclose(found, plain(small + strokes, small, large, 128, 128), atol=1e-4)


def test_grain_is_kept_where_nothing_changes():
    rng = np.random.default_rng(0)
    large = np.clip(scene(120, 160) + rng.normal(scale=0.03, size=(3, 120, 160)), 0, 1).astype(np.float32)
    small = resize_planes(large, 60, 80)
    found = upsample_change(small, PreparedImage(small), PreparedImage(large), Level(120, 160, 0))
    np.testing.assert_allclose(found, large, atol=1e-5)


@pytest.mark.parametrize("strip", [200, 10**6])
def test_strips_do_not_show(strip, monkeypatch):
    rng = np.random.default_rng(1)
    large = scene(90, 70)
    small = resize_planes(large, 30, 23)
    picture = np.clip(small + rng.normal(scale=0.1, size=small.shape), 0, 1).astype(np.float32)
    whole = upsample_change(picture, PreparedImage(small), PreparedImage(large), Level(90, 70, 0))
    monkeypatch.setattr(upsample, "STRIP_PIXELS", strip)
    np.testing.assert_allclose(
        upsample_change(picture, PreparedImage(small), PreparedImage(large), Level(90, 70, 0)),
        whole,
        atol=1e-5,
    )
    assert whole.min() >= 0
    assert whole.max() <= 1


def test_little_more_than_the_pictures_is_held(monkeypatch):
    """Also where a picture is carried from nearly its own size: that was 138 bytes a pixel."""
    monkeypatch.setattr(upsample, "STRIP_PIXELS", 4096)
    large = np.random.default_rng(3).random((3, 500, 600), dtype=np.float32)
    small = resize_planes(large, 400, 480)
    picture = small * 0.8
    tracemalloc.start()
    found = upsample_change(picture, PreparedImage(small), PreparedImage(large), Level(500, 600, 0))
    peak = tracemalloc.get_traced_memory()[1] / (500 * 600)
    tracemalloc.stop()
    assert found.shape == large.shape
    assert peak < 45.0


def test_without_content_the_picture_itself_is_enlarged():
    picture = np.random.default_rng(2).random((3, 20, 30), dtype=np.float32)
    np.testing.assert_array_equal(
        upsample_change(picture, None, None, Level(40, 60, 0)), resize_planes(picture, 40, 60)
    )
    assert upsample_change(picture, None, None, Level(20, 30, 0)) is picture
