"""Fixtures of the installer's tests: its modules on the path, the pinned pip, a miniature checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.install.checkout import REPOSITORY, Checkout, make_checkout

sys.path.insert(0, str(REPOSITORY / "install"))

from nst_install import sources, tools
from nst_install.console import Console

TEST_SECONDS = 1200
"""The limit for one test. Some install ten times; with eleven processes on two cores, one took 256 s."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder time for busy machines."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


def cache() -> Path:
    """Return the folder in which tests keep their downloads."""
    folder = Path(os.environ.get("NST_TEST_CACHE") or Path.home() / ".cache" / "nst-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def pip_wheel() -> Path:
    """Return the pinned pip, downloaded by the installer's own code and kept."""
    name, sha256 = tools.pinned_wheel("pip", "any")
    path = cache() / name
    with FileLock(f"{path}.lock"):  # two test processes start together
        if not path.exists() or sources.sha256_of(path) != sha256:
            tools.fetch_pip(cache(), sources.online(), Console(quiet=True))
    return path


@pytest.fixture
def checkout(tmp_path: Path, pip_wheel: Path) -> Checkout:
    """Return a miniature checkout and a user with nothing installed, both in folders with awkward names."""
    folder = tmp_path / "Jürgen's Häuser & Gärten"
    return make_checkout(folder / "the checkout", folder / "home of Zoë", pip_wheel)


@pytest.fixture
def profile(checkout: Checkout) -> Path:
    """Return that user's profile of GIMP 3.0."""
    folder = checkout.home / ".config" / "GIMP" / "3.0"
    (folder / "plug-ins").mkdir(parents=True)
    return folder
