"""``nst figures``: all panels, on one page, made once."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.pages.paper_figures import check, design, middle
from nst_core.settings import Crop, make_settings
from tests.unit.cli.conftest import Nst, assert_refused

Start = Callable[..., "subprocess.Popen[str]"]
SMALL = ("photo.png", "painting.png", "--size", "40", "--iterations", "2")


def test_all_figures_on_one_page_and_made_once(nst: Nst, place: Path) -> None:
    first = nst("figures", "pages", *SMALL, "--json")
    assert first.code == 0, first
    folder = place / "pages"
    page = (folder / "index.html").read_text()
    assert page.count("<h2>") == 7
    assert page.count("data:image/png;base64,") == page.count("<img") > 25
    assert not re.search(r'(src|href)="(?!data:)', page)
    names = {path.stem for path in folder.glob("*.png")}
    assert {f"content-conv{block}_2" for block in range(1, 6)} <= names
    assert {f"style-conv{block}_1" for block in range(1, 6)} <= names
    assert {"result", "start-noise", "start-style", "style-crop", "style-shallow-2", "run-0002"} <= names
    with Image.open(folder / "figures.png") as sheet:
        assert sheet.width > 6 * 40
        assert sheet.height > 7 * 40
    assert first.events[-1]["painted"] == 18

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
def test_strangers_files_are_not_overwritten(nst: Nst, place: Path, command: str, name: str) -> None:
    (place / "pages").mkdir()
    shutil.copy("photo.png", place / "pages" / name)
    assert_refused(nst(command, "pages", *SMALL), "is not one of these figures", "--force")
    # What is read is never written over.
    read = nst(command, "pages", f"pages/{name}", *SMALL[1:], "--force")
    assert_refused(read, name, "one of the pictures to read")
    assert [path.name for path in (place / "pages").iterdir()] == [name]
    assert (place / "pages" / name).read_bytes() == (place / "photo.png").read_bytes()


@pytest.mark.parametrize("name", ["index.html", "figures.png"])
def test_strangers_pages_are_not_overwritten(nst: Nst, place: Path, name: str) -> None:
    (place / "pages").mkdir()
    (place / "pages" / name).write_text("<!doctype html>mine")
    assert_refused(nst("figures", "pages", *SMALL), name, "--force")


def test_without_a_size_textures_are_as_large_as_the_content() -> None:
    pictures = [Picture(np.random.default_rng(0).random((50, 70, 3), dtype=np.float32)) for _ in range(2)]
    planned = design(*pictures, make_settings({"size": 0}))
    assert {p.job.texture_size for p in planned.paintings if p.job.content is None} == {(70, 70)}
    check(planned)


def test_what_is_transparent_decides_how_a_picture_comes_out() -> None:
    pixels = np.random.default_rng(0).random((50, 70, 3), dtype=np.float32)
    whole, faint = (Picture(pixels, alpha) for alpha in (None, np.full((50, 70), 0.5, np.float32)))
    keys = [
        {painting.key("") for painting in design(*pair, make_settings({"size": 64})).paintings}
        for pair in ((whole, whole), (faint, whole), (whole, faint))
    ]
    assert not keys[0] & keys[1] & keys[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to a child")
def test_broken_off_it_keeps_what_is_finished(start: Start, place: Path) -> None:
    process = start("figures", "pages", *SMALL[:4], "--iterations", "40", "--progress")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("content-conv1_2"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the pictures that are finished stay" in err
    assert read_picture(place / "pages" / "result.png").width == 40


def test_the_design_shares_pictures_and_every_panel_has_one() -> None:
    rng = np.random.default_rng(0)
    pictures = [Picture(rng.random((50, 70, 3), dtype=np.float32)) for _ in range(2)]
    planned = design(pictures[0], pictures[1], make_settings({"size": 64}))
    made = {name for painting in planned.paintings for name in painting.names} | set(planned.originals)
    wanted = {name for figure in planned.figures for name, _ in figure.panels}
    assert made == wanted
    keys = [painting.key("") for painting in planned.paintings]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {painting.key("other weights") for painting in planned.paintings}
    others = design(pictures[0], pictures[1], make_settings({"size": 64, "seed": 1})).paintings
    assert not set(keys) & {painting.key("") for painting in others}
    assert set(keys) == {
        painting.key("") for painting in design(*pictures, make_settings({"size": 64})).paintings
    }
    run = next(painting for painting in planned.paintings if painting.kept)
    assert len(run.kept) == 6
    assert run.kept[-1] == run.job.settings.iterations


def test_the_middle_of_a_picture() -> None:
    assert middle(Picture(np.zeros((100, 60, 3), np.float32))) == Crop(15, 25, 30, 50)
    assert middle(Picture(np.zeros((20, 16, 3), np.float32))) == Crop(0, 2, 16, 16)
