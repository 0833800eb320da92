"""``nst styles``: add, use, list, export, import, rename and remove styles; hostile names and files."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.contract import READY_STYLES
from nst_core.images.metadata import read_metadata
from nst_core.style_library import archive
from tests.unit.cli.conftest import QUICK, Nst, assert_refused


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "styles"))
    return tmp_path / "styles"


def files_in(folder: Path) -> list[str]:
    """Return the names of all files below a folder, except the lock."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def kept_styles(nst: Nst) -> list[dict]:
    """Return the styles that ``nst styles list`` shows, without the ready ones."""
    return [style for style in nst("styles", "list", "--json").json["styles"] if not style["ready"]]


def test_ready_styles_are_listed_and_used_by_name(nst: Nst, workdir: Path) -> None:
    listed = nst("styles", "list", "--json").json["styles"]
    assert [style["name"] for style in listed] == list(READY_STYLES)
    assert "Stained Glass  (ready style)" in nst("styles", "list").out
    outcome = nst("stylize", "photo.png", "Watercolour", *QUICK)
    assert outcome.code == 0, outcome
    assert Path("photo-Watercolour.png").is_file()
    assert_refused(nst("styles", "remove", "Watercolour"), "ready style")


@pytest.mark.slow
def test_kept_style_works_like_a_style_file(nst: Nst, workdir: Path, library: Path) -> None:
    outcome = nst("styles", "add", "painting.png", "--as", "Blue waves", "--strength", 90, "--tv", 0.5)
    assert outcome.code == 0, outcome
    (listed,) = kept_styles(nst)
    assert (listed["name"], listed["settings"]) == ("Blue waves", {"strength": 90.0, "tv": 0.5})
    assert Path(listed["path"]).read_bytes() == (workdir / "painting.png").read_bytes()
    with Image.open(listed["thumbnail"]) as thumbnail:
        assert thumbnail.size == (48, 64)
    options = ("--strength", 90, "--tv", 0.5)
    assert nst("stylize", "photo.png", "Blue waves", "-o", "kept.png", *QUICK).code == 0
    assert nst("stylize", "photo.png", "painting.png", "-o", "file.png", *options, *QUICK).code == 0
    assert np.array_equal(np.asarray(Image.open("kept.png")), np.asarray(Image.open("file.png")))
    # Options override the settings of the style.
    assert nst("stylize", "photo.png", "Blue waves:2", "-o", "weak.png", "--strength", 5, *QUICK).code == 0
    assert json.loads(read_metadata("weak.png")["settings"])["strength"] == 5.0
    assert nst("styles", "remove", "Blue waves").code == 0
    assert kept_styles(nst) == []
    assert files_in(library) == []
    assert_refused(nst("stylize", "photo.png", "Blue waves", "-o", "gone.png", *QUICK), "Blue waves")


def test_styles_are_exported_and_imported(nst: Nst, workdir: Path, monkeypatch, tmp_path: Path) -> None:
    assert nst("styles", "add", "painting.png", "--style-scale", 0.5).code == 0
    assert nst("styles", "add", "photo.png").code == 0
    assert nst("styles", "export", "all.json").code == 0
    assert_refused(nst("styles", "export", "all.json"), "--force")
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "elsewhere"))
    assert nst("styles", "import", "all.json").code == 0
    listed = kept_styles(nst)
    assert [style["name"] for style in listed] == ["painting", "photo"]
    assert listed[0]["settings"] == {"style_scale": 0.5}
    assert Path(listed[1]["path"]).read_bytes() == (workdir / "photo.png").read_bytes()
    assert_refused(nst("styles", "import", "all.json"), "painting", "--force")
    assert nst("styles", "import", "all.json", "--force").code == 0


