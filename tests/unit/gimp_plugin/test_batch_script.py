"""The command for a folder of pictures, with a stand-in for GIMP."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "gimp_plugin" / "batch" / "neural-style-batch.py"

GIMP = """#!{python}
import json, os, sys, time
from pathlib import Path
job, here = json.loads(Path(os.environ["NST_BATCH_JOB"]).read_text()), Path({here!r})
with (here / "jobs").open("a") as jobs:
    jobs.write(json.dumps(job) + "\\n")
def say(**event):
    print("neural-style-batch " + json.dumps(event), flush=True)
if job["format"] == "mp4":
    say(event="format", problem="Unknown file type", folder=job["output"], format=job["format"])
    job["pictures"] = []
for picture, result in job["pictures"]:
    say(event="begin", picture=picture)
    if Path(picture).name == "c.png":
        say(event="queued", count=2)
    if "crash" in Path(picture).name:
        os._exit(3)
    while "slow" in Path(picture).name:
        (here / "pid").write_text(str(os.getpid()))
        time.sleep(0.05)
    Path(result).write_text("painted")
    say(event="end", picture=picture, outcome="painted", problem="", seconds=0,
        notices=["The sky is too small."])
if job["sheet_of"]:
    Path(job["sheet"]).write_text("Contact sheet of a Neural Style batch")
    say(event="sheet", count=len(job["sheet_of"]), left_out={{}}, problem="")
"""


@pytest.fixture
def gimp(tmp_path: Path) -> Path:
    program = tmp_path / "gimp-console-3.0"
    program.write_text(GIMP.format(python=sys.executable, here=str(tmp_path)))
    program.chmod(0o755)
    return program


def command(gimp: Path, *arguments: object) -> list[str]:
    return list(map(str, [sys.executable, SCRIPT, "--gimp", gimp, *arguments]))


def pictures(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("a picture")
    (tmp_path / "style.png").write_text("a style")
    return folder


def jobs(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "jobs").read_text().splitlines()]


def test_crash_of_gimp_does_not_stop_the_other_pictures(gimp: Path, tmp_path: Path) -> None:
    photos = pictures(tmp_path, "a.png", "b crash.png", "c.png", "d crash.png")
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", tmp_path / "out")
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.xcf", "c.xcf"]
    assert "2 painted, 2 failed." in done.stdout
    assert "[4/4]" in done.stdout
    assert "[3/4]   Waiting until this computer has finished other paintings: 2." in done.stdout
    assert "[3/4]   The sky is too small.\n[3/4]   0.0 s" in done.stdout
    assert done.stderr.count("crash.png: GIMP crashed while painting it.") == 2
    assert len(jobs(tmp_path)) == 2


def test_terminated_script_ends_gimp(gimp: Path, tmp_path: Path) -> None:
    photos = pictures(tmp_path, "slow.png")
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", tmp_path / "out")
    script = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=str(tmp_path))
    )
    try:
        end = time.monotonic() + 20
        while not (tmp_path / "pid").exists() and time.monotonic() < end:
            time.sleep(0.05)
        number = int((tmp_path / "pid").read_text())
        script.send_signal(signal.SIGTERM)
        assert script.wait(20) == 130
    finally:
        script.kill()
    assert not Path(f"/proc/{number}").exists()
    assert not list(tmp_path.glob("nst-batch-*"))


def test_kept_style_brings_its_settings_and_options_override_them(
    gimp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in ``nst``: only if the style is given by its name, and only for the first style."""
    kept = tmp_path / "styles"
    kept.mkdir()
    (kept / "Night.png").write_text("a picture")
    (kept / "Night.json").write_text('{"strength": 70.0, "tv": 2.5, "keep_colors": 3}')
    monkeypatch.setenv("NST_STYLES", str(kept))
    photos = pictures(tmp_path, "a.png")
    for style, name in (("Night", "first"), (kept / "Night.png", "second")):
        line = command(gimp, photos, "--style", style, "--strength", "40", "--output", tmp_path / name)
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    by_name, by_path = jobs(tmp_path)
    assert by_name["style"] == by_path["style"] == str(kept / "Night.png")
    assert by_name["arguments"] == {"strength": 40.0, "tv": 2.5}
    assert by_path["arguments"] == {"strength": 40.0}


