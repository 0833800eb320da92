"""``nst doctor``: what it finds, what it says to do, and when it says that a run would not work."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import nst_core
from nst_core import doctor
from nst_core.backends import choose
from nst_core.doctor import examine
from nst_core.vgg import sessions
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import Nst


def test_a_machine_where_it_works(nst: Nst, place: Path, models: ModelStore) -> None:
    outcome = nst("doctor", "--json")
    found = outcome.json
    assert (outcome.code, found["works"]) == (0, True)
    assert (found["version"], found["python"]) == (nst_core.__version__, platform.python_version())
    versions = {package["name"]: package["version"] for package in found["packages"]}
    assert versions["numpy"] == np.__version__
    assert "CPUExecutionProvider" in found["providers"]
    assert found["models"][0]["sha256"] == models.resolve("vgg16").sha256
    assert found["folders"]["models"] == str(models.root.absolute())
    assert found["memory_free"] > 0 < found["disk_free"]
    assert "VGG-19, the usual network, is not installed" in found["problems"][0]["message"]
    assert "nst models fetch vgg19" in found["problems"][0]["cure"]


def test_what_it_says_will_be_used_is_used(nst: Nst, place: Path) -> None:
    choice = nst("doctor", "--json").json["choice"]
    planned = nst("plan", "photo.png", "painting.png").json
    assert (choice["engine"], choice["model"]) == (planned["engine"], planned["model"])
    assert choice["why"]
    text = nst("doctor").out
    assert f"A run uses: {choice['engine']} on {choice['device']}; {choice['why']}" in text
    assert text.index("Networks:") < text.index("Packages:") < text.index("Problems:")


def test_without_a_network_it_says_what_to_do(nst: Nst, place: Path) -> None:
    outcome = nst("doctor", "--store", "empty")
    assert outcome.code == 2
    assert "No network is installed." in outcome.out
    assert "nst models fetch vgg19" in outcome.out
    assert not (place / "empty").exists()


def test_a_damaged_network_is_a_problem_with_a_cure(nst: Nst, place: Path) -> None:
    store = place / "store"
    store.mkdir()
    (store / "vgg16.onnx").write_bytes(b"no network")
    outcome = nst("doctor", "--store", store, "--json")
    assert outcome.code == 2
    assert outcome.json["models"][0]["problem"]
    assert any("nst models remove vgg16" in problem["cure"] for problem in outcome.json["problems"])


def test_missing_packages_and_two_runtimes(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor._version
    changed = {"pillow": "", "onnxruntime-gpu": "1.0", "torch": ""}
    monkeypatch.setattr(doctor, "_version", lambda name: changed.get(name, real(name)))
    report = examine(models.root)
    messages = [problem.message for problem in report.problems]
    assert not report.works
    assert "The package pillow is missing." in messages
    if real("onnxruntime"):
        assert any("overwrite each other's files" in message for message in messages)
    assert "torch" not in report.engines
    assert report.choice.engine == "onnx"


def test_too_little_memory_and_disk(models: ModelStore) -> None:
    found = doctor.find_shortages(10**9, 10**8, models.root)
    assert [problem.fatal for problem in found] == [False, False]
    assert "1.0 GB of memory" in found[0].message
    assert "100 MB of disk" in found[1].message
    assert doctor.find_shortages(10**10, 10**10, models.root) == []


def test_a_gpu_that_nothing_drives_is_a_problem(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "torch_gpu", lambda: None)
    monkeypatch.setattr(sessions, "AUTOMATIC", ())
    for found in (None, "/usr/bin/nvidia-smi"):
        monkeypatch.setattr(doctor.shutil, "which", lambda _name, found=found: found)
        report = examine(models.root)
        assert any("NVIDIA GPU" in problem.message for problem in report.problems) == bool(found)
        assert report.works


def test_the_report_is_plain_data(models: ModelStore) -> None:
    assert json.loads(json.dumps(asdict(examine(models.root))))["works"] is True
