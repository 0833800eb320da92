"""``nst doctor``: its report, its exit code, and that it agrees with ``nst plan``."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

import nst_core
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import Nst


def test_report_of_a_working_machine(nst: Nst, models: ModelStore) -> None:
    outcome = nst("doctor", "--json")
    report = outcome.json
    assert (outcome.code, report["works"]) == (0, True)
    assert (report["version"], report["python"]) == (nst_core.__version__, platform.python_version())
    versions = {package["name"]: package["version"] for package in report["packages"]}
    assert versions["numpy"] == np.__version__
    assert "CPUExecutionProvider" in report["providers"]
    assert report["models"][0]["sha256"] == models.resolve("vgg16").sha256
    assert report["folders"]["models"] == str(models.root.absolute())
    assert report["memory_free"] > 0 < report["disk_free"]
    assert "VGG-19, the usual network, is not installed" in report["problems"][0]["message"]
    assert "nst models fetch vgg19" in report["problems"][0]["cure"]


@pytest.mark.slow
def test_doctor_names_the_engine_and_network_of_a_plan(nst: Nst, workdir: Path) -> None:
    choice = nst("doctor", "--json").json["choice"]
    plan = nst("plan", "photo.png", "painting.png", "--json").json
    assert (choice["engine"], choice["model"]) == (plan["engine"], plan["model"])
    assert choice["why"]
    text = nst("doctor").out
    assert f"A run uses: {choice['engine']} on {choice['device']}; {choice['why']}" in text
    assert text.index("Networks:") < text.index("Packages:") < text.index("Problems:")


def test_missing_network_is_reported_with_a_remedy(nst: Nst, workdir: Path) -> None:
    outcome = nst("doctor", "--store", "empty")
    assert outcome.code == 2
    assert "No network is installed." in outcome.out
    assert "nst models fetch vgg19" in outcome.out
    assert not (workdir / "empty").exists()


def test_damaged_network_is_reported_with_a_remedy(nst: Nst, workdir: Path) -> None:
    store = workdir / "store"
    store.mkdir()
    (store / "vgg16.onnx").write_bytes(b"no network")
    outcome = nst("doctor", "--store", store, "--json")
    assert outcome.code == 2
    assert outcome.json["models"][0]["problem"]
    assert any("nst models remove vgg16" in problem["cure"] for problem in outcome.json["problems"])
