"""A GIMP for the whole suite, and a screen."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gimp.start import Gimp


@pytest.fixture(scope="session")
def gimp() -> Iterator[Gimp]:
    """Return a profile that most tests share: its first start, which asks every plug-in, is slow."""
    folder = Path(tempfile.mkdtemp(prefix="gimp-tests-"))
    yield Gimp(folder)
    shutil.rmtree(folder, ignore_errors=True)
