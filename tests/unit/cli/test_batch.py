"""``nst batch``: a folder painted here, and on Ray on this machine."""

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
def photos(workdir: Path) -> Path:
    """A folder with two photographs, and files and a folder that are not pictures."""
    folder = workdir / "photos"
    folder.mkdir()
    waves(48, 32, 1).save(folder / "a.png")
    waves(32, 40, 2).save(folder / "b.jpg")
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "sub").mkdir()
    return folder


def test_results_are_named_after_their_pictures(photos: Path, workdir: Path) -> None:
    waves(32, 32, 3).save(photos / "a.tif")
    tasks, finished, *_ = find_tasks(photos, workdir / "out", ".png", force=False)
    assert [task.target.name for task in tasks] == ["a.png.png", "a.tif.png", "b.png"]
    assert finished == 0


def test_existing_results_are_skipped(photos: Path, workdir: Path) -> None:
    (workdir / "out").mkdir()
    (workdir / "out" / "a.png").write_bytes(b"kept")
    tasks, finished, *_ = find_tasks(photos, workdir / "out", ".png", force=False)
    assert [task.source.name for task in tasks] == ["b.jpg"]
    assert finished == 1
    assert len(find_tasks(photos, workdir / "out", ".png", force=True)[0]) == 2


@pytest.mark.parametrize("name", ["nowhere", "empty", "photo.png"])
def test_bad_folder_is_refused(workdir: Path, name: str) -> None:
    (workdir / "empty").mkdir()
    with pytest.raises(NstError) as caught:
        find_tasks(workdir / name, workdir / "out", ".png", force=False)
    assert caught.value.code in (ErrorCode.MISSING_FILE, ErrorCode.BAD_SETTING, ErrorCode.UNREADABLE_FILE)


@pytest.mark.slow
def test_batch_paints_a_folder_and_continues_it(nst: Nst, photos: Path, workdir: Path) -> None:
    first = nst("batch", "photos", "painting.png", "-o", "out", *QUICK)
    assert first.code == 0, first.err
    assert sorted(path.name for path in (workdir / "out").iterdir()) == ["a.png", "b.png"]
    with Image.open(workdir / "out" / "b.png") as painted:
        assert painted.size == (32, 40)
    before = (workdir / "out" / "a.png").stat().st_mtime_ns
    (workdir / "out" / "b.png").unlink()
    again = nst("batch", "photos", "painting.png", "-o", "out", "--json", *QUICK)
    assert again.code == 0
    assert again.events[-1]["there_already"] == 1
    assert again.events[-1]["painted"] == [str(Path("out", "b.png"))]
    assert (workdir / "out" / "a.png").stat().st_mtime_ns == before


