"""The batch script's names of results: they never collide, and fit into what file systems take."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

PLUG_IN = Path(__file__).resolve().parents[3] / "gimp_plugin"


@pytest.fixture
def picture_list(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUG_IN / "neural-style"))
    monkeypatch.syspath_prepend(str(PLUG_IN / "batch"))
    import picture_list

    return picture_list


def names(picture_list, tmp_path: Path, *pictures: str, extension: str = "png") -> list[str]:
    paths = picture_list.result_paths([Path(name) for name in pictures], tmp_path, extension)
    return [path.name for path in paths]


@pytest.mark.parametrize(
    ("pictures", "results"),
    [
        (("a.jpg", "b.png"), ["a.png", "b.png"]),
        (("a.jpg", "a.png", "a.jpg.tif"), ["a.jpg.png", "a.png.png", "a.jpg.tif.png"]),
        (("a.jpg.tif",), ["a.jpg.tif.png"]),
        (("A.jpg", "a.JPG", "\u00e9.png", "e\u0301.jpg"), ["A.jpg.png", "a.JPG-2.png", "\u00e9.png.png",
                                                         "e\u0301.jpg.png"]),
        (("one/a.jpg", "two/a.jpg"), ["a.jpg.png", "a.jpg-2.png"]),
        (("a.xcf.gz", "b.2024.jpg", "noext"), ["a.png", "b.2024.png", "noext.png"]),
    ],
)  # fmt: skip
def test_results_never_collide(picture_list, tmp_path: Path, pictures, results) -> None:
    assert names(picture_list, tmp_path, *pictures) == results


def test_names_are_cut_by_bytes_between_characters(picture_list, tmp_path: Path) -> None:
    family = "\U0001f469\u200d\U0001f466"  # two emoji that are shown as one
    pictures = [
        f"{text * 62}{ending}.jpg"
        for text in ("\U0001f33b", family, "x\u0301\u0302", "\udce9" * 4)
        for ending in ("", "1", "2")
    ]
    results = names(picture_list, tmp_path, *pictures, extension="xcf.bz2")
    assert len(set(results)) == len(pictures)
    for picture, result in zip(pictures, results, strict=True):
        assert 240 < len(os.fsencode(result)) <= 255 or len(os.fsencode(picture)) <= 255
        kept = result[: -len(".xcf.bz2")].rpartition("-")[0] or result[: -len(".xcf.bz2")]
        rest = picture[len(kept) :]
        assert picture.startswith(kept)
        assert not kept.endswith("\u200d")
        assert not unicodedata.combining(rest[0])
        assert rest[0] != "\u200d"
