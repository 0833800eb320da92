"""The doctor's report: packages, runtimes, GPUs, shortages, and the filter in GIMP."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

import nst_core
from nst_core.backends import choose
from nst_core.backends.card_check import find_trusted_card
from nst_core.backends.card_verdicts import Verdict
from nst_core.diagnostics import doctor
from nst_core.diagnostics.doctor import diagnose, format_report
from nst_core.vgg import graphics_cards, sessions
from nst_core.vgg.graphics_cards import CardSearch
from nst_core.vgg.store import ModelStore
from tests.unit.cards import RADEON


@pytest.fixture(autouse=True)
def cache(rates_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", str(rates_folder))


def test_missing_packages_and_two_runtimes_are_problems(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_version = doctor._version
    changed = {"pillow": "", "onnxruntime-gpu": "1.0", "torch": ""}
    monkeypatch.setattr(doctor, "_version", lambda name: changed.get(name, real_version(name)))
    report = diagnose(models.root)
    messages = [problem.message for problem in report.problems]
    assert not report.works
    assert "The package pillow is missing." in messages
    if real_version("onnxruntime"):
        assert any("overwrite each other's files" in message for message in messages)
    assert "torch" not in report.engines
    assert report.choice.engine == "onnx"


def test_low_memory_and_disk_space_are_problems() -> None:
    problems = doctor.find_shortages(10**9, 10**8, Path("/models"))
    assert [problem.fatal for problem in problems] == [False, False]
    assert "1.0 GB of memory" in problems[0].message
    assert "100 MB of disk" in problems[1].message
    assert doctor.find_shortages(10**10, 10**10, Path("/models")) == []


def test_gpu_that_nothing_can_use_is_a_problem(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "torch_gpu", lambda: None)
    monkeypatch.setattr(sessions, "AUTOMATIC", ())
    for nvidia_smi in (None, "/usr/bin/nvidia-smi"):
        monkeypatch.setattr(doctor.shutil, "which", lambda _name, path=nvidia_smi: path)
        report = diagnose(models.root)
        assert any("NVIDIA GPU" in problem.message for problem in report.problems) == bool(nvidia_smi)
        assert report.works


@pytest.mark.parametrize(
    ("verdict", "device", "words"),
    [
        (None, "webgpu:0", "WebGPU can use the Radeon RX 7600"),
        (Verdict(True), "webgpu:0", "WebGPU can use the Radeon RX 7600"),
        (Verdict(True, half=True), "webgpu:0", "WebGPU can use the Radeon RX 7600, in half precision"),
        (Verdict(False, "computes wrong numbers"), "CPU", "torch"),
    ],
    ids=["not checked yet", "trusted", "half precision", "passed over"],
)
def test_a_run_uses_a_card_of_webgpu_unless_it_was_passed_over(
    models: ModelStore,
    verdict: Verdict | None,
    device: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "torch_gpu", lambda: None)
    monkeypatch.setattr(sessions, "AUTOMATIC", ())
    monkeypatch.setattr(graphics_cards, "find_cards", lambda: CardSearch((RADEON,)))
    if verdict is not None:
        find_trusted_card(
            models.resolve("vgg16"),
            lambda _notice: None,
            lambda: CardSearch((RADEON,)),
            lambda _card, _network: verdict,
        )
    report = diagnose(models.root)
    assert report.choice.device == device
    assert words in report.choice.why
    passed_over = [problem for problem in report.problems if "Radeon" in problem.message]
    assert len(passed_over) == (device == "CPU")
    for problem in passed_over:
        assert "is not used, because it computes wrong numbers." in problem.message
        assert "--device webgpu:0" in problem.cure


def test_report_is_plain_data(models: ModelStore) -> None:
    assert json.loads(json.dumps(asdict(diagnose(models.root))))["works"] is True


VERSION_FILE = f'"""The plug-in."""\n\nVERSION = "{nst_core.__version__}"\n'


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a GIMP profile with the filter in it, as the installer leaves it, with its record and log."""
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


def write_record(profile: Path, record: object) -> None:
    (profile.parents[1] / "data" / "nst" / "engine.json").write_text(json.dumps(record))


def filter_problems(report: doctor.Report) -> list[doctor.Problem]:
    return [problem for problem in report.problems if "filter" in problem.message]