def test_bad_picture_does_not_stop_the_batch(nst: Nst, photos: Path, workdir: Path) -> None:
    (photos / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outcome = nst("batch", "photos", "painting.png", "-o", "out", *QUICK)
    assert outcome.code == 2
    assert "a.png" in outcome.err
    assert "1 of 2 pictures could not be painted" in outcome.err
    assert [path.name for path in (workdir / "out").iterdir()] == ["b.png"]


def test_missing_style_is_refused_before_painting(nst: Nst, photos: Path, workdir: Path) -> None:
    outcome = nst("batch", "photos", "nothing.png", "-o", "out", *QUICK)
    assert outcome.code == 2
    assert "nothing.png" in outcome.err
    assert not (workdir / "out").exists()


def test_bad_init_is_refused_before_painting(nst: Nst, photos: Path, workdir: Path) -> None:
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--init", "contant", *QUICK)
    assert outcome.code == 2
    assert "init must be content, style, noise, or the path of a picture that exists" in outcome.err
    assert not (workdir / "out").exists()


def left_half(path: Path, size: tuple[int, int]) -> None:
    """Write a mask that is white on the left."""
    path.parent.mkdir(exist_ok=True)
    picture = Image.new("L", size, 0)
    picture.paste(255, (0, 0, size[0] // 2, size[1]))
    picture.save(path)


def changed(before: Path, after: Path) -> np.ndarray:
    """Return which pixels differ."""
    old, new = (np.asarray(Image.open(path).convert("RGB")) for path in (before, after))
    return (old != new).any(axis=2)


def test_each_picture_gets_the_mask_of_its_name(nst: Nst, photos: Path, workdir: Path) -> None:
    left_half(workdir / "masks" / "a.png", (48, 32))
    left_half(workdir / "masks" / "B.tif", (32, 40))
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--mask", "masks", *QUICK)
    assert outcome.code == 0, outcome.err
    for name, half in (("a.png", 24), ("b.jpg", 16)):
        changed_pixels = changed(photos / name, (workdir / "out" / name).with_suffix(".png"))
        assert not changed_pixels[:, half:].any()
        assert changed_pixels[:, :half].mean() > 0.5


@pytest.mark.slow
def test_picture_without_mask_is_reported_first_and_skipped(nst: Nst, photos: Path, workdir: Path) -> None:
    left_half(workdir / "masks" / "b.png", (32, 40))
    waves(48, 64, 5).save("other.png")
    arguments = ("-o", "out", "--region", "masks", "painting.png", "--region", "masks", "other.png:2")
    outcome = nst("batch", "photos", *arguments, *QUICK)
    assert outcome.code == 2
    others, missing, *_, last = (line for line in outcome.err.splitlines() if not line.startswith("VGG-16"))
    assert others == "2 other files are no pictures."
    assert "There is no mask for a.png in masks. Add one, named a.png." in missing
    assert "1 of 2 pictures could not be painted" in last
    assert [path.name for path in (workdir / "out").iterdir()] == ["b.png"]
    again = nst("batch", "photos", *arguments, *QUICK)
    assert again.code == 2
    left_half(workdir / "masks" / "a.png", (48, 32))
    assert nst("batch", "photos", *arguments, *QUICK).code == 0


def test_single_mask_is_used_for_pictures_of_its_shape(nst: Nst, photos: Path, workdir: Path) -> None:
    left_half(workdir / "left.png", (96, 64))
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--strength-mask", "left.png", *QUICK)
    assert outcome.code == 2
    assert "b.jpg: The mask left.png is 96 x 64 pixels, but its picture is 32 x 40" in outcome.err
    assert not changed(photos / "a.png", workdir / "out" / "a.png")[:, 30:].any()


@pytest.mark.parametrize("mask", ["nowhere.png", "black.png", "photos", "text.png"])
def test_unusable_mask_is_refused_before_painting(nst: Nst, photos: Path, workdir: Path, mask: str) -> None:
    Image.new("L", (48, 32)).save("black.png")
    (workdir / "text.png").write_text("not a picture")
    outcome = nst("batch", "photos", "painting.png", "-o", "out", "--mask", mask, *QUICK)
    assert outcome.code == 2
    assert mask in outcome.err
    assert len(outcome.err.splitlines()) <= 2
    assert not (workdir / "out").exists()


@pytest.mark.slow
def test_batch_paints_like_stylize(nst: Nst, photos: Path, workdir: Path) -> None:
    """Also with blended styles, a fine style and style masks."""
    waves(40, 40, 7).save("strokes.png")
    left_half(workdir / "part.png", (48, 64))
    left_half(workdir / "masks" / "a.png", (48, 32))
    left_half(workdir / "masks" / "b.png", (32, 40))
    control = ("painting.png:2", "photo.png", "--fine-style", "strokes.png", "--region-from")
    style = ("painting.png", "part.png", *QUICK)
    folder = nst("batch", "photos", *control, "masks", *style, "-o", "out")
    assert folder.code == 0, folder.err
    alone = nst("stylize", "photos/a.png", *control, "masks/a.png", *style, "-o", "a.png")
    assert alone.code == 0, alone.err
    assert not changed(workdir / "out" / "a.png", workdir / "a.png").any()


@pytest.mark.parametrize("output", ["photos", "masks"])
def test_input_folder_is_refused_as_output(nst: Nst, photos: Path, workdir: Path, output: str) -> None:
    left_half(workdir / "masks" / "a.png", (48, 32))
    left_half(workdir / "masks" / "b.png", (32, 40))
    before = {path: path.read_bytes() for path in workdir.rglob("*.*") if path.is_file()}
    outcome = nst("batch", "photos", "painting.png", "--mask", "masks", "-o", output, "--force", *QUICK)
    assert_refused(outcome, output, "-o")
    assert {path: path.read_bytes() for path in workdir.rglob("*.*") if path.is_file()} == before


def test_result_never_overwrites_a_style(nst: Nst, photos: Path, workdir: Path) -> None:
    (workdir / "out").mkdir()
    (workdir / "painting.png").rename(workdir / "out" / "a.png")
    before = (workdir / "out" / "a.png").read_bytes()
    outcome = nst("batch", "photos", "out/a.png", "-o", "out", "--force", *QUICK)
    assert outcome.code == 2
    assert "is one of the pictures to read" in outcome.err
    assert (workdir / "out" / "a.png").read_bytes() == before
    assert (workdir / "out" / "b.png").is_file()


def test_root_of_a_drive_is_accepted_as_folder(nst: Nst, workdir: Path) -> None:
    assert_refused(nst("batch", workdir.anchor, "painting.png"), "no pictures")


def test_masks_are_matched_to_pictures_by_name(photos: Path, workdir: Path) -> None:
    for name in ("a.tif", "A.PNG", "b.webp", "c.png", "c.jpg", "d.jpg.png", "d.png"):
        left_half(workdir / "sky" / name, (8, 8))
    region = RegionFile(mask="sky", style=StyleFile("painting.png"))
    masks = MaskFolders(ControlFiles((region,), "left.png"), photos)
    assert masks.shared_masks == ["left.png"]

    def mask(name: str) -> str:
        (region_with_mask,) = masks.control_for(photos / name).regions
        assert region_with_mask.title == "sky"
        return Path(region_with_mask.mask).name

    assert mask("a.png") == "A.PNG"
    assert mask("B.jpg") == "b.webp"
    assert mask("c.png") == "c.png"
    assert mask("d.jpg") == "d.jpg.png"
    for name, words in (("a.jpg", "A.PNG and a.tif"), ("c.tif", "several"), ("e.jpg", "no mask for e.jpg")):
        with pytest.raises(NstError, match=words):
            masks.control_for(photos / name)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files, with a path short enough for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_local_ray_paints_the_same_and_leaves_nothing_behind(
    environment: None, photos: Path, workdir: Path, temporary: Path
) -> None:
    """Paint with and without Ray: the same results and errors, and no temporary files left.

    Masks are sent with their pictures, styles of regions with the painters.
    """
    (photos / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    for name, size in (("a", (48, 32)), ("b", (32, 40)), ("c", (32, 32))):
        left_half(workdir / "masks" / f"{name}.png", size)
    left_half(workdir / "part.png", (72, 48))
    variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "nst_core.cli", "batch", "photos", "painting.png", *QUICK]
    command += ["--region-from", "masks", "photo.png", "part.png", "--mask", "masks"]
    on_ray = subprocess.run(
        [*command, "-o", "on-ray", "--ray", "local", "--painters", "2"],
        cwd=workdir, env=variables, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert on_ray.returncode == 2, on_ray.stdout + on_ray.stderr
    assert "1 of 3 pictures could not be painted" in on_ray.stderr
    assert "c.png" in on_ray.stderr
    here = subprocess.run(
        [*command, "-o", "here"], cwd=workdir, env=variables, capture_output=True, timeout=240, check=False
    )
    assert here.returncode == 2
    for name in ("a.png", "b.png"):
        with Image.open(workdir / "on-ray" / name) as left, Image.open(workdir / "here" / name) as right:
            difference = max(
                abs(left_value - right_value)
                for left_value, right_value in zip(
                    left.convert("RGB").tobytes(), right.convert("RGB").tobytes(), strict=True
                )
            )
            assert left.size == right.size
            assert difference <= 2
    assert not changed(photos / "a.png", workdir / "on-ray" / "a.png")[:, 24:].any()
    assert list(temporary.iterdir()) == []
