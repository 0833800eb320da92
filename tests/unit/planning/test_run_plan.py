"""Plans of runs: sizes that fit a time limit, what is told beforehand, and rates that learn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends.choose import open_engine
from nst_core.errors import ErrorCode, NstError
from nst_core.images.picture import Picture
from nst_core.images.resize import fit
from nst_core.job.model import Job
from nst_core.job.prepare import painted_size, result_size
from nst_core.painting.clock import Clock, Rate, estimate_level_work
from nst_core.painting.memory import MemoryBudget
from nst_core.painting.pyramid import Level
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.planning import benchmark, rate_cache, run_plan
from nst_core.planning.benchmark import measure_rate
from nst_core.planning.run_plan import UPSAMPLE_FROM, plan_event, plan_run
from nst_core.settings import make_settings

TEN = Rate(start=2.0, level=1.0, evaluation=0.0, megapixel=10.0, features=6.0, roots=0.5, carry=0.3)


@pytest.fixture
def engine(models, monkeypatch):
    """An engine that takes ten seconds a megapixel."""
    monkeypatch.setattr(run_plan, "measure_rate", lambda *_: TEN)
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
    seconds = TEN.start
    for level, memory in zip(plan.levels, plan.memory, strict=True):
        evaluations, targets = 10.0 * memory.work * (level.iterations + 1), 2 * 6.0 * memory.margins
        seconds += TEN.level + level.height * level.width / 1e6 * (evaluations + targets)
    assert plan.seconds == pytest.approx(seconds)
    assert plan.carry == plan.before == 0.0


@pytest.mark.parametrize("limit", [60, 300, 1000])
def test_a_time_limit_chooses_the_largest_size_that_fits(engine, limit):
    plan = plan_run(2000, 3000, make_settings({"time_limit": limit}), engine)
    assert plan.full == (2000, 3000)
    assert plan.seconds <= limit or max(plan.levels[-1].height, plan.levels[-1].width) == 256
    assert plan.carry == pytest.approx(0.3 * 6.0)
    larger = make_settings({"size": round(plan.levels[-1].width * 1.25)})
    bigger = plan_run(*fit(2000, 3000, larger.size), larger, engine)
    assert bigger.seconds + plan.carry > limit


@pytest.mark.parametrize("size", [(40, 3000), (3000, 16), (20, 9000), (100, 3000), (17, 300)])
@pytest.mark.parametrize("asked", [{"finish": "upsample"}, {"time_limit": 0.5}, {"time_limit": 20.0}])
def test_thin_pictures_are_not_shrunk_to_nothing(engine, size, asked):
    plan = plan_run(*size, make_settings(asked), engine)
    assert plan.full == size
    assert all(min(level.height, level.width) >= 16 for level in plan.levels)


def test_what_does_not_fit_into_memory_need_not_where_a_limit_leads_below_it(engine, monkeypatch):
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1.5e9, None))
    with pytest.raises(NstError) as caught:
        plan_run(4000, 6000, make_settings({}), engine)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    for limit in (300.0, 1e7):
        plan = plan_run(4000, 6000, make_settings({"time_limit": limit}), engine)
        assert plan.full == (4000, 6000)
        assert plan.seconds <= limit
        assert max(memory.machine for memory in plan.memory) <= 1.5e9
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1e8, None))
    with pytest.raises(NstError, match="memory"):
        plan_run(4000, 6000, make_settings({"time_limit": 60.0}), engine)


def test_the_way_back_to_the_contents_size_is_reckoned(engine):
    """A layer of 24 megapixels that is painted at 512 pixels."""
    settings = make_settings({"size": 512})
    plain, kept = (plan_run(341, 512, settings, engine, result=size) for size in (None, (4000, 6000)))
    assert plain.carry == 0.0
    assert kept.carry == pytest.approx(0.3 * 24.0)
    assert kept.full == (341, 512)
    job = Job(content=unread(4000, 6000), styles=(), settings=settings, keep_size=True)
    assert result_size(job) == (4000, 6000)
    assert result_size(replace(job, keep_size=False)) == painted_size(job) == (341, 512)


def unread(height, width):
    return Picture(np.broadcast_to(np.float32(0.0), (height, width, 3)))


def seconds_of(engine, given=None, **asked):
    """What a plan of 600 x 800 pixels says."""
    return plan_run(600, 800, make_settings({"coarsest": 0, **(given or {})}), engine, **asked).seconds


def test_all_that_a_job_asks_for_is_reckoned(engine):
    plain = seconds_of(engine)
    megapixels, level = 0.48, Level(600, 800, 150)
    assert plain == pytest.approx(2.0 + 1.0 + megapixels * (151 * 10.0 + 2 * 6.0))
    # Another style, a style at twice the scale: more to look at, once.
    assert seconds_of(engine, demand=Workload(styles=2)) == pytest.approx(plain + 6.0 * megapixels)
    assert seconds_of(engine, {"style_scale": 2.0}) == pytest.approx(plain + 3 * 6.0 * megapixels)
    # A region: its statistics at every evaluation. The Wasserstein distance: two passes, and roots.
    region = seconds_of(engine, demand=Workload(groups=2))
    assert region == pytest.approx(plain + 0.05 * 151 * 10.0 * megapixels)
    apart = seconds_of(engine, {"style_loss": "wasserstein"})
    assert apart == pytest.approx(plain + 151 * (0.5 * 10.0 * megapixels + 0.5))
    # Fewer layers, less arithmetic.
    shallow = {"style_layers": [("relu2_1", 1.0)], "content_layers": [("relu2_1", 1.0)]}
    assert seconds_of(engine, shallow) < 0.5 * plain
    # The run before, in which a style is given another's strokes.
    assert seconds_of(engine, fine=[(500, 500)]) > plain + 1.0
    assert level.iterations == plan_run(600, 800, make_settings({"coarsest": 0}), engine).levels[0].iterations


def test_progress_goes_by_seconds_and_not_by_pixels(engine):
    """Beginning a level takes its share; at half of the expected time half is done."""
    plan = plan_run(600, 800, make_settings({}), engine)
    works = estimate_level_work(plan.levels, plan.memory, make_settings({}), "vgg16", TEN, ONE_STYLE)
    clock = Clock(works)
    assert sum(work.total for work in works) == pytest.approx(plan.seconds)
    clock.done = works[0].total
    assert clock.fraction() == pytest.approx(works[0].total / plan.seconds)
    assert clock.fraction(works[1].total) == pytest.approx((works[0].total + works[1].total) / plan.seconds)


def test_upsampling_paints_at_a_bounded_size_and_says_where_it_goes(engine):
    settings = make_settings({"finish": "upsample"})
    plan = plan_run(4000, 6000, settings, engine)
    assert plan.levels[-1].width == UPSAMPLE_FROM
    event = plan_event(plan, settings, engine)
    assert (event.width, event.height) == (6000, 4000)
    assert event.seconds == plan.seconds
    assert event.bytes > run_plan.FINISHING_BYTES * 24e6
    assert event.device_bytes is None


def test_tiles_are_told_and_cost_more(engine, monkeypatch):
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(60e9, None))
    roomy = plan_run(1500, 2000, make_settings({}), engine)
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1.8e9, None))
    tight = plan_run(1500, 2000, make_settings({}), engine)
    assert roomy.memory[-1].tiles == 1
    event = plan_event(tight, make_settings({}), engine)
    assert event.levels[-1].tiles > 4
    assert event.levels[0].tiles == 1
    assert tight.seconds > 1.3 * roomy.seconds
    assert tight.memory[-1].machine <= 1.8e9 < roomy.memory[-1].machine
    assert event.bytes >= tight.memory[-1].machine


def test_rates_are_measured_once_and_learn_from_runs(models, cache, monkeypatch):
    monkeypatch.setattr(benchmark, "SIDES", {False: (48, 96)})
    opened = open_engine(make_settings({"engine": "onnx", "device": "cpu"}), models, lambda _notice: None)
    measured = measure_rate(opened)
    assert min(measured.megapixel, measured.features, measured.roots, measured.carry) > 0.0
    assert list(measured) == json.loads(cache.read_text())[opened.name]
    monkeypatch.setattr(benchmark, "measure", None)
    rate_cache.remember(opened.name, 100.0, 200.0)
    assert measure_rate(opened) == pytest.approx([1.75 * part for part in measured])
    rate_cache.remember(opened.name, 1.0, rate_cache.LEAST_SECONDS / 2)  # over too soon to say anything
    assert measure_rate(opened) == pytest.approx([1.75 * part for part in measured])
    opened.close()


def test_with_fewer_threads_it_is_another_machine(engine, monkeypatch):
    """A painter with a share of the processors must not teach the others its speed."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert engine.name == "onnx CPU vgg16"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert engine.name == "onnx CPU vgg16 3 threads"