def test_complete_installation_has_no_problem(profile: Path, models: ModelStore) -> None:
    report = diagnose(models.root)
    assert filter_problems(report) == []
    assert report.installation.by_installer
    text = format_report(report)
    assert f"  {profile}/plug-ins/neural-style  {nst_core.__version__}" in text
    assert "install.log\n    Done in 3 s." in text


def test_inaccessible_folders_are_reported(profile: Path, tmp_path: Path) -> None:
    """As for the folders of another user; names that are too long are inaccessible for every user."""
    inaccessible = tmp_path / ("x" * 300)
    write_record(profile, {"plug_ins": [str(inaccessible)]})
    report = diagnose(inaccessible)
    assert not report.works
    text = format_report(report)
    assert "No network is installed." in text
    assert "The filter is missing from" in text


def change_a_file(plug_in: Path) -> None:
    (plug_in / "neural-style.py").write_text("changed")


def delete(plug_in: Path) -> None:
    shutil.rmtree(plug_in)


def make_older(plug_in: Path) -> None:
    (plug_in / "nst_gimp" / "__init__.py").write_text('VERSION = "0.0.9"\n')
    (plug_in / ".files.json").unlink()


def make_not_executable(plug_in: Path) -> None:
    (plug_in / "neural-style.py").chmod(0o644)


def add_a_gimp(plug_in: Path) -> None:
    (plug_in.parents[2] / "3.2").mkdir()


def damage_the_record(plug_in: Path) -> None:
    (plug_in.parents[3] / "data" / "nst" / "engine.json").write_text("{")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_a_file, "is damaged: neural-style.py was changed."),
        (delete, "The filter is missing from"),
        (make_older, f"has version 0.0.9, but the engine has {nst_core.__version__}."),
        (make_not_executable, "neural-style.py is not executable."),
        (add_a_gimp, "The filter is not installed in"),
        (damage_the_record, "engine.json is damaged."),
    ],
)
def test_problem_of_the_filter_is_reported_with_its_remedy(
    change: Callable[[Path], None], words: str, profile: Path, models: ModelStore
) -> None:
    change(profile / "plug-ins" / "neural-style")
    report = diagnose(models.root)
    (problem,) = (problem for problem in report.problems if words in problem.message)
    assert "install.py install" in problem.cure
    assert report.works  # even without the filter


def test_filter_in_no_gimp_profile_is_reported(profile: Path, models: ModelStore) -> None:
    write_record(profile, {"plug_ins": []})
    messages = [problem.message for problem in filter_problems(diagnose(models.root))]
    assert messages == ["The filter is not installed in any GIMP profile."]


def test_package_from_the_installer_is_repaired_by_it(
    profile: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "" if name == "pillow" else real_version(name))
    problems = diagnose(models.root).problems
    assert [problem.cure for problem in problems if "pillow" in problem.message] == [doctor.REPAIR]


def test_remedies_for_an_installed_engine_use_the_installer(
    profile: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running pip elsewhere, or installing another package, does nothing for the installer's environment."""
    real_version = doctor._version
    changed = {"onnxruntime-gpu": "1.0", "onnxruntime-directml": "1.0"}
    monkeypatch.setattr(doctor, "_version", lambda name: changed.get(name, real_version(name)))
    monkeypatch.setattr(choose, "torch_gpu", lambda: None)
    monkeypatch.setattr(sessions, "AUTOMATIC", ())
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: "/usr/bin/nvidia-smi")
    cures = [problem.cure for problem in diagnose(models.root).problems]
    assert not [cure for cure in cures if "pip" in cure]
    assert [cure for cure in cures if "install.py update --device cuda" in cure]


def test_unwritable_folder_is_reported(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", "/nowhere/at")
    monkeypatch.setattr(doctor.os, "access", lambda path, _mode: path != Path("/"))
    problems = [
        problem for problem in diagnose(models.root).problems if "cannot be written" in problem.message
    ]
    messages = [problem.message for problem in problems]
    assert messages == ["The folder for the cache, /nowhere/at, cannot be written."]
    assert "NST_CACHE" in problems[0].cure
    assert "nst-cache" in problems[0].cure


def test_hint_of_a_notice_is_the_remedy_of_a_problem(models: ModelStore) -> None:
    """Only VGG-16 is in the tests' store, which the engine uses with a notice."""
    (problem,) = (problem for problem in diagnose(models.root).problems if "VGG-16" in problem.message)
    assert problem.message == "VGG-16 is used because VGG-19, the usual network, is not installed."
    assert problem.cure == "Fetch it with `nst models fetch vgg19`."
    assert not problem.fatal
