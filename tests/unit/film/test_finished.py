"""Finished frames: those of shots that are painted side by side, and what a kill at any moment leaves."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.errors import NstError
from nst_core.film.carrying import Painting
from nst_core.film.finished import FinishedFrames, frames_folder
from nst_core.film.frame_tasks import frames_to_paint
from nst_core.film.painter import PaintedFrame
from nst_core.images.picture import Picture

SHOTS = (range(6), range(6, 12))


def painted(number):
    pixels = np.full((8, 8, 3), number / 20, np.float32)
    painting = Painting(pixels.transpose(2, 0, 1).copy(), np.full((8, 8), 60.0, np.float32))
    return PaintedFrame(picture=Picture(pixels), painting=painting)


@pytest.fixture
def finished(tmp_path):
    finished = FinishedFrames(frames_folder(tmp_path / "out.mp4"), tmp_path / "out.mp4")
    finished.begin({"film": "a"}, resume=False)
    return finished


def test_each_shot_goes_on_after_its_own_last_frame(finished):
    for number, shot in ((0, 0), (1, 0), (6, 1), (7, 1), (8, 1), (2, 0), (9, 1), (10, 1), (3, 0), (4, 0)):
        finished.keep(number, SHOTS[shot], painted(number))
    assert [finished.count(shot) for shot in SHOTS] == [5, 5]
    pictures = [painted(number).picture for number in range(12)]
    tasks = list(frames_to_paint(pictures, SHOTS, finished))
    assert [task.number for task in tasks] == [5, 11]
    for task, first in zip(tasks, (0, 6), strict=True):
        assert task.start.first is pictures[first]
        assert [content for content, _ in task.start.earlier] == pictures[first + 1 : first + 5]
        for content, frame in task.start.earlier:
            np.testing.assert_array_equal(frame.painting.pixels.transpose(1, 2, 0), content.pixels)


def test_a_frame_that_was_being_kept_is_painted_again(finished, monkeypatch):
    for number in range(5):
        finished.keep(number, range(9), painted(number))

    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("nst_core.film.finished.write_picture", killed)  # the state is written before
    with pytest.raises(KeyboardInterrupt):
        finished.keep(5, range(9), painted(5))
    assert finished.count(range(9)) == 5
    # Without the state of frame 1, frame 5 would be another than that of a run without a break.
    (finished.folder / "00000001.npz").unlink()
    assert finished.count(range(9)) == 0


def test_damaged_frames_are_told(finished):
    finished.keep(0, range(3), painted(0))
    (finished.folder / "00000000.npz").write_bytes(b"PK broken")
    pictures = [painted(number).picture for number in range(3)]
    with pytest.raises(NstError, match="damaged"):
        list(frames_to_paint(pictures, [range(3)], finished))
