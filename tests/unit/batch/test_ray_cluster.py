"""Batches on a cluster, with a stand-in for Ray: painters that die, their resources, and clean-up."""

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
from nst_core.batch.ray_cluster import BatchCallbacks, connect_to_ray, divide_machines, paint_all
from nst_core.batch.ray_painter import (
    BatchPayload,
    FilePayload,
    Painter,
    TaskPayload,
    TaskResult,
    memory_share,
)
from nst_core.errors import ErrorCode, NstError
from nst_core.settings import make_settings


class Cancelled(BaseException):
    """As for Ctrl-C."""


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class OutOfMemoryError(RayError):
    pass


class FakeRay:
    """A Ray whose painters are ``make_painter(number)``. What a method raises, ``get`` raises later."""

    exceptions = SimpleNamespace(
        RayError=RayError, RayActorError=RayActorError, OutOfMemoryError=OutOfMemoryError
    )

    def __init__(self, make_painter):
        self.make_painter = make_painter
        self.started, self.killed, self.resources = 0, 0, {}

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 2.0}}]

    def put(self, value):
        return value

    def remote(self, **resources):
        self.resources = resources
        return lambda _class: SimpleNamespace(remote=self._start)

    def _start(self, *_arguments):
        self.started += 1
        return Remote(self.make_painter(self.started))

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
        return SimpleNamespace(remote=lambda *arguments: lambda: getattr(self.painter, name)(*arguments))


class FakePainter:
    """Paints all pictures except those in ``deadly``, which kill it; with ``never_ready`` it cannot start."""

    def __init__(self, deadly=(), never_ready=False, result=None):
        self.deadly, self.never_ready, self.result = deadly, never_ready, result

    def ready(self):
        if self.never_ready:
            raise RayActorError("creation failed")

    def paint(self, payload):
        if self.never_ready or payload.picture.name in self.deadly:
            raise RayActorError("The actor died\nunexpectedly before finishing this task.")
        return self.result or TaskResult(b"painted " + payload.picture.data)

    def close(self):
        pass


@pytest.fixture
def tasks(tmp_path):
    tasks = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        tasks.append(BatchTask(tmp_path / f"{name}.png", tmp_path / f"{name}.out"))
    return tasks


PAYLOAD = BatchPayload(network=FilePayload("n", b""), styles=(), settings={})


def paint(ray, tasks, painters=0):
    """Paint ``tasks`` and return the error of each, or None, by its picture's name."""
    errors = {}

    def on_outcome(outcome, _notices):
        errors[outcome.task.source.stem] = outcome.error

    paint_all(ray, tasks, PAYLOAD, BatchCallbacks(on_outcome), painters=painters)
    return errors


def test_painter_that_dies_loses_one_picture(tasks):
    ray = FakeRay(lambda _number: FakePainter(deadly=("b.png",)))
    errors = paint(ray, tasks)
    assert {name for name, error in errors.items() if error is None} == {"a", "c", "d"}
    assert errors["b"].code is ErrorCode.NO_ENGINE
    assert "--painters" in errors["b"].hint
    assert tasks[3].target.read_bytes() == b"painted d"
    assert (ray.started, ray.killed) == (2, 2)
    assert ray.resources["num_cpus"] == 2  # of the one machine that is alive


def test_painters_that_cannot_start_are_reported_once(tasks):
    ray = FakeRay(lambda _number: FakePainter(never_ready=True))
    with pytest.raises(NstError, match="painter of the cluster failed") as caught:
        paint(ray, tasks, 2)
    assert caught.value.code is ErrorCode.NO_ENGINE
    assert ray.started == 2


def test_full_disk_ends_the_batch(tasks):
    disk_full = TaskResult(error=("disk-full", "The disk is full.", "Free some space."))
    with pytest.raises(NstError, match="disk is full"):
        paint(FakeRay(lambda _number: FakePainter(result=disk_full)), tasks)


def test_bad_picture_does_not_end_the_batch(tasks):
    bad_image = TaskResult(error=("bad-image", "It is black.", ""))
    errors = paint(FakeRay(lambda _number: FakePainter(result=bad_image)), tasks)
    assert {error.code for error in errors.values()} == {ErrorCode.BAD_IMAGE}