def test_what_is_there_already_is_passed_over(gimp: Path, tmp_path: Path) -> None:
    """The same command goes on with a batch; GIMP is not even started if nothing is left to paint."""
    photos = pictures(tmp_path, "a.png", "b.png")
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", tmp_path / "out")
    for painted in (2, 0, 1):
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"{painted} painted, 0 failed" in done.stdout
        if painted == 0:
            assert "2 there already (--overwrite paints again)" in done.stdout
            (tmp_path / "out" / "b.xcf").unlink()
    assert [len(job["pictures"]) for job in jobs(tmp_path)] == [2, 1]
    done = subprocess.run([*line, "--force"], capture_output=True, text=True)
    assert "2 painted, 0 failed." in done.stdout


def test_what_is_no_picture_is_named_and_no_failure(gimp: Path, tmp_path: Path) -> None:
    others = ("Thumbs.db", "notes.txt", "clip.mp4", "page\x1b[2J.html", ".hidden.jpg", "._a.png")
    photos = pictures(tmp_path, "a.png", *others)
    (photos / "more").mkdir()
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", photos / "painted")
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (
        "Passed over 4, because they are no pictures: Thumbs.db, clip.mp4, notes.txt, page\\x1b[2J.html."
        in (done.stdout)
    )
    assert "Passed over 1, because they are folders in a folder: more" in done.stdout
    assert "1 painted, 0 failed." in done.stdout
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    again = subprocess.run(line, capture_output=True, text=True)
    assert again.returncode == 1
    assert "gone.jpg: It is a link to a file that does not exist." in again.stderr


def test_format_that_gimp_cannot_write_is_said_before_anything_is_painted(gimp: Path, tmp_path: Path) -> None:
    photos = pictures(tmp_path, "a.png")
    options = ("--style", tmp_path / "style.png", "--output", tmp_path / "out", "--format", ".MP4")
    done = subprocess.run(command(gimp, photos, *options), capture_output=True, text=True)
    assert done.returncode == 2
    assert "GIMP cannot write .mp4 files" in done.stderr
    assert "Unknown file type" in done.stderr


def test_colours_of_the_style_are_asked_for_unless_all_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIMP then makes a grey picture RGB, as a grey one could not take them."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("neural_style_batch", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    photo = pictures(tmp_path, "a.png") / "a.png"
    style = str(tmp_path / "style.png")
    sky = ("--region", "sky", style)
    for options, expected in (
        (("--style", style), True),
        (("--style", style, "--keep-colors", "luminance"), False),
        ((*sky, "--keep-colors", "match"), False),
        ((*sky, "--keep-colors", "match", "--region-colors", "sky", "none"), True),
        ((*sky, "--region-colors", "sky", "luminance"), False),
        (("--style", style, *sky, "--region-colors", "sky", "luminance"), True),
    ):
        line = [str(photo), *options, "--output", str(tmp_path / "out")]
        assert script.build_job(script.parse_command_line(line), [])["style_colors"] == expected, options


def test_sheet_shows_all_results_also_when_a_batch_is_continued(gimp: Path, tmp_path: Path) -> None:
    photos = pictures(tmp_path, "a.png", "b.png")
    sheet = tmp_path / "sheets" / "all.png"
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", tmp_path / "out")
    line += ["--series-colors", "--sheet", str(sheet)]
    for told in ("2 painted, 0 failed", "0 painted, 0 failed, 2 there already"):
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert told in done.stdout
        assert f"{sheet}: 2 results on a contact sheet." in done.stdout
    first, *others = jobs(tmp_path)
    assert first["arguments"]["series-colors"] is True
    assert not first["sheet_of"]
    for job in others:
        assert [name for _path, name in job["sheet_of"]] == ["a.xcf", "b.xcf"]
        assert not job["pictures"]


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ("photos/sheet.png", "would be among the pictures"),
        ("out/a.xcf", "is the name of one of the results"),
        ("style.png", "is no contact sheet"),
        ("sheet", "has no suffix"),
    ],
)
def test_sheet_that_would_replace_something_is_refused(
    gimp: Path, tmp_path: Path, sheet: str, words: str
) -> None:
    photos = pictures(tmp_path, "a.png")
    line = command(gimp, photos, "--style", tmp_path / "style.png", "--output", tmp_path / "out")
    done = subprocess.run([*line, "--sheet", str(tmp_path / sheet)], capture_output=True, text=True)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "jobs").exists()
    assert (tmp_path / "style.png").read_text() == "a style"


def test_long_names_on_a_sheet_lose_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    shorten = importlib.import_module("sheet_plan").shorten
    assert shorten("photo.png", lambda text: len(text) <= 9) == "photo.png"
    assert shorten("holiday-0012.png", lambda text: len(text) <= 9) == "holi….png"
