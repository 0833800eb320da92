"""The engines that can be installed, and the choice of one for a machine.

An engine here is a choice of packages: cpu, torch-cpu, cuda or directml. Machines without an NVIDIA card get
ONNX Runtime: it is a tenth of PyTorch's size, faster on a processor, and uses graphics cards through WebGPU.
NVIDIA cards are found with ``nvidia-smi``, which comes with NVIDIA's driver.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nst_install.errors import InstallError
from nst_install.paths import REQUIREMENTS

TORCH = "2.13.0"
CUDA_TAG = "cu130"

DRIVER_NEEDED = 580
"""NVIDIA's oldest driver for CUDA 13, which PyTorch 2.13 is built with (CUDA 13.0 release notes, table 3)."""

COMPUTE_NEEDED = 7.5
"""The oldest compute capability that CUDA 13 supports: Turing (same release notes)."""


@dataclass(frozen=True)
class TorchBuild:
    """PyTorch wheels that the Python package index does not have: exact versions, and their index.

    They are pinned by version instead of hash: PyTorch's index states the SHA-256 of each file, which pip
    checks. The part after the plus sign keeps pip from choosing the package index's much larger build.
    ``repr`` of a build goes into the hash of an environment's pins: renaming a field rebuilds environments.
    """

    requirements: tuple[str, ...]
    index: str


@dataclass(frozen=True)
class PackageSet:
    """The packages of one engine. ``megabytes`` is the disk space needed while they are being installed.

    ``extras`` are names in :mod:`nst_install.extras`. ``oldest_python`` is the oldest that all its packages
    work together with.
    """

    name: str
    description: str
    megabytes: int
    torch_builds: dict[str, TorchBuild]
    platforms: tuple[str, ...] = ("linux", "darwin", "win32")
    extras: tuple[str, ...] = ()
    oldest_python: tuple[int, int] = (3, 10)

    @property
    def requirements(self) -> Path:
        """The file of pins, with hashes."""
        return REQUIREMENTS / f"{self.name}.txt"

    def torch_build(self, system: str = sys.platform) -> TorchBuild | None:
        """Return what has to come from PyTorch's own index on ``system``, or None."""
        return self.torch_builds.get(system)


ENGINES = {
    packages.name: packages
    for packages in (
        PackageSet(
            name="cpu",
            description="ONNX Runtime on the processor, and through WebGPU on graphics cards",
            megabytes=900,
            torch_builds={},
            extras=("webgpu",),
        ),
        PackageSet(
            name="torch-cpu",
            description="PyTorch on the processor (on a Mac: on its GPU)",
            megabytes=2000,
            torch_builds={
                "linux": TorchBuild((f"torch=={TORCH}+cpu",), "https://download.pytorch.org/whl/cpu")
            },
        ),
        PackageSet(
            name="cuda",
            description="PyTorch on an NVIDIA card",
            megabytes=14000,
            torch_builds={
                "win32": TorchBuild(
                    (f"torch=={TORCH}+{CUDA_TAG}",), f"https://download.pytorch.org/whl/{CUDA_TAG}"
                )
            },
            platforms=("linux", "win32"),
            oldest_python=(3, 11),  # ONNX Runtime for Python 3.10 needs CUDA 12, and PyTorch brings 13
        ),
        PackageSet(
            name="directml",
            description="ONNX Runtime on any DirectX 12 card",
            megabytes=900,
            torch_builds={},
            platforms=("win32",),
        ),
    )
}


CHOSEN_EXTRAS = ("film",)
"""Extras in :mod:`nst_install.extras` that every engine can have, and that are installed only if chosen."""


DEVICES = {"cpu": "cpu", "webgpu": "cpu", "cuda": "cuda", "mps": "torch-cpu", "directml": "directml"}
"""The engine for each device. Without a device, an engine uses the best device that it supports."""


@dataclass(frozen=True)
class NvidiaCard:
    """An NVIDIA card as its driver describes it: name, driver version and compute capability."""

    name: str
    driver: str
    compute: float

    @property
    def problem(self) -> str:
        """Why PyTorch's CUDA build cannot use the card, without a full stop; empty if it can."""
        if self.has_old_driver:
            return (
                f"the driver of the {self.name} is too old for CUDA (version {self.driver}, {DRIVER_NEEDED} "
                "or newer is needed)"
            )
        if self.compute < COMPUTE_NEEDED:
            return (
                f"the {self.name} is too old for CUDA (compute capability {self.compute}, {COMPUTE_NEEDED} "
                "or higher is needed)"
            )
        return ""

    @property
    def has_old_driver(self) -> bool:
        """Whether a newer driver might make CUDA usable."""
        return int(self.driver.split(".")[0]) < DRIVER_NEEDED and self.compute >= COMPUTE_NEEDED


def find_card() -> NvidiaCard | None:
    """Return the first usable NVIDIA card, else the first one, else None."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    cards = [card for card in map(_parse_card, output.stdout.splitlines()) if card]
    return next((card for card in cards if not card.problem), cards[0] if cards else None)


def _parse_card(line: str) -> NvidiaCard | None:
    """Parse a line of nvidia-smi's output. The card's name may contain commas."""
    try:
        name, driver, compute = (column.strip() for column in line.rsplit(",", 2))
        return NvidiaCard(name, driver, float(compute)) if driver.split(".")[0].isdigit() else None
    except ValueError:
        return None


def engine_for_device(device: str, engine: str, card: NvidiaCard | None, system: str = sys.platform) -> str:
    """Return the name of the engine to use on ``device``; ``engine`` is the requested one, or "auto".

    Raises:
        InstallError: device and engine do not go together, or the machine has no such device.
    """
    if device == "auto":
        return engine
    suitable = DEVICES[device]
    if engine not in ("auto", suitable) and (device, engine) != ("cpu", "torch-cpu"):
        raise InstallError(
            f"The engine {engine} does not support the device {device}; {suitable} does.",
            "Omit --engine or --device.",
        )
    if device == "cuda" and (card is None or card.problem):
        reason = card.problem if card else "no NVIDIA card was found"
        raise InstallError(
            f"CUDA cannot be used on this machine: {reason}.",
            "Omit --device, or force CUDA with --engine cuda.",
        )
    if device == "mps" and (system != "darwin" or platform.machine() != "arm64"):
        raise InstallError("Only Macs with an Apple processor have the device mps.", "Omit --device.")
    return suitable if engine == "auto" else engine


def choose(engine: str, card: NvidiaCard | None, system: str = sys.platform) -> tuple[PackageSet, str]:
    """Return the packages to install and the reason, as a clause; ``engine`` is a name or "auto".

    Raises:
        InstallError: the requested engine cannot work on this system.
    """
    if engine != "auto":
        packages = ENGINES[engine]
        if system not in packages.platforms:
            raise InstallError(
                f"The engine {engine} does not work on this system.", "Omit --engine, or choose cpu."
            )
        return packages, "as requested"
    if card is None:
        return ENGINES["cpu"], "no NVIDIA card was found"
    if system not in ENGINES["cuda"].platforms or platform.machine().lower() not in ("x86_64", "amd64"):
        return ENGINES["cpu"], "there is no CUDA build for this machine"
    if card.problem:
        update = ". For CUDA, update it, then run `install.py update --engine cuda`"
        return ENGINES["cpu"], f"{card.problem}{update if card.has_old_driver else ''}"
    return ENGINES["cuda"], f"found an {card.name}"
