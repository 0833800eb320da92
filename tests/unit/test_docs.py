"""Documentation: links and paths that exist, and READMEs short enough to read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(page for folder in ("nst_core", "gimp_plugin", "install", "tests")
                                       for page in (ROOT / folder).rglob("*.md")))
)  # fmt: skip
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:nst_core|gimp_plugin|install|tests)/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text("utf-8")) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_from_the_top_exist(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text("utf-8")) if not (ROOT / path).exists()]
    assert not missing


def test_every_file_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    names = re.findall(r"`([a-z_]+/[\w/]+\.py)`", text)
    missing = [
        name
        for name in names
        if not any((base / name).exists() for base in (ROOT, ROOT / "nst_core", ROOT / "install"))
    ]
    assert names
    assert not missing


def test_readmes_are_short() -> None:
    pages = [page for page in PAGES if page.name == "README.md"]
    words = sum(len(page.read_text("utf-8").split()) for page in pages)
    assert words < 5400, f"{words} words in READMEs: move notes to the docs folder of the room"


def test_documentation_is_tracked_where_it_is_expected() -> None:
    """Pages lie at the top or in a room: a docs folder of its own at the top would be overlooked."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert not [name for name in listed if name.startswith("docs/")]
