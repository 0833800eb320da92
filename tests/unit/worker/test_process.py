"""The engine's process, used as GIMP's plug-in uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from nst_core.worker import process
from nst_core.worker.protocol import JOB_PREFIX, PROTOCOL


class Engine:
    """A running engine process."""

    def __init__(self, models_folder):
        environment = {**os.environ, "NST_MODELS": str(models_folder), "NST_CACHE": tempfile.gettempdir()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nst_core.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def send(self, message):
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def events(self):
        for line in self.process.stdout:
            event = json.loads(line)
            yield event
            if event["event"] in ("done", "error"):
                return

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=20)


@contextmanager
def running_engine(models_folder):
    engine = Engine(models_folder)
    yield engine
    engine.process.kill()
    engine.process.wait()
    for pipe in (engine.process.stdin, engine.process.stdout, engine.process.stderr):
        pipe.close()


def make_job_folder(parent):
    folder = parent / f"{JOB_PREFIX}test"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def engine(models):
    with running_engine(models.root) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path):
    return make_job_folder(tmp_path)


@pytest.fixture(scope="module")
def lasting_engine(models):
    """A process for tests that neither end it nor look at its start."""
    with running_engine(models.root) as engine:
        yield engine


@pytest.fixture(scope="module")
def lasting_folder(tmp_path_factory):
    """The folder of the lasting process's jobs."""
    return make_job_folder(tmp_path_factory.mktemp("lasting"))


@pytest.fixture
def shared(lasting_engine, lasting_folder):
    """The lasting process and its folder, without what earlier requests left there."""
    for path in lasting_folder.iterdir():
        path.unlink()
    return lasting_engine, lasting_folder


def pixels(folder, name, height, width, channels, value=None):
    array = np.random.default_rng(1).uniform(size=(height, width, channels)) if value is None else value
    array.astype("<f4").tofile(folder / name)
    return {"path": str(folder / name), "width": width, "height": height, "channels": channels}


def request(folder, channels=3, command="stylize", **settings):
    return {
        "protocol": PROTOCOL,
        "command": command,
        "job_directory": str(folder),
        "content": pixels(folder, "content", 40, 56, channels),
        "styles": [pixels(folder, "style", 48, 48, 3)],
        "settings": {"iterations": 3, "seed": 5, **settings},
        "result": str(folder / "result"),
        "preview": {"path": str(folder / "preview"), "max_side": 32, "seconds": 0.0},
    }


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_job_runs_from_greeting_to_deleted_folder(engine, folder):
    engine.send(request(folder))
    events = list(engine.events())
    assert events[0]["event"] == "hello"
    assert events[0]["protocol"] == PROTOCOL
    assert events[-1]["event"] == "done", events[-1]
    assert engine.close() == 0
    assert not folder.exists()


def test_devices_are_listed_with_their_names(shared):
    engine, _folder = shared
    engine.send({"protocol": PROTOCOL, "command": "devices"})
    cards, done = [event for event in engine.events() if event["event"] != "hello"]
    assert done["event"] == "done"
    assert [set(card) for card in cards["cards"]] == [{"device", "name"}] * len(cards["cards"])


@pytest.mark.parametrize("channels", [1, pytest.param(2, marks=pytest.mark.long), 3, 4])
def test_result_has_the_size_and_channels_of_the_content(shared, channels):
    engine, folder = shared
    engine.send(request(folder, channels))
    events = list(engine.events())
    names = [event["event"] for event in events]
    assert names[-1] == "done", events[-1]
    assert names.index("plan") < names.index("progress")
    assert names.count("progress") == 3
    previews = [event for event in events if event["event"] == "preview"]
    assert previews
    assert max(previews[0]["width"], previews[0]["height"]) == 32
    assert (folder / "preview").stat().st_size == previews[0]["width"] * previews[0]["height"] * 3

    done = events[-1]
    assert (done["width"], done["height"], done["channels"], done["seed"]) == (56, 40, channels, 5)
    assert done["settings"]["iterations"] == 3
    result = np.fromfile(folder / "result", "<f4").reshape(40, 56, channels)
    content = np.fromfile(folder / "content", "<f4").reshape(40, 56, channels)
    assert np.isfinite(result).all()
    assert not np.allclose(result[:, :, 0], content[:, :, 0], atol=1e-3)
    if channels in (2, 4):
        np.testing.assert_array_equal(result[:, :, -1], content[:, :, -1])
    assert not list(folder.glob("*.part"))


