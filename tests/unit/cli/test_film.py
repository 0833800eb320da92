"""The command ``nst film``: a film painted, gone on with, and refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.cli import run_film
from nst_core.cli.commands import nst
from nst_core.film.painter import ShotPainter
from tests.unit.film.test_flow import texture

SETTINGS = ("--quality", "draft", "--iterations", "3", "--engine", "onnx", "--no-progress")


def nst_film(*arguments):
    with pytest.raises(SystemExit) as exit_status:
        nst.main(args=["film", *SETTINGS, *map(str, arguments)])
    return exit_status.value.code


@pytest.fixture
def film(tmp_path, monkeypatch, models):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    scene = (texture(48, 60) * 255).astype(np.uint8)
    frames = [Image.fromarray(scene[:, 2 * n : 2 * n + 48]) for n in range(3)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[100, 200, 50])
    Image.fromarray((texture(40, 40) * 255).astype(np.uint8)).save(tmp_path / "style.png")
    return tmp_path


def frames_of(path):
    with Image.open(path) as image:
        return [np.asarray((image.seek(number), image.convert("RGB"))[1]) for number in range(image.n_frames)]


def test_an_interrupted_film_goes_on_to_the_same_frames(film, monkeypatch, capsys):
    arguments = film / "in.gif", film / "style.png", "-o"
    assert nst_film(*arguments, film / "whole.png") == 0
    assert "3 frames in 1 shot, 48 x 48: about" in capsys.readouterr().err
    assert not [path for path in film.iterdir() if path.name.startswith(".")]

    painted, original = [], ShotPainter.paint

    def paint(self, content):
        if len(painted) == 2:
            raise KeyboardInterrupt
        painted.append(1)
        return original(self, content)

    monkeypatch.setattr(ShotPainter, "paint", paint)
    assert nst_film(*arguments, film / "out.png") != 0
    assert not (film / "out.png").exists()
    monkeypatch.setattr(ShotPainter, "paint", original)
    assert nst_film(*arguments, film / "out.png", "--resume", "--strength", "90") == 2
    assert "--strength" in capsys.readouterr().err
    assert nst_film(*arguments, film / "out.png", "--resume") == 0
    assert "2 of 3 frames are finished" in capsys.readouterr().err
    for expected, frame in zip(frames_of(film / "whole.png"), frames_of(film / "out.png"), strict=True):
        np.testing.assert_array_equal(frame, expected)


def start_film(film, *arguments):
    """Start the command in its own process."""
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "nst_core.cli", "film", *SETTINGS, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=film, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes otherwise")
def test_a_killed_film_goes_on_to_the_same_frames(film, capsys):
    arguments = film / "in.gif", film / "style.png", "-o"
    process = start_film(film, *arguments, film / "out.png", "--iterations", "12")
    kept = film / ".out.png.nst-film" / "00000000.png"
    while not kept.exists():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (film / "out.png").exists()
    assert nst_film(*arguments, film / "out.png", "--iterations", "12", "--resume") == 0
    assert "of 3 frames are finished" in capsys.readouterr().err
    assert nst_film(*arguments, film / "whole.png", "--iterations", "12") == 0
    for expected, frame in zip(frames_of(film / "whole.png"), frames_of(film / "out.png"), strict=True):
        np.testing.assert_array_equal(frame, expected)
    assert not [path for path in film.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("NST_TEST_LONG"), reason="half a minute; NST_TEST_LONG=1 runs it")
def test_local_ray_paints_shots_as_this_machine_does(film, capsys):
    scenes = [(texture(48, 50) * 255).astype(np.uint8) for _ in range(2)]
    frames = [Image.fromarray(scene[:, n : n + 48]) for scene in scenes for n in (0, 2)]
    frames[0].save(film / "in.png", save_all=True, append_images=frames[1:], duration=100)
    arguments = film / "in.png", film / "style.png", "-o"
    assert nst_film(*arguments, film / "here.png") == 0
    process = start_film(film, *arguments, film / "ray.png", "--ray", "local", "--painters", "2")
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "4 frames in 2 shots" in output
    assert "with 2 painters" in output
    for expected, frame in zip(frames_of(film / "here.png"), frames_of(film / "ray.png"), strict=True):
        assert np.abs(frame.astype(int) - expected).max() <= 2


def test_what_cannot_be_painted_is_told_at_once(film, capsys):
    style = film / "style.png"
    assert nst_film(style, style, "-o", film / "out.mp4") == 2
    assert "single picture" in capsys.readouterr().err
    assert nst_film(film / "in.gif", style, "-o", film / "out.gif", "--from", "9") == 2
    assert "no frames" in capsys.readouterr().err
    assert nst_film(film / "in.gif", style, "-o", film / "in.gif", "--force") == 2
    assert "one of the pictures to read" in capsys.readouterr().err
    assert nst_film(film / "in.gif", style, "-o", film / "out.docx") == 2
    assert "suffix" in capsys.readouterr().err


def test_a_full_disk_is_told_before_anything_is_painted(film, monkeypatch, capsys):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(run_film.shutil, "disk_usage", lambda _folder: usage)
    assert nst_film(film / "in.gif", film / "style.png", "-o", film / "out.gif") == 2
    assert "are free" in capsys.readouterr().err