def test_where_memory_ends_the_speed_is_measured_on_smaller_pictures(models, cache, monkeypatch):
    monkeypatch.setattr(benchmark, "SIDES", {False: (96, 192)})
    monkeypatch.setattr(benchmark, "SMALLEST", 48)
    opened = open_engine(make_settings({"engine": "onnx", "device": "cpu"}), models, lambda _notice: None)
    real, sides = opened.backend.evaluator, []

    def scarce(objective, height, width):
        sides.append(height)
        if height > 100:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")
        return real(objective, height, width)

    monkeypatch.setattr(opened.backend, "evaluator", scarce)
    assert measure_rate(opened).megapixel > 0.0
    assert sides == [96, 192, 48, 96]
    # Nor is more taken for it than may be.
    sides.clear()
    cache.unlink()
    room = MemoryBudget(
        opened.backend.limits.fixed_bytes + opened.backend.limits.bytes_per_pixel * 100.0**2, None
    )
    assert measure_rate(opened, room).megapixel > 0.0
    assert sides == [48, 96]
    opened.close()


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "[]",
        '{"a": 3.0}',
        '{"a": [1, 2]}',
        '{"a": [-1, 0, 1]}',
        '{"a": ["x"]}',
        '{"a": [1, 1, 1, 1, 1, NaN, 1]}',
    ],
)
def test_a_damaged_file_of_rates_is_no_file(cache, stored):
    cache.write_text(stored)
    assert rate_cache.recall("a") is None
    rate_cache.keep("a", TEN)
    assert rate_cache.recall("a") == TEN
