"""The doctor: a report on what is installed, what a run would use, and problems with their remedies.

Inspects the machine and returns a :class:`Report`, plain data, and its text. The command line, GIMP's
diagnostics and bug reports all show the same report. Problems are reported, not raised.
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
from nst_core.backends.machine_file import fallback_file, rates_file
from nst_core.contract import format_bytes
from nst_core.diagnostics.graphics import Graphics, describe_graphics, this_machine
from nst_core.diagnostics.installation import Installation, Problem, find_installation, installer_command
from nst_core.errors import NstError, first_line
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
"""Distributions that the engine needs."""

USEFUL = ("click", "rich", "certifi", "pyvips", "safetensors", "torch", "torchvision", "matplotlib")
"""Optional distributions."""

RUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-silicon",
)
"""Distributions of ONNX Runtime. Two at once overwrite each other's files."""

REPAIR = installer_command("repair")

LOW_MEMORY = 2 * 1024**3
"""Bytes of free memory below which a run at 512 x 512 pixels, which uses 1 GB, may fail."""

LOW_DISK = 200 * 1024**2
"""Bytes of free disk space below which a network or a large picture may not fit."""


@dataclass(frozen=True)
class Package:
    """A Python distribution. ``version`` is empty if it is not installed."""

    name: str
    version: str
    needed: bool


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network in the model store. ``problem`` is empty if it can be used."""

    name: str
    sha256: str
    source: str
    bytes: int
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """Describe what ``auto`` chooses, and why. Empty if it can choose nothing."""

    engine: str = ""
    device: str = ""
    model: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The report. ``works`` says whether a run with the default settings would work."""

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
    graphics: Graphics
    models: tuple[Model, ...]
    folders: dict[str, str]
    installation: Installation = field(default_factory=Installation)
    problems: tuple[Problem, ...] = ()
    works: bool = field(default=True)


def diagnose(store_folder: Path | None = None) -> Report:
    """Inspect the machine without changing anything. ``store_folder`` replaces the usual model store."""
    problems: list[Problem] = []
    installation = find_installation(data_folder())
    packages = find_packages(problems, installation)
    providers = find_providers(problems, installation)
    engines, choice = _find_engines(problems, installation), Choice()
    graphics = find_graphics(installation)
    models: tuple[Model, ...] = ()
    root = Path()
    try:
        from nst_core.vgg.store import ModelStore

        store = ModelStore(store_folder)
        root = store.root.absolute()
        models = find_models(store, problems)
        choice = find_choice(store, engines, problems, installation)
        problems += find_unused_cards(graphics, choice, installation)
    except ImportError as error:
        problems.append(_import_problem("The model store", error, installation))
    memory = psutil.virtual_memory()
    disk_free = _free_disk(root)
    problems += find_shortages(int(memory.available), disk_free, root)
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
        disk_free=disk_free,
        packages=packages,
        engines=engines,
        providers=providers,
        choice=choice,
        graphics=graphics,
        models=models,
        folders={"models": str(root), "cache": str(rates_file().parent)},
        installation=installation,
        problems=tuple(problems),
        works=not any(problem.fatal for problem in problems),
    )