def test_renamed_style_keeps_its_files(nst: Nst, workdir: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--strength", 90).code == 0
    assert nst("styles", "add", "photo.png").code == 0
    assert nst("styles", "rename", "painting", "Blue waves").code == 0
    listed = kept_styles(nst)
    assert [style["name"] for style in listed] == ["Blue waves", "photo"]
    assert listed[0]["settings"] == {"strength": 90.0}
    assert Path(listed[0]["thumbnail"]).name == "Blue waves.png"
    assert_refused(nst("styles", "rename", "Blue waves", "photo"), "photo", "--force")
    assert_refused(nst("styles", "rename", "Blue waves", "../up"), "name")
    assert_refused(nst("styles", "rename", "Blue wave", "x"), "Did you mean 'Blue waves'?")
    assert nst("styles", "rename", "photo", "photo").code == 0
    assert nst("styles", "rename", "Blue waves", "photo", "--force", "--json").json["name"] == "photo"
    assert files_in(library) == ["photo.json", "photo.png", "photo.png"]
    assert (library / "photo.png").read_bytes() == (workdir / "painting.png").read_bytes()


def test_every_change_is_reported_as_json(nst: Nst, workdir: Path, library: Path) -> None:
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
def test_invalid_names_are_refused(nst: Nst, workdir: Path, library: Path, name: str) -> None:
    Path("all.json").write_text(
        json.dumps({"nst_styles": 1, "styles": [{"name": name, "suffix": ".png", "picture": "AAAA"}]})
    )
    if name:
        assert_refused(nst("styles", "add", "painting.png", "--as", name), "name")
    assert_refused(nst("styles", "import", "all.json"))
    assert not [path for path in library.parent.rglob("*") if path.is_file() and "workdir" not in path.parts]


@pytest.mark.parametrize(
    ("styles", "words"),
    [
        ("{", "not a style archive"),
        ('{"nst_styles": 2, "styles": []}', "not a style archive"),
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "!!"}]}',
            "not a style archive",
        ),
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "é"}]}',
            "not a style archive",
        ),
        (
            '{"nst_styles": 1, "styles": [{"name": "a", "suffix": "/../../a.png", "picture": "AAAA"}]}',
            "Style pictures must end in",
        ),
        ('{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".exe", "picture": "AAAA"}]}', ".exe"),
        ('{"nst_styles": 1, "styles": [{"name": "a", "suffix": ".png", "picture": "AAAA"}]}', "picture"),
        (
            '{"nst_styles":1, "styles":[{"name":"a", "suffix":".png", "picture":"", "settings":{"tv":-1}}]}',
            "tv",
        ),
    ],
)
def test_invalid_archive_adds_nothing(nst: Nst, workdir: Path, library: Path, styles, words) -> None:
    Path("bad.json").write_text(styles)
    assert_refused(nst("styles", "import", "bad.json"), words)
    assert not library.exists() or files_in(library) == []


def test_damaged_settings_are_ignored(nst: Nst, workdir: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--strength", 20).code == 0
    (library / "painting.json").write_text("{")
    (library / "notes.txt").write_text("mine")
    (listed,) = kept_styles(nst)
    assert listed["settings"] == {}
    assert_refused(nst("styles", "remove", "paintign"), "Did you mean 'painting'?")


def archived(name: str, path: Path, **fields: object) -> dict[str, object]:
    """Return a style as an archive contains it."""
    picture = base64.b64encode(path.read_bytes()).decode()
    return {"name": name, "suffix": ".png", "picture": picture, **fields}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"name": "b", "suffix": ".png", "picture": "AAAA"}, "The picture of b is empty"),
        ({"name": "b", "suffix": ".png", "picture": ""}, "The picture of b is empty"),
        ({"name": "SKY"}, "Several of the styles have the name"),
        ({"name": "Painting"}, "already a style painting"),
        ({"name": "b", "settings": {"content_layers": [["relu4_2", -1]]}}, "not negative"),
    ],
)
def test_archive_is_imported_completely_or_not_at_all(
    nst: Nst, workdir: Path, library: Path, second, words
) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    before = files_in(library)
    styles = [archived("sky", workdir / "photo.png"), {**archived("", workdir / "photo.png"), **second}]
    Path("all.json").write_text(json.dumps({"nst_styles": 1, "styles": styles}))
    assert_refused(nst("styles", "import", "all.json"), words)
    assert files_in(library) == before


