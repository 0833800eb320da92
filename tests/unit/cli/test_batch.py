"""``nst batch``: a folder here, and over a Ray of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from nst_core.batch import find_errands
from nst_core.errors import ErrorCode, NstError
from tests.unit.cli.conftest import QUICK, Nst, waves


@pytest.fixture
def photos(place: Path) -> Path:
    """Two photographs, a file that is none, and what is not to be taken for one."""
    folder = place / "photos"
    folder.mkdir()
    waves(48, 32, 1).save(folder / "a.png")
    waves(32, 40, 2).save(folder / "b.jpg")
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "sub").mkdir()
    return folder


def test_errands_are_named_after_their_pictures(photos: Path, place: Path) -> None:
    waves(32, 32, 3).save(photos / "a.tif")
    errands, done = find_errands(photos, place / "out", ".png", force=False)
    assert [errand.target.name for errand in errands] == ["a.png.png", "a.tif.png", "b.png"]
    assert done == 0


def test_what_is_there_is_done(photos: Path, place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "a.png").write_bytes(b"kept")
    errands, done = find_errands(photos, place / "out", ".png", force=False)
    assert [errand.source.name for errand in errands] == ["b.jpg"]
    assert done == 1
    assert len(find_errands(photos, place / "out", ".png", force=True)[0]) == 2


@pytest.mark.parametrize("name", ["nowhere", "empty", "photo.png"])
def test_a_folder_that_will_not_do(place: Path, name: str) -> None:
    (place / "empty").mkdir()
    with pytest.raises(NstError) as caught:
        find_errands(place / name, place / "out", ".png", force=False)
    assert caught.value.code in (ErrorCode.MISSING_FILE, ErrorCode.BAD_SETTING, ErrorCode.UNREADABLE_FILE)


def test_a_folder_is_painted_and_taken_up_again(nst: Nst, photos: Path, place: Path) -> None:
    first = nst("batch", "photos", "painting.png", "-o", "out", *QUICK)
    assert first.code == 0, first.err
    assert sorted(path.name for path in (place / "out").iterdir()) == ["a.png", "b.png"]
    with Image.open(place / "out" / "b.png") as painted:
        assert painted.size == (32, 40)
    before = (place / "out" / "a.png").stat().st_mtime_ns
    (place / "out" / "b.png").unlink()
    again = nst("batch", "photos", "painting.png", "-o", "out", "--json", *QUICK)
    assert again.code == 0
    assert again.events[-1]["there_already"] == 1
    assert again.events[-1]["painted"] == [str(Path("out", "b.png"))]
    assert (place / "out" / "a.png").stat().st_mtime_ns == before


def test_one_that_cannot_be_painted_does_not_keep_the_others(nst: Nst, photos: Path, place: Path) -> None:
    (photos / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outcome = nst("batch", "photos", "painting.png", "-o", "out", *QUICK)
    assert outcome.code == 2
    assert "a.png" in outcome.err
    assert "1 of 2 pictures could not be painted" in outcome.err
    assert [path.name for path in (place / "out").iterdir()] == ["b.png"]


def test_a_style_that_is_none_is_said_before_anything_begins(nst: Nst, photos: Path, place: Path) -> None:
    outcome = nst("batch", "photos", "nothing.png", "-o", "out", *QUICK)
    assert outcome.code == 2
    assert "nothing.png" in outcome.err
    assert not (place / "out").exists()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a path short enough for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_over_a_ray_of_this_machine(environment: None, photos: Path, place: Path, temporary: Path) -> None:
    """The files are those of the same command without Ray, an error is told, and nothing is left behind."""
    (photos / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "nst_core.cli", "batch", "photos", "painting.png", *QUICK]
    over = subprocess.run(
        [*command, "-o", "over", "--ray", "local", "--painters", "2"],
        cwd=place, env=variables, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert over.returncode == 2, over.stdout + over.stderr
    assert "1 of 3 pictures could not be painted" in over.stderr
    assert "c.png" in over.stderr
    here = subprocess.run(
        [*command, "-o", "here"], cwd=place, env=variables, capture_output=True, timeout=240, check=False
    )
    assert here.returncode == 2
    for name in ("a.png", "b.png"):
        with Image.open(place / "over" / name) as left, Image.open(place / "here" / name) as right:
            difference = max(
                abs(one - other)
                for one, other in zip(
                    left.convert("RGB").tobytes(), right.convert("RGB").tobytes(), strict=True
                )
            )
            assert left.size == right.size
            assert difference <= 2
    assert list(temporary.iterdir()) == []
