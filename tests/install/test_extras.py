"""The extras that every engine can do without: where they exist, and that they break nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from nst_install import engine_choice, engines, extras, sources
from nst_install.console import Console
from nst_install.extras import EXTRAS
from nst_install.options import InstallOptions
from nst_install.paths import REQUIREMENTS
from packaging.markers import Marker
from packaging.version import Version

from tests.install.checkout import Checkout

WEBGPU, FILM = EXTRAS["webgpu"], EXTRAS["film"]

MACHINES = [
    *(("win32", "AMD64", True), ("win32", "ARM64", True)),
    *(("linux", "x86_64", True), ("linux", "aarch64", True), ("linux", "riscv64", False)),
    *(("darwin", "arm64", True), ("darwin", "x86_64", False)),
]

GOOD_CARD = engines.NvidiaCard("NVIDIA RTX 3060", "580.95.05", 8.6)
OLD_DRIVER = engines.NvidiaCard("NVIDIA RTX 3060", "535.183.01", 8.6)


@pytest.mark.parametrize(("system", "machine", "has_wheel"), MACHINES)
def test_webgpu_is_for_the_machines_that_have_a_wheel(system: str, machine: str, has_wheel: bool) -> None:
    """pip skips what the marker of the pin leaves out, so the installer's own table must not allow more."""
    marker = re.search(
        r"^onnxruntime-ep-webgpu==\S+ ; (.+?) \\$", WEBGPU.pins.read_text("utf-8"), re.MULTILINE
    )
    assert marker
    assert (WEBGPU.obstacle("3.12", system, machine) == "") == has_wheel
    for python in ("3.10", "3.11", "3.13"):
        facts = {"python_full_version": f"{python}.1", "platform_machine": machine, "sys_platform": system}
        if not WEBGPU.obstacle(python, system, machine):
            assert Marker(marker[1]).evaluate(facts)
    assert "needs Python 3.11 or newer, and the engine has 3.10" in WEBGPU.obstacle("3.10", "linux", "x86_64")


def test_the_engine_with_webgpu_has_an_onnx_runtime_that_supports_it() -> None:
    pins = (REQUIREMENTS / "cpu.txt").read_text("utf-8")
    supported = re.search(r"^onnxruntime==(\S+) ; python_full_version >= '3.11'", pins, re.MULTILINE)
    assert supported
    assert Version(supported[1]) >= Version("1.24.4")
    assert engines.ENGINES["cpu"].extras == ("webgpu",)


def test_webgpu_that_cannot_be_had_is_one_sentence_and_is_added_later(checkout: Checkout) -> None:
    wheel = checkout.pin_extra("0.4.0", in_index=False)
    installed = checkout.run("install", "--no-gimp")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert checkout.works()
    sentence = next(line for line in installed.stdout.splitlines() if "WebGPU" in line and "Without" in line)
    assert "graphics cards" in sentence
    assert "the package index has no onnxruntime-ep-webgpu" in sentence
    status = checkout.run("status")
    assert "Without WebGPU (for graphics cards of all makers): `install.py update`" in status.stdout
    assert checkout.run("verify").returncode == 0

    first = checkout.record
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"x")
    page = checkout.wheels / "onnxruntime-ep-webgpu" / "index.html"
    page.write_text(f'<a href="../{wheel.name}">{wheel.name}</a>')
    refused = checkout.run("install", "--no-gimp")
    assert refused.returncode == 0, refused.stderr
    assert "its SHA-256 does not match" in refused.stdout
    assert json.loads(checkout.run("status", "--json").stdout)["extras"] == {"webgpu": ""}

    wheel.write_bytes(content)
    updated = checkout.run("update", "--no-gimp")
    assert "WebGPU 0.4.0, for graphics cards of all makers" in updated.stdout
    assert checkout.record == first  # nothing was built again
    assert json.loads(checkout.run("status", "--json").stdout)["extras"] == {"webgpu": "0.4.0"}
    assert "WebGPU" not in checkout.run("install", "--no-gimp").stdout.replace(
        engines.ENGINES["cpu"].description, ""
    )
    next(Path(first["environment"]).rglob("onnxruntime_ep_webgpu/library")).write_bytes(b"y")
    damaged = checkout.run("verify")
    assert damaged.returncode == 2
    assert "library was modified" in damaged.stderr


