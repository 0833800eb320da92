"""Styles kept under a name: added, used, listed, exported, imported, removed; hostile names and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.metadata import read_metadata
from tests.unit.cli.conftest import QUICK, Nst, assert_refused


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "styles"))
    return tmp_path / "styles"


def test_a_kept_style_stands_wherever_a_style_may(nst: Nst, place: Path, library: Path) -> None:
    outcome = nst("styles", "add", "painting.png", "--as", "Blue waves", "--strength", 90, "--tv", 0.5)
    assert outcome.code == 0, outcome
    (listed,) = nst("styles", "list", "--json").json["styles"]
    assert (listed["name"], listed["settings"]) == ("Blue waves", {"strength": 90.0, "tv": 0.5})
    assert Path(listed["path"]).read_bytes() == (place / "painting.png").read_bytes()
    with Image.open(listed["thumbnail"]) as thumbnail:
        assert thumbnail.size == (48, 64)
    look = ("--strength", 90, "--tv", 0.5)
    assert nst("stylize", "photo.png", "Blue waves", "-o", "kept.png", *QUICK).code == 0
    assert nst("stylize", "photo.png", "painting.png", "-o", "file.png", *look, *QUICK).code == 0
    assert np.array_equal(np.asarray(Image.open("kept.png")), np.asarray(Image.open("file.png")))
    # What is given on the command line goes before what suits the style.
    assert nst("stylize", "photo.png", "Blue waves:2", "-o", "weak.png", "--strength", 5, *QUICK).code == 0
    assert json.loads(read_metadata("weak.png")["settings"])["strength"] == 5.0
    assert nst("styles", "remove", "Blue waves").code == 0
    assert nst("styles", "list", "--json").json["styles"] == []
    assert [path for path in library.rglob("*") if path.is_file()] == []
    assert_refused(nst("stylize", "photo.png", "Blue waves", "-o", "gone.png", *QUICK), "Blue waves")


def test_styles_travel_as_one_file(nst: Nst, place: Path, monkeypatch, tmp_path: Path) -> None:
    assert nst("styles", "add", "painting.png", "--style-scale", 0.5).code == 0
    assert nst("styles", "add", "photo.png").code == 0
    assert nst("styles", "export", "all.json").code == 0
    assert_refused(nst("styles", "export", "all.json"), "--force")
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "elsewhere"))
    assert nst("styles", "import", "all.json").code == 0
    found = nst("styles", "list", "--json").json["styles"]
    assert [style["name"] for style in found] == ["painting", "photo"]
    assert found[0]["settings"] == {"style_scale": 0.5}
    assert Path(found[1]["path"]).read_bytes() == (place / "photo.png").read_bytes()
    assert_refused(nst("styles", "import", "all.json"), "painting", "--force")
    assert nst("styles", "import", "all.json", "--force").code == 0


def test_a_renamed_style_keeps_what_belongs_to_it(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--strength", 90).code == 0
    assert nst("styles", "add", "photo.png").code == 0
    assert nst("styles", "rename", "painting", "Blue waves").code == 0
    found = nst("styles", "list", "--json").json["styles"]
    assert [style["name"] for style in found] == ["Blue waves", "photo"]
    assert found[0]["settings"] == {"strength": 90.0}
    assert Path(found[0]["thumbnail"]).name == "Blue waves.png"
    assert_refused(nst("styles", "rename", "Blue waves", "photo"), "photo", "--force")
    assert_refused(nst("styles", "rename", "Blue waves", "../up"), "name")
    assert_refused(nst("styles", "rename", "Blue wave", "x"), "Did you mean 'Blue waves'?")
    assert nst("styles", "rename", "photo", "photo").code == 0
    assert nst("styles", "rename", "Blue waves", "photo", "--force", "--json").json["name"] == "photo"
    names = sorted(path.name for path in library.rglob("*") if path.is_file())
    assert names == ["photo.json", "photo.png", "photo.png"]
    assert (library / "photo.png").read_bytes() == (place / "painting.png").read_bytes()


def test_every_change_can_be_told_to_a_program(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--json").json["name"] == "painting"
    assert nst("styles", "export", "all.json", "--json").json == {"file": "all.json"}
    refused = nst("styles", "import", "all.json", "--json")
    assert (refused.code, refused.json["code"]) == (2, "output-exists")
    again = nst("styles", "import", "all.json", "--force", "--json").json
    assert [style["name"] for style in again["styles"]] == ["painting"]
    assert nst("styles", "remove", "painting", "--json").json == {"removed": "painting"}


@pytest.mark.parametrize("name", ["../up", "a/b", "a:2", ".hidden", "", " x", "x" * 65, "a\nb", "con\x1b[2J"])
def test_names_that_are_none_are_refused(nst: Nst, place: Path, library: Path, name: str) -> None:
    Path("all.json").write_text(
        json.dumps({"nst_styles": 1, "styles": [{"name": name, "suffix": ".png", "picture": "AAAA"}]})
    )
    if name:
        assert_refused(nst("styles", "add", "painting.png", "--as", name), "name")
    assert_refused(nst("styles", "import", "all.json"))
    assert not [path for path in library.parent.rglob("*") if path.is_file() and "place" not in path.parts]


@pytest.mark.parametrize(
    ("styles", "words"),
    [
        ("{", "no file of styles"),
        ('{"nst_styles": 2, "styles": []}', "no file of styles"),
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "!!"}]}',
            "no file of styles",
        ),
        ('{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".exe", "picture": "AAAA"}]}', ".exe"),
        ('{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "AAAA"}]}', "picture"),
        (
            '{"nst_styles":1, "styles":[{"name":"a", "suffix":".png", "picture":"", "settings":{"tv":-1}}]}',
            "tv",
        ),
    ],
)
def test_files_that_hold_no_styles_keep_nothing(nst: Nst, place: Path, library: Path, styles, words) -> None:
    Path("bad.json").write_text(styles)
    assert_refused(nst("styles", "import", "bad.json"), words)
    assert not library.exists() or [path for path in library.rglob("*") if path.is_file()] == []


def test_a_damaged_entry_costs_no_more_than_itself(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--strength", 20).code == 0
    (library / "painting.json").write_text("{")
    (library / "notes.txt").write_text("mine")
    (found,) = nst("styles", "list", "--json").json["styles"]
    assert found["settings"] == {}
    assert_refused(nst("styles", "remove", "paintign"), "Did you mean 'painting'?")