def test_settings_of_a_machine_are_not_kept_with_a_style(nst: Nst, workdir: Path, library: Path) -> None:
    """Neither by hand, nor from a result, nor from an archive: a style works on every machine."""
    assert_refused(nst("styles", "add", "painting.png", "--device", "cpu"), "--device")
    machine = {"device": "cuda:7", "model": "mine", "init": "/home/me/a.png", "max-memory": "1kB", "tv": 1}
    Path("all.json").write_text(
        json.dumps({"nst_styles": 1, "styles": [archived("sky", workdir / "photo.png", settings=machine)]})
    )
    Path("settings.json").write_text(json.dumps({**machine, "size": 512, "seed": 7, "strength": 50}))
    assert nst("styles", "import", "all.json").code == 0
    assert nst("styles", "add", "painting.png", "--settings", "settings.json").code == 0
    (library / "painting.json").write_text(json.dumps(machine))
    listed = kept_styles(nst)
    assert [style["settings"] for style in listed] == [{"tv": 1.0}] * 2


def test_names_that_are_equal_on_some_file_system_are_one_style(
    nst: Nst, workdir: Path, library: Path
) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Caf\u00e9", "--strength", 20).code == 0
    assert_refused(nst("styles", "add", "photo.png", "--as", "CAFE\u0301"), "already a style Caf", "--force")
    assert nst("styles", "add", "photo.png", "--as", "other").code == 0
    assert_refused(nst("styles", "rename", "other", "caf\u00e9"), "already a style Caf")
    assert nst("styles", "rename", "Caf\u00e9", "caf\u00e9").code == 0
    assert nst("styles", "add", "photo.png", "--as", "CAFE\u0301", "--force").code == 0
    assert files_in(library) == ["CAFE\u0301.png"] * 2 + ["other.png"] * 2
    assert nst("styles", "rename", "CAF\u00c9", "caf\u00e9").code == 0
    assert nst("styles", "remove", "cafe\u0301").code == 0
    assert files_in(library) == ["other.png"] * 2


def test_picture_of_another_format_replaces_the_first(nst: Nst, workdir: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "sky", "--strength", 20).code == 0
    Image.open("photo.png").save("photo.jpg")
    assert nst("styles", "add", "photo.jpg", "--as", "sky", "--force").code == 0
    assert files_in(library) == ["sky.jpg", "sky.png"]
    with Image.open(library / "thumbnails" / "sky.png") as thumbnail:
        assert thumbnail.size == (72, 48)


def test_folder_of_the_same_name_does_not_hide_a_style(nst: Nst, workdir: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    (workdir / "Monet").mkdir()
    assert nst("stylize", "photo.png", "Monet", "-o", "out.png", *QUICK).code == 0


def test_pages_accept_kept_styles(nst: Nst, workdir: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    (workdir / "pages").mkdir()
    (workdir / "pages" / "figures.png").write_bytes(b"mine")
    for command in ("figures", "gallery"):  # an error that comes after reading the style
        assert_refused(nst(command, "pages", "photo.png", "Monet", "--size", 40), "is not one of these")


def test_texture_of_a_kept_style_is_not_put_into_the_library(nst: Nst, workdir: Path, library: Path) -> None:
    assert nst("styles", "add", "painting.png", "--as", "Monet").code == 0
    assert nst("texture", "Monet", "--texture-size", "32x32", *QUICK).code == 0
    assert (workdir / "Monet-texture.png").is_file()
    assert files_in(library) == ["Monet.png"] * 2


def test_export_contains_each_style_once(nst: Nst, workdir: Path) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    assert nst("styles", "export", "all.json", "painting", "painting").code == 0
    assert len(json.loads(Path("all.json").read_text())["styles"]) == 1


def test_archive_that_is_too_large_is_refused(nst: Nst, workdir: Path, monkeypatch) -> None:
    assert nst("styles", "add", "painting.png").code == 0
    assert nst("styles", "export", "all.json").code == 0
    monkeypatch.setattr(archive, "LARGEST_FILE", 2000)
    assert_refused(nst("styles", "export", "more.json"), "more than")
    assert not Path("more.json").exists()
    assert_refused(nst("styles", "import", "all.json", "--force"), "all.json", "more than")
