"""Runs that were interrupted go on from the state that was kept, and end as if nothing had happened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nst_core.api import as_picture
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, Progress
from nst_core.images.part_files import sweep_parts
from nst_core.job import checkpoint as module
from nst_core.job.checkpoint import Checkpoint, checkpoint_path
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.run import run_job
from nst_core.painting.pyramid import Level
from nst_core.painting.run import RunCallbacks
from nst_core.painting.run_state import RunState
from nst_core.settings import make_settings
from tests.unit.job.test_run import painting, photo

SETTINGS = {"iterations": 8, "coarsest": 32, "matching": 0, "engine": "onnx", "device": "cpu"}


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def at_every_step(models, monkeypatch, rates_folder):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(module, "MOST_OF_TIME", 1e9)


def make_job(**settings):
    content, style = as_picture(photo(), "content"), WeightedStyle(as_picture(painting(), "style"))
    return Job(content=content, styles=(style,), settings=make_settings({**SETTINGS, **settings}))


def run(path, resume=False, kill_at=None, **settings):
    """Run the job; at level and iteration ``kill_at``, end as a killed process does."""
    events = []

    def on_event(event):
        events.append(event)
        if isinstance(event, Progress) and (event.level, event.iteration) == kill_at:
            raise Killed

    checkpoint = Checkpoint(path, resume=resume, name="out.png")
    result = run_job(make_job(**settings), RunCallbacks(on_event=on_event), checkpoint=checkpoint)
    return result, events


def interrupt(path, kill_at=(2, 3), **settings):
    with pytest.raises(Killed):
        run(path, kill_at=kill_at, **settings)


def notices_of(events):
    return [event for event in events if isinstance(event, Notice) and event.code != "fallback-model"]


@pytest.mark.parametrize("settings", [{"matching": 12}, {"optimizer": "adam"}], ids=["matching", "adam"])
def test_resumed_run_ends_like_one_that_was_never_interrupted(tmp_path, settings):
    path = tmp_path / "state"
    interrupt(path, **settings)
    result, events = run(path, resume=True, **settings)
    whole, _ = run(tmp_path / "other", **settings)
    assert result.loss == pytest.approx(whole.loss, rel=0.1)
    (notice,) = notices_of(events)
    assert notice.message == "Continues at level 2 of 2, evaluation 2 of 8."
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.level, event.iteration) for event in progress] == [(2, n) for n in range(3, 9)]
    fractions = [event.fraction for event in progress]
    assert fractions[0] > 0.5
    assert fractions[-1] == pytest.approx(1.0)


def test_state_is_private_and_leaves_no_temporary_files(tmp_path):
    interrupt(tmp_path / "state")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert os.name == "nt" or stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600


def test_state_of_other_inputs_is_refused_and_kept(tmp_path):
    path = tmp_path / "state"
    interrupt(path)
    before = path.read_bytes()
    with pytest.raises(NstError) as caught:
        run(path, resume=True, strength=20)
    assert caught.value.code is ErrorCode.BAD_SETTING
    assert caught.value.message == "The interrupted run of out.png was made with another --strength."
    assert path.read_bytes() == before


def test_state_is_named_if_it_is_not_used(tmp_path):
    path = tmp_path / "state"
    interrupt(path)
    _, events = run(path)
    (notice,) = notices_of(events)
    assert "was interrupted at level 2 of 2, evaluation 2 of 8" in notice.message
    assert "--resume" in notice.hint


@pytest.mark.parametrize(
    "damage",
    ["truncated", "flipped", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("empty", "text"))],
)
def test_damaged_state_is_told_and_passed_over(tmp_path, damage):
    path = tmp_path / "state"
    interrupt(path, kill_at=(1, 2))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 0xFF
    path.write_bytes({"truncated": data[:middle], "flipped": data, "empty": b"", "text": b"hello"}[damage])
    _, events = run(path, resume=True, iterations=1)
    (notice,) = notices_of(events)
    assert "is damaged, so the run starts anew" in notice.message


def test_full_disk_is_told_once_and_the_run_goes_on(tmp_path):
    result, events = run(tmp_path / "no folder" / "state", iterations=3)
    assert [notice.code for notice in notices_of(events)] == ["state-not-kept"]
    assert not result.unfinished


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_OF_TIME", 0.01)
    times = iter([0.0, 10.0, 12.0, 12.0, 211.0, 212.5])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(module, "write_state", lambda _path, _run: None)
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.begin({}, (), lambda _notice: None)
    checkpoint.keep(module.RunState())
    assert not checkpoint.is_due()
    assert checkpoint.is_due()


def test_saved_picture_is_known_until_it_changes(tmp_path):
    path, picture = tmp_path / "state", tmp_path / "out.png"
    interrupt(path, kill_at=(1, 2))
    picture.write_bytes(b"a picture")
    checkpoint = Checkpoint(path)
    assert not checkpoint.has_saved(picture)
    checkpoint.record_result(picture)
    assert checkpoint.has_saved(picture)
    assert module.read_stored_run(path).state.level == 0
    picture.write_bytes(b"another one")
    assert not checkpoint.has_saved(picture)


def test_finished_tiles_are_kept(tmp_path):
    path, random = tmp_path / "state", np.random.default_rng(0)
    picture, previous = (random.random((3, *size), np.float32) for size in ((8, 12), (4, 6)))
    levels = Level(4, 6, 9), Level(8, 12, 5, refines=True)
    state = RunState(level=1, picture=picture, previous=previous, tiles=3, tile_window=512)
    module.write_state(path, module.StoredRun(state, {}, levels))
    stored = module.read_stored_run(path)
    assert stored.place == "level 2 of 2, tile 4"
    assert stored.levels == levels
    assert (stored.state.tiles, stored.state.tile_window) == (3, 512)
    np.testing.assert_array_equal(stored.state.picture, picture)


def test_every_output_has_a_hidden_file_of_its_own():
    assert checkpoint_path(Path("out.png")).name == ".out.png.nst-resume"
    long = checkpoint_path(Path("x" * 250 + ".png")).name
    assert len(long) < 255
    assert long != checkpoint_path(Path("y" * 250 + ".png")).name


def test_sweep_of_another_run_does_not_delete_a_state_that_is_being_written(tmp_path, monkeypatch):
    """The state is written under a name that a sweep knows, so it must be locked meanwhile."""
    real = module.json.dumps

    def sweep_now(*arguments):
        assert list(tmp_path.glob(".nst-*.part"))
        sweep_parts(tmp_path)
        return real(*arguments)

    monkeypatch.setattr(module.json, "dumps", sweep_now)
    module.write_state(tmp_path / "state", module.StoredRun(module.RunState(), {}, ()))
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
