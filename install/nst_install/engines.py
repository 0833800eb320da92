"""The engines that can be installed, and which one suits a machine.

ONNX Runtime is the engine of a machine without an NVIDIA card: a tenth of PyTorch's size, and faster on a
processor. What the machine has is asked of ``nvidia-smi``, which comes with NVIDIA's driver.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nst_install.errors import InstallError
from nst_install.places import REQUIREMENTS

TORCH = "2.13.0"
TORCHVISION = "0.28.0"
CUDA_TAG = "cu130"

DRIVER_NEEDED = 580
"""NVIDIA's oldest driver for CUDA 13, which PyTorch 2.13 is built with (CUDA 13.0 release notes, table 3)."""

COMPUTE_NEEDED = 7.5
"""The oldest compute capability that CUDA 13 still serves: Turing (the same notes)."""


@dataclass(frozen=True)
class TorchBuild:
    """Wheels of PyTorch that the Python package index does not have: exact versions, and where they are.

    They are pinned by version and not by hash: PyTorch's index states the SHA-256 of each file, which pip
    checks. The part after the plus sign keeps pip from taking the package index's much larger build.
    """

    requirements: tuple[str, ...]
    index: str


@dataclass(frozen=True)
class Engine:
    """One way to compute. ``megabytes`` is the room it takes on disk while it is being installed."""

    name: str
    words: str
    megabytes: int
    torch_builds: dict[str, TorchBuild]
    platforms: tuple[str, ...] = ("linux", "darwin", "win32")

    @property
    def requirements(self) -> Path:
        """The pins, with hashes."""
        return REQUIREMENTS / f"{self.name}.txt"

    def torch_build(self, system: str = sys.platform) -> TorchBuild | None:
        """Return what is to be had from PyTorch's own index on ``system``, or None."""
        return self.torch_builds.get(system)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("cpu", "ONNX Runtime on the processor", 900, {}),
        Engine(
            "torch-cpu",
            "PyTorch on the processor (on a Mac: on its GPU)",
            2000,
            {"linux": TorchBuild((f"torch=={TORCH}+cpu",), "https://download.pytorch.org/whl/cpu")},
        ),
        Engine(
            "cuda",
            "PyTorch on an NVIDIA card",
            14000,
            {
                "win32": TorchBuild(
                    (f"torch=={TORCH}+{CUDA_TAG}", f"torchvision=={TORCHVISION}+{CUDA_TAG}"),
                    f"https://download.pytorch.org/whl/{CUDA_TAG}",
                )
            },
            ("linux", "win32"),
        ),
        Engine("directml", "ONNX Runtime on any DirectX 12 card", 900, {}, ("win32",)),
    )
}


DEVICES = {"cpu": "cpu", "cuda": "cuda", "mps": "torch-cpu", "directml": "directml"}
"""The engine that computes on each device; on its own, an engine takes the best device it drives."""


@dataclass(frozen=True)
class Card:
    """An NVIDIA card as its driver describes it."""

    name: str
    driver: str
    compute: float

    @property
    def problem(self) -> str:
        """Why PyTorch's build cannot use it, as a sentence; empty where it can."""
        if int(self.driver.split(".")[0]) < DRIVER_NEEDED:
            return (
                f"the driver of the {self.name} is version {self.driver}, and {DRIVER_NEEDED} or newer is "
                "needed; update it, then run `install.py update --engine cuda`"
            )
        if self.compute < COMPUTE_NEEDED:
            return (
                f"the {self.name} is too old (compute capability {self.compute}; {COMPUTE_NEEDED} is needed)"
            )
        return ""


def find_card() -> Card | None:
    """Return the first NVIDIA card that can be used, else the first, or None."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    cards = [card for card in map(_card_in, answer.stdout.splitlines()) if card]
    return next((card for card in cards if not card.problem), cards[0] if cards else None)


def _card_in(line: str) -> Card | None:
    """Read a line of nvidia-smi's; a card's name may have commas in it."""
    try:
        name, driver, compute = (part.strip() for part in line.rsplit(",", 2))
        return Card(name, driver, float(compute)) if driver.split(".")[0].isdigit() else None
    except ValueError:
        return None


def for_device(device: str, named: str, card: Card | None, system: str = sys.platform) -> str:
    """Return the engine that computes on ``device``; ``named`` is the engine that was asked for, or "auto".

    Raises:
        InstallError: the two do not go together, or the machine has no such device.
    """
    if device == "auto":
        return named
    engine = DEVICES[device]
    if named not in ("auto", engine) and (device, named) != ("cpu", "torch-cpu"):
        raise InstallError(
            f"The engine {named} does not compute on {device}; {engine} does.", "Leave one of the two out."
        )
    if device == "cuda" and (card is None or card.problem):
        why = card.problem if card else "no NVIDIA card was found"
        raise InstallError(
            f"Nothing here computes with CUDA: {why}.", "Leave --device out, or insist with --engine cuda."
        )
    if device == "mps" and (system != "darwin" or platform.machine() != "arm64"):
        raise InstallError("Only a Mac with an Apple processor has the device mps.", "Leave --device out.")
    return engine if named == "auto" else named


def choose(named: str, card: Card | None, system: str = sys.platform) -> tuple[Engine, str]:
    """Return the engine to install and why, in words.

    Raises:
        InstallError: the engine that was named cannot work here.
    """
    if named != "auto":
        engine = ENGINES[named]
        if system not in engine.platforms:
            raise InstallError(
                f"The engine {named} is not for this system.", "Leave --engine out, or take cpu."
            )
        return engine, "as asked"
    if card and system in ENGINES["cuda"].platforms and platform.machine().lower() in ("x86_64", "amd64"):
        if not card.problem:
            return ENGINES["cuda"], f"there is an {card.name}"
        return ENGINES["cpu"], card.problem
    return ENGINES[
        "cpu"
    ], "no NVIDIA card was found" if card is None else "there is no build for this machine"
