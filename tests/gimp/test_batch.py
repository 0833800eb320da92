"""Batch mode: the command for a folder, the short scripts, the call from Script-Fu, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.gimp.start import BATCH_SECONDS, REPOSITORY, Gimp, complaints, draw
from tests.unit.images.build import ADOBE, gamma_curve, rgb_profile

BATCH = REPOSITORY / "gimp_plugin" / "batch"


@pytest.fixture
def console(gimp: Gimp, tmp_path: Path) -> Path:
    """A gimp-console that can be started from here, wherever GIMP is."""
    line = gimp.command_line(["env", "NST_BATCH_JOB=$NST_BATCH_JOB", gimp.console_program])
    quoted = " ".join('"' + word + '"' for word in line)
    program = tmp_path / "gimp-console-3.0"
    program.write_text(f'#!/bin/sh\necho start >>{tmp_path}/starts\nexec {quoted} "$@"\n')
    program.chmod(0o755)
    return program


def command(console: Path, *arguments: object) -> list[str]:
    return list(map(str, [sys.executable, BATCH / "neural-style-batch.py", "--gimp", console, *arguments]))


def batch(console: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = command(console, *arguments)
    return subprocess.run(line, capture_output=True, text=True, timeout=BATCH_SECONDS)


def test_folder_is_painted_in_one_start_of_gimp(gimp: Gimp, console: Path, tmp_path: Path) -> None:
    gimp.set_engine_mode("copy")
    photos, out = tmp_path / "my photos", tmp_path / "out"
    photos.mkdir()
    draw(photos / "a.ppm", 40, 30, 10)
    draw(photos / "b é.ppm", 30, 40, 200)
    (photos / "broken.png").write_text("no picture")
    (photos / "drawing.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle r="20" fill="red"/></svg>'
    )
    style = draw(tmp_path / "style.ppm", 20, 20, 90)
    done = batch(console, photos, "--style", style, "--output", out, "--strength", "70", "--quality", "draft")
    assert done.returncode == 1, done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["a.xcf", "b é.xcf", "drawing.xcf"]
    assert (tmp_path / "starts").read_text() == "start\n"
    assert "[4/4]" in done.stdout
    assert "3 painted, 1 failed" in done.stdout
    assert "broken.png" in done.stderr
    assert (out / "a.xcf").read_bytes()[:8] == b"gimp xcf"
    assert b"neural-style" in (out / "a.xcf").read_bytes(), "the painting is a layer and carries its record"

    again = batch(console, photos / "a.ppm", "--style", style, "--output", out)
    assert again.returncode == 0
    assert "1 there already" in again.stdout
    over = batch(
        console, photos / "a.ppm", "--style", style, "--output", photos, "--format", "ppm", "--overwrite"
    )
    assert over.returncode == 1
    assert "a.ppm" in over.stderr
    png = batch(
        *(console, photos / "a.ppm", photos / "b é.ppm", "--style", style, "--output", out),
        *("--format", "png", "--series-colors", "--sheet", tmp_path / "sheet.png"),
    )
    assert png.returncode == 0, png.stdout + png.stderr
    assert (out / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert "2 results on a contact sheet." in png.stdout
    assert_is_sheet_of_two(tmp_path / "sheet.png", [out / "a.png", out / "b é.png"])
    assert not gimp.leftovers()
    assert not list(out.glob("*.part*"))


def assert_is_sheet_of_two(path: Path, results: list[Path]) -> None:
    """Check that the results stand in their cells of 320 pixels, each above a line of text."""
    with Image.open(path) as image:
        assert image.size == (2 * 340 + 20, 20 + 320 + 29 + 20)
        sheet = np.asarray(image.convert("RGB"))
    for left, result in zip((20, 360), results, strict=True):
        picture = np.asarray(Image.open(result).convert("RGB"))
        height, width = picture.shape[:2]
        start = left + (320 - width) // 2
        np.testing.assert_array_equal(sheet[340 - height : 340, start : start + width], picture)
        assert (sheet[: 340 - height, left : left + 320] == 255).all()
        assert 0.005 < (sheet[344:369, left : left + 320] < 128).mean() < 0.3


PIXELS = np.full((48, 64, 3), (200, 40, 20), np.uint8)
PIXELS[:24, :32] = (20, 60, 220)
"""A picture with a blue corner at the top left, which shows how it is turned."""

DATE = "2024:05:06 07:08:09"
TEXTS = {0x010E: "A lake", 0x010F: "Maker", 0x0110: "Model", 0x013B: "Ada", 0x8298: "(c) Ada"}
"""Exif tags of the description, the camera, the author and the copyright."""

ADOBE_RGB = rgb_profile(gamma_curve(2.2), ADOBE)


def save_phone_photo(path: Path, orientation: int) -> None:
    """Write PIXELS as a telephone does: turned, with the Exif data that say so, and with the location."""
    exif = Image.Exif()
    exif.update(TEXTS)
    exif.update({0x0112: orientation, 0x011A: 240.0, 0x011B: 240.0, 0x0128: 2, 0x0132: DATE})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 3.0), 3: "E", 4: (9.0, 1.0, 2.0)})
    stored = ImageOps.exif_transpose(with_orientation(INVERSE_TURNS.get(orientation, orientation)))
    stored.save(path, exif=exif, dpi=(240, 240), icc_profile=ADOBE_RGB, quality=95, lossless=True)


INVERSE_TURNS = {6: 8, 8: 6}
"""The other turns undo themselves."""


def with_orientation(orientation: int) -> Image.Image:
    """Return PIXELS as a picture with that orientation."""
    picture = Image.fromarray(PIXELS)
    picture.getexif()[0x0112] = orientation
    return picture


def save_animation(path: Path) -> None:
    """Write an animation whose first frame is red."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue", "white")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, lossless=True)


