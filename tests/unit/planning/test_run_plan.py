"""Plans of runs: sizes that fit a time limit, estimates, and rates that learn from runs."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends import machine_file
from nst_core.backends.choose import open_engine
from nst_core.errors import ErrorCode, NstError
from nst_core.images.picture import Picture
from nst_core.images.resize import fit
from nst_core.job.model import Job
from nst_core.job.prepare import painted_size, result_size
from nst_core.painting.clock import Clock, Rate, estimate_level_work
from nst_core.painting.memory_budget import MemoryBudget
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.planning import benchmark, rate_cache, run_plan
from nst_core.planning.benchmark import measure_rate
from nst_core.planning.run_plan import UPSAMPLE_FROM, PlanRequest, plan_event, plan_run
from nst_core.settings import make_settings

TEN = Rate(start=2.0, level=1.0, evaluation=0.0, megapixel=10.0, features=6.0, roots=0.5, upsample=0.3)


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


def plan_of(height, width, engine, settings=None, **options):
    request = PlanRequest(size=(height, width), settings=make_settings(settings or {}), **options)
    return plan_run(request, engine)


def test_without_a_time_limit_the_full_size_is_optimised(engine):
    plan = plan_of(2000, 3000, engine, {"matching": 0})
    assert (plan.levels[-1].height, plan.levels[-1].width) == plan.full_size == (2000, 3000)
    seconds = TEN.start
    for level, layout in zip(plan.levels, plan.layouts, strict=True):
        # Of the content and of the style; of the start, as a whole and in tiles that are painted one by one.
        passes = (4 if layout.tile_by_tile else 2) * layout.depth
        evaluations, targets = (
            10.0 * layout.work * (level.iterations + 1),
            passes * 6.0 * layout.margin_factor,
        )
        seconds += TEN.level + level.height * level.width / 1e6 * (evaluations + targets)
    assert plan.seconds == pytest.approx(seconds)
    assert plan.upsample_seconds == plan.fine_style_seconds == 0.0


@pytest.mark.parametrize("limit", [60, 300, 1000])
def test_time_limit_chooses_the_largest_size_that_fits(engine, limit):
    plan = plan_of(2000, 3000, engine, {"time_limit": limit})
    assert plan.full_size == (2000, 3000)
    assert plan.seconds <= limit or max(plan.levels[-1].height, plan.levels[-1].width) == 256
    assert plan.upsample_seconds == pytest.approx(0.3 * 6.0)
    larger = plan_of(*fit(2000, 3000, round(plan.levels[-1].width * 1.25)), engine)
    assert larger.seconds + plan.upsample_seconds > limit


@pytest.mark.parametrize("size", [(40, 3000), (3000, 16), (20, 9000), (100, 3000), (17, 300)])
@pytest.mark.parametrize("settings", [{"finish": "upsample"}, {"time_limit": 0.5}, {"time_limit": 20.0}])
def test_thin_pictures_stay_large_enough_for_the_network(engine, size, settings):
    plan = plan_of(*size, engine, settings)
    assert plan.full_size == size
    assert all(min(level.height, level.width) >= 16 for level in plan.levels)


def test_time_limit_leads_to_sizes_that_fit_into_memory(engine, monkeypatch):
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1.1e9, None))
    with pytest.raises(NstError) as raised:
        plan_of(4000, 6000, engine)
    assert raised.value.code is ErrorCode.OUT_OF_MEMORY
    for limit in (300.0, 1e7):
        plan = plan_of(4000, 6000, engine, {"time_limit": limit})
        assert plan.full_size == (4000, 6000)
        assert plan.seconds <= limit
        assert max(layout.machine for layout in plan.layouts) <= 1.1e9
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1e8, None))
    with pytest.raises(NstError, match="memory"):
        plan_of(4000, 6000, engine, {"time_limit": 60.0})


def test_plan_counts_upsampling_back_to_the_content_size(engine):
    """A layer of 24 megapixels, painted at 512 pixels."""
    settings = make_settings({"size": 512})
    plain, kept = (
        plan_of(341, 512, engine, {"size": 512}, result_size=size) for size in (None, (4000, 6000))
    )
    assert plain.upsample_seconds == 0.0
    assert kept.upsample_seconds == pytest.approx(0.3 * 24.0)
    assert kept.full_size == (341, 512)
    job = Job(content=unread(4000, 6000), styles=(), settings=settings, keep_size=True)
    assert result_size(job) == (4000, 6000)
    assert result_size(replace(job, keep_size=False)) == painted_size(job) == (341, 512)


def unread(height, width):
    return Picture(np.broadcast_to(np.float32(0.0), (height, width, 3)))


def seconds_of(engine, settings=None, **options):
    """Return the estimate for 600 x 800 pixels."""
    return plan_of(
        600, 800, engine, {"coarsest": 0, "matching": 0, "iterations": 150, **(settings or {})}, **options
    ).seconds


def test_plan_counts_everything_that_a_job_computes(engine):
    plain = seconds_of(engine)
    megapixels = 0.48
    assert plain == pytest.approx(2.0 + 1.0 + megapixels * (151 * 10.0 + 2 * 6.0))
    # Another style, or a style at twice the scale: more target features, once.
    assert seconds_of(engine, workload=Workload(styles=2)) == pytest.approx(plain + 6.0 * megapixels)
    assert seconds_of(engine, {"style_scale": 2.0}) == pytest.approx(plain + 3 * 6.0 * megapixels)
    # A region: its statistics at every evaluation. The Wasserstein distance: two passes, and roots.
    region = seconds_of(engine, workload=Workload(regions=2))
    assert region == pytest.approx(plain + 0.05 * 151 * 10.0 * megapixels)
    wasserstein = seconds_of(engine, {"style_loss": "wasserstein"})
    assert wasserstein == pytest.approx(plain + 151 * (0.5 * 10.0 * megapixels + 0.5))
    # Matching: a second pass over content and style, and the comparison of 30,000 cells with as many.
    matched = seconds_of(engine, {"matching": 12})
    assert plain + 2 * 6.0 * megapixels < matched < plain + 5 * 6.0 * megapixels
    assert seconds_of(engine, {"matching": 12}, workload=Workload(content=False)) < plain
    # Fewer layers, less arithmetic.
    shallow = {"style_layers": [("relu2_1", 1.0)], "content_layers": [("relu2_1", 1.0)]}
    assert seconds_of(engine, shallow) < 0.5 * plain
    # The first run, which paints another picture's strokes onto a style.
    assert seconds_of(engine, fine_styles=((500, 500),)) > plain + 1.0


def test_progress_is_measured_in_expected_seconds(engine):
    """Opening a level takes its share: at half of the expected time, half is done."""
    plan = plan_of(600, 800, engine)
    works = estimate_level_work(plan.levels, plan.layouts, make_settings({}), "vgg16", TEN, ONE_STYLE)
    clock = Clock(levels=works)
    assert sum(work.total for work in works) == pytest.approx(plan.seconds)
    clock.done = works[0].total
    assert clock.fraction() == pytest.approx(works[0].total / plan.seconds)
    assert clock.fraction(works[1].total) == pytest.approx((works[0].total + works[1].total) / plan.seconds)


def test_finish_upsample_limits_the_painted_size(engine):
    settings = make_settings({"finish": "upsample"})
    plan = plan_of(4000, 6000, engine, {"finish": "upsample"})
    assert plan.levels[-1].width == UPSAMPLE_FROM
    event = plan_event(plan, settings, engine)
    assert (event.width, event.height) == (6000, 4000)
    assert event.seconds == plan.seconds
    assert event.bytes > run_plan.FINISHING_BYTES * 24e6
    assert event.device_bytes is None


def test_plan_shows_tiles_and_their_cost(engine, monkeypatch):
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(60e9, None))
    untiled = plan_of(1500, 2000, engine)
    monkeypatch.setattr(run_plan, "memory_budget", lambda *_: MemoryBudget(1.8e9, None))
    tiled = plan_of(1500, 2000, engine)
    assert untiled.layouts[-1].tiles == 1
    event = plan_event(tiled, make_settings({}), engine)
    assert event.levels[-1].tiles > 4
    assert event.levels[0].tiles == 1
    assert tiled.seconds > 1.3 * untiled.seconds
    assert tiled.layouts[-1].machine <= 1.8e9 < untiled.layouts[-1].machine
    assert event.bytes >= tiled.layouts[-1].machine


@pytest.mark.slow
def test_rates_are_measured_once_and_learn_from_runs(models, cache, monkeypatch):
    monkeypatch.setattr(benchmark, "SIDES", {False: (48, 96)})
    opened = open_engine(make_settings({"engine": "onnx", "device": "cpu"}), models, lambda _notice: None)
    measured = measure_rate(opened)
    assert min(measured.megapixel, measured.features, measured.roots, measured.upsample) > 0.0
    assert list(measured) == json.loads(cache.read_text())[opened.name]
    monkeypatch.setattr(benchmark, "measure", None)
    rate_cache.update_rate(opened.name, 100.0, 200.0)
    assert measure_rate(opened) == pytest.approx([1.75 * value for value in measured])
    rate_cache.update_rate(opened.name, 1.0, rate_cache.LEAST_SECONDS / 2)  # too short to mean anything
    assert measure_rate(opened) == pytest.approx([1.75 * value for value in measured])
    opened.close()


def test_engine_name_includes_the_number_of_threads(engine, monkeypatch):
    """A painter with only some of the processors must not change the rate of the others."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert engine.name == "onnx CPU vgg16"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert engine.name == "onnx CPU vgg16 3 threads"


