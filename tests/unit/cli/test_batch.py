"""``nst batch``: a folder here, and over a Ray of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.batch.folder import find_tasks
from nst_core.batch.mask_folders import MaskFolders
from nst_core.errors import ErrorCode, NstError
from nst_core.job.control_files import ControlFiles, RegionFile, StyleFile
from tests.unit.cli.conftest import QUICK, Nst, assert_refused, waves


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
    errands, done = find_tasks(photos, place / "out", ".png", force=False)
    assert [errand.target.name for errand in errands] == ["a.png.png", "a.tif.png", "b.png"]
    assert done == 0


def test_what_is_there_is_done(photos: Path, place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "a.png").write_bytes(b"kept")
    errands, done = find_tasks(photos, place / "out", ".png", force=False)
    assert [errand.source.name for errand in errands] == ["b.jpg"]
    assert done == 1
    assert len(find_tasks(photos, place / "out", ".png", force=True)[0]) == 2


@pytest.mark.parametrize("name", ["nowhere", "empty", "photo.png"])
def test_a_folder_that_will_not_do(place: Path, name: str) -> None:
    (place / "empty").mkdir()
    with pytest.raises(NstError) as caught:
        find_tasks(place / name, place / "out", ".png", force=False)
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


def test_a_start_that_is_none_is_said_before_anything_begins(nst: Nst, photos: Path, place: Path) -> None:
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--init", "contant", *QUICK)
    assert outcome.code == 2
    assert "init must be content, style, noise, or the path of a picture that exists" in outcome.err
    assert not (place / "out").exists()


def left_half(path: Path, size: tuple[int, int]) -> None:
    """A mask that is white on the left."""
    path.parent.mkdir(exist_ok=True)
    picture = Image.new("L", size, 0)
    picture.paste(255, (0, 0, size[0] // 2, size[1]))
    picture.save(path)


def changed(before: Path, after: Path) -> np.ndarray:
    """Which pixels differ."""
    one, two = (np.asarray(Image.open(path).convert("RGB")) for path in (before, after))
    return (one != two).any(axis=2)


def test_each_picture_has_the_mask_of_its_name(nst: Nst, photos: Path, place: Path) -> None:
    left_half(place / "masks" / "a.png", (48, 32))
    left_half(place / "masks" / "B.tif", (32, 40))
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--mask", "masks", *QUICK)
    assert outcome.code == 0, outcome.err
    for name, half in (("a.png", 24), ("b.jpg", 16)):
        there = changed(photos / name, (place / "out" / name).with_suffix(".png"))
        assert not there[:, half:].any()
        assert there[:, :half].mean() > 0.5


def test_a_picture_without_its_mask_is_named_first_and_the_others_are_painted(
    nst: Nst, photos: Path, place: Path
) -> None:
    left_half(place / "masks" / "b.png", (32, 40))
    waves(48, 64, 5).save("other.png")
    arguments = ("-o", "out", "--region", "masks", "painting.png", "--region", "masks", "other.png:2")
    outcome = nst("batch", "photos", *arguments, *QUICK)
    assert outcome.code == 2
    missing, *_, last = (line for line in outcome.err.splitlines() if not line.startswith("VGG-16"))
    assert "There is no mask for a.png in masks. Put one there, named a.png." in missing
    assert "1 of 2 pictures could not be painted" in last
    assert [path.name for path in (place / "out").iterdir()] == ["b.png"]
    again = nst("batch", "photos", *arguments, *QUICK)
    assert again.code == 2
    left_half(place / "masks" / "a.png", (48, 32))
    assert nst("batch", "photos", *arguments, *QUICK).code == 0


def test_one_mask_serves_the_pictures_of_its_shape(nst: Nst, photos: Path, place: Path) -> None:
    left_half(place / "left.png", (96, 64))
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--strength-mask", "left.png", *QUICK)
    assert outcome.code == 2
    assert "b.jpg: The strength mask is 96 x 64 pixels, which is not the shape of 32 x 40." in outcome.err
    assert not changed(photos / "a.png", place / "out" / "a.png")[:, 30:].any()


@pytest.mark.parametrize("mask", ["nowhere.png", "black.png", "photos", "text.png"])
def test_a_mask_that_serves_none_is_said_before_anything_begins(
    nst: Nst, photos: Path, place: Path, mask: str
) -> None:
    Image.new("L", (48, 32)).save("black.png")
    (place / "text.png").write_text("not a picture")
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--mask", mask, *QUICK)
    assert outcome.code == 2
    assert mask in outcome.err
    assert len(outcome.err.splitlines()) <= 2
    assert not (place / "out").exists()


def test_a_folder_is_painted_as_each_picture_is_alone(nst: Nst, photos: Path, place: Path) -> None:
    """Blends, strokes of another picture and parts of styles."""
    waves(40, 40, 7).save("strokes.png")
    left_half(place / "part.png", (48, 64))
    left_half(place / "masks" / "a.png", (48, 32))
    left_half(place / "masks" / "b.png", (32, 40))
    control = ("painting.png:2", "photo.png", "--fine-style", "strokes.png", "--region-from")
    rest = ("painting.png", "part.png", *QUICK)
    folder = nst("batch", "photos", *control, "masks", *rest, "-o", "out")
    assert folder.code == 0, folder.err
    alone = nst("stylize", "photos/a.png", *control, "masks/a.png", *rest, "-o", "a.png")
    assert alone.code == 0, alone.err
    assert not changed(place / "out" / "a.png", place / "a.png").any()


@pytest.mark.parametrize("output", ["photos", "masks"])
def test_results_never_lie_among_what_is_read(nst: Nst, photos: Path, place: Path, output: str) -> None:
    left_half(place / "masks" / "a.png", (48, 32))
    left_half(place / "masks" / "b.png", (32, 40))
    before = {path: path.read_bytes() for path in place.rglob("*.*") if path.is_file()}
    outcome = nst("batch", "photos", "painting.png", "--mask", "masks", "-o", output, "--force", *QUICK)
    assert_refused(outcome, output, "-o")
    assert {path: path.read_bytes() for path in place.rglob("*.*") if path.is_file()} == before


def test_a_result_is_never_written_over_a_style(nst: Nst, photos: Path, place: Path) -> None:
    (place / "out").mkdir()
    (place / "painting.png").rename(place / "out" / "a.png")
    before = (place / "out" / "a.png").read_bytes()
    outcome = nst("batch", "photos", "out/a.png", "-o", "out", "--force", *QUICK)
    assert outcome.code == 2
    assert "is one of the pictures to read" in outcome.err
    assert (place / "out" / "a.png").read_bytes() == before
    assert (place / "out" / "b.png").is_file()


def test_a_drive_may_be_the_folder(nst: Nst, place: Path) -> None:
    assert_refused(nst("batch", place.anchor, "painting.png"), "no pictures")


def test_which_mask_belongs_to_a_picture(photos: Path, place: Path) -> None:
    for name in ("a.tif", "A.PNG", "b.webp", "c.png", "c.jpg", "d.jpg.png", "d.png"):
        left_half(place / "sky" / name, (8, 8))
    region = RegionFile("sky", StyleFile("painting.png"))
    masks = MaskFolders(ControlFiles((region,), "left.png"), photos)
    assert masks.shared == ["left.png"]

    def mask(name: str) -> str:
        (found,) = masks.of(photos / name).regions
        assert found.title == "sky"
        return Path(found.mask).name

    assert mask("a.png") == "A.PNG"
    assert mask("B.jpg") == "b.webp"
    assert mask("c.png") == "c.png"
    assert mask("d.jpg") == "d.jpg.png"
    for name, words in (("a.jpg", "A.PNG and a.tif"), ("c.tif", "several"), ("e.jpg", "no mask for e.jpg")):
        with pytest.raises(NstError, match=words):
            masks.of(photos / name)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a path short enough for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_over_a_ray_of_this_machine(environment: None, photos: Path, place: Path, temporary: Path) -> None:
    """The files are those of the same command without Ray, an error is told, and nothing is left behind.

    Masks travel with their pictures, styles of regions with the painters.
    """
    (photos / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    for name, size in (("a", (48, 32)), ("b", (32, 40)), ("c", (32, 32))):
        left_half(place / "masks" / f"{name}.png", size)
    left_half(place / "part.png", (72, 48))
    variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "nst_core.cli", "batch", "photos", "painting.png", *QUICK]
    command += ["--region-from", "masks", "photo.png", "part.png", "--mask", "masks"]
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
    assert not changed(photos / "a.png", place / "over" / "a.png")[:, 24:].any()
    assert list(temporary.iterdir()) == []
