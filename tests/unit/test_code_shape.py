"""Shapes that keep the code readable: short parameter lists, keyword-only dataclasses, short files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for folder in ("nst_core", "gimp_plugin", "install") for path in (ROOT / folder).rglob("*.py")
)
MOST_PARAMETERS = 6
MOST_POSITIONAL_FIELDS = 4
MOST_LINES = 500

MANY_PARAMETERS = {"nst_core/api.py": {"stylize"}}
"""The Python interface takes what a caller may want to say, by name."""

GENERATED = {"settings_table.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> int:
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len(listed) - (method and bool(listed) and listed[0].arg in ("self", "cls"))


def functions_of(tree: ast.Module) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    methods = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for child in node.body
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return [
        (node, node in methods)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether click calls the function, with one argument for each option."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_have_few_parameters(path: Path) -> None:
    allowed = MANY_PARAMETERS.get(name_of(path), set())
    many = [
        f"{function.name}: {parameters_of(function, method=method)}"
        for function, method in functions_of(ast.parse(path.read_text("utf-8")))
        if parameters_of(function, method=method) > MOST_PARAMETERS
        and function.name not in allowed
        and not is_command(function)
    ]
    assert not many


@pytest.mark.parametrize("path", [path for path in SOURCES if "nst_core" in path.parts], ids=name_of)
def test_long_dataclasses_are_keyword_only(path: Path) -> None:
    positional = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ClassDef):
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if not any(text.startswith("dataclass") for text in decorators):
            continue
        fields = [child for child in node.body if isinstance(child, ast.AnnAssign)]
        markers = [index for index, field in enumerate(fields) if ast.unparse(field.annotation) == "KW_ONLY"]
        fields = fields[: markers[0]] if markers else fields
        if len(fields) > MOST_POSITIONAL_FIELDS and not any("kw_only=True" in text for text in decorators):
            positional.append(f"{node.name}: {len(fields)} fields")
    assert not positional


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    if path.name not in GENERATED:
        assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES
