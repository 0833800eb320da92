"""Bad input: one sentence, exit code 2, and nothing written."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from PIL import Image

from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import QUICK, Nst, assert_refused, unprivileged

Start = Callable[..., "subprocess.Popen[str]"]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """Return a PNG of ``side`` x ``side`` pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def nothing_written(workdir: Path) -> Iterator[None]:
    """Check after each test that nothing was written."""
    yield
    assert not list(workdir.rglob("out*"))
    assert not list(workdir.rglob("*.part"))


def make_bad_picture(kind: str, workdir: Path) -> str:
    """Write a bad picture and return its name."""
    path = workdir / f"{kind}.png"
    whole = (workdir / "photo.png").read_bytes()
    if kind == "missing":
        return path.name
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind in ("dot", "thread"):
        Image.new("RGB", {"dot": (1, 1), "thread": (3, 10_000)}[kind]).save(path)
    else:
        contents = {
            "empty": b"",
            "truncated": whole[: len(whole) // 2],
            "text": b"not a picture at all\n" * 20,
            "bomb": bomb(100_000),
        }
        path.write_bytes(contents[kind])
    return path.name


BAD_PICTURES = {
    "missing": "There is no file",
    "folder": "is a folder",
    "empty": "is empty",
    "truncated": "damaged",
    "text": "is a text file, though its name ends in .png",
    "bomb": "bomb.png",
    "dot": "1 x 1",
    "thread": "3 x 10000",
}
if hasattr(os, "mkfifo"):
    BAD_PICTURES["pipe"] = "is not a file"


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_bad_content_is_refused(nst: Nst, workdir: Path, kind: str) -> None:
    name = make_bad_picture(kind, workdir)
    assert_refused(nst("stylize", name, "painting.png", "-o", "out.png", *QUICK), BAD_PICTURES[kind])


@pytest.mark.parametrize("kind", ["missing", "truncated", "dot"])
def test_bad_style_or_start_is_refused_by_every_command(nst: Nst, workdir: Path, kind: str) -> None:
    name, words = make_bad_picture(kind, workdir), BAD_PICTURES[kind]
    assert_refused(nst("stylize", "photo.png", "painting.png", name, "-o", "out.png", *QUICK), words)
    assert_refused(nst("evaluate", name, "photo.png", "painting.png"), words)
    assert_refused(nst("reconstruct", name, "--layer", "conv2_1", "-o", "out.png"), words)
    assert_refused(nst("texture", name, "-o", "out.png"), words)
    assert_refused(nst("figures", "out", "photo.png", name), words)
    if kind == "truncated":
        assert_refused(nst("stylize", "photo.png", "painting.png", "--init", name, "-o", "out.png"), words)


def test_unreadable_content_is_refused(nst: Nst, workdir: Path) -> None:
    (workdir / "photo.png").chmod(0)
    for folder in (workdir, workdir.parent):
        folder.chmod(0o755)
    nst("stylize", "missing.png", "missing.png")  # import everything while that is allowed
    with unprivileged():
        refused = nst("stylize", "photo.png", "painting.png", "-o", "/tmp/nst-test-unreadable.png")
    assert_refused(refused, "permission to read photo.png")


def test_unwritable_output_is_refused(nst: Nst, workdir: Path) -> None:
    locked = workdir / "locked"
    locked.mkdir(mode=0o555)
    for folder in (workdir, workdir.parent):
        folder.chmod(0o755)
    nst("stylize", "missing.png", "missing.png")
    with unprivileged():
        refused = nst("stylize", "photo.png", "painting.png", "-o", "locked/out.png")
    assert_refused(refused, "permission to write")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "there.png"], "there.png already exists. Choose another name, or overwrite it with --force."),
        (["-o", "nowhere/out.png"], "There is no folder"),
        (["-o", "out.xyz"], ".xyz"),
        (["-o", "out"], "no suffix"),
        (["-o", "photo.png", "--force"], "one of the pictures to read"),
        (["-o", "out.png", "--strength", "nan"], "strength must be a finite number"),
        (["-o", "out.png", "--strength", "101"], "strength must be 100 or less"),
        (["-o", "out.png", "--seed", "-1"], "seed must be 0 or more"),
        (["-o", "out.png", "--content-layers", "conf4_2"], "Did you mean 'conv4_2'?"),
        (["-o", "out.png", "--style-layers", "relu3_4"], "Did you mean 'relu3_3'?"),
        (["-o", "out.png", "--model", "vgg91"], "There is no network 'vgg91'. Did you mean 'vgg19'?"),
        (["-o", "out.png", "--model", "../vgg16"], "cannot be the name of a network"),
        (["-o", "out.png", "--engine", "tensorflow"], "engine must be"),
        (["-o", "out.png", "--device", "cudda"], "device must be one of"),
        (["-o", "out.png", "--init", "nosie"], "init must be content, style, noise"),
        (["-o", "out.png", "--style-crop", "0,0,900,900"], "reaches outside"),
        (["-o", "out.png", "--settings", "photo.png"], "contains no nst settings"),
        (["-o", "out.png", "--settings", "broken.json"], "not valid JSON"),
        (["-o", "out.png", "--settings", "other.json"], "There is no setting 'colour'"),
        (["-o", "out.png", "--frames-every", "3"], "--frames-every needs --frames"),
        (["-o", "out.png", "--frames", "."], "is not empty"),
        (["-o", "out.png", "--report", "photo.png"], "is not a folder"),
        (["-o", "out.png", "--tv", "much"], "tv: "),
        (["-o", "out.png", "--oops"], "There is no option '--oops'."),
    ],
)
def test_bad_option_is_refused_and_changes_no_file(
    nst: Nst, workdir: Path, arguments: list[str], words: str
) -> None:
    shutil.copy(workdir / "photo.png", workdir / "there.png")
    (workdir / "broken.json").write_text('{"strength": ')
    (workdir / "other.json").write_text('{"colour": 3}')
    before = {path: path.read_bytes() for path in workdir.iterdir()}
    assert_refused(nst("stylize", "photo.png", "painting.png", *arguments), words)
    assert {path: path.read_bytes() for path in workdir.iterdir()} == before


