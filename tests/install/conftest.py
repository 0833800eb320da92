"""What the installer's tests share: its modules on the path, the pinned pip, a miniature checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.install.checkout import REPOSITORY, Checkout, make_checkout

sys.path.insert(0, str(REPOSITORY / "install"))

from nst_install import sources, tools
from nst_install.console import Console


def cache() -> Path:
    """Return the folder in which tests keep what they fetch."""
    folder = Path(os.environ.get("NST_TEST_CACHE") or Path.home() / ".cache" / "nst-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def pip_wheel() -> Path:
    """Return the pinned pip, fetched by the installer's own code and kept."""
    name, sha256 = tools.pinned("pip", "any")
    path = cache() / name
    if not path.exists() or sources.sha256_of(path) != sha256:
        tools.pip_wheel(cache(), sources.online(), Console(quiet=True))
    return path


@pytest.fixture
def checkout(tmp_path: Path, pip_wheel: Path) -> Checkout:
    """Return a miniature checkout and a user who has nothing yet, both behind awkward paths."""
    place = tmp_path / "Jürgen's Häuser & Gärten"
    return make_checkout(place / "the checkout", place / "home of Zoë", pip_wheel)


@pytest.fixture
def profile(checkout: Checkout) -> Path:
    """Return a profile of GIMP 3.0 of that user."""
    folder = checkout.home / ".config" / "GIMP" / "3.0"
    (folder / "plug-ins").mkdir(parents=True)
    return folder
