"""What is installed, what a run would use, and what is wrong, with its cure.

Nothing comes in but the machine; a :class:`Report` goes out, plain data, and its words for the command line,
GIMP's diagnostics and bug reports, which so tell the same story. Nothing here raises for what it is there to
report.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from nst_core import __version__
from nst_core.diagnostics.installation import Installation, Problem, find_installation, installer_command
from nst_core.errors import NstError, first_line
from nst_core.planning.rate_cache import rates_file
from nst_core.system.folders import data_folder

if TYPE_CHECKING:
    from nst_core.events import Notice
    from nst_core.vgg.store import ModelStore

NEEDED = (
    "numpy",
    "pillow",
    "onnx",
    "array-api-compat",
    "pydantic",
    "platformdirs",
    "filelock",
    "psutil",
    "httpx",
)
"""Distributions without which something fails."""

USEFUL = ("click", "rich", "certifi", "pyvips", "safetensors", "torch", "torchvision", "matplotlib")
"""Distributions that add something; a machine may do without."""

RUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-silicon",
)
"""The wheels that bring ONNX Runtime; two at once overwrite each other's files."""

REPAIR = installer_command("repair")

LOW_MEMORY = 2 * 1024**3
"""Bytes of free memory below which a run at 512 x 512 pixels (1 GB in use) is in danger."""

LOW_DISK = 200 * 1024**2
"""Bytes of free disk below which a network or a large picture may not fit."""


@dataclass(frozen=True)
class Package:
    """A Python distribution; ``version`` is empty where it is not installed."""

    name: str
    version: str
    needed: bool


@dataclass(frozen=True)
class Model:
    """A network of the store; ``problem`` is empty for one that can be used."""

    name: str
    sha256: str
    source: str
    bytes: int
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """What ``auto`` takes, and why, in words; empty where it takes nothing."""

    engine: str = ""
    device: str = ""
    model: str = ""
    why: str = ""


@dataclass(frozen=True)
class Report:
    """Everything; ``works`` says whether a run with the defaults would work."""

    version: str
    python: str
    executable: str
    system: str
    cpus: int
    memory_total: int
    memory_free: int
    disk_free: int
    packages: tuple[Package, ...]
    engines: tuple[str, ...]
    providers: tuple[str, ...]
    choice: Choice
    models: tuple[Model, ...]
    folders: dict[str, str]
    installation: Installation = field(default_factory=Installation)
    problems: tuple[Problem, ...] = ()
    works: bool = field(default=True)


def examine(folder: Path | None = None) -> Report:
    """Look at the machine, without changing anything; ``folder`` is the model store, if not the usual."""
    problems: list[Problem] = []
    installation = find_installation(data_folder())
    packages = find_packages(problems, installation)
    providers = find_providers(problems, installation)
    engines, choice = _find_engines(problems, installation), Choice()
    models: tuple[Model, ...] = ()
    root = Path()
    try:
        from nst_core.vgg.store import ModelStore

        store = ModelStore(folder)
        root = store.root.absolute()
        models = find_models(store, problems)
        choice = find_choice(store, engines, problems, installation)
    except ImportError as error:
        problems.append(_cannot_import("The model store", error, installation))
    memory = psutil.virtual_memory()
    disk = _disk_free(root)
    problems += find_shortages(int(memory.available), disk, root)
    problems += find_unwritable(root, rates_file().parent)
    problems += installation.problems
    return Report(
        version=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        system=platform.platform(),
        cpus=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        memory_total=int(memory.total),
        memory_free=int(memory.available),
        disk_free=disk,
        packages=packages,
        engines=engines,
        providers=providers,
        choice=choice,
        models=models,
        folders={"models": str(root), "cache": str(rates_file().parent)},
        installation=installation,
        problems=tuple(problems),
        works=not any(problem.fatal for problem in problems),
    )


