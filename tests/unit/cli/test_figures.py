"""``nst figures`` and ``nst gallery``: pages that are painted once and overwrite nothing."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nst_core.images.read import read_picture
from tests.unit.cli.conftest import Nst, assert_refused

Start = Callable[..., "subprocess.Popen[str]"]
SMALL = ("photo.png", "painting.png", "--size", "40", "--iterations", "2")


@pytest.mark.slow
def test_figures_fill_one_page_and_are_painted_once(nst: Nst, workdir: Path) -> None:
    first = nst("figures", "pages", *SMALL, "--json")
    assert first.code == 0, first
    folder = workdir / "pages"
    page = (folder / "index.html").read_text()
    assert page.count("<h2>") == 8
    assert page.count("data:image/png;base64,") == page.count("<img") > 25
    assert not re.search(r'(src|href)="(?!data:)', page)
    names = {path.stem for path in folder.glob("*.png")}
    assert {f"content-conv{block}_2" for block in range(1, 6)} <= names
    assert {f"style-conv{block}_1" for block in range(1, 6)} <= names
    assert {"ratio-1e-04", "ratio-1e-03", "ratio-1e-02", "ratio-1e-01"} <= names
    assert {"result", "start-noise", "start-style", "style-crop", "style-shallow-2", "run-0002"} <= names
    with Image.open(folder / "figures.png") as sheet:
        assert sheet.width > 6 * 40
        assert sheet.height > 8 * 40
    assert first.events[-1]["painted"] == 22

    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = nst("figures", "pages", *SMALL, "--json")
    assert again.events[-1]["painted"] == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == before

    (folder / "start-style.png").unlink()
    assert nst("figures", "pages", *SMALL, "--json").events[-1]["painted"] == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("figures", "start-noise.png"),
        ("figures", "content.png"),
        ("gallery", "strength-20.0.png"),
        ("gallery", "style-2.png"),
    ],
)
def test_other_pictures_are_not_overwritten(nst: Nst, workdir: Path, command: str, name: str) -> None:
    (workdir / "pages").mkdir()
    shutil.copy("photo.png", workdir / "pages" / name)
    assert_refused(nst(command, "pages", *SMALL), "is not one of these figures", "--force")
    # Inputs are never overwritten.
    outcome = nst(command, "pages", f"pages/{name}", *SMALL[1:], "--force")
    assert_refused(outcome, name, "one of the pictures to read")
    assert [path.name for path in (workdir / "pages").iterdir()] == [name]
    assert (workdir / "pages" / name).read_bytes() == (workdir / "photo.png").read_bytes()


@pytest.mark.parametrize("name", ["index.html", "figures.png"])
def test_other_pages_are_not_overwritten(nst: Nst, workdir: Path, name: str) -> None:
    (workdir / "pages").mkdir()
    (workdir / "pages" / name).write_text("<!doctype html>mine")
    assert_refused(nst("figures", "pages", *SMALL), name, "--force")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to a child")
def test_finished_pictures_are_kept_after_ctrl_c(start: Start, workdir: Path) -> None:
    process = start("figures", "pages", *SMALL[:4], "--iterations", "40", "--progress")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("content-conv1_2"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the finished pictures are kept" in err
    assert read_picture(workdir / "pages" / "result.png").width == 40
