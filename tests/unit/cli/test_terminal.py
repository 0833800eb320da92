"""What ``nst`` prints: nothing controls the terminal, and a reader that is gone ends no run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from nst_core.cli.terminal import _outlasting
from nst_core.images.metadata import KEYWORD, to_line
from tests.unit.cli.conftest import QUICK, Nst

ROOT = str(Path(__file__).parents[3])
PAINT = ("stylize", "photo.png", "painting.png", *QUICK)


def test_reader_that_is_gone_ends_no_run(environment: None, workdir: Path) -> None:
    """Neither a closed stderr nor a pipe that nobody reads any more."""
    variables = {**os.environ, "PYTHONPATH": ROOT}
    command = f"set -o pipefail; {sys.executable} -m nst_core.cli {' '.join(PAINT)} -o out.png --json"
    done = subprocess.run(
        ["bash", "-c", f"{command} 2>&- <&- | head -1"], env=variables, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    Image.open(workdir / "out.png").verify()


@pytest.mark.parametrize("mode", ["buffered", "unbuffered"])
def test_stream_outlasts_its_reader(mode: str) -> None:
    reader, writer = os.pipe()
    raw = io.FileIO(writer, "w")
    stream = io.TextIOWrapper(raw if mode == "unbuffered" else io.BufferedWriter(raw), encoding="utf-8")
    outlasting = _outlasting(stream, writer)
    assert outlasting is not stream
    outlasting.write("read\n")
    outlasting.flush()
    assert os.read(reader, 99) == b"read\n"
    os.close(reader)
    for _ in range(3):
        outlasting.write("not read\n")
        outlasting.flush()
    outlasting.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_under_stdout_is_told_once() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        outlasting = _outlasting(full, full.fileno())
        outlasting.write("answer")
        with pytest.raises(OSError, match="No space"):
            outlasting.flush()
        outlasting.close()


def picture_with_record(path: Path, **texts: str) -> None:
    """Write a picture that looks as if nst had painted it."""
    info = PngImagePlugin.PngInfo()
    info.add_text(KEYWORD, to_line(texts))
    Image.new("RGB", (32, 32)).save(path, pnginfo=info)


def test_texts_of_a_picture_are_printed_harmlessly(nst: Nst, workdir: Path) -> None:
    picture_with_record(workdir / "set.png", settings='{"iterations": 1}', model_sha256="\x1b]0;pwn\x07")
    outcome = nst(*PAINT, "--settings", "set.png", "-o", "out.png")
    assert outcome.code == 0
    assert r"(SHA-256 \x1b]0;pwn\x07 instead" in outcome.err
    assert outcome.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["-photo.png", "-otter.png", "--hund.png", "-"])
def test_name_that_begins_with_a_dash_is_explained(nst: Nst, workdir: Path, name: str) -> None:
    (workdir / "photo.png").rename(workdir / name)
    outcome = nst("stylize", name, "painting.png", *QUICK, "-o", "out.png")
    assert outcome.code == 2
    assert f"./{name}" in outcome.err
    assert "--" in outcome.err


def test_value_of_an_option_may_begin_with_a_dash(nst: Nst, workdir: Path) -> None:
    (workdir / "photo.png").rename("-photo.png")
    Path("-out.png").write_bytes(b"old")
    done = nst("stylize", "./-photo.png", "painting.png", *QUICK, "-o", "-out.png", "--force")
    assert done.code == 0, done.err
