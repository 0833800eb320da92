"""Schedules of levels: what their text means, what they cost, and when their picture has settled."""

from __future__ import annotations

import pytest

from nst_core.painting.pyramid import FINE_MATCHING, Level
from tests.bench.judge.measures import Measures
from tests.bench.schedule import Point, cost_of, parse_schedule, settled


def test_a_schedule_is_its_levels() -> None:
    first, second, third = parse_schedule("64:30,128:20x0.5,256:10h", 171, 256)
    assert first == Level(43, 64, 30)
    assert second == Level(86, 128, 20, matching=0.5)
    assert third == Level(171, 256, 10, matching=FINE_MATCHING, halved=True)
    with pytest.raises(ValueError, match="many"):
        parse_schedule("64:many", 171, 256)


def test_cost_counts_evaluations_by_their_pixels() -> None:
    levels = (Level(50, 100, 9), Level(100, 200, 19))
    assert cost_of(levels, 0, 9) == pytest.approx(10 / 4)
    assert cost_of(levels, 1, 19) == pytest.approx(10 / 4 + 20)


def test_a_picture_has_settled_when_its_style_stays_near_the_last() -> None:
    def point(cost: float, style: float) -> Point:
        measures = Measures(
            patches=style, features=0.0, structure=0.7, color=0.3,
            speckle=0.0, speckle_allowed=0.0, structure_by_chance=0.4,
        )  # fmt: skip
        return Point(0, int(cost), cost, measures, 0.0)

    assert settled([point(10, 0.5), point(20, 0.34), point(30, 0.345), point(40, 0.34)]) == 20
    assert settled([point(10, 0.34), point(20, 0.5), point(30, 0.34)]) == 30