def test_missing_network_is_refused(nst: Nst, workdir: Path) -> None:
    arguments = ("stylize", "photo.png", "painting.png", "-o", "out.png", "--store", "empty")
    assert_refused(nst(*arguments), "No network is installed.", "nst models fetch vgg19")
    assert_refused(nst(*arguments, "--model", "vgg19"), "vgg19 is not installed", "nst models fetch vgg19")
    assert not (workdir / "empty").exists()


@pytest.mark.parametrize("damage", ["truncated", "zeros", "another graph"])
def test_damaged_network_is_refused(nst: Nst, workdir: Path, models: ModelStore, damage: str) -> None:
    store = workdir / "store"
    store.mkdir()
    path = store / "vgg16.onnx"
    if damage == "truncated":
        path.write_bytes((models.root / "vgg16.onnx").read_bytes()[:100_000])
    elif damage == "zeros":
        path.write_bytes(bytes(5000))
    else:
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "nothing", [], [])), str(path))
    arguments = ("stylize", "photo.png", "painting.png", "-o", "out.png", "--store", store)
    assert_refused(nst(*arguments), "is not a usable network", "nst models fetch")


@pytest.mark.slow
def test_run_that_exceeds_memory_is_refused(nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (OnnxBackend, TorchBackend):
        monkeypatch.setattr(backend, "free_bytes", lambda _self: 1_000_000)
    arguments = ("stylize", "photo.png", "painting.png", "-o", "out.png", "--frames", "out")
    for engine in ("onnx", "torch"):
        assert_refused(nst(*arguments, "--engine", engine), "needs about", "MB of memory", "other programs")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize(("limit", "frames"), [(0, False), (900, True)])
def test_full_disk_leaves_no_file(start: Start, workdir: Path, limit: int, frames: bool) -> None:
    """``limit`` is the largest file in bytes: 0 is a full disk, 900 is too small for a result or a frame."""
    import resource

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    arguments = ["stylize", "photo.png", "painting.png", *QUICK, "-o", "out.png"]
    frame_options = ["--frames", "out/frames", "--frames-every", "1"] if frames else []
    process = start(*arguments, *frame_options, preexec_fn=limit_file_size)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert err.splitlines()[-1].startswith("nst: The disk is too full to write")
    assert sorted(path.name for path in workdir.iterdir()) == ["painting.png", "photo.png"]


def test_process_prints_no_traceback(start: Start, workdir: Path) -> None:
    process = start("stylize", "missing.png", "painting.png", "-o", "out.png")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (2, "", "nst: There is no file missing.png. Check the path.\n")
