"""Settings read from a picture decide the look of the result and reach nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from nst_core.images.metadata import KEYWORD, to_line
from nst_core.job.metadata import read_run_record
from nst_core.settings import Settings, fields, make_settings, setting_infos

MACHINE = {
    "init": r"\\host\share\a.png",
    "model": "/home/me/net.onnx",
    "device": "cuda:7",
    "engine": "torch",
    "max_memory": "1kB",
    "max-device-memory": "1kB",
}
LOOK = {"strength": 80.0, "style-layers": "relu1_1:0.5", "seed": 7, "finish": "upsample", "time_limit": 60.0}


def write_record(path: Path, settings: dict[str, object]) -> Path:
    """Write settings as a picture, as a report or as an object of settings, by the name of the file."""
    if path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text(KEYWORD, to_line({"settings": json.dumps(settings)}))
        Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    else:
        path.write_text(json.dumps({"settings": settings} if path.stem == "report" else settings))
    return path


@pytest.mark.parametrize("name", ["picture.png", "report.json"])
def test_only_the_look_is_taken(tmp_path: Path, name: str) -> None:
    record = read_run_record(write_record(tmp_path / name, {**LOOK, **MACHINE}))
    assert set(record.settings) == {key.replace("-", "_") for key in LOOK}
    assert set(record.unused) == {key.replace("-", "_") for key in MACHINE}
    make_settings(record.settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("init", "noise"), ("init", "style"), ("model", "vgg16"), ("model", "auto"), ("model", "mine-2.1")],
)
def test_words_that_are_no_paths_are_taken(tmp_path: Path, name: str, value: str) -> None:
    record = read_run_record(write_record(tmp_path / "a.png", {name: value}))
    assert (record.settings, record.unused) == ({name: value}, ())


@pytest.mark.parametrize("value", ["a.png", "./noise", "../vgg16", "C:a.png", "noise\n", "", "file:noise"])
def test_paths_are_not_taken(tmp_path: Path, value: str) -> None:
    assert "init" not in read_run_record(write_record(tmp_path / "a.png", {"init": value})).settings


def test_own_object_of_settings_sets_everything(tmp_path: Path) -> None:
    record = read_run_record(write_record(tmp_path / "mine.json", MACHINE))
    assert record.settings == MACHINE


def test_settings_that_hold_any_text_are_not_taken_as_they_are() -> None:
    """Also those that are added to the table some day."""
    free = [name for name, declared in fields().items() if declared.annotation is str]
    assert {"init", "model", "device"} <= set(free)
    for name in free:
        assert not setting_infos()[name].takes_from_picture(r"\\host\share")
        assert not setting_infos()[name].takes_from_picture("/etc/passwd")


def test_result_of_the_defaults_is_repeated_without_a_word(tmp_path: Path) -> None:
    record = read_run_record(write_record(tmp_path / "a.png", Settings().model_dump(mode="json")))
    assert record.unused == ()
