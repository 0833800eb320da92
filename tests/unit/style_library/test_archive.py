"""Style archives from strangers: the number of entries, and damaged or endless ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.style_library import archive
from nst_core.style_library.library import StyleLibrary
from nst_core.style_library.model import KeptStyle


def refuse(folder: Path, content: str) -> NstError:
    path = folder / "styles.json"
    path.write_text(content, "utf-8")
    library = StyleLibrary(folder / "library")
    with pytest.raises(NstError) as caught:
        library.import_archive(path)
    assert library.styles() == []
    return caught.value


def entries(names: list[str], **fields: object) -> str:
    styles = [{"name": name, "suffix": ".png", "settings": {}, "picture": "", **fields} for name in names]
    return json.dumps({"nst_styles": 1, "styles": styles})


@pytest.mark.parametrize("count", [archive.MOST_STYLES + 1, 100_000])
def test_archive_of_many_styles_is_refused_before_they_are_checked(tmp_path, count):
    error = refuse(tmp_path, entries([f"s{number}" for number in range(count)]))
    assert error.code is ErrorCode.TOO_LARGE
    assert "more than 1000 styles" in error.message


def test_archive_with_many_values_is_refused_before_parsing(tmp_path, monkeypatch):
    monkeypatch.setattr(archive._Archive, "model_validate_json", lambda _data: pytest.fail("parsed"))
    assert refuse(tmp_path, f"[{'0,' * 400_000}0]").code is ErrorCode.TOO_LARGE


LONG_NUMBER = '{"nst_styles":' + "9" * 100_000 + ',"styles":[]}'


@pytest.mark.parametrize("content", ["[" * 200_000, LONG_NUMBER, '{"nst_styles":1e999,"styles":[]}', "null"])
def test_other_content_is_no_archive(tmp_path, content):
    error = refuse(tmp_path, content)
    assert error.code is ErrorCode.BAD_SETTING
    assert len(error.message) < 200


def test_names_that_are_one_file_somewhere_are_refused(tmp_path):
    assert "have the name" in refuse(tmp_path, entries(["Sky", "sea", "sky"])).message


def test_export_makes_no_archive_that_cannot_be_imported(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    style = KeptStyle(name="a", path=tmp_path / "a.png")
    archive.pack([style] * 3)
    with pytest.raises(NstError, match="more than 1000 styles"):
        archive.pack([style] * (archive.MOST_STYLES + 1))
