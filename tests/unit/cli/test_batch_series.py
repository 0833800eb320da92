"""``nst batch`` as a series: the plan, the contact sheet, series colours, a broken picture and a resume."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from nst_core.batch.sheet import cell_side, sheet_columns, write_sheet
from nst_core.events import Notice
from nst_core.images.metadata import read_metadata
from tests.unit.cli.conftest import QUICK, Nst, assert_refused, waves


@pytest.fixture
def photos(workdir: Path) -> Path:
    """A folder with two photographs."""
    folder = workdir / "photos"
    folder.mkdir()
    waves(48, 32, 1).save(folder / "a.png")
    waves(32, 40, 2).save(folder / "b.png")
    return folder


def test_series_with_a_broken_picture_is_continued_and_gets_a_sheet_of_all_results(
    nst: Nst, photos: Path, workdir: Path
) -> None:
    (photos / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    command = ("batch", "photos", "painting.png", "-o", "out", "--sheet", "sheets/all.jpg", "--series-colors")
    first = nst(*command, *QUICK)
    assert first.code == 2
    assert "3 pictures to paint: about" in first.err
    assert "c.png" in first.err
    sheet = workdir / "sheets" / "all.jpg"
    assert read_metadata(sheet)["sheet"] == "2"
    results = {path.name: path.read_bytes() for path in (workdir / "out").iterdir()}
    assert sorted(results) == ["a.png", "b.png"]
    (workdir / "out" / "a.png").unlink()
    (photos / "c.png").unlink()
    sheet_before = sheet.read_bytes()
    again = nst(*command, "--resume", "--json", *QUICK)
    assert again.code == 0, again.err
    assert again.events[-1]["sheet"] == str(Path("sheets", "all.jpg"))
    assert {path.name: path.read_bytes() for path in (workdir / "out").iterdir()} == results
    assert sheet.read_bytes() == sheet_before


def test_sheet_alone_is_made_of_results_that_are_there(nst: Nst, photos: Path, workdir: Path) -> None:
    (workdir / "out").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30), "red").save(workdir / "out" / name)
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--sheet", "out/sheet.png")
    assert outcome.code == 0, outcome.err
    assert "2 results on a contact sheet" in outcome.err
    with Image.open(workdir / "out" / "sheet.png") as sheet:
        colours = sheet.convert("RGB").getcolors(1 << 24) or []
    assert {colour: count for count, colour in colours}[(255, 0, 0)] == 2 * 320 * 240


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ("photos/sheet.png", "would be among the pictures"),
        ("out/a.png", "is the name of one of the results"),
        ("painting.png", "is one of the pictures to read"),
        ("other.png", "already exists"),
        ("sheet.txt", "sheet.txt"),
    ],
)
def test_sheet_that_would_replace_something_is_refused_before_painting(
    nst: Nst, photos: Path, workdir: Path, sheet: str, words: str
) -> None:
    waves(20, 20, 4).save(workdir / "other.png")
    before = {path: path.read_bytes() for path in workdir.rglob("*.*") if path.is_file()}
    assert_refused(nst("batch", "photos", "painting.png", "-o", "out", "--sheet", sheet, *QUICK), words)
    assert {path: path.read_bytes() for path in workdir.rglob("*.*") if path.is_file()} == before


def test_result_that_cannot_be_read_is_told_and_left_out(workdir: Path) -> None:
    waves(40, 30, 1).save("good.png")
    (workdir / "bad.png").write_bytes(b"nothing")
    notices: list[Notice] = []
    results = [workdir / name for name in ("bad.png", "good.png", "missing.png")]
    assert write_sheet(workdir / "sheet.png", results, workdir, notices.append) == 1
    (notice,) = notices
    assert "bad.png is not on the sheet" in notice.message
    assert write_sheet(workdir / "empty.png", results[2:], workdir, notices.append) == 0
    assert not (workdir / "empty.png").exists()


@pytest.mark.parametrize("count", [1, 30, 1000, 10_000])
def test_sheet_of_many_pictures_stays_a_size_that_programs_open(count: int) -> None:
    assert 1 <= sheet_columns(count) * cell_side(count) < 16_000
    assert count * cell_side(count) ** 2 <= 25e6


def test_series_colours_without_colours_of_the_style_are_refused(nst: Nst, photos: Path) -> None:
    options = ("-o", "out", "--series-colors", "--keep-colors", "luminance")
    assert_refused(nst("batch", "photos", "painting.png", *options, *QUICK), "--series-colors")
