"""Runs every case of ``inside/`` in one start of GIMP, and reports each as a test of its own."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from tests.gimp.inside import cases
from tests.gimp.start import REPOSITORY, VERSIONS, Gimp, complaints

MODULES = sorted(path.stem for path in (Path(__file__).parent / "inside").glob("*_cases.py"))
for module in MODULES:
    importlib.import_module(f"tests.gimp.inside.{module}")

NAMES = list(cases.CASES)


def parts(stderr: str) -> dict[str, str]:
    """Return what was printed during each case, by name."""
    found = re.findall(r"^=== begin (.+?)$(.*?)^=== end \1$", stderr, re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.fixture(scope="module", params=VERSIONS)
def outcomes(gimp: Gimp, request: pytest.FixtureRequest, tmp_path_factory) -> dict[str, dict[str, str]]:
    """Run the chosen cases; return, by name, ``problem`` (a traceback or ""), ``missing`` and ``stderr``."""
    if request.param != gimp.version:
        gimp = Gimp(tmp_path_factory.mktemp("gimp"), version=request.param, variables=dict(gimp.variables))
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and item.callspec.params["outcomes"] == request.param
    ]
    results = gimp.folder / "results"
    script = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import importlib\n"
        f"for module in {MODULES!r}: importlib.import_module('tests.gimp.inside.' + module)\n"
        f"from tests.gimp.inside.cases import run_all; run_all({chosen!r}, {str(results)!r})"
    )
    done = gimp.batch(script, seconds=60 + 20 * len(chosen), arguments=("-id",))
    printed = parts(done.stderr)
    found = {}
    for line in results.read_text().splitlines() if results.exists() else []:
        result = json.loads(line)
        found[result["name"]] = {**result, "stderr": printed.get(result["name"], "")}
    if len(found) < len(chosen):
        problem = f"GIMP stopped: {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
        found["the rest"] = {"problem": problem, "missing": "", "stderr": ""}
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_in_gimp(outcomes: dict[str, dict[str, str]], name: str) -> None:
    result = outcomes.get(name) or outcomes["the rest"]
    assert not result["problem"], result["problem"] + result["stderr"]
    bad = complaints(result["stderr"], cases.CASES[name][2])
    assert not bad, "\n".join(bad)
    if result["missing"]:
        pytest.skip(result["missing"])
