"""``nst stylize``: results and their metadata, frames, reports, events, repetition."""

from __future__ import annotations

import contextvars
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import nst_core
from nst_core.images import decode
from nst_core.images.metadata import read_metadata
from nst_core.images.read import read_picture
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import QUICK, Nst, assert_refused

Start = Callable[..., "subprocess.Popen[str]"]


def pixels(path: str) -> np.ndarray:
    return read_picture(path).pixels


def test_result_records_how_it_was_painted(nst: Nst, workdir: Path, models: ModelStore) -> None:
    assert nst("stylize", "photo.png", "painting.png", "-o", "out.png", *QUICK, "--seed", 7).code == 0
    change = np.abs(pixels("out.png") - pixels("photo.png")).mean()
    assert 0.005 < change < 0.5
    assert pixels("out.png").shape == (48, 72, 3)
    metadata = read_metadata("out.png")
    network = models.resolve("vgg16")
    assert (metadata["version"], metadata["seed"]) == (nst_core.__version__, "7")
    assert (metadata["model"], metadata["model_sha256"]) == ("vgg16", network.sha256)
    stored = json.loads(metadata["settings"])
    assert set(stored) == set(Settings.model_fields)
    assert (stored["seed"], stored["iterations"], stored["model"]) == (7, 3, "vgg16")
    assert (metadata["content"], json.loads(metadata["styles"])) == ("photo.png", [["painting.png", 1.0]])
    assert "VGG-16 is used" in metadata["notices"]
    assert str(workdir) not in json.dumps(metadata)


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes(nst: Nst, workdir: Path) -> None:
    for seed, name in ((1, "a.png"), (1, "b.png"), (2, "c.png")):
        arguments = ("--init", "noise", "--seed", seed, "-o", name)
        assert nst("stylize", "photo.png", "painting.png", *QUICK, *arguments).code == 0
    assert (workdir / "a.png").read_bytes() == (workdir / "b.png").read_bytes()
    assert np.abs(pixels("a.png") - pixels("c.png")).max() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_result_can_be_repeated(nst: Nst, workdir: Path, suffix: str) -> None:
    first, again = f"first.{suffix}", f"again.{suffix}"
    look = ("--strength", 80, "--init", "noise", "--seed", 5)
    assert nst("stylize", "photo.png", "painting.png", "-o", first, *QUICK, *look).code == 0
    assert nst("stylize", "photo.png", "painting.png", "-o", again, "--settings", first).code == 0
    assert np.array_equal(pixels(first), pixels(again))


@pytest.mark.slow
def test_settings_are_read_from_json_and_from_a_report(nst: Nst, workdir: Path) -> None:
    (workdir / "look.json").write_text('{"strength": 90, "coarsest": 0, "iterations": 2, "style-scale": 0.5}')
    arguments = ("--settings", "look.json", "--report", "report")
    assert nst("stylize", "photo.png", "painting.png", "-o", "a.png", *arguments).code == 0
    stored = json.loads(read_metadata("a.png")["settings"])
    assert (stored["strength"], stored["iterations"], stored["style_scale"]) == (90.0, 2, 0.5)
    again = ("stylize", "photo.png", "painting.png", "--settings", "report/report.json")
    assert nst(*again, "-o", "b.png").code == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    assert nst(*again, "-o", "c.png", "--seed", 6).code == 0
    assert json.loads(read_metadata("c.png")["settings"]) == {**stored, "seed": 6}


def test_other_network_than_recorded_gives_a_notice(nst: Nst, workdir: Path) -> None:
    (workdir / "old.json").write_text(
        json.dumps({"settings": {"iterations": 1, "coarsest": 0}, "model_sha256": "0" * 64})
    )
    outcome = nst("stylize", "photo.png", "painting.png", "-o", "a.png", "--settings", "old.json")
    assert outcome.code == 0
    assert "recorded with another network" in outcome.err


@pytest.mark.parametrize(
    ("option", "name"),
    [("--frames", "frame-00002.png"), ("--frames", "contact-sheet.png"), ("--report", "loss.png")],
)
def test_input_is_not_overwritten_by_frame_or_report(nst: Nst, workdir: Path, option: str, name: str) -> None:
    (workdir / "out").mkdir()
    (workdir / "photo.png").rename(workdir / "out" / name)
    outcome = nst("stylize", f"out/{name}", "painting.png", option, "out", "--force", "-o", "a.png", *QUICK)
    assert_refused(outcome, name, "to read")
    assert (workdir / "out" / name).is_file()


