"""Shots on a cluster, with a stand-in for Ray: in their order, side by side, and what is told of failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core import __version__
from nst_core.batch.ray_painter import FilePayload
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.film.cluster import (
    FilmPayload,
    FrameResult,
    ShotCallbacks,
    ShotWorker,
    paint_shots,
    painters_for,
)
from nst_core.film.frame_tasks import FrameTask, ShotStart
from nst_core.film.painter import PaintedFrame, paint_frames
from tests.unit.batch.test_ray_cluster import FakeRay, RayActorError
from tests.unit.film.test_painter import engine, job, pan  # noqa: F401 -- a fixture

SHOTS = (range(3), range(3, 5), range(5, 6))


class FakeWorker:
    """Paints frames by returning them, with a notice; fails at the frame ``bad`` with ``error``."""

    def __init__(self, bad=-1, error=None):
        self.bad, self.error, self.shot = bad, error, None

    def ready(self):
        pass

    def paint(self, task):
        if task.start is not None:
            self.shot = task.shot
        assert task.shot == self.shot
        if task.number == self.bad:
            if self.error is None:
                raise RayActorError("The actor died.")
            return FrameResult(error=self.error)
        return FrameResult(PaintedFrame(picture=task.picture, painting=None), (Notice("a", "Told."),))

    def close(self):
        pass


def paint(ray, painters=2):
    picture = pan(1)[0]
    shots = [
        iter([FrameTask(n, shot, picture, ShotStart() if n == shot.start else None) for n in shot])
        for shot in SHOTS
    ]
    order, notices = [], []
    callbacks = ShotCallbacks(lambda task, _frame: order.append(task.number), notices.append)
    payload = FilmPayload(FilePayload("n", b""), job())
    paint_shots(ray, payload, shots, callbacks, painters)
    return order, notices


def test_painters_take_one_shot_after_another():
    ray = FakeRay(lambda _number: FakeWorker())
    order, notices = paint(ray)
    assert sorted(order) == list(range(6))
    for shot in SHOTS:
        assert [number for number in order if number in shot] == list(shot)
    assert ray.started == 2
    assert len(notices) == 6
    assert painters_for(ray, 0, 3) == 1  # of the one machine that is alive
    assert painters_for(ray, 8, 3) == 3


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, ErrorCode.NO_ENGINE, "painted frame 4 has ended"),
        (("too-small", "Small.", ""), ErrorCode.TOO_SMALL, "Small."),
    ],
)
def test_a_frame_that_fails_ends_the_film(error, code, words):
    with pytest.raises(NstError, match=words) as raised:
        paint(FakeRay(lambda _number: FakeWorker(3, error)))
    assert raised.value.code is code


def test_a_worker_paints_as_this_machine_does(engine):  # noqa: F811
    frames = pan(2)
    first, second = paint_frames(job(), [frames], engine)
    payload = FilmPayload.pack(engine.network, replace(job(), content=frames[0]))
    worker = ShotWorker(payload, __version__, 2)
    result = worker.paint(FrameTask(1, range(2), frames[1], ShotStart(frames[0], ((frames[0], first),))))
    worker.close()
    np.testing.assert_allclose(result.frame.picture.pixels, second.picture.pixels, rtol=0, atol=1e-4)
    with pytest.raises(RuntimeError, match="is installed here"):
        ShotWorker(payload, "0.0.0", 1)
