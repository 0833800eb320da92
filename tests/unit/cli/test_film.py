"""The command ``nst film``: a film painted, gone on with, and refused."""

from __future__ import annotations

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
        nst.main(args=["film", *map(str, arguments), *SETTINGS])
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
