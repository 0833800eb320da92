"""A GIMP for the whole suite, and a screen."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_core.vgg.store import ModelStore
from tests.gimp.start import Gimp


@pytest.fixture(scope="session")
def gimp(models: ModelStore) -> Iterator[Gimp]:
    """Return a profile that most tests share: its first start, which asks every plug-in, is slow."""
    folder = Path(tempfile.mkdtemp(prefix="gimp-tests-"))
    yield Gimp(folder, variables={"NST_MODELS": str(models.root)})
    shutil.rmtree(folder, ignore_errors=True)
