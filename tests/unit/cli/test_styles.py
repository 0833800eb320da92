"""Styles kept under a name: added, used, listed, exported, imported, removed; hostile names and files."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.errors import NstError
from nst_core.images.metadata import read_metadata
from nst_core.style_library import archive
from nst_core.style_library.library import StyleLibrary
from tests.unit.cli.conftest import QUICK, Nst, assert_refused


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "styles"))
    return tmp_path / "styles"


def files_in(folder: Path) -> list[str]:
    """The names of all files below a folder but for the lock."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


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
    assert files_in(library) == []
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
    assert files_in(library) == ["photo.json", "photo.png", "photo.png"]
    assert (library / "photo.png").read_bytes() == (place / "painting.png").read_bytes()


def test_every_change_can_be_told_to_a_program(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--json").json["name"] == "painting"
    assert nst("styles", "export", "all.json", "--json").json == {"file": "all.json"}
    refused = nst("styles", "import", "all.json", "--json")
    assert (refused.code, refused.json["code"]) == (2, "output-exists")
    again = nst("styles", "import", "all.json", "--force", "--json").json
    assert [style["name"] for style in again["styles"]] == ["painting"]
    assert nst("styles", "remove", "painting", "--json").json == {"removed": "painting"}


@pytest.mark.parametrize(
    "name",
    ["../up", "a/b", "a:2", ".hidden", "", " x", "x" * 65, "a\nb", "c\x1b[2J", "con", "Com1.sky", "𝄞" * 64],
)
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
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "é"}]}',
            "no file of styles",
        ),
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": "/../../a.png", "picture": "AAAA"}]}',
            "Pictures of styles end in",
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
    assert not library.exists() or files_in(library) == []


def test_a_damaged_entry_costs_no_more_than_itself(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--strength", 20).code == 0
    (library / "painting.json").write_text("{")
    (library / "notes.txt").write_text("mine")
    (found,) = nst("styles", "list", "--json").json["styles"]
    assert found["settings"] == {}
    assert_refused(nst("styles", "remove", "paintign"), "Did you mean 'painting'?")


def packed(name: str, path: Path, **more: object) -> dict[str, object]:
    """A style as a file of styles holds it."""
    picture = base64.b64encode(path.read_bytes()).decode()
    return {"name": name, "suffix": ".png", "picture": picture, **more}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"name": "b", "suffix": ".png", "picture": "AAAA"}, "The picture of b is not a picture"),
        ({"name": "b", "suffix": ".png", "picture": ""}, "The picture of b is empty"),
        ({"name": "SKY"}, "Several of the styles are called"),
        ({"name": "Painting"}, "kept as painting already"),
        ({"name": "b", "settings": {"content_layers": [["relu4_2", -1]]}}, "not negative"),
    ],
)
def test_a_file_is_kept_whole_or_not_at_all(nst: Nst, place: Path, library: Path, second, words) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    before = files_in(library)
    styles = [packed("sky", place / "photo.png"), {**packed("", place / "photo.png"), **second}]
    Path("all.json").write_text(json.dumps({"nst_styles": 1, "styles": styles}))
    assert_refused(nst("styles", "import", "all.json"), words)
    assert files_in(library) == before


def test_what_belongs_to_a_machine_is_not_kept_with_a_style(nst: Nst, place: Path, library: Path) -> None:
    """Neither by hand, nor from a result, nor from somebody's file: a style works on every machine."""
    assert_refused(nst("styles", "add", "painting.png", "--device", "cpu"), "--device")
    machine = {"device": "cuda:7", "model": "mine", "init": "/home/me/a.png", "max-memory": "1kB", "tv": 1}
    Path("all.json").write_text(
        json.dumps({"nst_styles": 1, "styles": [packed("sky", place / "photo.png", settings=machine)]})
    )
    Path("look.json").write_text(json.dumps({**machine, "size": 512, "seed": 7, "strength": 50}))
    assert nst("styles", "import", "all.json").code == 0
    assert nst("styles", "add", "painting.png", "--settings", "look.json").code == 0
    (library / "painting.json").write_text(json.dumps(machine))
    found = nst("styles", "list", "--json").json["styles"]
    assert [style["settings"] for style in found] == [{"tv": 1.0}] * 2


