"""Plans of runs: sizes that fit a time limit, what is told beforehand, and rates that learn."""

from __future__ import annotations

import json

import pytest

from nst_core import planning, rates
from nst_core.backends.choose import open_engine
from nst_core.planning import UPSAMPLE_FROM, plan_event, plan_run
from nst_core.rates import Rate
from nst_core.settings import make_settings
from nst_core.speed import rate_of
from nst_core.transfer.clock import LevelWork
from nst_core.transfer.memory import Room
from nst_core.transfer.plan import Level


@pytest.fixture
def engine(models, monkeypatch):
    """An engine that takes ten seconds a megapixel."""
    monkeypatch.setattr(planning, "rate_of", lambda _engine: Rate(1.0, 0.0, 10.0))
    opened = open_engine(make_settings({"engine": "onnx", "device": "cpu"}), models, lambda _notice: None)
    yield opened
    opened.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    return tmp_path / "rates.json"


def test_without_a_limit_everything_is_optimised(engine):
    plan = plan_run(2000, 3000, make_settings({}), engine)
    assert (plan.levels[-1].height, plan.levels[-1].width) == plan.full == (2000, 3000)
    work = sum(level.height * level.width * (level.iterations + 2) for level in plan.levels) / 1e6
    assert plan.seconds >= 10.0 * work + len(plan.levels) - 1e-6


@pytest.mark.parametrize("limit", [60, 300, 1000])
def test_a_time_limit_chooses_the_largest_size_that_fits(engine, limit):
    plan = plan_run(2000, 3000, make_settings({"time_limit": limit}), engine)
    assert plan.full == (2000, 3000)
    assert plan.seconds <= limit or max(plan.levels[-1].height, plan.levels[-1].width) == 256
    side = plan.levels[-1].width
    larger = make_settings({"size": 0})
    bigger = planning._planned(2000, 3000, round(side * 1.5), larger, engine, Rate(1.0, 0.0, 10.0))
    assert bigger.seconds > limit


def test_upsampling_paints_at_a_bounded_size_and_says_where_it_goes(engine):
    settings = make_settings({"finish": "upsample"})
    plan = plan_run(4000, 6000, settings, engine)
    assert plan.levels[-1].width == UPSAMPLE_FROM
    event = plan_event(plan, settings, engine)
    assert (event.width, event.height) == (6000, 4000)
    assert event.seconds == plan.seconds
    assert event.bytes > 1e8
    assert event.device_bytes is None


def test_tiles_are_told_and_cost_more(engine, monkeypatch):
    monkeypatch.setattr(planning, "room_for", lambda *_: Room(60e9, None))
    roomy = plan_run(1500, 2000, make_settings({}), engine)
    monkeypatch.setattr(planning, "room_for", lambda *_: Room(1.8e9, None))
    tight = plan_run(1500, 2000, make_settings({}), engine)
    assert roomy.memory[-1].tiles == 1
    event = plan_event(tight, make_settings({}), engine)
    assert event.levels[-1].tiles > 4
    assert event.levels[0].tiles == 1
    assert tight.seconds > 1.3 * roomy.seconds
    assert tight.memory[-1].machine <= 1.8e9 < roomy.memory[-1].machine
    assert event.bytes >= tight.memory[-1].machine


def test_rates_are_measured_once_and_learn_from_runs(models, cache):
    opened = open_engine(make_settings({"engine": "onnx", "device": "cpu"}), models, lambda _notice: None)
    measured = rate_of(opened)
    assert measured.megapixel > 0.01
    assert list(measured) == json.loads(cache.read_text())[opened.name]
    levels = [LevelWork(Level(1000, 1000, 8), 1.0)]
    expected = measured.seconds(levels)
    assert expected == pytest.approx(measured.level + 10 * (measured.evaluation + measured.megapixel))
    rates.remember(opened.name, levels, 2 * expected + rates.LEAST_SECONDS)
    slower = rate_of(opened)
    assert slower.seconds(levels) > 1.4 * expected
    rates.remember(opened.name, levels, rates.LEAST_SECONDS / 2)  # over too soon to say anything
    assert rate_of(opened) == slower
    opened.close()


@pytest.mark.parametrize(
    "stored", ["", "[]", '{"a": 3.0}', '{"a": [1, 2]}', '{"a": [-1, 0, 1]}', '{"a": ["x"]}']
)
def test_a_damaged_file_of_rates_is_no_file(cache, stored):
    cache.write_text(stored)
    assert rates.recall("a") is None
    rates.keep("a", Rate(1.0, 2.0, 3.0))
    assert rates.recall("a") == Rate(1.0, 2.0, 3.0)