def test_folder_as_phones_and_cameras_fill_it(gimp: Gimp, console: Path, tmp_path: Path) -> None:
    """Pictures are turned upright, first frames painted, grey ones in colour; damaged ones are named."""
    gimp.set_engine_mode("copy")
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    turned = ("2.webp", "3.jpg", "4.tif", "5.jpg", "6.jpg", "7.jpg", "8.png")
    for name in turned:
        save_phone_photo(photos / name, int(name[0]))
    animated = ("a.gif", "b.webp", "c.png")
    for name in animated:
        save_animation(photos / name)
    (photos / "cut.jpg").write_bytes((photos / "3.jpg").read_bytes()[:-300])
    Image.fromarray(PIXELS).convert("L").save(photos / "grey.png")
    Image.fromarray(PIXELS).save(photos / "held.png")
    (photos / "notes.txt").write_text("no picture")
    style = draw(tmp_path / "style.ppm", 20, 20, 90)
    out.mkdir()
    line = command(console, photos, "--style", style, "--output", out, "--format", "png")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with held_claim(out / "held.png") as release, subprocess.Popen(line, text=True, **pipes) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        printed = ""
        for text in run.stdout:
            printed += text
            if "Waiting for another program that is painting 1 of the pictures." in text:
                assert not (out / "held.png").exists()
                release()
        problems = run.stderr.read()
    assert run.returncode == 1, printed + problems
    assert f"{len(turned) + len(animated) + 2} painted, 1 failed." in printed
    assert "no pictures: notes.txt." in printed
    assert "cut.jpg is damaged" in problems
    assert printed.count("4 frames or pages. Only the first one is used.") == len(animated)
    assert not list(out.glob(".*"))
    for name in turned:
        with Image.open(out / f"{name[0]}.png") as picture:
            difference = np.abs(np.asarray(picture.convert("RGB"), float) - PIXELS)
            assert difference.mean() < 3, name
            assert picture.info["icc_profile"] == ADOBE_RGB, "the colours stay in the photograph's profile"
            assert round(picture.info["dpi"][0]) == 240
            exif = picture.getexif()
        assert {tag: exif.get(tag) for tag in TEXTS} == TEXTS, name
        assert exif[0x0112] == 1, "it is upright already"
        assert exif.get_ifd(0x8769)[0x9003] == DATE, "the date at which it was taken"
        assert not exif.get_ifd(0x8825), "not where it was taken"
    for name in animated:
        with Image.open(out / f"{name[0]}.png") as picture:
            assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0), name
    with Image.open(out / "grey.png") as picture:
        assert picture.mode == "RGB"
        assert "icc_profile" not in picture.info

    jpeg = (
        photos / "6.jpg",
        photos / "grey.png",
        "--format",
        "jpg",
        "--keep-location",
        "--keep-colors",
        "luminance",
    )
    done = batch(console, *jpeg, "--style", style, "--output", out)
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(out / "6.jpg") as picture:
        assert picture.size == (64, 48)
        assert picture.info["dpi"] == (240, 240)
        assert picture.getexif().get_ifd(0x8825)[2] == (48.0, 12.0, 3.0)
        assert picture.getexif()[0x013B] == "Ada"
    with Image.open(out / "grey.jpg") as picture:
        assert picture.mode == "L"
    assert not gimp.leftovers()