def test_stop_returns_the_best_picture_at_full_size(engine, folder):
    message = request(folder, iterations=100_000, coarsest=64)
    engine.send(change(message, content=pixels(folder, "content", 80, 112, 3)))
    for event in engine.events():
        if event["event"] == "progress" and event["iteration"] == 2:
            engine.send({"command": "stop"})
        if event["event"] == "done":
            break
    assert event["event"] == "done"
    assert event["stopped"] is True
    result = np.fromfile(folder / "result", "<f4").reshape(80, 112, 3)
    assert np.isfinite(result).all()
    assert result.std() > 0.05


def test_color_layout_changes_during_a_run(engine, folder):
    """The latest preview is sent again, and the result has the last valid value."""
    engine.send(request(folder, iterations=100_000, color_layout=10))
    values, result_settings = [], {}
    for event in engine.events():
        if event["event"] == "preview":
            values.append(event["color_layout"])
            if len(values) == 1:
                engine.send({"command": "set", "settings": {"color_layout": 80, "strength": 1, "new": 2}})
                engine.send({"command": "set", "settings": {"color_layout": 101}})
                engine.send({"command": "set", "new": 3})
            elif values[-1] == 80:
                engine.send({"command": "stop"})
        elif event["event"] == "done":
            result_settings = event["settings"]
    assert values[0] == 10
    assert values[-1] == 80
    assert (result_settings["color_layout"], result_settings["strength"]) == (80, 50)
    engine.send({"command": "set", "settings": {"color_layout": 55}})  # too late: the run has ended
    engine.send(request(folder, iterations=1))
    assert list(engine.events())[-1]["settings"]["color_layout"] == 0


