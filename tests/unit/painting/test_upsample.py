"""Upsampling a change: along the content's edges, and like a picture elsewhere."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nst_core.painting import upsample
from nst_core.painting.regions import PreparedImage
from nst_core.painting.resample import resize_change, resize_planes
from nst_core.painting.upsample import upsample_change


def scene(height, width):
    """A bright disc on a dark ground, each with its own colour, (3, h, w)."""
    y, x = np.mgrid[:height, :width]
    disc = np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.45) < 0.3
    colours = np.float32([[0.2, 0.3, 0.4], [0.8, 0.7, 0.3]])
    return np.ascontiguousarray(colours[disc.astype(int)].transpose(2, 0, 1))


def upsample_without_guide(picture, content, full, height, width):
    """Enlarge the change like a picture."""
    change = resize_change(picture - content, height, width)
    return np.clip(resize_planes(full, height, width) + change, 0, 1)


def test_edges_stay_as_sharp_as_the_content():
    """The disc is painted red, the ground green: enlarged four times, the border must not become soft."""
    large, small = scene(160, 240), resize_planes(scene(160, 240), 40, 60)
    paint = np.float32([[[0.1]], [[0.6]], [[0.1]]]), np.float32([[[0.7]], [[0.1]], [[0.1]]])
    expected = np.where(scene(160, 240)[:1] > 0.5, paint[1], paint[0])
    picture = resize_planes(expected, 40, 60)
    upsampled = upsample_change(picture, PreparedImage(small), PreparedImage(large), (160, 240))
    error = np.abs(upsampled - expected).mean()
    assert error < 0.3 * np.abs(upsample_without_guide(picture, small, large, 160, 240) - expected).mean()
    assert error < 0.01


def test_strokes_unrelated_to_the_content_are_enlarged_like_a_picture():
    large = np.full((3, 128, 128), 0.5, np.float32)
    small = resize_planes(large, 64, 64)
    y, x = np.mgrid[:64, :64]
    strokes = (0.2 * np.sin((x + y) / 3.0)).astype(np.float32)[None].repeat(3, axis=0)
    upsampled = upsample_change(small + strokes, PreparedImage(small), PreparedImage(large), (128, 128))
    np.testing.assert_allclose(
        upsampled, upsample_without_guide(small + strokes, small, large, 128, 128), atol=1e-4
    )


def test_unchanged_content_keeps_its_grain():
    rng = np.random.default_rng(0)
    large = np.clip(scene(120, 160) + rng.normal(scale=0.03, size=(3, 120, 160)), 0, 1).astype(np.float32)
    small = resize_planes(large, 60, 80)
    upsampled = upsample_change(small, PreparedImage(small), PreparedImage(large), (120, 160))
    np.testing.assert_allclose(upsampled, large, atol=1e-5)


@pytest.mark.parametrize("strip", [200, 10**6])
def test_result_does_not_depend_on_the_strip_size(strip, monkeypatch):
    rng = np.random.default_rng(1)
    large = scene(90, 70)
    small = resize_planes(large, 30, 23)
    picture = np.clip(small + rng.normal(scale=0.1, size=small.shape), 0, 1).astype(np.float32)
    whole = upsample_change(picture, PreparedImage(small), PreparedImage(large), (90, 70))
    monkeypatch.setattr(upsample, "STRIP_PIXELS", strip)
    np.testing.assert_allclose(
        upsample_change(picture, PreparedImage(small), PreparedImage(large), (90, 70)),
        whole,
        atol=1e-5,
    )
    assert whole.min() >= 0
    assert whole.max() <= 1


@pytest.mark.slow
def test_upsampling_needs_little_more_memory_than_the_pictures(monkeypatch):
    """Even if a picture is upsampled from nearly its own size, which used to take 138 bytes a pixel."""
    monkeypatch.setattr(upsample, "STRIP_PIXELS", 2048)
    large = np.random.default_rng(3).random((3, 250, 300), dtype=np.float32)
    small = resize_planes(large, 200, 240)
    picture = small * 0.8
    tracemalloc.start()
    upsampled = upsample_change(picture, PreparedImage(small), PreparedImage(large), (250, 300))
    peak = tracemalloc.get_traced_memory()[1] / (250 * 300)
    tracemalloc.stop()
    assert upsampled.shape == large.shape
    assert peak < 45.0


def test_without_content_the_picture_itself_is_enlarged():
    picture = np.random.default_rng(2).random((3, 20, 30), dtype=np.float32)
    np.testing.assert_array_equal(
        upsample_change(picture, None, None, (40, 60)), resize_planes(picture, 40, 60)
    )
    assert upsample_change(picture, None, None, (20, 30)) is picture