def test_layer_weights_are_repeated_exactly(nst: Nst, workdir: Path) -> None:
    look = ("--style-layers", "relu1_1:0.123456789012,relu2_1:0.7", *QUICK)
    assert nst("stylize", "photo.png", "painting.png", "-o", "a.png", *look).code == 0
    assert nst("stylize", "photo.png", "painting.png", "-o", "b.png", "--settings", "a.png").code == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    stored = [json.loads(read_metadata(name)["settings"])["style_layers"] for name in ("a.png", "b.png")]
    assert stored == [look[1]] * 2


def test_option_overrides_stored_setting_with_dashes(nst: Nst, workdir: Path) -> None:
    (workdir / "look.json").write_text('{"tv-beta": 1.5, "iterations": 1}')
    options = ("--layer", "conv1_1", "--settings", "look.json", "--tv-beta", 1.25, "-o", "a.png")
    assert nst("reconstruct", "photo.png", *options).code == 0
    assert json.loads(read_metadata("a.png")["settings"])["tv_beta"] == 1.25


def test_long_report_is_read(nst: Nst, workdir: Path) -> None:
    curve = [{"level": 1, "iteration": 1, "loss": 0.5}] * 50_000
    (workdir / "report.json").write_text(json.dumps({"settings": {"strength": 101}, "curve": curve}))
    outcome = nst("stylize", "photo.png", "painting.png", "-o", "a.png", "--settings", "report.json")
    assert_refused(outcome, "strength")


@pytest.mark.slow
def test_style_of_weight_0_has_no_effect(nst: Nst, workdir: Path) -> None:
    Image.new("RGB", (40, 40), "red").save("red.png")
    assert nst("stylize", "photo.png", "painting.png", "-o", "one.png", *QUICK).code == 0
    weighted = ("painting.png:3", "red.png:0")
    assert nst("stylize", "photo.png", *weighted, "-o", "two.png", *QUICK).code == 0
    assert nst("stylize", "photo.png", "painting.png:1", "red.png:1", "-o", "half.png", *QUICK).code == 0
    assert np.abs(pixels("one.png") - pixels("two.png")).max() <= 2 / 255
    assert np.abs(pixels("one.png") - pixels("half.png")).mean() > 0.003


@pytest.mark.slow
def test_style_crop_equals_a_cropped_file(nst: Nst, workdir: Path) -> None:
    Image.open("painting.png").crop((8, 10, 40, 50)).save("cut.png")
    assert nst("stylize", "photo.png", "cut.png", "-o", "a.png", *QUICK).code == 0
    assert (
        nst("stylize", "photo.png", "painting.png", "-o", "b.png", *QUICK, "--style-crop", "8,10,32,40").code
        == 0
    )
    assert np.array_equal(pixels("a.png"), pixels("b.png"))


def test_run_starts_from_a_given_picture(nst: Nst, workdir: Path) -> None:
    Image.new("RGB", (72, 48), (250, 250, 250)).save("white.png")
    arguments = ("--iterations", 1, "--coarsest", 0, "--init", "white.png")
    assert nst("stylize", "photo.png", "painting.png", "-o", "a.png", *arguments).code == 0
    assert pixels("a.png").mean() > 0.85
    refused = nst("stylize", "photo.png", "painting.png", "-o", "white.png", "--force", *arguments)
    assert_refused(refused, "white.png", "to read")
    # The metadata names the picture without its folder, which is private.
    with_folder = ("--iterations", 1, "--coarsest", 0, "--init", workdir / "white.png")
    assert nst("stylize", "photo.png", "painting.png", "-o", "b.png", *with_folder).code == 0
    assert (workdir / "a.png").read_bytes() == (workdir / "b.png").read_bytes()
    assert str(workdir) not in json.dumps(read_metadata("b.png"))


@pytest.mark.parametrize(("keep_colors", "mode"), [("none", "RGBA"), ("luminance", "LA")])
def test_grey_file_is_painted_in_colour_unless_its_colours_are_kept(
    nst: Nst, workdir: Path, keep_colors: str, mode: str
) -> None:
    Image.open("photo.png").convert("LA").save("grey.png")
    arguments = (*QUICK, "--size", 36, "--keep-colors", keep_colors)
    assert nst("stylize", "grey.png", "painting.png", "-o", "small.png", *arguments).code == 0
    with Image.open("small.png") as image:
        assert (image.size, image.mode) == ((36, 24), mode)
    assert bool(np.ptp(read_picture("small.png").pixels, axis=2).max() > 0.05) == (mode == "RGBA")


