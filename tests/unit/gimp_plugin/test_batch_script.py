"""The command for a folder of pictures, with a stand-in for GIMP."""

from __future__ import annotations

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
for picture, result in job["pictures"]:
    say(event="begin", picture=picture)
    if "crash" in Path(picture).name:
        os._exit(3)
    while "slow" in Path(picture).name:
        (here / "pid").write_text(str(os.getpid()))
        time.sleep(0.05)
    Path(result).write_text("painted")
    say(event="end", picture=picture, problem="", seconds=0, notices=["The sky is too small."])
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
