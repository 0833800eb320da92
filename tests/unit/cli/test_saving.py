"""Two runs with one output: nothing that was painted is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst_core.cli.saving import OutputFile, save_painting
from nst_core.events import Notice
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture


def picture(value: float) -> Picture:
    return Picture(np.full((8, 8, 3), value, np.float32))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("was_there", [False, True])
def test_later_run_saves_under_another_name(tmp_path: Path, force: bool, was_there: bool) -> None:
    if was_there and not force:
        pytest.skip("refused before painting")
    path, notices = tmp_path / "out.png", list[Notice]()
    if was_there:
        path.write_bytes(b"old")
    runs = [OutputFile.look_up(path, force=force) for _ in range(3)]
    saved = [
        save_painting(picture(number / 2), run, {}, notices.append).name for number, run in enumerate(runs)
    ]
    assert saved == ["out.png", "out-2.png", "out-3.png"]
    assert [round(float(read_picture(tmp_path / name).pixels[0, 0, 0]), 1) for name in saved] == [0, 0.5, 1]
    assert [notice.code for notice in notices] == ["other-name"] * 2
    assert "out-2.png" in str(notices[0])


def test_other_name_fits_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / f"{'絵' * 83}.png"
    run = OutputFile.look_up(path, force=False)
    path.write_bytes(b"other")
    saved = save_painting(picture(0.5), run, {}, lambda _notice: None)
    assert len(os.fsencode(saved.name)) <= 255
    assert saved.name.endswith("-2.png")


def test_file_that_did_not_change_is_overwritten_with_force(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    run = OutputFile.look_up(path, force=True)
    assert save_painting(picture(0.5), run, {}, lambda _notice: None) == path
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]