@contextmanager
def held_claim(result: Path) -> Iterator[Callable[[], object]]:
    """Hold the claim on a result, as another program does that is painting it; yield what releases it."""
    script = (
        f"import sys; sys.path.insert(0, {str(BATCH)!r}); from claims import claim\n"
        f"with claim({str(result)!r}): print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        other.stdout.readline()
        yield other.kill
    finally:
        other.kill()
        other.communicate()


def test_wrong_command_line_starts_nothing(console: Path, tmp_path: Path) -> None:
    style = draw(tmp_path / "style.ppm", 20, 20, 90)
    for arguments, words in (
        ((tmp_path / "none", "--style", style, "--output", tmp_path), str(tmp_path / "none")),
        ((style, "--style", tmp_path / "none.png", "--output", tmp_path), "none.png"),
        ((style, "--style", style, "--output", tmp_path, "--quality", "fast"), "draft"),
        ((style, "--output", tmp_path), "--region"),
        ((tmp_path, "--style", style, "--output", tmp_path), "another folder"),
        ((style, "--style", style, "--output", style), "style.ppm"),
        (
            (style, "--output", tmp_path, "--region", "sky", "monnet"),
            "monnet",
        ),
        (
            (style, "--output", tmp_path, "--region", "sky", style, "--region-colors", "skies", "none"),
            "skies",
        ),
        (
            (style, "--output", tmp_path, "--region", "sky", style, "--region-colors", "sky", "grey"),
            "none, luminance, match",
        ),
    ):
        done = batch(console, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
    assert not (tmp_path / "starts").exists()
    absent = batch(tmp_path / "no-gimp", style, "--style", style, "--output", tmp_path / "x")
    assert absent.returncode == 3
    assert "No GIMP 3" in absent.stderr


def test_short_script_and_its_exit_codes(gimp: Gimp, tmp_path: Path) -> None:
    gimp.set_engine_mode("copy")
    gimp.variables.update(
        PHOTO=str(draw(tmp_path / "photo.ppm", 40, 30, 10)),
        STYLE=str(draw(tmp_path / "style.ppm", 20, 20, 90)),
        RESULT=str(tmp_path / "result.xcf"),
    )
    try:
        script = f"exec(open({str(BATCH / 'one_picture.py')!r}).read())"
        done = gimp.batch(script)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "result.xcf").read_bytes()[:8] == b"gimp xcf"
        assert not complaints(done.stderr)
        gimp.variables["STYLE"] = "/not/there.png"
        failed = gimp.batch(script)
        assert failed.returncode != 0
        assert "/not/there.png" in failed.stderr
    finally:
        for name in ("PHOTO", "STYLE", "RESULT"):
            gimp.variables.pop(name, None)
    script_lines = (BATCH / "one_picture.py").read_text().splitlines()
    lines = [line for line in script_lines if line and not line.startswith("#")]
    assert len(lines) <= 15


def test_script_fu_call_with_named_arguments(gimp: Gimp, tmp_path: Path) -> None:
    gimp.set_engine_mode("copy")
    text = (BATCH / "one_picture.scm").read_text().split("\n", 1)[1]
    text = text.replace("photo.jpg", str(draw(tmp_path / "photo.ppm", 40, 30, 10)))
    text = text.replace("painting.jpg", str(draw(tmp_path / "style.ppm", 20, 20, 90)))
    text = text.replace("result.xcf", str(tmp_path / "result.xcf"))
    for script, code in ((text, 0), (text.replace('"draft"', '"fast"'), 70)):
        line = [
            gimp.console_program,
            "-idf",
            "--quit",
            "--batch-interpreter=plug-in-script-fu-eval",
            "-b",
            script,
        ]
        done = subprocess.run(gimp.command_line(line), capture_output=True, text=True, timeout=BATCH_SECONDS)
        assert done.returncode == code, done.stderr
        if code == 0:
            assert (tmp_path / "result.xcf").read_bytes()[:8] == b"gimp xcf"
            assert '"strength": 70' in (gimp.fake_folder / "request.json").read_text()
            assert not complaints(done.stderr)
        else:
            assert "“fast”" in done.stderr


MASKED = """
from array import array
image = Gimp.Image.new(64, 48, Gimp.ImageBaseType.RGB); Gegl.init(None)
for name, top in (("photo", 0), ("coat", 30), ("sky", 0)):
    layer = Gimp.Layer.new(image, name, 64, 48, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    if name == "photo":
        layer.fill(Gimp.FillType.WHITE)
    else:
        mask = layer.create_mask(Gimp.AddMaskType.BLACK); layer.add_mask(mask); buffer = mask.get_buffer()
        white = array("f", [1.0] * (64 * 15)).tobytes()
        buffer.set(Gegl.Rectangle.new(0, top, 64, 15), "Y float", white); buffer.flush()
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(os.environ["PHOTO"]), None)
image.delete()
"""


def test_folder_with_regions_by_name(gimp: Gimp, console: Path, tmp_path: Path) -> None:
    """Masks are channels and layers of each picture. A picture without them fails with a sentence."""
    gimp.set_engine_mode("copy")
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    gimp.variables["PHOTO"] = str(photos / "portrait.xcf")
    try:
        selecting = "image.select_rectangle(Gimp.ChannelOps.REPLACE, 4, 4, 50, 40); Gimp.file_save("
        made = gimp.batch("import os" + MASKED.replace("Gimp.file_save(", selecting))
    finally:
        gimp.variables.pop("PHOTO")
    assert made.returncode == 0, made.stderr
    draw(photos / "no masks.ppm", 40, 30, 10)
    klimt, starry = draw(tmp_path / "klimt.ppm", 20, 20, 200), draw(tmp_path / "starry.ppm", 20, 20, 90)
    regions = ("--region", "sky", starry, "--region", "coat", f"{klimt}:2", "--outside", "keep")
    options = ("--strength-mask", "sky", "--fine-style", klimt, "--keep-colors", "luminance")
    options += ("--region-colors", "coat", "match")
    done = batch(console, photos, *regions, *options, "--output", out)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 painted, 1 failed" in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if "no masks.ppm" in line]
    assert "“sky”" in line
    request = json.loads((gimp.fake_folder / "request.json").read_text())
    assert [region["name"] for region in request["regions"]] == ["sky", "coat"]
    assert [region["styles"][0]["name"] for region in request["regions"]] == ["starry", "klimt"]
    assert request["regions"][1]["styles"][0]["weight"] == 2.0
    assert [region.get("keep_colors") for region in request["regions"]] == [None, "match"]
    assert request["regions"][0]["styles"][0]["fine"]["name"] == "klimt"
    assert request["styles"] == []
    assert {"strength_mask", "selection"} <= set(request), "the file keeps a selection, too"
    assert (request["content"]["width"], request["settings"]["keep-colors"]) == (64, "luminance")

    png = batch(console, photos / "portrait.xcf", *regions, "--output", out, "--format", "png")
    assert png.returncode == 0, png.stderr
    with Image.open(out / "portrait.png") as picture:
        assert picture.convert("RGB").getpixel((30, 8)) == (255, 255, 255), (
            "this is the painting, not the layer of a mask"
        )

    blend = ("--style", starry, "--style-weight", "3", "--more-style", f"{klimt}:0.5")
    done = batch(console, photos / "no masks.ppm", *blend, "--output", out, "--format", "xcf.gz")
    assert done.returncode == 0, done.stderr
    assert (out / "no masks.xcf.gz").read_bytes()[:2] == b"\x1f\x8b"
    request = json.loads((gimp.fake_folder / "request.json").read_text())
    assert [(style["name"], style["weight"]) for style in request["styles"]] == [
        ("starry", 3.0),
        ("klimt", 0.5),
    ]
    assert not gimp.leftovers()


def test_script_for_two_regions_one_with_kept_colours(gimp: Gimp, tmp_path: Path) -> None:
    """The picture with its layer masks comes from an XCF file, as it would from a painter."""
    gimp.set_engine_mode("copy")
    variables = {
        "PHOTO": str(tmp_path / "portrait.xcf"),
        "SKY": str(draw(tmp_path / "starry.ppm", 20, 20, 90)),
        "COAT": str(draw(tmp_path / "klimt.ppm", 20, 20, 200)),
        "RESULT": str(tmp_path / "result.xcf"),
    }
    gimp.variables.update(variables)
    try:
        script = f"exec(open({str(BATCH / 'two_regions.py')!r}).read())"
        done = gimp.batch("import os" + MASKED + script)
    finally:
        for name in variables:
            gimp.variables.pop(name)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result.xcf").read_bytes()[:8] == b"gimp xcf"
    assert not complaints(done.stderr)
    request = json.loads((gimp.fake_folder / "request.json").read_text())
    assert [region["name"] for region in request["regions"]] == ["sky", "coat"]
    assert [region["styles"][0]["name"] for region in request["regions"]] == ["starry", "klimt"]
    assert [region["keep_colors"] for region in request["regions"]] == ["luminance", "none"]
    assert request["styles"] == []