@pytest.mark.slow
def test_end_of_stdin_during_a_run_ends_process_and_deletes_folder(engine, folder):
    engine.send(request(folder, iterations=100_000))
    for event in engine.events():
        if event["event"] == "progress":
            break
    engine.close()
    assert list(folder.parent.glob("nst-job-*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_deletes_the_folder(engine, folder, number):
    engine.send(request(folder, iterations=100_000))
    for event in engine.events():
        if event["event"] == "progress":
            break
    engine.process.send_signal(number)
    engine.process.wait(timeout=20)
    assert not folder.exists()


def test_plan_needs_no_pixels_and_grows_with_the_work(shared):
    engine, folder = shared
    message = request(folder, command="plan", coarsest=64)
    unwritten = {"path": str(folder / "nothing"), "width": 112, "height": 80, "channels": 3}
    engine.send(change(message, content=unwritten))
    events = {event["event"]: event for event in engine.events()}
    assert [level["width"] for level in events["plan"]["levels"]] == [64, 112]
    assert events["plan"]["model"] == "vgg16"
    assert "progress" not in events
    assert not (folder / "result").exists()
    plain_seconds = events["plan"]["seconds"]
    style = {**message["styles"][0], "path": str(folder / "nothing")}
    mask = {**unwritten, "channels": 1}
    for extra in (
        {"styles": [style, style]},
        {"regions": [{"mask": mask, "styles": [style]}]},
        {"styles": [{**style, "fine": {**style, "width": 64, "height": 64}}]},
    ):
        engine.send({**change(message, content=unwritten), **extra})
        events = {event["event"]: event for event in engine.events()}
        assert events["plan"]["seconds"] > plain_seconds


def test_plan_uses_the_boxes_that_regions_cover(shared):
    engine, folder = shared
    large = {"path": str(folder / "nothing"), "width": 1600, "height": 1200, "channels": 3}
    mask = {**large, "channels": 1}

    def seconds(*boxes, **fields):
        message = change(request(folder, command="plan"), content=large)
        style = {**large, "width": 64, "height": 64}
        regions = [
            {"mask": mask if box is None else {**mask, "covered": box}, "styles": [style]} for box in boxes
        ]
        engine.send({**message, "styles": [], "regions": regions, **fields})
        *earlier, last = engine.events()
        return last["message"] if last["event"] == "error" else earlier[-1]["seconds"]

    whole = seconds(None)
    assert seconds([0, 0, 1600, 1200]) == pytest.approx(whole)
    corner = [1400, 1000, 1600, 1200]
    assert seconds(corner) < 0.7 * whole
    assert seconds(corner, [0, 0, 100, 100]) > whole  # two corners, and everything in between
    assert seconds(corner, None) > whole
    assert seconds(corner, styles=[{**large, "width": 64, "height": 64}]) > whole  # outside is painted too
    assert "not inside the mask" in seconds([0, 0, 1601, 10])
    assert "not inside the mask" in seconds([5, 0, 5, 10])


@pytest.mark.slow
def test_process_answers_one_request_after_another(engine, folder):
    """A trial, an invalid request, a plan, a trial: a stop does not affect the requests after it."""
    engine.send(request(folder, iterations=10_000))
    for event in engine.events():
        if event["event"] == "progress":
            engine.send({"command": "stop"})
    assert event["event"] == "done"
    assert event["stopped"]
    engine.send({"command": "stop"})  # too late: the run has ended
    engine.send(change(request(folder), styles=[]))
    assert list(engine.events())[-1]["code"] == "protocol"
    engine.send(request(folder, command="plan"))
    assert [event["event"] for event in engine.events()] == ["plan", "done"]
    engine.send(request(folder))
    done = list(engine.events())[-1]
    assert not done["stopped"]
    assert folder.exists()
    other = folder.with_name(f"{JOB_PREFIX}other")
    other.mkdir(mode=0o700)
    engine.send(change(request(folder), job_directory=str(other)))
    assert "same job directory" in list(engine.events())[-1]["message"]
    assert engine.close() == 1
    assert not folder.exists()
    assert other.exists()


def change(message, **fields):
    return {**message, **fields}


def test_impossible_lines_are_refused_and_the_process_still_ends(engine, folder):
    """Nothing on stdin may end the thread that waits for the end of stdin."""
    plan = request(folder, command="plan")
    lines = [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"a" * 3_000_000,
        b"\0" * 10 + b"\xff\xfe",
        b'{"protocol":' + b"9" * 5000 + b"}",
        change(request(folder), content={**plan["content"], "path": f"{folder}/\0"}),
        change(request(folder), result=f"{folder}/\ud800"),
    ]
    for line in lines:
        engine.send(line)
        assert list(engine.events())[-1]["code"] == "protocol"
    engine.send(plan)
    assert [event["event"] for event in engine.events()] == ["plan", "done"]
    engine.send(lines[0])
    assert engine.close() == 1
    assert not folder.exists()


def test_failure_of_the_reading_thread_ends_the_process():
    script = (
        "import sys; from nst_core.worker import process\n"
        "process.RequestReader._take = lambda self, line: sys.exit(f'no memory for {line}')\n"
        "process.main()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    child.stdin.write(b"{}\n")
    child.stdin.flush()
    assert child.wait(timeout=60) == 1  # although stdin is still open
    child.stdin.close()
    child.stderr.close()


@pytest.mark.parametrize(
    ("make_invalid", "code", "word"),
    [
        (lambda m, _: b"this is not json", "protocol", "cannot be read"),
        (lambda m, _: b"[]", "protocol", "cannot be read"),
        (lambda m, _: change(m, protocol=99), "protocol", "protocol 99"),
        (lambda m, _: change(m, command="paint"), "protocol", "paint"),
        (lambda m, _: change(m, styles=[]), "protocol", "no style"),
        (lambda m, _: change(m, result="/elsewhere/result"), "protocol", "not in the job directory"),
        (lambda m, _: change(m, content={**m["content"], "width": 55}), "protocol", "does not have the size"),
        (lambda m, _: change(m, content={**m["content"], "path": "/etc/passwd"}), "protocol", "not in"),
        (lambda m, _: change(m, settings={"strength": 101}), "bad-setting", "strength"),
        (lambda m, _: change(m, settings={"strenght": 1}), "bad-setting", "strength"),
        (lambda m, _: change(m, settings={"model": "nonesuch"}), "unknown-model", "nonesuch"),
        (lambda m, _: change(m, settings={"style_layers": "relu5_4"}), "unknown-layer", "relu5_4"),
        (lambda m, f: change(m, content=pixels(f, "small", 8, 8, 3)), "too-small", "8 x 8"),
        (
            lambda m, f: change(m, content=pixels(f, "clear", 40, 56, 4, np.zeros((40, 56, 4)))),
            "bad-image",
            "transparent",
        ),
    ],
)
def test_invalid_request_is_refused_with_a_code_and_writes_nothing(shared, make_invalid, code, word):
    engine, folder = shared
    engine.send(make_invalid(request(folder), folder))
    error = list(engine.events())[-1]
    assert error["event"] == "error"
    assert error["code"] == code
    assert word in error["message"] + error["hint"]
    assert not (folder / "result").exists()


@pytest.mark.parametrize(
    ("error", "code"), [(MemoryError(), "out-of-memory"), (RuntimeError("a defect"), "internal")]
)
def test_unexpected_exception_is_reported(monkeypatch, error, code):
    """Memory can run out before painting, while pixels are read."""

    def handle_request(*_arguments):
        raise error

    monkeypatch.setattr(process, "handle_request", handle_request)
    sent, reader = [], SimpleNamespace(exit_status=0)
    writer = SimpleNamespace(send=lambda event, **fields: sent.append((event, fields)))
    process.answer_request(writer, reader, b"")
    assert [(event, fields["code"]) for event, fields in sent] == [("error", code)]
    assert reader.exit_status == 1


@pytest.mark.parametrize("name", ["nst-job-missing", "other"])
def test_only_job_directories_are_deleted(engine, folder, tmp_path, name):
    other = tmp_path / name
    if name == "other":
        other.mkdir(mode=0o700)
    engine.send(change(request(folder), job_directory=str(other)))
    error = list(engine.events())[-1]
    assert error["code"] == "protocol"
    engine.close()
    assert folder.exists()
    assert other.exists() == (name == "other")


def test_folder_that_others_can_read_is_refused(engine, folder):
    folder.chmod(0o755)
    engine.send(request(folder))
    assert list(engine.events())[-1]["code"] == "protocol"
    engine.close()
    assert folder.exists()


def test_process_exits_if_the_caller_sends_nothing(engine):
    assert json.loads(engine.process.stdout.readline())["event"] == "hello"
    assert engine.close() == 0


def test_missing_network_is_reported_with_the_command_to_fetch_it(tmp_path, folder):
    engine = Engine(tmp_path / "empty")
    engine.send(request(folder))
    error = list(engine.events())[-1]
    engine.close()
    for pipe in (engine.process.stdout, engine.process.stderr):
        pipe.close()
    assert error["code"] == "no-model"
    assert "nst models fetch" in error["hint"]


def test_output_of_libraries_goes_to_stderr():
    script = (
        "import os, sys; from nst_core.worker.process import EventWriter\n"
        "writer = EventWriter(); print('chatter'); os.write(1, b'more chatter\\n'); writer.send('hello')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == '{"event": "hello"}\n'
    assert "more chatter" in done.stderr


def test_pixels_outside_all_masks_stay_as_they_are(shared):
    engine, folder = shared
    left, top, faint = (np.zeros((40, 56, 1), np.float32) for _ in range(3))
    left[:, :24], top[:30], faint[:, 8:] = 1.0, 1.0, 1.0
    message = request(folder)
    style = {**message["styles"][0], "part": pixels(folder, "part", 48, 48, 1, np.ones((48, 48, 1)))}
    style["fine"] = pixels(folder, "fine", 32, 32, 3)
    region = {
        "mask": pixels(folder, "left", 40, 56, 1, left),
        "styles": [style],
        "name": "coat",
        "keep_colors": "luminance",
    }
    masks = {
        "selection": pixels(folder, "top", 40, 56, 1, top),
        "strength_mask": pixels(folder, "faint", 40, 56, 1, faint),
    }
    engine.send(change(message, styles=[], regions=[region], **masks))
    events = list(engine.events())
    assert events[-1]["event"] == "done", events[-1]
    assert "fine-style" in [event.get("code") for event in events]
    (last,) = [event for event in events if event["event"] == "progress"][-1:]
    assert "style relu1_1 (coat)" in last["terms"]
    result = np.fromfile(folder / "result", "<f4").reshape(40, 56, 3)
    content = np.fromfile(folder / "content", "<f4").reshape(40, 56, 3)
    changed = np.abs(result - content).max(axis=2) > 0
    assert changed[:30, 8:24].mean() > 0.9
    assert not changed[30:].any()
    assert not changed[:, 24:].any()
    assert not changed[:, :8].any()


def test_mask_of_another_shape_is_refused(shared):
    engine, folder = shared
    mask = pixels(folder, "mask", 56, 40, 1, np.ones((56, 40, 1)))
    engine.send(change(request(folder), selection=mask))
    *_, last = engine.events()
    assert (last["event"], last["code"]) == ("error", "bad-image")