@pytest.mark.parametrize("options", [(), ("--keep-location",)])
def test_author_and_resolution_are_kept_and_the_place_on_request(
    nst: Nst, workdir: Path, options: tuple[str, ...]
) -> None:
    """The resolution changes with the size, so that a print of the result is as large as one of the photo."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ann Onymous"
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (46.0, 57.0, 0.0)}
    Image.open("photo.png").save("shot.jpg", exif=exif, dpi=(300, 300))
    arguments = ("shot.jpg", "painting.png", "-o", "out.tif", *QUICK, "--size", 36, *options)
    assert nst("stylize", *arguments).code == 0
    info = read_picture("out.tif").info
    assert info.dpi == pytest.approx((150, 150))
    assert (info.texts["author"], bool(info.gps_tags)) == (("Ann Onymous",), bool(options))


def test_16_bits_are_kept(nst: Nst, workdir: Path) -> None:
    deep = np.asarray(Image.open("photo.png").convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save("deep.tif")
    assert nst("stylize", "deep.tif", "painting.png", "-o", "deep-out.tif", *QUICK).code == 0
    assert read_picture("deep-out.tif").bits == 16


def test_default_output_is_next_to_the_content(nst: Nst, workdir: Path) -> None:
    (workdir / "in").mkdir()
    Image.open("photo.png").save("in/shot.jpg")
    outcome = nst("stylize", "in/shot.jpg", "painting.png", *QUICK)
    assert outcome.code == 0
    assert (workdir / "in" / "shot-painting.png").exists()
    assert "shot-painting.png: 72 x 48" in outcome.err


def test_force_overwrites_the_output(nst: Nst, workdir: Path) -> None:
    (workdir / "out.png").write_bytes(b"old")
    assert nst("stylize", "photo.png", "painting.png", "-o", "out.png", *QUICK, "--force").code == 0
    assert pixels("out.png").shape == (48, 72, 3)


@pytest.mark.slow
def test_frames_and_contact_sheet_are_written(nst: Nst, workdir: Path) -> None:
    arguments = ("--iterations", 5, "--coarsest", 0, "--frames", "deep/frames", "--frames-every", 2)
    assert nst("stylize", "photo.png", "painting.png", "-o", "out.png", *arguments).code == 0
    frames = workdir / "deep" / "frames"
    names = [f"frame-{number:05d}.png" for number in (1, 2, 3)]
    assert sorted(path.name for path in frames.iterdir()) == ["contact-sheet.png", *names]
    last = pixels(str(frames / "frame-00003.png"))
    assert np.array_equal(last, pixels("out.png"))
    assert not np.array_equal(last, pixels(str(frames / "frame-00001.png")))
    with Image.open(frames / "contact-sheet.png") as sheet:
        assert sheet.width >= 2 * 256
    (frames / "holiday.png").write_bytes(b"mine")
    again = (*arguments[:-1], 5, "--force")
    assert nst("stylize", "photo.png", "painting.png", "-o", "out.png", *again).code == 0
    names = ["contact-sheet.png", "frame-00001.png", "holiday.png"]
    assert sorted(path.name for path in frames.iterdir()) == names


@pytest.mark.slow
def test_report_contains_curves_settings_and_timings(nst: Nst, workdir: Path) -> None:
    arguments = ("--iterations", 3, "--coarsest", 36, "--report", "report", "--seed", 4)
    assert nst("stylize", "photo.png", "painting.png:2", "-o", "out.png", *arguments).code == 0
    report = json.loads((workdir / "report" / "report.json").read_text())
    assert report["settings"]["seed"] == report["seed"] == 4
    assert (report["content"], report["styles"]) == ("photo.png", [["painting.png", 2.0]])
    assert len(report["levels"]) >= 1
    assert abs(sum(level["seconds"] for level in report["levels"]) - report["seconds"]) < 0.5
    assert report["curve"][-1]["loss"] <= report["curve"][0]["loss"]
    for step in report["curve"]:
        assert step["loss"] == pytest.approx(sum(step["terms"].values()), rel=1e-3)
    assert [step["iteration"] for step in report["curve"]][-1] == 3
    assert {"content relu4_2", "style relu1_1"} <= set(report["curve"][0]["terms"])
    with Image.open(workdir / "report" / "loss.png") as curves:
        colours = np.asarray(curves.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 100  # antialiased lines of several colours on white
    assert (colours == 255).all(axis=1).mean() > 0.5


def test_json_prints_events_as_lines(nst: Nst, workdir: Path) -> None:
    outcome = nst(
        "stylize", "photo.png", "painting.png", "-o", "out.png", "--json", "--frames", "frames",
        "--frames-every", 3, *QUICK,
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    kinds = [event["event"] for event in outcome.events]
    assert kinds == ["notice", "plan", "progress", "progress", "progress", "preview", "done"]
    plan, done = outcome.events[1], outcome.events[-1]
    assert plan["levels"] == [{"width": 72, "height": 48, "iterations": 3, "tiles": 1, "tile_by_tile": False}]
    assert plan["bytes"] > 0
    assert [event["iteration"] for event in outcome.events[2:5]] == [1, 2, 3]
    assert outcome.events[5]["path"] == str(Path("frames", "frame-00001.png"))
    assert (done["path"], done["width"], done["height"], done["stopped"]) == ("out.png", 72, 48, False)
    assert done["loss"] == pytest.approx(sum(done["terms"].values()), rel=1e-3)


def test_json_prints_errors_as_lines(nst: Nst, workdir: Path) -> None:
    for arguments in (["missing.png", "painting.png"], ["photo.png", "painting.png", "--nonsense"]):
        outcome = nst("stylize", *arguments, "-o", "out.png", "--json")
        assert (outcome.code, outcome.err) == (2, "")
        error = outcome.events[-1]
        assert (error["event"], bool(error["message"]), bool(error["hint"])) == ("error", True, True)


@pytest.mark.slow
def test_piped_stderr_shows_progress_only_on_request(nst: Nst, workdir: Path) -> None:
    arguments = (
        "stylize",
        "photo.png",
        "painting.png",
        "--force",
        "--model",
        "vgg16",
        "-o",
        "out.png",
        *QUICK,
    )
    quiet, asked, verbose = nst(*arguments), nst(*arguments, "--progress"), nst(*arguments, "-v")
    assert (quiet.out, quiet.err) == ("", "")
    assert "Level 1 of 1, 3/3" in asked.err
    assert "out.png: 72 x 48" in asked.err
    assert re.search(r"vgg16 \(\w{12}\) with \w+ on", verbose.err)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_terminal_shows_a_bar(start: Start, workdir: Path) -> None:
    import pty

    main, terminal = pty.openpty()
    process = start("stylize", "photo.png", "painting.png", "-o", "out.png", *QUICK, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            chunk = os.read(main, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(main)
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    assert b"Level 1 of 1" in shown
    assert "━".encode() in shown
    assert b"out.png: 72 x 48" in shown


def test_plan_matches_what_stylize_does(nst: Nst, workdir: Path) -> None:
    arguments = ("photo.png", "painting.png", "--iterations", 2, "--size", 64, "--coarsest", 32)
    planned = nst("plan", *arguments, "--json").json
    assert planned["seconds"] > 0
    assert (planned["seed"], planned["width"], planned["height"]) == (0, 64, 43)
    run = nst("stylize", *arguments, "-o", "out.png", "--json").events
    reported = next(event for event in run if event["event"] == "plan")
    notices, event = planned.pop("notices"), reported.pop("event")
    assert min(planned.pop("bytes"), reported.pop("bytes")) > 1e8  # includes what the process uses already
    assert (event, planned) == ("plan", reported)
    assert [notice["code"] for notice in notices] == ["fallback-model"]
    lines = nst("plan", *arguments).out.splitlines()
    assert lines[1].split() == ["64", "x", "43", "2", "evaluations"]
    assert re.fullmatch(r"about \d+ s, \d\.\d GB of memory", lines[2])
    assert nst("plan", "photo.png", "missing.png").code == 2


def test_limit_of_pixels_is_raised_by_the_option_that_its_message_names(
    nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for the photo and for the style, and only for one command."""
    limit = contextvars.ContextVar("max_pixels", default=3000)
    monkeypatch.setattr(decode, "_max_pixels", limit)  # photo.png has 3456 pixels, painting.png 3072
    arguments = ("stylize", "photo.png", "painting.png", "-o", "out.png", *QUICK)
    assert_refused(nst(*arguments), "photo.png", "--max-megapixels")
    assert_refused(nst("stylize", "painting.png", "photo.png", "-o", "out.png", *QUICK), "--max-megapixels")
    assert_refused(nst(*arguments, "--max-megapixels", "0.003"), "photo.png", "--max-megapixels")
    assert nst(*arguments, "--max-megapixels", "0.004").code == 0
    assert_refused(nst(*arguments, "--force"), "photo.png")


def test_frames_of_all_levels_have_one_size_and_consecutive_numbers(nst: Nst, workdir: Path) -> None:
    arguments = ("photo.png", "painting.png", "-o", "out.png", "--iterations", 2, "--coarsest", 36)
    for more, size in (((), (72, 48)), (("--frames-size", 30), (30, 20))):
        frames = ("--frames", "frames", "--frames-every", 1, "--force")
        assert nst("stylize", *arguments, *frames, *more).code == 0
        files = sorted((workdir / "frames").glob("frame-*.png"))
        assert len(files) > 2  # of both levels
        assert [path.name for path in files] == [f"frame-{n:05d}.png" for n in range(1, len(files) + 1)]
        assert {Image.open(path).size for path in files} == {size}
    assert_refused(nst("stylize", *arguments, "--frames-size", 30, "--force"), "--frames-size needs --frames")