def format_report(report: Report) -> str:
    """Return the report as text: first what a run would use, last the problems."""
    choice = report.choice
    lines = [
        f"nst {report.version}, Python {report.python} ({report.executable})",
        f"System: {report.system}, {report.cpus} cores",
        f"Memory: {format_bytes(report.memory_free)} of {format_bytes(report.memory_total)} free",
        f"Disk: {format_bytes(report.disk_free)} free",
        "",
        f"A run uses: {choice.engine} on {choice.device}; {choice.why}" if choice.engine else "No engine.",
        f"Network: {choice.model}" if choice.model else "No network.",
        f"ONNX Runtime providers: {', '.join(report.providers) or 'none'}",
        f"Graphics: {report.graphics.sentence}",
        "",
        "Networks:",
    ]
    lines += [
        f"  {model.name}  {model.sha256}  {format_bytes(model.bytes)}  {model.problem or model.source}"
        for model in report.models
    ] or ["  none"]
    lines += ["", "Folders:"] + [f"  {name}: {path}" for name, path in report.folders.items()]
    lines += ["", "The filter in GIMP:"]
    lines += [
        f"  {plug_in.folder}  {plug_in.version or 'missing'}" for plug_in in report.installation.plug_ins
    ] or ["  none put there by the installer"]
    lines += ["", "Logs, with the last line of each:"]
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
    """List the distributions. Appends missing and conflicting ones to ``problems``."""
    packages = []
    for name in (*NEEDED, *USEFUL, *RUNTIMES):
        version = _version(name)
        if name in NEEDED and not version:
            cure = _package_cure(installation, f"python -m pip install {name}")
            problems.append(Problem(f"The package {name} is missing.", cure))
        if version or name not in RUNTIMES:
            packages.append(Package(name, version, name in NEEDED))
    runtimes = [package.name for package in packages if package.name in RUNTIMES]
    if len(runtimes) > 1:
        problems.append(
            Problem(
                f"{' and '.join(runtimes)} are both installed and overwrite each other's files.",
                _package_cure(
                    installation,
                    f"python -m pip uninstall {' '.join(runtimes)}, then install the one you want.",
                ),
                fatal=False,
            )
        )
    return tuple(packages)


def find_providers(problems: list[Problem], installation: Installation) -> tuple[str, ...]:
    """List the execution providers of the installed ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError as error:
        problems.append(
            Problem(
                f"ONNX Runtime cannot be imported: {first_line(error)}.",
                _package_cure(
                    installation,
                    "python -m pip install onnxruntime (NVIDIA: onnxruntime-gpu, Windows: "
                    "onnxruntime-directml)",
                ),
            )
        )
        return ()
    return tuple(onnxruntime.get_available_providers())


def find_graphics(installation: Installation) -> Graphics:
    """Describe the graphics cards that ONNX Runtime can use through WebGPU, or what is missing for that."""
    try:
        from nst_core.vgg.graphics_cards import find_cards

        return describe_graphics(find_cards(), this_machine(), installation)
    except ImportError:  # without ONNX Runtime, which is another problem
        return Graphics(message="No graphics card can be used through WebGPU without ONNX Runtime")


def find_unused_cards(graphics: Graphics, choice: Choice, installation: Installation) -> list[Problem]:
    """Return problems if the machine has a graphics card, but the processor computes."""
    problems: list[Problem] = []
    if choice.device != "CPU" or graphics.usable:
        return problems
    if graphics.expected and graphics.cure:
        cure = f"{graphics.cure[:1].upper()}{graphics.cure[1:]}."
        problems.append(Problem(f"{graphics.message}.", cure, fatal=False))
    if shutil.which("nvidia-smi"):
        problems.append(
            Problem(
                "This machine seems to have an NVIDIA GPU, but neither torch nor ONNX Runtime can use it.",
                f"{installer_command('update --device cuda')} It says what is missing."
                if installation.by_installer
                else "Install a CUDA build, python -m pip install 'nst-core[cuda]', and an NVIDIA driver.",
                fatal=False,
            )
        )
    return problems


def find_models(store: ModelStore, problems: list[Problem]) -> tuple[Model, ...]:
    """List the networks in the store, and verify their weights."""
    models = []
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
                    f"Run `nst models remove {stored.name}`, then fetch or import it again.",
                    fatal=False,
                )
            )
        sha256, source = (network.sha256, network.source) if network else ("", "")
        models.append(
            Model(name=stored.name, sha256=sha256, source=source, bytes=stored.bytes, problem=problem)
        )
    return tuple(models)


def find_choice(
    store: ModelStore, engines: tuple[str, ...], problems: list[Problem], installation: Installation
) -> Choice:
    """Return what ``auto`` chooses. It is a fatal problem if it can choose nothing."""
    from nst_core.backends.choose import choose, torch_gpu

    model, network = "", None
    try:
        network = store.resolve("auto", lambda notice: problems.append(_notice_problem(notice)))
        model = network.name
    except NstError as error:
        problems.append(Problem(error.message, error.hint))
    if not engines:
        return Choice(model=model)
    try:
        gpu = torch_gpu()
    except Exception as error:  # a torch built for another machine may raise anything
        cure = _package_cure(installation, "Install torch again.")
        problems.append(Problem(f"torch fails: {first_line(error)}.", cure, fatal=False))
        gpu = None
    engine, device = choose("auto", "auto", gpu)
    if engine == "torch":
        return Choice(engine, device, model, f"torch can use the GPU ({_gpu_name(device)})")
    from nst_core.vgg.sessions import find_device

    device_words = find_device("auto").words
    if device_words != "CPU":
        return Choice("onnx", device_words, model, "ONNX Runtime can use it")
    if network is not None:
        from nst_core.backends.card_check import expected_card
        from nst_core.backends.card_verdicts import remembered_verdict
        from nst_core.vgg.graphics_cards import find_cards

        card, passed_over = expected_card(network, find_cards())
        problems += map(_notice_problem, passed_over)
        if card is not None:
            verdict = remembered_verdict(card, network)
            how = ", in half precision" if verdict is not None and verdict.half else ""
            return Choice("onnx", card.device, model, f"WebGPU can use the {card.name}{how}")
    why = "torch is installed but has no GPU to use" if "torch" in engines else "torch is not installed"
    return Choice("onnx", device_words, model, why)


def find_shortages(memory: int, disk: int, folder: Path) -> list[Problem]:
    """Return problems for too little free memory or disk space (at ``folder``), both in bytes."""
    problems = []
    if memory < LOW_MEMORY:
        problems.append(
            Problem(
                f"Only {format_bytes(memory)} of memory are free.",
                "Close other programs, or paint at --size 384 or smaller.",
                fatal=False,
            )
        )
    if disk < LOW_DISK:
        problems.append(
            Problem(
                f"Only {format_bytes(disk)} of disk space are free at {folder}.",
                "Free some disk space, or set NST_MODELS to another folder.",
                fatal=False,
            )
        )
    return problems


def find_unwritable(models: Path, cache: Path) -> list[Problem]:
    """Return problems for folders that cannot be written."""
    problems = []
    for folder, content, variable, consequence in (
        (models, "networks", "NST_MODELS", "Until then, no network can be fetched."),
        (
            cache,
            "the cache",
            "NST_CACHE",
            f"Until then, the speed of the machine is kept in {fallback_file().parent}.",
        ),
    ):
        if not os.access(_existing(folder), os.W_OK):
            cure = f"Make it writable, or set {variable} to another folder. {consequence}"
            message = f"The folder for {content}, {folder}, cannot be written."
            problems.append(Problem(message, cure, fatal=False))
    return problems


def _find_engines(problems: list[Problem], installation: Installation) -> tuple[str, ...]:
    """Return the names of the engines that can be imported."""
    engines = []
    if any(_version(name) for name in RUNTIMES):
        engines.append("onnx")
    if _version("torch"):
        try:
            import torch  # noqa: F401 -- only to see whether it can be imported
        except Exception as error:  # OSError for missing libraries; a broken build may raise anything
            problems.append(_import_problem("torch", error, installation, fatal=False))
        else:
            engines.append("torch")
    return tuple(engines)


def _notice_problem(notice: Notice) -> Problem:
    return Problem(notice.message, notice.hint, fatal=False)


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


def _free_disk(folder: Path) -> int:
    """Return the free bytes on the disk where ``folder`` is or will be."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """Return ``folder``, or the nearest folder above it that exists and is accessible."""
    for candidate in (folder, *folder.absolute().parents):
        with suppress(OSError):
            if candidate.exists():
                return candidate
    return Path.cwd()


def _package_cure(installation: Installation, by_hand: str) -> str:
    """Return the remedy for a package: the installer's packages must be repaired by the installer."""
    return REPAIR if installation.by_installer else by_hand


def _import_problem(
    what: str, error: Exception, installation: Installation, *, fatal: bool = True
) -> Problem:
    cure = _package_cure(installation, "Install nst again.")
    return Problem(f"{what} cannot be imported: {first_line(error)}.", cure, fatal)
