"""The floor plan: folders import downwards only, and no import runs in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ENGINE = ROOT / "nst_core"
ENGINE_FLOORS = (
    "array_types",
    "contract",
    "errors",
    "events",
    "settings",
    "system",
    "images",
    "vgg",
    "loss",
    "optim",
    "backends",
    "painting",
    "planning",
    "job",
    "api",
    "style_library",
    "batch",
    "film",
    "pages",
    "diagnostics",
    "worker",
    "cli",
)
"""Folders and top-level modules of the engine, lowest first. Each imports only from those before it."""

PLUG_IN = ROOT / "gimp_plugin" / "neural-style" / "nst_gimp"
PLUG_IN_FLOORS = ("text", "settings", "process", "image", "run", "ui", "procedures")


def imports_of(path: Path, package: Path) -> set[Path]:
    """Return the files of ``package`` that the file ``path`` imports, in functions and for types as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    files = {file_of(name, package) for name in names if name.split(".")[0] == package.name}
    return {file for file in files if file is not None and file != path}


def file_of(name: str, package: Path) -> Path | None:
    """Return the file that holds the dotted ``name``: a module, or an object in one."""
    parts = name.split(".")[1:]
    for length in (len(parts), len(parts) - 1):
        place = package.joinpath(*parts[:length])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if length and file.is_file():
                return file
    return None


def files_of(package: Path) -> list[Path]:
    # The package's own face hands names on when they are first used; it stands above everything.
    return [file for file in sorted(package.rglob("*.py")) if file != package / "__init__.py"]


def floor_of(file: Path, package: Path) -> str:
    return file.relative_to(package).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    ("package", "floors"), [(ENGINE, ENGINE_FLOORS), (PLUG_IN, PLUG_IN_FLOORS)], ids=["engine", "plug-in"]
)
def test_imports_run_down(package, floors):
    upwards = [
        f"{file.relative_to(package)} -> {target.relative_to(package)}"
        for file in files_of(package)
        for target in imports_of(file, package)
        if floors.index(floor_of(target, package)) > floors.index(floor_of(file, package))
    ]
    assert not upwards, upwards


@pytest.mark.parametrize("package", [ENGINE, PLUG_IN], ids=["engine", "plug-in"])
def test_no_imports_run_in_a_circle(package):
    graph = {file: imports_of(file, package) for file in files_of(package)}
    TopologicalSorter(graph).prepare()  # raises CycleError with the files of the circle


@pytest.mark.parametrize(
    ("package", "floors"), [(ENGINE, ENGINE_FLOORS), (PLUG_IN, PLUG_IN_FLOORS)], ids=["engine", "plug-in"]
)
def test_every_floor_exists_and_every_folder_has_a_floor(package, floors):
    assert {floor_of(file, package) for file in files_of(package)} == set(floors)


def test_the_top_of_the_engine_stays_small():
    assert len([path for path in ENGINE.iterdir() if path.suffix == ".py"]) <= 6