def test_cancelling_while_painters_paint_ends_the_batch(tasks, monkeypatch):
    """Ray swallows what a signal handler raises while it waits, so ``check_stop`` is called between waits."""
    ray, calls = FakeRay(lambda _number: FakePainter()), []
    monkeypatch.setattr(ray, "wait", lambda answers, **_: ([], answers))
    monkeypatch.setattr(ray_cluster, "POLL_SECONDS", 0.0)

    def check_stop():
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    callbacks = BatchCallbacks(lambda *_: None, check_stop)
    with pytest.raises(Cancelled):
        paint_all(ray, tasks, PAYLOAD, callbacks, painters=1)
    assert ray.killed == 1


@pytest.mark.parametrize(
    ("machines", "painters", "expected"),
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
def test_all_painters_fit_on_the_machines(machines, painters, expected):
    resources = divide_machines(machines, painters)
    assert (resources.cpus, resources.gpus, resources.painters_per_machine) == expected
    kind, share = ("GPU", resources.gpus) if resources.gpus else ("CPU", resources.cpus)
    slots = sum(int(machine.get(kind, 1 if machine == {} else 0) / share + 1e-9) for machine in machines)
    assert slots >= painters


def test_painters_on_a_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(ray_painter, "available_memory", lambda: 10e9)
    assert memory_share(make_settings({}), 2) == pytest.approx(4e9)
    assert memory_share(make_settings({"max_memory": "3GB"}), 3) == pytest.approx(1e9)


def test_result_records_the_settings_of_the_batch(tmp_path, monkeypatch):
    """Not the painter's copy of the starting picture, and not its share of the memory."""
    (tmp_path / "start.png").write_bytes(b"start")
    settings = make_settings({"init": str(tmp_path / "start.png"), "max_memory": "4GB"})
    used = []

    def paint_file(task, options, _store, _callbacks):
        used.append(options)
        task.target.write_bytes(b"painted")
        return SimpleNamespace(seconds=1.0)

    monkeypatch.setattr(ray_painter, "paint_file", paint_file)
    payload = BatchPayload(
        network=FilePayload("net.onnx", b""),
        styles=(),
        settings=settings.model_dump(mode="json"),
        init_image=FilePayload.read(tmp_path / "start.png"),
    )
    painter = Painter(payload, ray_painter.__version__, 4)
    (tmp_path / "a.png").write_bytes(b"a")
    task = BatchTask(tmp_path / "a.png", tmp_path / "a.out")
    assert painter.paint(TaskPayload.pack(task, ())).data == b"painted"
    painter.close()
    (options,) = used
    assert options.recorded_settings == settings
    assert options.settings.max_memory == "1000000000"
    assert Path(options.settings.init).name == "start.png"
    assert options.settings.init != settings.init


@pytest.mark.parametrize("raised", [Cancelled(), RuntimeError(""), None])
def test_local_ray_leaves_nothing_behind(monkeypatch, tmp_path, raised):
    """However it ends; the handler of SIGTERM is restored too."""
    shutdowns = []

    def init(**_options):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert Path(os.environ["TMPDIR"]).is_dir()
        assert "RAY_ADDRESS" not in os.environ
        if raised is not None:
            raise raised

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, shutdown=lambda: shutdowns.append(1)))
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ray_cluster, "LONGEST_FOLDER_PATH", 4096)
    former_handler = signal.getsignal(signal.SIGTERM)
    try:
        with connect_to_ray("local", 1):
            assert signal.getsignal(signal.SIGTERM) is former_handler
    except NstError as error:
        assert error.message == "Ray cannot be reached at local: RuntimeError."  # noqa: PT017
    except Cancelled:
        assert raised is not None
    assert shutdowns == [1]
    assert list(tmp_path.iterdir()) == []
    assert os.environ["TMPDIR"] == str(tmp_path)
    assert os.environ["RAY_ADDRESS"] == "elsewhere:1"
    assert signal.getsignal(signal.SIGTERM) is former_handler


def test_ray_on_this_machine_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_token = "of a cluster"  # noqa: S105
    monkeypatch.setenv("RAY_AUTH_TOKEN", cluster_token)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    tokens = set()
    for _ in range(2):
        with ray_cluster._ray_environment(ray_cluster.LOCAL):
            assert os.environ["RAY_AUTH_MODE"] == "token"
            tokens.add(os.environ["RAY_AUTH_TOKEN"])
        assert os.environ["RAY_AUTH_TOKEN"] == cluster_token
        assert "RAY_AUTH_MODE" not in os.environ
    assert len(tokens) == 2
    assert min(map(len, tokens)) == 64
    with ray_cluster._ray_environment("head:6379"):
        assert os.environ["RAY_AUTH_TOKEN"] == cluster_token
