"""Temporary files beside results: those of killed runs are deleted, those of running ones are not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.images import file_io, part_files
from nst_core.images.file_io import replace_file
from nst_core.images.part_files import sweep_parts, write_part

ROOT = str(Path(__file__).parents[3])

HOLD = """
import sys
from pathlib import Path
from nst_core.images.part_files import write_part
with write_part(Path(sys.argv[1]), b"data"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".part")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no locks that other programs see so")
def test_file_of_a_killed_run_is_swept_and_that_of_a_running_one_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": ROOT}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        sweep_parts(tmp_path)
        assert len(parts(tmp_path)) == 1
        process.kill()
        process.wait()
    assert len(parts(tmp_path)) == 1
    replace_file(tmp_path / "result.png", b"data", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["result.png"]


def test_other_files_are_not_swept(tmp_path: Path) -> None:
    outside = tmp_path / "photo.png"
    outside.write_bytes(b"photo")
    names = ("photo.part", ".nst-x.part", ".nst-0123456789abcdef.part.png")
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / ".nst-0123456789abcdef.part").symlink_to(outside)
    (tmp_path / ".nst-0123456789abcdee.part").mkdir()
    before = sorted(tmp_path.iterdir())
    sweep_parts(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("age", "is_left"), [(0.0, True), (2 * part_files.OLD_SECONDS, False)])
def test_age_decides_where_locks_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, is_left: bool
) -> None:
    path = tmp_path / ".nst-0123456789abcdef.part"
    path.write_bytes(b"data")
    os.utime(path, (time.time() - age,) * 2)
    monkeypatch.setattr(part_files, "_lock", lambda _descriptor: None)
    sweep_parts(tmp_path)
    assert path.exists() is is_left


def test_file_is_gone_after_an_error(tmp_path: Path) -> None:
    def fail_with(path: Path) -> None:
        assert path.read_bytes() == b"data"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), write_part(tmp_path, b"data") as path:
        fail_with(path)
    assert parts(tmp_path) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_two_programs_do_not_both_create_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """The other one is a moment faster: between the look at the name and the renaming."""
    target = tmp_path / "a.png"
    real = file_io.write_part

    def write_late(folder: Path, data: bytes):  # type: ignore[no-untyped-def]
        target.write_bytes(b"other")
        return real(folder, data)

    monkeypatch.setattr(file_io, "write_part", write_late)
    if has_links:
        monkeypatch.setattr(Path, "exists", lambda _path: False)
    with pytest.raises(NstError) as caught:
        replace_file(target, b"mine", force=False)
    assert caught.value.code is ErrorCode.OUTPUT_EXISTS
    assert target.read_bytes() == b"other"
    assert parts(tmp_path) == []
