"""The version is the same everywhere, and the changelog describes it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nst_core
from nst_core.contract import VERSION

ROOT = Path(__file__).resolve().parents[2]


def constant(path: Path, name: str) -> object:
    """Return the value of a constant in a Python file, without running the file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no {name}")


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.+)"$', project, re.MULTILINE) == [VERSION]
    assert nst_core.__version__ == VERSION
    plug_in = ROOT / "gimp_plugin" / "neural-style" / "nst_gimp"
    assert constant(plug_in / "__init__.py", "VERSION") == VERSION
    for copy in (plug_in / "settings" / "contract.py", ROOT / "install" / "nst_install" / "contract.py"):
        assert constant(copy, "VERSION") == VERSION


def test_changelog_has_a_section_for_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?{re.escape(VERSION)}\b", changelog, re.MULTILINE)
