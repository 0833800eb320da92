"""Run every case of ``inside/`` in one start of GIMP, and report each as a test of its own."""

from __future__ import annotations

import importlib
import json
import os
import re
from pathlib import Path

import pytest

from tests.gimp.inside import cases
from tests.gimp.start import BATCH_SECONDS, REPOSITORY, VERSIONS, Gimp, complaints

MODULES = sorted(path.stem for path in (Path(__file__).parent / "inside").glob("*_cases.py"))
for module in MODULES:
    importlib.import_module(f"tests.gimp.inside.{module}")

LONG = bool(os.environ.get("NST_TEST_LONG"))
NAMES = [name for name, case in cases.CASES.items() if LONG or not case.is_long]
CASE_SECONDS = 20
"""The average limit of a case on a busy machine."""

OTHERS = "the cases after GIMP stopped"


def stderr_by_case(stderr: str) -> dict[str, str]:
    """Return the text printed during each case, by name."""
    return dict(re.findall(r"^=== begin (.+?)$(.*?)^=== end \1$", stderr, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module", params=VERSIONS)
def outcomes(gimp: Gimp, request: pytest.FixtureRequest, tmp_path_factory) -> dict[str, dict[str, str]]:
    """Run the chosen cases; return, by name, ``problem`` (a traceback or ""), ``missing`` and ``stderr``."""
    if request.param != gimp.version:
        folder = tmp_path_factory.mktemp("gimp")
        gimp = Gimp(folder=folder, version=request.param, variables=dict(gimp.variables))
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and item.callspec.params["outcomes"] == request.param
    ]
    results = gimp.folder / "results"
    script = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import importlib\n"
        f"for module in {MODULES!r}: importlib.import_module('tests.gimp.inside.' + module)\n"
        f"from tests.gimp.inside.cases import run_all; run_all({names!r}, {str(results)!r})"
    )
    done = gimp.batch(script, seconds=BATCH_SECONDS + CASE_SECONDS * len(names), arguments=("-id",))
    printed = stderr_by_case(done.stderr)
    outcomes = {}
    for line in results.read_text().splitlines() if results.exists() else []:
        outcome = json.loads(line)
        outcomes[outcome["name"]] = {**outcome, "stderr": printed.get(outcome["name"], "")}
    if len(outcomes) < len(names):
        problem = f"GIMP stopped: {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
        outcomes[OTHERS] = {"problem": problem, "missing": "", "stderr": ""}
    return outcomes


@pytest.mark.timeout(BATCH_SECONDS + CASE_SECONDS * len(NAMES) + 60)
@pytest.mark.parametrize("name", NAMES)
def test_in_gimp(outcomes: dict[str, dict[str, str]], name: str) -> None:
    outcome = outcomes.get(name) or outcomes[OTHERS]
    assert not outcome["problem"], outcome["problem"] + outcome["stderr"]
    bad = complaints(outcome["stderr"], cases.CASES[name].allowed)
    assert not bad, "\n".join(bad)
    if outcome["missing"]:
        pytest.skip(outcome["missing"])