def format_report(report: Report) -> str:
    """Lay the report out for people: what will happen first, what is wrong last."""
    choice = report.choice
    lines = [
        f"nst {report.version}, Python {report.python} ({report.executable})",
        f"System: {report.system}, {report.cpus} cores",
        f"Memory: {report.memory_free / 1e9:.1f} of {report.memory_total / 1e9:.1f} GB free",
        f"Disk: {report.disk_free / 1e9:.1f} GB free",
        "",
        f"A run uses: {choice.engine} on {choice.device}; {choice.why}" if choice.engine else "No engine.",
        f"Network: {choice.model}" if choice.model else "No network.",
        f"ONNX Runtime providers: {', '.join(report.providers) or 'none'}",
        "",
        "Networks:",
    ]
    lines += [
        f"  {model.name}  {model.sha256}  {model.bytes / 1e6:.0f} MB  {model.problem or model.source}"
        for model in report.models
    ] or ["  none"]
    lines += ["", "Folders:"] + [f"  {name}: {path}" for name, path in report.folders.items()]
    lines += ["", "The filter in GIMP:"]
    lines += [
        f"  {plug_in.folder}  {plug_in.version or 'missing'}" for plug_in in report.installation.plug_ins
    ] or ["  none that the installer put there"]
    lines += ["", "Logs, and the last line of each:"]
    for log in report.installation.logs:
        lines += [f"  {log.path}", f"    {log.last}"]
    lines += [] if report.installation.logs else ["  none"]
    lines += ["", "Packages:"]
    lines += [f"  {package.name} {package.version or '(not installed)'}" for package in report.packages]
    lines += ["", "Problems:" if report.problems else "No problems."]
    for problem in report.problems:
        lines += [f"  {problem.message}", f"    -> {problem.cure}"]
    return "\n".join(lines)


def find_packages(problems: list[Problem], installation: Installation) -> tuple[Package, ...]:
    """List the distributions, adding what is missing to ``problems``."""
    found = []
    for name in (*NEEDED, *USEFUL, *RUNTIMES):
        version = _version(name)
        if name in NEEDED and not version:
            cure = _mending(installation, f"python -m pip install {name}")
            problems.append(Problem(f"The package {name} is missing.", cure))
        if version or name not in RUNTIMES:
            found.append(Package(name, version, name in NEEDED))
    runtimes = [package.name for package in found if package.name in RUNTIMES]
    if len(runtimes) > 1:
        problems.append(
            Problem(
                f"{' and '.join(runtimes)} are both installed and overwrite each other's files.",
                _mending(
                    installation,
                    f"python -m pip uninstall {' '.join(runtimes)}, then install the one you want.",
                ),
                fatal=False,
            )
        )
    return tuple(found)


def find_providers(problems: list[Problem], installation: Installation) -> tuple[str, ...]:
    """List the execution providers that the installed ONNX Runtime was built with."""
    try:
        import onnxruntime
    except ImportError as error:
        problems.append(
            Problem(
                f"ONNX Runtime cannot be imported: {first_line(error)}.",
                _mending(
                    installation,
                    "python -m pip install onnxruntime (NVIDIA: onnxruntime-gpu, Windows: "
                    "onnxruntime-directml)",
                ),
            )
        )
        return ()
    return tuple(onnxruntime.get_available_providers())


def find_models(store: ModelStore, problems: list[Problem]) -> tuple[Model, ...]:
    """List the networks, each verified down to its weights."""
    found = []
    for stored in store.list():
        network, problem = stored.network, stored.problem
        if network:
            try:
                store.verify_one(stored.name)
            except NstError as error:
                problem = error.message
        if problem:
            problems.append(
                Problem(
                    f"The network {stored.name} cannot be used: {problem}",
                    f"nst models remove {stored.name}, then fetch or import it again.",
                    fatal=False,
                )
            )
        sha256, source = (network.sha256, network.source) if network else ("", "")
        found.append(Model(stored.name, sha256, source, stored.bytes, problem))
    return tuple(found)


