"""The style library: changes at the same time, interrupted changes, and messages about pictures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from nst_core.errors import ErrorCode, NstError
from nst_core.style_library.library import StyleLibrary


@pytest.fixture
def library(tmp_path: Path) -> StyleLibrary:
    return StyleLibrary(tmp_path / "styles")


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """Two pictures, photo.png (72 x 48) and painting.png (48 x 64)."""
    paths = tmp_path / "photo.png", tmp_path / "painting.png"
    for path, size in zip(paths, ((72, 48), (48, 64)), strict=True):
        Image.new("RGB", size, (200, 120, 40)).save(path)
    return paths


def files_in(library: StyleLibrary) -> list[str]:
    """Return the names of all files in the library, except the lock."""
    return sorted(path.name for path in library.root.rglob("*") if path.is_file() and path.name != ".lock")


def test_several_threads_may_add_styles_at_once(library: StyleLibrary, pictures: tuple[Path, Path]) -> None:
    """Of those that use the same name, one succeeds. No files are mixed up or left behind."""

    def add(number: int) -> str:
        name = "sky" if number < 8 else f"s{number}"
        try:
            StyleLibrary(library.root).add(pictures[number % 2], name)
        except NstError as error:
            return error.code.value
        return "kept"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(add, range(16)))
    assert sorted(outcomes[:8]) == ["kept"] + ["output-exists"] * 7
    assert outcomes[8:] == ["kept"] * 8
    for style in library.styles():
        assert style.thumbnail is not None
        with Image.open(style.path) as picture, Image.open(style.thumbnail) as thumbnail:
            assert picture.size == thumbnail.size
    assert len(files_in(library)) == 18


def test_files_of_an_interrupted_change_are_deleted(
    library: StyleLibrary, pictures: tuple[Path, Path]
) -> None:
    photo, painting = pictures
    library.add(painting)
    (library.root / ".new-0123.png").write_bytes(b"half")
    library.add(photo)
    assert files_in(library) == ["painting.png", "painting.png", "photo.png", "photo.png"]


@pytest.mark.parametrize("data", [b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_message_about_an_unreadable_picture_names_the_style(
    library: StyleLibrary, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(NstError) as caught:
        library.add(tmp_path / "bad.png", "Blue waves")
    assert caught.value.code is ErrorCode.BAD_IMAGE
    assert caught.value.message.startswith("The picture of Blue waves ")
    assert ".new-" not in caught.value.message
    assert library.styles() == []