@pytest.mark.slow
def test_rate_is_measured_on_smaller_pictures_when_memory_runs_out(models, cache, monkeypatch):
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
    # The measurement keeps to the budget, too.
    sides.clear()
    cache.unlink()
    budget = MemoryBudget(
        opened.backend.limits.fixed_bytes + opened.backend.limits.bytes_per_pixel * 100.0**2, None
    )
    assert measure_rate(opened, budget).megapixel > 0.0
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
def test_damaged_file_of_rates_counts_as_missing(cache, stored):
    cache.write_text(stored)
    assert rate_cache.load_rate("a") is None
    rate_cache.store_rate("a", TEN)
    assert rate_cache.load_rate("a") == TEN


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """A cache folder that cannot be written, and an empty folder of temporary files."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_CACHE", str(tmp_path / "file" / "cache"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(machine_file.tempfile, "gettempdir", lambda: str(temporary))
    monkeypatch.setattr(machine_file, "_remembered", {})
    return temporary


def test_rate_is_kept_in_a_private_folder_if_the_cache_cannot_be_written(no_cache, monkeypatch):
    rate_cache.store_rate("a", TEN)
    monkeypatch.setattr(machine_file, "_remembered", {})  # another process
    assert rate_cache.load_rate("a") == TEN
    if os.name == "posix":
        assert machine_file.fallback_file().parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="on Windows, folders of temporary files are private")
@pytest.mark.parametrize("is_link", [True, False])
def test_folder_that_others_prepared_is_not_used(no_cache, is_link):
    """Files in a shared folder may be anybody's: the process then remembers the rate."""
    theirs = no_cache / "theirs"
    theirs.mkdir(mode=0o700)
    folder = machine_file.fallback_file().parent
    if is_link:
        folder.symlink_to(theirs)
    else:
        folder.mkdir()
        folder.chmod(0o777)
    rate_cache.store_rate("a", TEN)
    assert rate_cache.load_rate("a") == TEN
    assert list(theirs.iterdir()) == []
    assert list(folder.iterdir()) == []
