"""``--resume``: a run that was killed or stopped goes on with the same command."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.job import checkpoint
from nst_core.painting import progress
from tests.unit.cli.conftest import Nst, run_nst

PAINT = ("stylize", "photo.png", "painting.png", "-o", "out.png", "--iterations", "6", "--coarsest", "0",
         "--matching", "0", "--json")  # fmt: skip
STATE = Path(".out.png.nst-resume")


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