def test_names_that_some_file_system_takes_for_one_are_one(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Caf\u00e9", "--strength", 20).code == 0
    assert_refused(nst("styles", "add", "photo.png", "--as", "CAFE\u0301"), "kept as Caf", "--force")
    assert nst("styles", "add", "photo.png", "--as", "other").code == 0
    assert_refused(nst("styles", "rename", "other", "caf\u00e9"), "kept as Caf")
    assert nst("styles", "rename", "Caf\u00e9", "caf\u00e9").code == 0
    assert nst("styles", "add", "photo.png", "--as", "CAFE\u0301", "--force").code == 0
    assert files_in(library) == ["CAFE\u0301.png"] * 2 + ["other.png"] * 2
    assert nst("styles", "rename", "CAF\u00c9", "caf\u00e9").code == 0
    assert nst("styles", "remove", "cafe\u0301").code == 0
    assert files_in(library) == ["other.png"] * 2


def test_another_format_takes_the_place_of_the_first(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "sky", "--strength", 20).code == 0
    Image.open("photo.png").save("photo.jpg")
    assert nst("styles", "add", "photo.jpg", "--as", "sky", "--force").code == 0
    assert files_in(library) == ["sky.jpg", "sky.png"]
    with Image.open(library / "thumbnails" / "sky.png") as thumbnail:
        assert thumbnail.size == (72, 48)


def test_several_may_keep_styles_at_once(place: Path, library: Path) -> None:
    """Of those that want one name one has it; nothing is mixed up or left behind."""

    def add(number: int) -> str:
        try:
            StyleLibrary().add(
                ("photo.png", "painting.png")[number % 2], "sky" if number < 8 else f"s{number}"
            )
        except NstError as error:
            return error.code.value
        return "kept"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(add, range(16)))
    assert sorted(outcomes[:8]) == ["kept"] + ["output-exists"] * 7
    assert outcomes[8:] == ["kept"] * 8
    for style in StyleLibrary().kept():
        with Image.open(style.path) as picture, Image.open(style.thumbnail) as thumbnail:
            assert picture.size == thumbnail.size
    assert len(files_in(library)) == 18


def test_what_was_broken_off_is_cleared_away(place: Path, library: Path) -> None:
    StyleLibrary().add("painting.png")
    (library / ".new-0123.png").write_bytes(b"half")
    StyleLibrary().add("photo.png")
    assert files_in(library) == ["painting.png", "painting.png", "photo.png", "photo.png"]


def test_a_folder_of_its_name_hides_no_style(nst: Nst, place: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    (place / "Monet").mkdir()
    assert nst("stylize", "photo.png", "Monet", "-o", "out.png", *QUICK).code == 0


def test_pages_are_made_of_kept_styles_too(nst: Nst, place: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    (place / "pages").mkdir()
    (place / "pages" / "figures.png").write_bytes(b"mine")
    for command in ("figures", "gallery"):  # that is said once the style is read
        assert_refused(nst(command, "pages", "photo.png", "Monet", "--size", 40), "is not one of these")


def test_a_texture_of_a_kept_style_is_no_kept_style(nst: Nst, place: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    assert nst("texture", "Monet", "--texture-size", "32x32", *QUICK).code == 0
    assert (place / "Monet-texture.png").is_file()
    assert files_in(library) == ["Monet.png"] * 2


def test_an_export_names_each_style_once(nst: Nst, place: Path) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    assert nst("styles", "export", "all.json", "painting", "painting").code == 0
    assert len(json.loads(Path("all.json").read_text())["styles"]) == 1


def test_styles_too_large_for_one_file_are_refused(nst: Nst, place: Path, monkeypatch) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    assert nst("styles", "export", "all.json").code == 0
    monkeypatch.setattr(archive, "LARGEST_FILE", 2000)
    assert_refused(nst("styles", "export", "more.json"), "more than")
    assert not Path("more.json").exists()
    assert_refused(nst("styles", "import", "all.json", "--force"), "all.json", "more than")
