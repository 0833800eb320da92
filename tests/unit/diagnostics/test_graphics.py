"""What the doctor says about graphics cards: one sentence for each situation, with what to do there."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from nst_core.diagnostics import doctor, graphics
from nst_core.diagnostics.doctor import diagnose, format_report
from nst_core.diagnostics.graphics import Graphics, Machine, describe_graphics, find_makers
from nst_core.diagnostics.installation import Installation
from nst_core.system.vulkan import LOADER
from nst_core.vgg import graphics_cards
from nst_core.vgg.graphics_cards import CardSearch
from nst_core.vgg.store import ModelStore
from tests.unit import cards

RADEON = replace(cards.RADEON, name="AMD Radeon RX 7800 XT", memory=16 * 10**9)
INTEL = replace(
    RADEON, index=1, name="Intel Iris Xe", vendor="Intel", driver="", own_memory=False, economical=True
)
RADEON_WORDS = "AMD Radeon RX 7800 XT (radv Mesa 25.0, 16.0 GB of its own memory)"
LLVMPIPE = replace(
    RADEON, index=0, name="llvmpipe", vendor="Mesa", driver="", own_memory=False, software=True
)

DEBIAN, UBUNTU = ("debian",), ("linuxmint", "ubuntu", "debian")
APT = "`sudo apt install libvulkan1 mesa-vulkan-drivers`"
NO_LOADER = "No graphics card can be used, because the Vulkan loader (libvulkan.so.1) is missing"
NO_DRIVER = "No graphics card can be used, because no driver offers one to WebGPU"
ONLY_SOFTWARE = (
    "WebGPU finds no graphics card, only llvmpipe, which computes on the processor and is used on request "
    "only"
)


def describe(search: CardSearch, machine: Machine) -> Graphics:
    return describe_graphics(search, machine, Installation())


NVIDIA_TOO = "and for the NVIDIA card NVIDIA's own driver"

SITUATIONS = [
    # What the search found, the machine, and the sentence.
    (CardSearch((), "loader"), Machine("linux", DEBIAN, ("AMD",)), f"{NO_LOADER}; run {APT}."),
    (
        CardSearch((), "loader"),
        Machine("linux", UBUNTU, ("NVIDIA",)),
        f"{NO_LOADER}; install NVIDIA's own driver, and run {APT}.",
    ),
    (
        CardSearch((), "loader"),
        Machine("linux", DEBIAN),
        f"{NO_LOADER}; if the machine has a card, run {APT}, and for an NVIDIA card NVIDIA's own driver.",
    ),
    (
        CardSearch((), "driver"),
        Machine("linux", ("fedora",), ("Intel", "NVIDIA")),
        f"{NO_DRIVER}; run `sudo dnf install vulkan-loader mesa-vulkan-drivers`, {NVIDIA_TOO}.",
    ),
    (
        CardSearch((), "driver"),
        Machine("linux", ("manjaro", "arch"), ("AMD",)),
        f"{NO_DRIVER}; run `sudo pacman -S vulkan-icd-loader vulkan-radeon vulkan-intel`.",
    ),
    (
        CardSearch((), "driver"),
        Machine("linux", ("nixos",), ("AMD",)),
        f"{NO_DRIVER}; {graphics.BY_HAND}.",
    ),
    (
        CardSearch((), "driver"),
        Machine("win32"),
        f"{NO_DRIVER}; install the newest driver for the card from AMD, Intel, NVIDIA or Qualcomm.",
    ),
    (
        CardSearch((), "driver"),
        Machine("darwin"),
        f"{NO_DRIVER}; {graphics.driver_cure(Machine('darwin'))}.",
    ),
    (CardSearch((LLVMPIPE,)), Machine("linux", DEBIAN, ("AMD",)), f"{ONLY_SOFTWARE}; run {APT}."),
    (
        CardSearch((RADEON, replace(LLVMPIPE, index=1))),
        Machine("linux", DEBIAN, ("AMD",)),
        f"WebGPU can use the {RADEON_WORDS}: --device webgpu.",
    ),
    (
        CardSearch((RADEON, INTEL)),
        Machine("linux", DEBIAN, ("AMD", "Intel")),
        f"WebGPU can use 2 graphics cards: webgpu:0 is the {RADEON_WORDS}, webgpu:1 is the Intel Iris Xe.",
    ),
]


@pytest.mark.parametrize(("search", "machine", "sentence"), SITUATIONS)
def test_every_situation_has_one_sentence(search: CardSearch, machine: Machine, sentence: str) -> None:
    assert describe(search, machine).sentence == sentence


@pytest.mark.parametrize(
    ("by_installer", "python", "cure"),
    [
        (False, (3, 12), "run `python -m pip install 'onnxruntime>=1.24.4' onnxruntime-ep-webgpu`"),
        (True, (3, 12), "run `python install/install.py update` in the folder from which neural style was"),
        (True, (3, 10), "it needs Python 3.11: run `python install/install.py update --python own`"),
        (False, (3, 10), "it needs Python 3.11 or newer"),
    ],
)
def test_missing_package_is_installed_by_whoever_installed_the_engine(
    by_installer: bool, python: tuple[int, int], cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    search = CardSearch((), "package", "the package onnxruntime-ep-webgpu is not installed")
    found = describe_graphics(search, Machine("linux", DEBIAN), Installation(by_installer=by_installer))
    assert found.message.endswith("the package onnxruntime-ep-webgpu is not installed")
    assert found.cure.startswith(cure)


def test_makers_are_those_of_the_cards_that_linux_lists(tmp_path: Path) -> None:
    assert find_makers(tmp_path / "nothing") is None
    for name, vendor in (("card0", "0x1002\n"), ("card1", "0x10de\n"), ("card0-HDMI-A-1", ""), ("card2", "")):
        (tmp_path / name / "device").mkdir(parents=True)
        if vendor:
            (tmp_path / name / "device" / "vendor").write_text(vendor)
    assert find_makers(tmp_path) == ("AMD", "NVIDIA")


@pytest.fixture(autouse=True)
def cache(rates_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", str(rates_folder))


@pytest.mark.parametrize("makers", [("AMD",), None])
@pytest.mark.parametrize("device", ["CPU", "cuda:0"])
def test_unused_card_is_a_problem_only_if_there_is_one(
    makers: tuple[str, ...] | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: None)
    found = describe(CardSearch((), "loader"), Machine("linux", DEBIAN, makers))
    problems = doctor.find_unused_cards(found, doctor.Choice("onnx", device), Installation())
    expected = [doctor.Problem(f"{NO_LOADER}.", f"Run {APT}.", fatal=False)]
    assert problems == (expected if makers and device == "CPU" else [])


def test_cards_are_in_the_report(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics_cards, "find_cards", lambda: CardSearch((RADEON, INTEL)))
    report = diagnose(models.root)
    assert not [problem for problem in report.problems if "WebGPU" in problem.message]
    cards = json.loads(json.dumps(asdict(report)))["graphics"]["cards"]
    assert [(card["device"], card["name"], card["memory"]) for card in cards] == [
        ("webgpu:0", "AMD Radeon RX 7800 XT", 16 * 10**9),
        ("webgpu:1", "Intel Iris Xe", None),
    ]


def test_without_onnx_runtime_the_report_goes_on() -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from nst_core.diagnostics import doctor\n"
        "print(doctor.find_graphics(doctor.Installation()).sentence)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "without ONNX Runtime" in done.stdout


def has_loader() -> bool:
    try:
        ctypes.CDLL(LOADER)
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_loader(), reason="this machine has a Vulkan loader")
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without Vulkan")
def test_this_machine_without_a_vulkan_loader_is_told_what_to_install(models: ModelStore) -> None:
    """Nothing is replaced here: the real package, the real search, the real system."""
    pytest.importorskip("onnxruntime_ep_webgpu")
    text = format_report(diagnose(models.root))
    sentence = next(line for line in text.splitlines() if line.startswith("Graphics: "))
    assert sentence.startswith(f"Graphics: {NO_LOADER}; ")
    assert "ibvulkan" in sentence.partition("; ")[2] or "vulkan-" in sentence.partition("; ")[2]
