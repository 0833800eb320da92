"""The ready styles: their pictures, their names, and the studio that paints them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.contract import READY_FOLDER, READY_STYLES
from nst_core.errors import NstError
from nst_core.images.read import read_picture
from nst_core.style_library import ready_styles
from nst_core.style_library.library import StyleLibrary
from nst_core.style_library.studio.__main__ import paint, painter
from nst_core.style_library.studio.page import page, result_path

LARGEST_TOTAL = 10_000_000
SMALL = 96
DOCS = Path(ready_styles.__file__).parents[1] / "docs"
QUICK_MEDIA = ("Watercolour", "Ink", "Woodcut", "Stained Glass")
"""Media without thousands of brush strokes, which take seconds at any size."""


@pytest.fixture
def library(tmp_path: Path) -> StyleLibrary:
    return StyleLibrary(tmp_path / "styles")


def small_colours(image: Image.Image) -> np.ndarray:
    """Return the colours of a picture at 8 x 6 pixels, where only its composition is left."""
    return np.asarray(image.convert("RGB").resize((8, 6), Image.Resampling.BOX), float)


def test_every_name_has_a_picture_and_the_folder_holds_nothing_else() -> None:
    files = {path.name for path in ready_styles.READY_FOLDER.iterdir()}
    assert files == {f"{name}.jpg" for name in READY_STYLES}
    assert [style.name for style in ready_styles.ready_styles()] == list(READY_STYLES)
    assert ready_styles.READY_FOLDER.as_posix().endswith(READY_FOLDER)


def test_pictures_are_large_enough_and_small_on_disk() -> None:
    paths = [style.path for style in ready_styles.ready_styles()]
    assert all(max(Image.open(path).size) >= 1024 for path in paths)
    assert sum(path.stat().st_size for path in paths) < LARGEST_TOTAL
    assert read_picture(paths[0]).width >= 1024


@pytest.mark.parametrize("name", QUICK_MEDIA)
def test_studio_paints_the_picture_again(name: str) -> None:
    """The same size gives the same pixels; another size gives the same composition and colours."""
    first = paint(name, SMALL)
    assert first.tobytes() == paint(name, SMALL).tobytes()
    stored = Image.open(ready_styles.READY_FOLDER / f"{name}.jpg")
    assert abs(first.height / first.width - stored.height / stored.width) < 0.01
    assert np.abs(small_colours(first) - small_colours(stored)).mean() < 16


def test_page_shows_each_style_beside_its_results(tmp_path: Path) -> None:
    photos = [Path("lake.jpg"), Path("cat.png")]
    colours = []
    for number, style in enumerate(ready_styles.ready_styles()):
        for photo in photos:
            colours.append((number * 20, 99 * (photo == photos[0]), 99))
            Image.new("RGB", (60, 40), colours[-1]).save(result_path(tmp_path, style, photo))
    pixels = np.asarray(page(tmp_path, photos))
    assert all((pixels == colour).all(2).any() for colour in colours)
    assert (DOCS / "ready-styles.jpg").stat().st_size < 500_000


def test_every_name_has_a_painter_in_the_studio() -> None:
    assert all(callable(painter(name)) for name in READY_STYLES)


def test_kept_style_takes_the_place_of_a_ready_one(library: StyleLibrary, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 120, 40)).save(tmp_path / "mine.png")
    assert library.get("stained glass").is_ready  # capitals do not matter
    kept = library.add(tmp_path / "mine.png", "Mosaic")
    assert library.get("Mosaic") == kept
    assert [style.name for style in library.styles()] == ["Mosaic"]
    assert [style.name for style in library.all_styles()].count("Mosaic") == 1
    library.remove("Mosaic")
    assert library.get("Mosaic").is_ready


def test_ready_style_cannot_be_removed_or_renamed(library: StyleLibrary) -> None:
    for change in (lambda: library.remove("Ink"), lambda: library.rename("Ink", "Tusche")):
        with pytest.raises(NstError, match="Ink is a ready style") as caught:
            change()
        assert "nst styles add PICTURE --as 'Ink'" in caught.value.hint
    assert not library.root.exists()


def test_export_takes_a_ready_style_only_by_name(library: StyleLibrary, tmp_path: Path) -> None:
    assert b"Ink" not in library.export()
    (tmp_path / "ink.json").write_bytes(library.export(["Ink"]))
    (imported,) = library.import_archive(tmp_path / "ink.json")
    assert not imported.is_ready
    assert imported.path.read_bytes() == (ready_styles.READY_FOLDER / "Ink.jpg").read_bytes()