def test_python_310_is_told_what_webgpu_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded, and no pip is started."""
    (tmp_path / "lib" / "python3.10" / "site-packages").mkdir(parents=True)
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.12\n")
    monkeypatch.setattr(extras.environment, "Pip", None)
    monkeypatch.setattr(extras.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    wanted = extras.of_engine("cpu", films=False)
    (sentence,) = extras.provide(None, tmp_path, wanted, sources.online(), Console())  # type: ignore[arg-type]
    assert sentence == (
        "Without WebGPU (for graphics cards of all makers): it needs Python 3.11 or newer, and the "
        "engine has 3.10 (see --python)."
    )
    assert extras.of_engine("torch-cpu", films=False) == []


@pytest.mark.parametrize(
    ("system", "machine", "has_wheels"),
    [
        *((*kind, True) for kind in sorted(FILM.machines)),
        ("win32", "ARM64", False),
        ("linux", "armv7l", False),
    ],
)
def test_films_are_for_the_machines_that_have_all_wheels(system: str, machine: str, has_wheels: bool) -> None:
    assert (FILM.obstacle("3.10", system, machine) == "") == has_wheels


def test_films_are_installed_when_they_are_chosen_and_kept_until_they_are_not(checkout: Checkout) -> None:
    checkout.pin_films()
    checkout.run("install", "--no-gimp")
    first = checkout.record
    assert not first["films"]
    assert "Without OpenCV and PyAV (for films and animations): `install.py update --films` installs" in (
        checkout.run("status").stdout
    )

    updated = checkout.run("update", "--no-gimp", "--films")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    sentence = "OpenCV 5.0.0.93 and PyAV 18.1.0, for films and animations"
    assert sentence in updated.stdout
    assert checkout.record == {**first, "films": True}  # nothing was built again
    assert checkout.works()
    assert checkout.ballast() == "1.0"  # the engine's own, whatever OpenCV asks for
    verified = checkout.run("verify")
    assert verified.returncode == 0, verified.stderr
    assert sentence in verified.stdout
    assert json.loads(checkout.run("status", "--json").stdout)["extras"] == {"film": "5.0.0.93, 18.1.0"}

    checkout.pin("2.0")
    rebuilt = checkout.run("update", "--no-gimp")
    assert sentence in rebuilt.stdout
    assert checkout.record["environment"] != first["environment"]
    next(Path(checkout.record["environment"]).rglob("cv2/library")).write_bytes(b"y")
    assert "library was modified" in checkout.run("verify").stderr
    assert checkout.run("repair", "--no-gimp").returncode == 0
    assert checkout.run("verify").returncode == 0

    assert checkout.run("update", "--no-gimp", "--no-films").returncode == 0
    assert not checkout.record["films"]
    assert not [*Path(checkout.record["environment"]).rglob("cv2")]
    assert checkout.works()


def test_films_that_cannot_be_had_fail_the_command_that_chose_them_only(checkout: Checkout) -> None:
    checkout.pin_films(in_index=False)
    installed = checkout.run("install", "--no-gimp", "--films")
    assert installed.returncode == 2
    assert "Without OpenCV and PyAV (for films and animations): the package index has no" in installed.stderr
    assert checkout.works()
    assert checkout.run("verify").returncode == 0
    updated = checkout.run("update", "--no-gimp")
    assert updated.returncode == 0
    assert "Without OpenCV and PyAV" in updated.stdout
    checkout.pin_films()
    assert checkout.run("update", "--no-gimp").returncode == 0
    assert "OpenCV 5.0.0.93" in checkout.run("status").stdout


class Terminal(Console):
    """A console whose user gives one answer; an answer of None stands for no terminal."""

    def __init__(self, answer: bool | None) -> None:
        super().__init__()
        self.answer, self.questions = answer, 0

    def ask(self, question: str, *, default: bool) -> bool:
        self.questions += 1
        return default if self.answer is None else self.answer


@pytest.mark.parametrize(
    ("answer", "requested", "engine"),
    [(True, "auto", "cuda"), (False, "auto", "cpu"), (None, "auto", "cuda"), (False, "cuda", "cuda")],
)
def test_owners_of_nvidia_cards_choose_between_cuda_and_webgpu(
    answer: bool | None,
    requested: str,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(engines, "find_card", lambda: GOOD_CARD)
    monkeypatch.setattr(engines.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(engines.sys, "platform", "linux")
    console = Terminal(answer)
    packages, _ = engine_choice.choose_packages(
        None, InstallOptions(engine=requested), sources.online(), console
    )
    assert packages.name == engine
    assert console.questions == (1 if requested == "auto" else 0)
    if requested == "auto":
        said = capsys.readouterr().out
        for words in (
            "NVIDIA RTX 3060",
            "fastest",
            "3.1 GB",
            "WebGPU",
            "0.1 GB",
            "install.py update --engine",
        ):
            assert words in said


def test_old_driver_gets_webgpu_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_card", lambda: OLD_DRIVER)
    monkeypatch.setattr(engines.platform, "machine", lambda: "x86_64")
    console = Terminal(None)
    packages, reason = engine_choice.choose_packages(None, InstallOptions(), sources.online(), console)
    assert "webgpu" in packages.extras
    assert "WebGPU" in packages.description
    assert console.questions == 0
    assert reason == (
        "the driver of the NVIDIA RTX 3060 is too old for CUDA (version 535.183.01, 580 or newer is needed). "
        "For CUDA, update it, then run `install.py update --engine cuda`"
    )


def test_device_webgpu_means_the_engine_that_has_it() -> None:
    assert engines.engine_for_device("webgpu", "auto", None) == "cpu"
