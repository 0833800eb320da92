"""The command that proves and measures a card: parts that fail or hang do not stop the others."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest

from tests.bench import gpu
from tests.bench.gpu_check.report import Outcome, Row, at_most, holds, near, summary, table

OPTIONS = Namespace(device="cpu", small=False, seconds=100.0, carried=None, out=None)


@pytest.fixture
def answers(monkeypatch):
    """Return a dictionary of what each part prints, or raises, instead of running it."""
    answers: dict[str, object] = {}

    def run(command, **_options):
        answer = answers[command[command.index("tests.bench.gpu_check") + 1]]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(gpu.subprocess, "run", run)
    return answers


def printed(**found: object) -> SimpleNamespace:
    return SimpleNamespace(returncode=0, stdout=f"noise\n{json.dumps(found)}\n", stderr="")


def test_parts_that_fail_or_hang_do_not_stop_the_others(answers, tmp_path):
    answers["card"] = SimpleNamespace(returncode=1, stdout="", stderr="Traceback\nRuntimeError: no card")
    answers["parity"] = subprocess.TimeoutExpired("parity", 75)
    answers["onnx"] = printed(left_out="no provider")
    answers["evaluations"] = printed(rows=[Row("loss", 0.5).__dict__])
    options = Namespace(**{**vars(OPTIONS), "out": tmp_path})
    outcomes = gpu.run_parts(options, ["card", "parity", "onnx", "evaluations"])
    assert [outcome.is_bad for outcome in outcomes] == [True, True, False, False]
    written = table(outcomes)
    assert "| card | RuntimeError: no card | | | FAILED |" in written
    assert "not finished after 75 s" in written
    assert "| onnx | no provider | | | left out |" in written
    assert "| evaluations | loss | 0.5 |  |  |" in written
    assert summary(outcomes).endswith("Wrong or failed: card, parity. Left out: onnx.")


def test_parts_without_time_are_left_out(answers, tmp_path):
    options = Namespace(**{**vars(OPTIONS), "seconds": 1.0, "out": tmp_path})
    (outcome,) = gpu.run_parts(options, ["card"])
    assert outcome.problem == "no time left"
    assert not outcome.is_bad


def test_goals_decide_about_rows():
    assert at_most("s", 1.9, 2.0).met
    assert not at_most("s", float("nan"), 2.0).met
    assert near("s", 80.0, 100.0).met
    assert not near("s", 50.0, 100.0).met
    assert holds("x", condition=False).value == "no"
    assert Outcome("part", (holds("x", condition=False),)).is_bad


def test_every_part_has_a_limit_and_exists():
    pytest.importorskip("torch")
    from tests.bench.gpu_check.__main__ import PARTS

    assert set(gpu.LIMITS) == set(PARTS) - {"one", "one_with_search"}
    assert gpu.ROOT.joinpath("nst_core").is_dir()
    assert sys.executable


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["search", "random_vgg19", "wasserstein", "host", pytest.param("same_bits", marks=pytest.mark.long)],
)
def test_parts_run_on_a_processor_at_toy_sizes(part, models, rates_folder, monkeypatch):
    pytest.importorskip("torch")
    from tests.bench.gpu_check.__main__ import PARTS
    from tests.bench.gpu_check.pictures import Place

    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    rows = PARTS[part](Place("cpu", small=True))
    assert rows
    assert not [row for row in rows if row.met is False]
    assert len({row.name for row in rows}) == len(rows)
