"""``nst doctor``: what it finds, what it says to do, and when it says that a run would not work."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import nst_core
from nst_core.backends import choose
from nst_core.diagnostics import doctor
from nst_core.diagnostics.doctor import examine
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
    planned = nst("plan", "photo.png", "painting.png", "--json").json
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


def test_folders_that_cannot_even_be_looked_at(nst: Nst, place: Path, profile: Path) -> None:
    """As those of another user; names that are too long do it for every user."""
    beyond = place / ("x" * 300)
    (profile.parents[1] / "data" / "nst" / "engine.json").write_text(json.dumps({"plug_ins": [str(beyond)]}))
    outcome = nst("doctor", "--store", beyond)
    assert outcome.code == 2
    assert "No network is installed." in outcome.out
    assert "The filter is missing in" in outcome.out


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


VERSION_FILE = f'"""The plug-in."""\n\nVERSION = "{nst_core.__version__}"\n'


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a profile with the filter in it, as the installer leaves it, with its record and log."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    profile = tmp_path / "GIMP" / "3.0"
    plug_in = profile / "plug-ins" / "neural-style"
    files = {"neural-style.py": "#!/usr/bin/env python3\n", "nst_gimp/__init__.py": VERSION_FILE}
    for name, text in files.items():
        (plug_in / name).parent.mkdir(parents=True, exist_ok=True)
        (plug_in / name).write_text(text)
    (plug_in / "neural-style.py").chmod(0o755)
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    (plug_in / ".files.json").write_text(json.dumps(hashes))
    data = tmp_path / "data" / "nst"
    (data / "logs").mkdir(parents=True)
    (data / "engine.json").write_text(json.dumps({"plug_ins": [str(profile)]}))
    (data / "logs" / "install.log").write_text("one\nDone in 3 s.\n\n")
    return profile


def of_the_filter(report: doctor.Report) -> list[doctor.Problem]:
    return [each for each in report.problems if "filter" in each.message]


def test_an_installation_without_a_fault(profile: Path, nst: Nst, models: ModelStore) -> None:
    report = examine(models.root)
    assert of_the_filter(report) == []
    assert report.installation.by_installer
    text = nst("doctor").out
    assert f"  {profile}/plug-ins/neural-style  {nst_core.__version__}" in text
    assert "install.log\n    Done in 3 s." in text


def alter(plug_in: Path) -> None:
    (plug_in / "neural-style.py").write_text("altered")


def take_away(plug_in: Path) -> None:
    shutil.rmtree(plug_in)


def make_older(plug_in: Path) -> None:
    (plug_in / "nst_gimp" / "__init__.py").write_text('VERSION = "0.0.9"\n')
    (plug_in / ".files.json").unlink()


def forbid_to_start(plug_in: Path) -> None:
    (plug_in / "neural-style.py").chmod(0o644)


def add_a_gimp(plug_in: Path) -> None:
    (plug_in.parents[2] / "3.2").mkdir()


def spoil_the_record(plug_in: Path) -> None:
    (plug_in.parents[3] / "data" / "nst" / "engine.json").write_text("{")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (alter, "not as it was installed: neural-style.py is altered."),
        (take_away, "The filter is missing in"),
        (make_older, f"is version 0.0.9, and the engine is {nst_core.__version__}."),
        (forbid_to_start, "neural-style.py is not marked as a program."),
        (add_a_gimp, "A GIMP has not got the filter:"),
        (spoil_the_record, "engine.json is damaged."),
    ],
)
def test_what_is_wrong_with_the_filter_is_said_with_its_cure(
    harm: Callable[[Path], None], words: str, profile: Path, models: ModelStore
) -> None:
    harm(profile / "plug-ins" / "neural-style")
    report = examine(models.root)
    (problem,) = (each for each in report.problems if words in each.message)
    assert "install.py install" in problem.cure
    assert report.works  # without GIMP it does


def test_a_filter_in_no_gimp(profile: Path, models: ModelStore) -> None:
    (profile.parents[1] / "data" / "nst" / "engine.json").write_text(json.dumps({"plug_ins": []}))
    assert [each.message for each in of_the_filter(examine(models.root))] == ["The filter is in no GIMP."]


def test_a_package_that_the_installer_brought_is_repaired_by_it(
    profile: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name == "pillow" else real(name))
    cures = [each.cure for each in examine(models.root).problems if "pillow" in each.message]
    assert cures == [doctor.REPAIR]


def test_every_cure_suits_an_engine_that_the_installer_brought(
    profile: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip outside, or a package of another name, does nothing for the installer's environment."""
    real = doctor._version
    changed = {"onnxruntime-gpu": "1.0", "onnxruntime-directml": "1.0"}
    monkeypatch.setattr(doctor, "_version", lambda name: changed.get(name, real(name)))
    monkeypatch.setattr(choose, "torch_gpu", lambda: None)
    monkeypatch.setattr(sessions, "AUTOMATIC", ())
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: "/usr/bin/nvidia-smi")
    cures = {each.message: each.cure for each in examine(models.root).problems}
    assert not [cure for cure in cures.values() if "pip" in cure]
    assert [cure for cure in cures.values() if "install.py update --device cuda" in cure]


def test_folders_that_cannot_be_written(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", "/nowhere/at")
    monkeypatch.setattr(doctor.os, "access", lambda place, _how: place != Path("/"))
    found = [each for each in examine(models.root).problems if "cannot be written" in each.message]
    assert [each.message for each in found] == ["The folder of the cache, /nowhere/at, cannot be written."]
    assert "NST_CACHE" in found[0].cure