def find_choice(
    store: ModelStore, engines: tuple[str, ...], problems: list[Problem], installation: Installation
) -> Choice:
    """Say what ``auto`` takes; a machine where it takes nothing has a fatal problem."""
    from nst_core.backends.choose import choose, torch_gpu

    model = ""
    try:
        model = store.resolve("auto", lambda notice: problems.append(_told(notice))).name
    except NstError as error:
        problems.append(Problem(error.message, error.hint))
    if not engines:
        return Choice(model=model)
    try:
        gpu = torch_gpu()
    except Exception as error:  # a torch built for another machine fails in its own ways
        cure = _mending(installation, "Install torch again.")
        problems.append(Problem(f"torch fails: {first_line(error)}.", cure, fatal=False))
        gpu = None
    engine, device = choose("auto", "auto", gpu)
    if engine == "torch":
        return Choice(engine, device, model, f"torch drives a GPU here ({_gpu_name(device)})")
    from nst_core.vgg.sessions import find_device

    words = find_device("auto").words
    if words != "CPU":
        return Choice("onnx", words, model, "ONNX Runtime has a provider for it")
    if shutil.which("nvidia-smi"):
        problems.append(
            Problem(
                "There seems to be an NVIDIA GPU, and neither torch nor ONNX Runtime drives it.",
                f"{installer_command('update --device cuda')} It says what is missing."
                if installation.by_installer
                else "Install a build for CUDA, python -m pip install 'nst-core[cuda]', and a driver for it.",
                fatal=False,
            )
        )
    why = "torch is installed but drives no GPU here" if "torch" in engines else "torch is not installed"
    return Choice("onnx", words, model, why)


def find_shortages(memory: int, disk: int, folder: Path) -> list[Problem]:
    """Say what there is too little of, in bytes."""
    found = []
    if memory < LOW_MEMORY:
        found.append(
            Problem(
                f"Only {memory / 1e9:.1f} GB of memory are free.",
                "Close other programs, or paint at --size 384 or smaller.",
                fatal=False,
            )
        )
    if disk < LOW_DISK:
        found.append(
            Problem(
                f"Only {disk / 1e6:.0f} MB of disk are free at {folder}.",
                "Make room, or choose another folder with NST_MODELS.",
                fatal=False,
            )
        )
    return found


def find_unwritable(models: Path, cache: Path) -> list[Problem]:
    """Say which folder cannot be written, and what becomes of it."""
    found = []
    for folder, what, cure in (
        (models, "networks", "or name another with NST_MODELS; until then none can be fetched"),
        (cache, "the cache", "or name another with NST_CACHE; until then every plan measures the machine"),
    ):
        if not os.access(_existing(folder), os.W_OK):
            problem = f"The folder of {what}, {folder}, cannot be written."
            found.append(Problem(problem, f"Make it writable, {cure}.", fatal=False))
    return found


def _find_engines(problems: list[Problem], installation: Installation) -> tuple[str, ...]:
    """Name the engines that can be imported."""
    found = []
    if any(_version(name) for name in RUNTIMES):
        found.append("onnx")
    if _version("torch"):
        try:
            import torch  # noqa: F401 -- whether it can be
        except Exception as error:  # missing libraries fail as OSError, broken builds in their own ways
            problems.append(_cannot_import("torch", error, installation, fatal=False))
        else:
            found.append("torch")
    return tuple(found)


def _told(notice: Notice) -> Problem:
    """Make a problem of a notice, whose last clause is the cure."""
    message, _, cure = notice.message.rstrip(".").rpartition("; ")
    return Problem(f"{message or cure}.", f"{cure[:1].upper()}{cure[1:]}.", fatal=False)


def _gpu_name(device: str) -> str:
    if not device.startswith("cuda"):
        return device
    import torch

    return str(torch.cuda.get_device_name(device))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _disk_free(folder: Path) -> int:
    """Return the free bytes where ``folder`` is or will be."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """Return ``folder``, or the nearest above it that exists and can be looked at."""
    for place in (folder, *folder.absolute().parents):
        with suppress(OSError):
            if place.exists():
                return place
    return Path.cwd()


def _mending(installation: Installation, by_hand: str) -> str:
    """Return how to bring packages in order: the installer's are not for other hands."""
    return REPAIR if installation.by_installer else by_hand


def _cannot_import(what: str, error: Exception, installation: Installation, *, fatal: bool = True) -> Problem:
    cure = _mending(installation, "Install nst again.")
    return Problem(f"{what} cannot be imported: {first_line(error)}.", cure, fatal)
