"""The first look at a film: its frames, its shots, and films whose frames do not go together."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.errors import NstError
from nst_core.film.files import open_film, write_film
from nst_core.film.model import FilmFrame, FilmTraits, Selection
from nst_core.film.reading import FilmReader
from nst_core.images.picture import Picture
from tests.unit.film.test_files import ignore, make_video
from tests.unit.film.test_flow import texture


def reader(path, size=0, **selection):
    return FilmReader(open_film(path), Selection(**selection), size)


def test_shots_and_sizes_are_found(tmp_path):
    scenes = texture(40, 62), texture(40, 62)
    pictures = [Picture(scene[:, n : 60 + n].copy()) for scene in scenes for n in (0, 2)]
    alpha = np.ones((40, 60), np.float32)
    alpha[:8] = 0.0
    pictures[3] = Picture(pictures[3].pixels, alpha)
    frames = [FilmFrame(picture, 0.1 * n, 0.1) for n, picture in enumerate(pictures)]
    write_film(tmp_path / "in.png", frames, FilmTraits(transparent=True), ignore, force=False)
    film = reader(tmp_path / "in.png", size=30)
    found = film.look_through("in.png", ignore)
    assert found.shots == (range(2), range(2, 4))
    assert found.transparent
    assert found.first.pixels.shape == (20, 30, 3)
    assert found.times[1] == pytest.approx((0.1, 0.1))
    (third, _) = film.pictures(found.shots[1])
    np.testing.assert_array_equal(third.pixels, list(film.pictures())[2].pixels)


def test_a_size_that_changes_within_a_film_is_told(tmp_path):
    for name, size in (("a", (32, 48)), ("b", (24, 32))):
        make_video(tmp_path / f"{name}.ts", sound=False, size=size)
    joined = (tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes()
    (tmp_path / "in.ts").write_bytes(joined)
    with pytest.raises(NstError, match="32 x 24 pixels, and the first one is 48 x 32") as raised:
        reader(tmp_path / "in.ts").look_through("in.ts", ignore)
    assert raised.value.hint == "Give all frames one size."


def test_a_selection_without_frames_is_told(tmp_path):
    make_video(tmp_path / "in.mp4", sound=False)
    with pytest.raises(NstError, match="no frames to paint"):
        reader(tmp_path / "in.mp4", start=9.0).look_through("in.mp4", ignore)
