"""Frames that are painted one after another: held to each other, afresh after a cut, whatever is visible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends.choose import open_engine
from nst_core.errors import NstError
from nst_core.film.carrying import FINISHED, Painting, carry_maps, carry_painting
from nst_core.film.flow import Motion, find_motion, flow_frame, warp
from nst_core.film.painter import ShotPainter, paint_frames
from nst_core.film.shots import shot_starts
from nst_core.images.picture import Picture
from nst_core.job.model import Job, WeightedStyle
from nst_core.loss.neighbours import NeighbourMap
from nst_core.painting.pyramid import Level
from nst_core.settings import make_settings
from tests.unit.film.test_flow import texture

SCENE, STYLE = texture(60, 72), texture(48, 48)[:, :, ::-1].copy()


def job(**settings):
    values = {"quality": "draft", "iterations": 5, "engine": "onnx", "model": "vgg16", **settings}
    return Job(content=None, styles=(WeightedStyle(Picture(STYLE)),), settings=make_settings(values))


def pan(count):
    return [Picture(np.ascontiguousarray(SCENE[4:52, 2 * n : 2 * n + 48])) for n in range(count)]


@pytest.fixture(scope="module")
def engine(models):
    engine = open_engine(job().settings, models, lambda _notice: None)
    yield engine
    engine.close()


def flicker(frames, painted):
    values = []
    for before, after, first, second in zip(frames, frames[1:], painted, painted[1:], strict=False):
        motion = find_motion(flow_frame(before.pixels), flow_frame(after.pixels))
        moved = warp(np.ascontiguousarray(first.transpose(2, 0, 1)), motion.backward).transpose(1, 2, 0)
        values.append(np.square(moved - second)[motion.trusted].mean())
    return np.mean(values)


def test_a_shot_flickers_less_than_frames_on_their_own(engine):
    frames = pan(3)
    film = [frame.picture.pixels for frame in paint_frames(job(), [frames], engine)]
    alone = [frame.picture.pixels for frame in paint_frames(job(), [[f] for f in frames], engine)]
    np.testing.assert_array_equal(film[0], alone[0])
    assert flicker(frames, film) < 0.25 * flicker(frames, alone)
    assert np.abs(film[2] - frames[2].pixels).mean() > 0.02  # it is painted, all the same


def test_a_shot_goes_on_as_if_it_had_not_been_interrupted(engine):
    frames = pan(3)
    painter = ShotPainter(replace(job(), content=frames[0]), engine)
    whole = [painter.paint(frame) for frame in frames]
    again = ShotPainter(replace(job(), content=frames[0]), engine)
    for content, frame in zip(frames[:2], whole[:2], strict=True):
        again.go_on_from(content, frame)
    np.testing.assert_array_equal(again.paint(frames[2]).picture.pixels, whole[2].picture.pixels)


def test_invisible_frames_stay_and_sizes_must_agree(engine):
    frames = pan(1)
    invisible = Picture(frames[0].pixels, np.zeros(frames[0].pixels.shape[:2], np.float32))
    assert next(iter(paint_frames(job(), [[invisible]], engine))).picture is invisible
    other = Picture(frames[0].pixels[:40].copy())
    with pytest.raises(NstError, match="one size"):
        list(paint_frames(job(), [[frames[0], other]], engine))
    with pytest.raises(NstError, match="paper"):
        list(paint_frames(job(loss="paper"), [frames], engine))


def test_cuts_are_found_and_motion_is_none():
    cut = [Picture(texture(48, 48)) for _ in range(2)]
    assert list(shot_starts([*pan(3), *cut])) == [True, False, False, True, True]
    flat = [Picture(np.full((48, 48, 3), value, np.float32)) for value in (0.5, 0.51)]
    assert list(shot_starts(flat)) == [True, False]


def test_a_pixel_is_taken_from_the_nearest_frame_that_shows_it():
    """Eq. 8: c_long = max(c - the sum of the nearer c, 0)."""
    still = np.zeros((8, 8, 2), np.float32)
    trusted = np.zeros((3, 8, 8), bool)
    trusted[0, :4], trusted[1, 2:6], trusted[2, :7] = True, True, True
    paintings = [
        Painting(np.full((3, 8, 8), value, np.float32), np.full((8, 8), FINISHED * share, np.float32))
        for value, share in ((0.1, 1.0), (0.2, 0.5), (0.3, 1.0))
    ]
    carried = carry_painting([Motion(still, mask, still, mask) for mask in trusted], paintings)
    rows = carried.painting.pixels[0, :, 0]
    np.testing.assert_allclose(rows[:7], [0.1] * 4 + [0.2] * 2 + [0.3], atol=1e-6)
    np.testing.assert_allclose(carried.anchor.mask[:, 0], [1] * 4 + [0.25] * 2 + [1, 0], atol=1e-5)


def test_matches_move_along_the_flow():
    cells = np.arange(24, dtype=np.int32).reshape(4, 6)
    maps = NeighbourMap(np.zeros_like(cells), cells, cells + 100, ((30, 30),))
    backward = np.zeros((16, 24, 2), np.float32)
    backward[:, :, 0] = 4.0
    trusted = np.ones((16, 24), bool)
    trusted[:4] = False
    (moved,), kept = carry_maps([maps], Motion(backward, trusted, -backward, trusted), Level(16, 24, 5))
    np.testing.assert_array_equal(moved.row[:, :5], cells[:, 1:])
    np.testing.assert_array_equal(moved.column, moved.row + 100)
    assert not kept[0].any()
    assert kept[1:].all()
