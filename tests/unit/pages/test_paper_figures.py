"""The design of the paper's figures: their jobs, their pictures, and the hashes that recognise them."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.picture import Picture
from nst_core.pages.paper_figures import Figures, check_figures, design_figures, middle_crop
from nst_core.settings import Crop, make_settings


@pytest.fixture
def pictures() -> list[Picture]:
    """Two pictures of 70 x 50 pixels."""
    rng = np.random.default_rng(0)
    return [Picture(rng.random((50, 70, 3), dtype=np.float32)) for _ in range(2)]


def keys_of(figures: Figures, model_sha256: str = "") -> list[str]:
    return [painting.key(model_sha256) for painting in figures.paintings]


def test_texture_without_a_size_is_as_large_as_the_content(pictures: list[Picture]) -> None:
    figures = design_figures(*pictures, make_settings({"size": 0}))
    jobs = [painting.job for painting in figures.paintings]
    assert {job.texture_size for job in jobs if job.content is None} == {(70, 70)}
    check_figures(figures)


def test_alpha_changes_the_key_of_a_painting() -> None:
    pixels = np.random.default_rng(0).random((50, 70, 3), dtype=np.float32)
    opaque, faint = (Picture(pixels, alpha) for alpha in (None, np.full((50, 70), 0.5, np.float32)))
    keys = [
        set(keys_of(design_figures(*pair, make_settings({"size": 64}))))
        for pair in ((opaque, opaque), (faint, opaque), (opaque, faint))
    ]
    assert not keys[0] & keys[1] & keys[2]


def test_every_panel_has_a_picture_and_every_picture_a_panel(pictures: list[Picture]) -> None:
    figures = design_figures(*pictures, make_settings({"size": 64}))
    made = {name for painting in figures.paintings for name in painting.names} | set(figures.originals)
    shown = {name for figure in figures.figures for name, _ in figure.panels}
    assert made == shown


def test_key_depends_on_settings_and_network_alone(pictures: list[Picture]) -> None:
    figures = design_figures(*pictures, make_settings({"size": 64}))
    keys = keys_of(figures)
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(keys_of(figures, "other weights"))
    other_seed = design_figures(*pictures, make_settings({"size": 64, "seed": 1}))
    assert not set(keys) & set(keys_of(other_seed))
    assert set(keys) == set(keys_of(design_figures(*pictures, make_settings({"size": 64}))))


def test_run_from_noise_ends_with_the_last_frame(pictures: list[Picture]) -> None:
    figures = design_figures(*pictures, make_settings({"size": 64}))
    run = next(painting for painting in figures.paintings if painting.frames)
    assert len(run.frames) == 6
    assert run.frames[-1] == run.job.settings.iterations


def test_middle_crop_is_never_smaller_than_the_network_needs() -> None:
    assert middle_crop(Picture(np.zeros((100, 60, 3), np.float32))) == Crop(15, 25, 30, 50)
    assert middle_crop(Picture(np.zeros((20, 16, 3), np.float32))) == Crop(0, 2, 16, 16)
