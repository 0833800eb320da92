"""A GIMP for the whole suite, and a screen."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_core.vgg.store import ModelStore
from tests.gimp.desk import Desk, browser
from tests.gimp.start import VERSIONS, Gimp, complaints, draw

GTKS_OWN = ("WIDGET_REALIZED_FOR_EVENT", "gtk_tree_model_get_iter_first")
"""What GTK's file chooser prints when a path is typed into it faster than a person can."""


@pytest.fixture(scope="session")
def gimp(models: ModelStore) -> Iterator[Gimp]:
    """Return a profile that most tests share: its first start, which asks every plug-in, is slow."""
    folder = Path(tempfile.mkdtemp(prefix="gimp-tests-"))
    yield Gimp(folder, variables={"NST_MODELS": str(models.root)})
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=VERSIONS)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    # A name that can be typed with any keyboard layout: mkdtemp's may have an underscore.
    folder = Path(tempfile.gettempdir()) / f"gimpdesk{os.getpid()}"
    folder.mkdir(mode=0o700)
    gimp = Gimp(folder, version=request.param)
    draw(folder / "swirls.ppm", 200, 150, 30)
    browser(gimp)
    made = Desk(gimp, draw(folder / "photo.ppm", 480, 320, 200))
    yield made
    printed = made.close()
    shutil.rmtree(folder, ignore_errors=True)
    bad = [line for line in complaints(printed, ("GIMP-Error",)) if not any(own in line for own in GTKS_OWN)]
    assert not bad, "\n".join(bad)
