"""The paper's loss paints with its defaults; a result that is all but the photograph is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nst_core.api import Painting, stylize
from nst_core.images.picture import Picture
from nst_core.job.finish import Finisher
from nst_core.job.likeness import mean_change
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.settings import make_settings
from tests.unit.job.test_run import QUICK, painting, photo, real_weights  # noqa: F401 -- a fixture


def paint(**values: Any) -> Painting:
    return stylize(photo(), painting(), {**QUICK, **values})


def change(painted: Painting) -> float:
    """Return the mean difference from the photo, of 255."""
    return 255 * float(np.abs(painted.pixels - photo()).mean())


def codes(painted: Painting) -> list[str]:
    return [notice.code for notice in painted.result.notices]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_papers_loss_paints_with_its_defaults(init: str, optimizer: str) -> None:
    """alpha 1 and beta 1000, from the photo and from noise, with both optimisers."""
    painted = paint(loss="paper", init=init, optimizer=optimizer, iterations=6)
    assert change(painted) > 5
    losses = [sample.loss for sample in painted.result.curve]
    assert losses[-1] < 0.9 * losses[0]
    assert losses[:4] == sorted(set(losses[:4]), reverse=True)
    assert "hardly-changed" not in codes(painted)


def test_result_that_is_all_but_the_photo_is_told() -> None:
    painted = paint(loss="paper", beta=1e-9)
    (notice,) = (notice for notice in painted.result.notices if notice.code == "hardly-changed")
    assert notice.message.startswith("The result is all but the photograph: its values differ by 0.0 of 255")
    assert "beta" in notice.hint


@pytest.mark.parametrize("values", [{"loss": "paper", "beta": 0.0}, {"strength": 0.0, "iterations": 1}])
def test_result_like_the_photo_is_not_told_if_that_was_asked_for(values: dict[str, Any]) -> None:
    assert "hardly-changed" not in codes(paint(**values))


def test_change_is_that_of_the_pixels_that_may_change_and_are_visible() -> None:
    """A small selection that is well painted is not the photograph, and hidden pixels do not count."""
    selection = np.zeros((48, 64), np.float32)
    selection[:6, :4] = 1.0
    selection[6:12, :4] = 0.5
    alpha = np.ones((48, 64), np.float32)
    alpha[:, :2] = 0.0
    content = Picture(photo(), alpha)
    job = Job(
        content=content,
        styles=(WeightedStyle(Picture(painting())),),
        settings=make_settings({}),
        selection=selection,
    )
    changed = np.clip(content.pixels + 0.1 * selection[:, :, None], 0.0, 1.0)
    changed[:, :2] = 0.0
    assert mean_change(Finisher(job, prepare(job)), Picture(changed, alpha)) == pytest.approx(0.1, rel=1e-3)
