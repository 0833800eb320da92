"""The page that shows each control at three settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.pages.control_gallery import design, hatched
from nst_core.settings import make_settings
from tests.unit.cli.conftest import Nst


def picture(seed: int, height: int = 48, width: int = 64) -> Picture:
    return Picture(np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32))


@pytest.mark.parametrize("styles", [1, 2])
def test_every_row_has_three_panels_and_every_panel_a_painting_of_its_own(styles: int) -> None:
    settings = make_settings({"size": 64})
    planned = design(picture(0), [picture(n) for n in range(1, styles + 1)], settings)
    made = {name for painting in planned.paintings for name in painting.names} | set(planned.originals)
    for figure in planned.figures:
        assert len(figure.panels) == 3, figure.title
        assert len({name for name, _ in figure.panels}) == 3, figure.title
        assert {name for name, _ in figure.panels} <= made
    keys = [painting.key("") for painting in planned.paintings]
    assert len(set(keys)) == len(keys)
    titles = " ".join(figure.title for figure in planned.figures)
    for word in ("Strength", "Brush", "Colours", "statistics", "Several", "Regions", "Parts", "Fine"):
        assert word in titles


def test_a_style_alone_is_shown_beside_one_of_other_colours_and_strokes() -> None:
    style = picture(1, 60, 80)
    other = hatched(style)
    assert (other.height, other.width) == (60, 80)
    assert np.abs(other.pixels.mean(axis=(0, 1)) - np.roll(style.pixels.mean(axis=(0, 1)), -1)).max() < 0.1
    # Strokes run down a diagonal: neighbours along it are alike, across it they are not.
    along = np.abs(other.pixels[1:, 1:] - other.pixels[:-1, :-1]).mean()
    across = np.abs(other.pixels[1:, :-1] - other.pixels[:-1, 1:]).mean()
    assert across > 2 * along
    flat = hatched(Picture(np.full((16, 16, 3), 0.5, np.float32)))
    assert np.isfinite(flat.pixels).all()


def test_the_page_is_made_from_pictures_and_goes_on_where_it_was(nst: Nst, place: Path) -> None:
    arguments = ("gallery", "page", "photo.png", "painting.png", "--size", 48, "--iterations", 1, "--json")
    first = nst(*arguments)
    assert first.code == 0, first
    assert first.events[-1]["painted"] > 20
    with Image.open("page/figures.png") as page:
        assert min(page.size) > 3 * 48
    assert (place / "page" / "index.html").read_text().count("<img") == 3 * 10
    (place / "page" / "mask.png").unlink()
    assert nst(*arguments).events[-1]["painted"] == 1
