"""Batches over a cluster, without one: painters that die, places for all of them, what is left behind."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from nst_core.batch import ray_cluster, ray_painter
from nst_core.batch.folder import BatchTask
from nst_core.batch.ray_cluster import connect_to_ray, paint_all, share_of
from nst_core.batch.ray_painter import BatchPayload, FilePayload, Painter, TaskResult, memory_share
from nst_core.errors import ErrorCode, NstError
from nst_core.settings import make_settings


class BrokenOff(BaseException):
    """As Ctrl-C."""


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class OutOfMemoryError(RayError):
    pass


class FakeRay:
    """A Ray whose painters are ``make(number)``; what a method raises shows when its answer is asked for."""

    exceptions = SimpleNamespace(
        RayError=RayError, RayActorError=RayActorError, OutOfMemoryError=OutOfMemoryError
    )

    def __init__(self, make):
        self.make, self.hired, self.killed, self.resources = make, 0, 0, {}

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 2.0}}]

    def put(self, value):
        return value

    def remote(self, **resources):
        self.resources = resources
        return lambda _class: SimpleNamespace(remote=self._hire)

    def _hire(self, *_given):
        self.hired += 1
        return Remote(self.make(self.hired))

    def wait(self, refs, num_returns=1, timeout=None):
        return refs[:num_returns], refs[num_returns:]

    def get(self, ref):
        return ref()

    def kill(self, _painter):
        self.killed += 1


class Remote:
    def __init__(self, painter):
        self.painter = painter

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda *given: lambda: getattr(self.painter, name)(*given))


class Painting:
    """Paints all pictures but those that kill it."""

    def __init__(self, deadly=(), stillborn=False, reply=None):
        self.deadly, self.stillborn, self.reply = deadly, stillborn, reply

    def begun(self):
        if self.stillborn:
            raise RayActorError("creation failed")

    def paint(self, work):
        if self.stillborn or work.picture.name in self.deadly:
            raise RayActorError("The actor died\nunexpectedly before finishing this task.")
        return self.reply or TaskResult(b"painted " + work.picture.data)

    def close(self):
        pass


@pytest.fixture
def errands(tmp_path):
    found = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        found.append(BatchTask(tmp_path / f"{name}.png", tmp_path / f"{name}.out"))
    return found


COMMISSION = BatchPayload(FilePayload("n", b""), (), {})


def paint(ray, errands, count=0):
    outcomes = {}

    def told(outcome, _notices):
        outcomes[outcome.errand.source.stem] = outcome.error

    paint_all(ray, errands, COMMISSION, count, told, force=False)
    return outcomes


def test_a_painter_that_dies_takes_one_picture_with_it(errands):
    ray = FakeRay(lambda _number: Painting(deadly=("b.png",)))
    outcomes = paint(ray, errands)
    assert {name for name, error in outcomes.items() if error is None} == {"a", "c", "d"}
    assert outcomes["b"].code is ErrorCode.NO_ENGINE
    assert "--painters" in outcomes["b"].hint
    assert errands[3].target.read_bytes() == b"painted d"
    assert (ray.hired, ray.killed) == (2, 2)
    assert ray.resources["num_cpus"] == 2  # of the one machine that is there


def test_where_no_painter_can_begin_that_is_said_once(errands):
    ray = FakeRay(lambda _number: Painting(stillborn=True))
    with pytest.raises(NstError, match="painter of the cluster failed") as caught:
        paint(ray, errands, 2)
    assert caught.value.code is ErrorCode.NO_ENGINE
    assert ray.hired == 2


def test_a_full_disk_ends_the_batch_as_it_does_without_ray(errands):
    full = TaskResult(error=("disk-full", "The disk is full.", "Make room."))
    with pytest.raises(NstError, match="disk is full"):
        paint(FakeRay(lambda _number: Painting(reply=full)), errands)
    wrong = TaskResult(error=("bad-image", "It is black.", ""))
    assert {error.code for error in paint(FakeRay(lambda _: Painting(reply=wrong)), errands).values()} == {
        ErrorCode.BAD_IMAGE
    }


def test_what_is_broken_off_while_painters_paint_ends_the_batch(errands, monkeypatch):
    """Ray loses what a signal's handler raises while it waits; so it is looked for between two looks."""
    ray, looks = FakeRay(lambda _number: Painting()), []
    monkeypatch.setattr(ray, "wait", lambda answers, **_: ([], answers))
    monkeypatch.setattr(ray_cluster, "LOOK_SECONDS", 0.0)

    def look():
        looks.append(1)
        if len(looks) == 3:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        paint_all(ray, errands, COMMISSION, 1, lambda *_: None, force=False, look=look)
    assert ray.killed == 1


