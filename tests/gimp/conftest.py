"""A GIMP without windows and one with windows, shared by the tests in this folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from nst_core.vgg.store import ModelStore
from tests.gimp.desktop import GimpDesktop, install_browser
from tests.gimp.start import VERSIONS, Gimp, draw

TEST_SECONDS = 1800
"""A test's limit on a busy machine; the waits in it have limits of their own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in this folder, and give each of them time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gimp)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a test with windows has failed, make the others independent of it."""
    report = yield
    desktop = getattr(item, "funcargs", {}).get("desktop")
    if report.when == "call" and report.failed and desktop is not None:
        desktop.recover(item.name)
    return report


@pytest.fixture(scope="session")
def gimp(models: ModelStore, rates_folder: Path) -> Iterator[Gimp]:
    """A profile that most tests share: its first start is slow, as GIMP queries every plug-in."""
    folder = Path(tempfile.mkdtemp(prefix="gimp-tests-"))
    variables = {"NST_MODELS": str(models.root), "NST_CACHE": str(rates_folder)}
    yield Gimp(folder=folder, variables=variables)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package", params=VERSIONS)
def shared_desktop(request: pytest.FixtureRequest, gimp: Gimp, rates_folder: Path) -> Iterator[GimpDesktop]:
    """A GIMP with windows for all modules. Its complaints fail the last test that uses it."""
    # A name that any keyboard layout can type; mkdtemp's may contain an underscore.
    folder = Path(tempfile.gettempdir()) / f"gimpdesktop{os.getpid()}"
    folder.mkdir(mode=0o700)
    own_gimp = Gimp(folder=folder, version=request.param, variables={"NST_CACHE": str(rates_folder)})
    own_gimp.add_ready_styles()
    queried = gimp.profile / "pluginrc"
    if own_gimp.version == gimp.version and queried.exists():
        shutil.copy2(queried, own_gimp.profile)  # GIMP's own plug-ins need not be queried again
    draw(folder / "swirls.ppm", 200, 150, 30)
    install_browser(own_gimp)
    desktop = GimpDesktop(own_gimp, draw(folder / "photo.ppm", 480, 320, 200))
    yield desktop
    try:
        desktop.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def desktop(shared_desktop: GimpDesktop) -> GimpDesktop:
    """The GIMP with windows, with the photo open in it as if the filter had never been used."""
    shared_desktop.open_photo()
    return shared_desktop
