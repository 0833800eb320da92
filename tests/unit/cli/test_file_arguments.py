"""Files on the command line: styles with weights, default outputs, and folders to write to."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nst_core.cli import file_arguments
from nst_core.cli.file_arguments import default_output, parse_sides, parse_style
from nst_core.cli.output_folders import check_folder, fill_folder
from nst_core.errors import ErrorCode, NstError
from nst_core.job.control_files import StyleFile
from nst_core.style_library.ready_styles import find_ready_style
from tests.unit.cli.conftest import unprivileged


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("waves.jpg", "waves.jpg", 1.0),
        ("waves.jpg:2", "waves.jpg", 2.0),
        ("waves.jpg:0.25", "waves.jpg", 0.25),
        ("folder/waves.jpg:1e-3", "folder/waves.jpg", 0.001),
        ("12:30.jpg", "12:30.jpg", 1.0),
        ("a:b:3", "a:b", 3.0),
        (r"C:\waves.jpg", r"C:\waves.jpg", 1.0),
        (r"C:\waves.jpg:2", r"C:\waves.jpg", 2.0),
        (":2", ":2", 1.0),
        ("waves.jpg:", "waves.jpg:", 1.0),
    ],
)
def test_style_is_parsed_with_its_weight(text: str, path: str, weight: float) -> None:
    assert parse_style(text) == StyleFile(path, weight)


def test_drive_letter_is_not_a_style_with_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_style("C:2") == StyleFile("C", 2.0)
    monkeypatch.setattr(file_arguments.os, "name", "nt")
    assert parse_style("C:2") == StyleFile("C:2")


def test_existing_file_wins_over_a_weight(workdir: Path) -> None:
    (workdir / "painting:2").write_bytes(b"")
    assert parse_style("painting:2") == StyleFile("painting:2")
    assert parse_style("painting:2:0.5") == StyleFile("painting:2", 0.5)
    assert parse_style("painting:3") == StyleFile("painting", 3.0)


@pytest.mark.parametrize("weight", ["nan", "inf", "-1"])
def test_bad_weight_is_refused(weight: str) -> None:
    with pytest.raises(NstError, match="must be a finite number, 0 or more") as caught:
        parse_style(f"waves.jpg:{weight}")
    assert caught.value.code is ErrorCode.BAD_SETTING


@given(st.text(), st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_any_name_with_any_weight_is_parsed(name: str, weight: float) -> None:
    assume(name and find_ready_style(name) is None)
    assert parse_style(f"{name}:{weight!r}") == StyleFile(name, weight)


def test_sides_are_parsed_as_height_and_width() -> None:
    assert parse_sides("640x480") == (480, 640)
    assert parse_sides(" 640X480 ") == (480, 640)
    for bad_text in ("640", "640x", "0x10", "-1x10", "1e3x5", "640x480x3", "999999x1"):
        with pytest.raises(NstError, match="WIDTHxHEIGHT"):
            parse_sides(bad_text)


def test_default_output_is_named_after_the_inputs() -> None:
    assert default_output("a/photo.jpg", "b/sky.tif", "waves.png") == Path("a/photo-sky-waves.png")
    assert default_output("photo.jpg", 'relu4_1:2,relu5_1:"?*') == Path("photo-relu4_1_2_relu5_1_.png")
    assert len(default_output("photo.jpg", *["long" * 30] * 9).name) < 130


@pytest.mark.parametrize(
    "stem",
    [
        "🌻" * 70,
        "星月夜ゴッホの有名な絵画" * 9,
        "ก็" * 90,
        "👩\u200d🎨" * 40,
        "x" + "e\u0301" * 200,
        "é" * 119,
    ],
)
def test_default_output_has_a_possible_name(stem: str, tmp_path: Path) -> None:
    """File systems count bytes; characters that are shown as one stay together."""
    made = default_output(f"{tmp_path}/{stem}.jpg", "絵.png")
    made.write_bytes(b"painted")
    name = made.stem
    assert name.startswith(stem[:30])
    assert len(f"{name}.png".encode()) <= 255
    rest = f"{stem}-絵"[len(name) :]
    assert not rest or unicodedata.category(rest[0])[0] != "M"
    assert "\u200d" not in (name[-1], rest[:1])


def fail_while_filling(path: Path) -> None:
    with fill_folder(path) as folder:
        folder.new_file("picture.png").write_bytes(b"half")
        raise KeyError


def test_failure_removes_the_created_folders(workdir: Path) -> None:
    folder = workdir / "new" / "folder"
    check_folder(folder, force=False)
    with pytest.raises(KeyError):
        fail_while_filling(folder)
    assert not (workdir / "new").exists()


def test_failure_keeps_the_existing_files(workdir: Path) -> None:
    old = workdir / "old.txt"
    old.write_text("kept")
    with pytest.raises(NstError, match="is not empty"):
        check_folder(workdir, force=False)
    check_folder(workdir, force=True)
    with pytest.raises(KeyError):
        fail_while_filling(workdir)
    assert old.read_text() == "kept"
    assert not (workdir / "picture.png").exists()


def test_unwritable_folder_is_refused(workdir: Path) -> None:
    with pytest.raises(NstError, match="is not a folder"):
        check_folder(workdir / "photo.png", force=True)
    with pytest.raises(NstError):
        check_folder(workdir / "photo.png" / "inside", force=True)
    locked = workdir / "locked"
    locked.mkdir()
    workdir.parent.chmod(0o755)
    workdir.chmod(0o755)
    locked.chmod(0o555)
    with unprivileged(), pytest.raises(NstError) as caught:
        check_folder(locked / "inside", force=False)
    assert caught.value.code is ErrorCode.UNWRITABLE_OUTPUT