@pytest.mark.parametrize(
    ("machines", "count", "wanted"),
    [
        ([{"CPU": 8}], 1, (8, 0, 1)),
        ([{"CPU": 8}], 3, (2, 0, 3)),
        ([{"CPU": 2}], 3, (0.6666, 0, 3)),
        ([{"CPU": 4}, {"CPU": 16}], 3, (2, 0, 3)),
        ([{"CPU": 8, "GPU": 1}], 1, (0, 1, 1)),
        ([{"CPU": 8, "GPU": 2}], 3, (0, 0.5, 3)),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 8}], 2, (0, 1, 2)),
        ([{"CPU": 64, "GPU": 8}, {"CPU": 8, "GPU": 1}], 30, (0, 0.25, 30)),
        ([{}], 2, (0.5, 0, 2)),
    ],
)
def test_all_painters_find_a_place(machines, count, wanted):
    share = share_of(machines, count)
    assert (share.cpus, share.gpus, share.beside) == wanted
    kind, each = ("GPU", share.gpus) if share.gpus else ("CPU", share.cpus)
    places = sum(int(machine.get(kind, 1 if machine == {} else 0) / each + 1e-9) for machine in machines)
    assert places >= count


def test_painters_on_a_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(ray_painter, "available_memory", lambda: 10e9)
    assert memory_share(make_settings({}), 2) == pytest.approx(4e9)
    assert memory_share(make_settings({"max_memory": "3GB"}), 3) == pytest.approx(1e9)


def test_a_result_names_the_settings_that_were_given(tmp_path, monkeypatch):
    """Not the painter's copy of the start, nor its part of the memory."""
    (tmp_path / "start.png").write_bytes(b"start")
    settings = make_settings({"init": str(tmp_path / "start.png"), "max_memory": "4GB"})
    seen = {}

    def paint_file(errand, _styles, used, _store, _watch, *, recorded):
        seen.update(used=used, recorded=recorded)
        errand.target.write_bytes(b"painted")
        return SimpleNamespace(seconds=1.0)

    monkeypatch.setattr(ray_painter, "paint_file", paint_file)
    start = FilePayload.of(tmp_path / "start.png")
    commission = BatchPayload(FilePayload("net.onnx", b""), (), settings.model_dump(mode="json"), start)
    painter = Painter(commission, ray_painter.__version__, 4)
    (tmp_path / "a.png").write_bytes(b"a")
    errand = BatchTask(tmp_path / "a.png", tmp_path / "a.out")
    assert painter.paint(ray_painter.TaskPayload.of(errand, ())).data == b"painted"
    painter.close()
    assert seen["recorded"] == settings
    assert seen["used"].max_memory == "1000000000"
    assert Path(seen["used"].init).name == "start.png"
    assert seen["used"].init != settings.init


@pytest.mark.parametrize("raised", [BrokenOff(), RuntimeError(""), None])
def test_nothing_is_left_of_a_local_ray(monkeypatch, tmp_path, raised):
    """However it ends; and SIGTERM means what it meant."""
    ended = []

    def init(**_given):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert Path(os.environ["TMPDIR"]).is_dir()
        assert "RAY_ADDRESS" not in os.environ
        if raised is not None:
            raise raised

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, shutdown=lambda: ended.append(1)))
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ray_cluster, "LONGEST_SCRATCH", 4096)
    former = signal.getsignal(signal.SIGTERM)
    try:
        with connect_to_ray("local", 1):
            assert signal.getsignal(signal.SIGTERM) is former
    except NstError as error:
        assert error.message == "Ray cannot be reached at local: RuntimeError."  # noqa: PT017
    except BrokenOff:
        assert raised is not None
    assert ended == [1]
    assert list(tmp_path.iterdir()) == []
    assert os.environ["TMPDIR"] == str(tmp_path)
    assert os.environ["RAY_ADDRESS"] == "elsewhere:1"
    assert signal.getsignal(signal.SIGTERM) is former
