"""``--resume``: a run that was killed or stopped goes on with the same command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nst_core.job import checkpoint
from nst_core.painting import progress
from tests.unit.cli.conftest import Nst, Outcome, run_nst

PAINT = ("stylize", "photo.png", "painting.png", "-o", "out.png", "--iterations", "6", "--coarsest", "0",
         "--matching", "0", "--json")  # fmt: skip
STATE = Path(".out.png.nst-resume")


LIMIT_SECONDS = 120.0

KEEP_EVERY_STEP = """
import sys
from nst_core.cli import main
from nst_core.job import checkpoint
checkpoint.LEAST_SECONDS, checkpoint.MOST_OF_TIME = 0.0, 1e9
main()
"""


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "MOST_OF_TIME", 1e9)


def test_stopped_run_goes_on_and_replaces_its_picture(
    nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_in_time(reporter: progress.RunReporter) -> None:
        reporter.stopped = reporter.iteration >= 3

    with monkeypatch.context() as patch:
        patch.setattr(progress.RunReporter, "check_stop", stop_in_time)
        stopped = nst(*PAINT)
    assert stopped.events[-1]["stopped"]
    assert STATE.exists()
    picture = Path("out.png").read_bytes()
    assert nst(*PAINT).events[-1]["code"] == "output-exists"
    resumed = run_nst(*PAINT, "--resume")
    assert [event["message"] for event in resumed.events if event.get("code") == "resumed"] == [
        "Continues at level 1 of 1, evaluation 3 of 6."
    ]
    assert Path("out.png").read_bytes() != picture
    assert not STATE.exists()


def test_picture_that_the_user_has_changed_is_not_replaced(nst: Nst, workdir: Path) -> None:
    checkpoint.write_state(STATE, checkpoint.StoredRun(checkpoint.RunState(), {}, ()))
    Path("out.png").write_bytes(b"my own")
    assert nst(*PAINT, "--resume").events[-1]["code"] == "output-exists"
    assert Path("out.png").read_bytes() == b"my own"


def messages(outcome: Outcome, code: str) -> list[str]:
    return [event["message"] for event in outcome.events if event.get("code") == code]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is POSIX's")
def test_killed_run_goes_on(nst: Nst, workdir: Path) -> None:
    arguments = [*PAINT, "--iterations", "100000"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP_EVERY_STEP, *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + LIMIT_SECONDS
    while not STATE.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not Path("out.png").exists()
    assert messages(nst(*arguments, "--iterations", "5", "--resume"), "bad-setting")  # it is another run
    stored = checkpoint.read_stored_run(STATE)
    checkpoint.write_state(STATE, replace(stored, state=replace(stored.state, iteration=99_998)))
    resumed = nst(*arguments, "--resume")
    assert messages(resumed, "resumed") == ["Continues at level 1 of 1, evaluation 99998 of 100000."]
    assert resumed.code == 0
    assert {path.name for path in workdir.iterdir()} == {"photo.png", "painting.png", "out.png"}


def test_batch_goes_on_within_the_interrupted_picture(
    nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photos").mkdir()
    Path("photo.png").rename("photos/a.png")
    batch = ("batch", "photos", "painting.png", "-o", "out", *PAINT[5:])

    def end(reporter: progress.RunReporter) -> None:
        if reporter.iteration >= 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.RunReporter, "check_stop", end)
        nst(*batch)
    assert not Path("out/a.png").exists()
    resumed = nst(*batch, "--resume")
    assert messages(resumed, "resumed") == ["Continues at level 1 of 1, evaluation 2 of 6."]
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]
