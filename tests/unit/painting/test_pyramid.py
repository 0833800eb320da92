"""Pyramid levels: sizes and iterations, and the sizes of styles at a level."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.errors import ErrorCode, NstError
from nst_core.loss.weights import STYLE_SHARE, style_share
from nst_core.painting.pyramid import (
    COARSEST_ITERATIONS,
    FINE_MATCHING,
    FINEST_ITERATIONS,
    REFINEMENTS,
    SMALLEST_SIDE,
    make_levels,
)
from nst_core.painting.subject import style_size
from nst_core.painting.workload import Workload
from nst_core.settings import Settings

sides = st.integers(SMALLEST_SIDE, 6000)


@given(height=sides, width=sides, quality=st.sampled_from(["draft", "normal", "fine"]))
def test_levels_grow_to_the_picture_size_and_fit_every_layer(height, width, quality):
    levels = make_levels(height, width, Settings(quality=quality))
    assert (levels[-1].height, levels[-1].width) == (height, width)
    for level in levels:
        assert min(level.height, level.width) >= min(SMALLEST_SIDE, height, width)
        assert level.iterations >= 1
    for coarse, fine in pairwise(levels):
        assert coarse.height <= fine.height
        assert coarse.width <= fine.width
        assert max(fine.height, fine.width) <= 2.1 * max(coarse.height, coarse.width) + 2
        assert coarse.iterations >= fine.iterations


@pytest.mark.parametrize("long_side", [512, 700, 1024, 3000])
def test_coarsest_level_does_not_depend_on_the_picture_size(long_side):
    levels = make_levels(round(long_side * 0.75), long_side, Settings())
    assert levels[0].width == Settings().coarsest


def test_a_pyramid_can_be_switched_off():
    (level,) = make_levels(600, 800, Settings(coarsest=0, iterations=33))
    assert (level.height, level.width, level.iterations) == (600, 800, 33)


def test_a_draft_at_the_coarsest_size_is_the_first_level_of_a_larger_draft():
    (trial,) = make_levels(171, 256, Settings(quality="draft"))
    assert trial == make_levels(342, 512, Settings(quality="draft"))[0]
    assert trial.iterations == COARSEST_ITERATIONS["draft"]


def test_matches_matter_less_after_the_coarsest_level():
    levels = make_levels(682, 1024, Settings())
    assert [level.matching for level in levels] == [1.0, FINE_MATCHING, FINE_MATCHING]
    assert make_levels(150, 200, Settings())[0].matching == 1.0


def test_only_a_large_finest_level_computes_deep_layers_at_half_size():
    assert [level.halved for level in make_levels(1365, 2048, Settings())] == [False, False, False, True]
    assert not any(level.halved for level in make_levels(1364, 2046, Settings()))


def test_levels_past_1024_pixels_only_refine_those_before():
    assert [level.refines for level in make_levels(3000, 4000, Settings())] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert not any(level.refines for level in make_levels(683, 1024, Settings()))
    assert [level.refines for level in make_levels(2000, 3000, Settings(coarsest=0))] == [False]


@pytest.mark.parametrize(
    ("settings", "workload"),
    [
        (Settings(loss="paper"), Workload()),
        (Settings(), Workload(content=False)),
        (Settings(), Workload(styles=0)),
        (Settings(style_layers="relu1_1", content_layers="relu2_2", matching=0), Workload()),
        (Settings(style_layers="relu4_1", content_layers="relu4_2", matching=0), Workload()),
    ],
)
def test_losses_without_both_depths_are_computed_at_full_size(settings, workload):
    assert not any(level.halved for level in make_levels(1365, 2048, settings, workload))


@pytest.mark.parametrize(
    ("settings", "workload"),
    [
        (Settings(loss="paper"), Workload()),
        (Settings(), Workload(content=False)),
        (Settings(), Workload(styles=0)),
    ],
)
def test_losses_without_both_pictures_are_painted_as_a_whole(settings, workload):
    assert not any(level.refines for level in make_levels(1365, 2048, settings, workload))


def test_setting_iterations_applies_to_the_last_level():
    assert make_levels(600, 800, Settings(iterations=40))[-1].iterations == 40


@pytest.mark.parametrize("long_side", [2048, 4096])
def test_levels_up_to_1024_pixels_are_those_of_a_smaller_painting(long_side):
    small, large = (make_levels(round(side * 0.75), side, Settings()) for side in (1024, long_side))
    assert [level.iterations for level in large[: len(small)]] == [level.iterations for level in small]


@pytest.mark.parametrize("quality", ["draft", "normal", "fine"])
def test_levels_above_1024_pixels_get_fewer_iterations(quality):
    settings = Settings(quality=quality)
    last = FINEST_ITERATIONS[quality]
    assert make_levels(768, 1024, settings)[-1].iterations == last
    for long_side in (2048, 4000, 6000):
        assert make_levels(long_side // 2, long_side, settings)[-1].iterations == REFINEMENTS[quality]
    assert REFINEMENTS[quality] < make_levels(900, 1400, settings)[-1].iterations < last
    levels = make_levels(2000, 4000, Settings(quality=quality, iterations=70))
    assert levels[-1].iterations == 70


@pytest.mark.parametrize("size", [(15, 400), (400, 1), (1, 1)])
def test_pictures_too_small_for_the_network_are_rejected(size):
    with pytest.raises(NstError) as caught:
        make_levels(*size, Settings())
    assert caught.value.code is ErrorCode.TOO_SMALL
    assert str(SMALLEST_SIDE) in caught.value.message


def test_style_share_rises_with_strength():
    shares = [style_share(strength) for strength in range(101)]
    assert shares[0] == pytest.approx(STYLE_SHARE[0])
    assert shares[100] == pytest.approx(STYLE_SHARE[100])
    assert all(a < b for a, b in pairwise(shares))


@given(height=st.integers(64, 3000), width=st.integers(64, 3000), scale=st.floats(0.5, 4.0))
def test_style_area_does_not_depend_on_the_style_shape(height, width, scale):
    level = make_levels(480, 640, Settings(coarsest=0))[0]
    h, w = style_size((height, width), level, scale)
    if min(h, w) > SMALLEST_SIDE:
        assert h * w == pytest.approx(scale**2 * 480 * 640, rel=0.1)
        assert h / w == pytest.approx(height / width, rel=0.1)
