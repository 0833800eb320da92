"""The design of the gallery of controls, and the second style that it makes up."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.picture import Picture
from nst_core.pages.control_gallery import design_gallery, hatched_style
from nst_core.settings import make_settings


def picture(seed: int, height: int = 48, width: int = 64) -> Picture:
    return Picture(np.random.default_rng(seed).uniform(size=(height, width, 3)).astype(np.float32))


@pytest.mark.parametrize("style_count", [1, 2])
def test_every_row_has_three_panels_and_every_painting_is_different(style_count: int) -> None:
    styles = [picture(seed) for seed in range(1, style_count + 1)]
    gallery = design_gallery(picture(0), styles, make_settings({"size": 64}))
    made = {name for painting in gallery.paintings for name in painting.names} | set(gallery.originals)
    for row in gallery.figures:
        assert len(row.panels) == 3, row.title
        assert len({name for name, _ in row.panels}) == 3, row.title
        assert {name for name, _ in row.panels} <= made
    keys = [painting.key("") for painting in gallery.paintings]
    assert len(set(keys)) == len(keys)
    titles = " ".join(row.title for row in gallery.figures)
    for word in ("Strength", "Brush", "Colours", "statistics", "Several", "Regions", "Parts", "Fine"):
        assert word in titles


def test_hatched_style_has_other_colours_and_diagonal_strokes() -> None:
    style = picture(1, 60, 80)
    hatched = hatched_style(style)
    assert (hatched.height, hatched.width) == (60, 80)
    rolled_means = np.roll(style.pixels.mean(axis=(0, 1)), -1)
    assert np.abs(hatched.pixels.mean(axis=(0, 1)) - rolled_means).max() < 0.1
    # Neighbours along the strokes' diagonal are alike, neighbours across it are not.
    along = np.abs(hatched.pixels[1:, 1:] - hatched.pixels[:-1, :-1]).mean()
    across = np.abs(hatched.pixels[1:, :-1] - hatched.pixels[:-1, 1:]).mean()
    assert across > 2 * along


def test_hatched_style_of_a_flat_picture_is_finite() -> None:
    hatched = hatched_style(Picture(np.full((16, 16, 3), 0.5, np.float32)))
    assert np.isfinite(hatched.pixels).all()
