"""The worker's command for animations: raw frames in a folder, painted in their place, and plans of them."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.contract import JOB_PREFIX, PROTOCOL
from nst_core.errors import ErrorCode, NstError
from nst_core.images.picture import Picture
from nst_core.worker.film import enlarge, paint_film, plan_film
from nst_core.worker.protocol import Request
from tests.unit.film.test_flow import texture

SCENE, STYLE = texture(48, 64), texture(32, 32)[:, :, ::-1].copy()
SETTINGS = {"quality": "draft", "iterations": 3, "engine": "onnx", "model": "vgg16"}


@pytest.fixture
def installed(models, rates_folder, monkeypatch):
    """Let the engine find the tests' network."""
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))


@pytest.fixture
def folder(tmp_path):
    job = tmp_path / f"{JOB_PREFIX}x"
    job.mkdir(mode=0o700)
    (job / "frames").mkdir()
    STYLE.astype("<f4").tofile(job / "style.f32")
    return job


def write_frames(folder, count):
    """Write frames of a pan, with a transparent corner, and return them."""
    frames = [np.ones((40, 48, 4), np.float32) for _ in range(count)]
    for number, frame in enumerate(frames):
        frame[:, :, :3] = SCENE[:40, 2 * number : 2 * number + 48]
        frame[:8, :8, 3] = 0.0
        frame.astype("<f4").tofile(folder / "frames" / f"{number:08}.f32")
    return frames


def request(folder, command="film", count=3, **settings):
    frames = {"path": str(folder / "frames"), "width": 48, "height": 40, "channels": 4, "count": count}
    style = {"path": str(folder / "style.f32"), "width": 32, "height": 32, "channels": 3}
    return Request.model_validate(
        {
            "protocol": PROTOCOL,
            "command": command,
            "job_directory": str(folder),
            "frames": frames,
            "styles": [style],
            "settings": {**SETTINGS, **settings},
            "result": str(folder / "frames"),
            "preview": {"path": str(folder / "preview.rgb"), "max_side": 32},
        }
    )


def read_frame(folder, number):
    return np.fromfile(folder / "frames" / f"{number:08}.f32", "<f4").reshape(40, 48, 4)


class Events(list):
    def __call__(self, event, **fields):
        self.append({"event": event, **fields})

    def of(self, kind):
        return [event for event in self if event["event"] == kind]


@pytest.mark.usefixtures("installed")
def test_frames_are_painted_in_their_place_with_their_alpha(folder):
    frames, events = write_frames(folder, 3), Events()
    done = paint_film(request(folder), events, lambda: False)
    assert (done["frames"], done["stopped"]) == (3, False)
    assert [event["number"] for event in events.of("frame")] == [1, 2, 3]
    plan = events.of("plan")[0]
    assert (plan["frames"], plan["shots"]) == (3, 1)
    plans = [plan_film(request(folder, "plan", count=count)) for count in (1, 3)]
    assert plans[0]["seconds"] < plans[1]["seconds"]
    fractions = [event["fraction"] for event in events.of("progress")]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert {event["frame"] for event in events.of("progress")} == {1, 2, 3}
    assert len(events.of("preview")) == 3
    assert (folder / "preview.rgb").stat().st_size == 32 * 27 * 3
    for number, frame in enumerate(frames):
        painted = read_frame(folder, number)
        np.testing.assert_array_equal(painted[:, :, 3], frame[:, :, 3])
        assert np.abs(painted[12:, 12:, :3] - frame[12:, 12:, :3]).mean() > 0.02


@pytest.mark.usefixtures("installed")
def test_a_stop_keeps_the_finished_frames_and_a_small_size_is_enlarged(folder):
    frames, events = write_frames(folder, 3), Events()
    done = paint_film(request(folder, size=32), events, lambda: bool(events.of("frame")))
    assert (done["frames"], done["stopped"]) == (1, True)
    assert max(level["width"] for level in events.of("plan")[0]["levels"]) == 32
    assert np.abs(read_frame(folder, 0) - frames[0]).max() > 0.02
    np.testing.assert_array_equal(read_frame(folder, 1), frames[1])
    with pytest.raises(NstError) as stopped:
        paint_film(request(folder), events, lambda: True)
    assert stopped.value.code is ErrorCode.CANCELLED


def test_an_unchanged_small_frame_is_enlarged_to_the_large_one():
    large, small = Picture(SCENE[:32, :32].copy()), Picture(SCENE[:32:2, :32:2].copy())
    np.testing.assert_allclose(enlarge(small, small, large).pixels, large.pixels, atol=1e-5)
    assert enlarge(large, large, large) is large


def test_requests_that_cannot_be_done_are_refused(folder, monkeypatch):
    with pytest.raises(NstError, match="no frames"):
        paint_film(request(folder).model_copy(update={"styles": []}), Events(), lambda: False)
    other = request(folder).model_copy(update={"result": folder / "elsewhere"})
    with pytest.raises(NstError, match="not a folder"):
        paint_film(other, Events(), lambda: False)
    with pytest.raises(NstError, match="cannot be read"):
        paint_film(request(folder), Events(), lambda: False)
