"""Memory layouts, and runs that keep to them: smaller tiles when memory runs out, stops between tiles."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from nst_core.backends.choose import Engine
from nst_core.backends.interface import BackendLimits
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.tiling.features import TiledFeatures, feature_sums
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, Progress
from nst_core.optim import vectors
from nst_core.painting import memory, progress, run, windows
from nst_core.painting.memory import choose_memory_layout
from nst_core.painting.memory_budget import DEVICE_SHARE, MemoryBudget, memory_budget
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import PaintOptions, RunCallbacks, evaluate_terms, paint
from nst_core.painting.subject import Subject
from nst_core.painting.workload import Workload
from nst_core.settings import make_settings, parse_bytes
from nst_core.vgg.features import OnnxFeatures

GB = 1e9
QUICK = {
    "iterations": 3,
    "coarsest": 0,
    "matching": 0,
    "content_layers": "relu2_2",
    "style_layers": "relu1_1,relu3_1",
}


def backend(*, gpu=False):
    return SimpleNamespace(
        network=SimpleNamespace(architecture="vgg19"),
        device="card" if gpu else "CPU",
        limits=BackendLimits(
            own_memory=gpu,
            holds_vectors=gpu,
            bytes_per_pixel=2700,
            tile_bytes_per_pixel=2700,
            fixed_bytes=900_000_000,
        ),
        free_bytes=lambda: 8 * GB,
    )


def test_small_picture_is_computed_whole_with_a_full_history():
    layout = choose_memory_layout(backend(), make_settings({}), 480, 640, MemoryBudget(8 * GB, None))
    assert (layout.window, layout.tiles, layout.work) == (None, 1, 1.0)
    assert (layout.history, layout.storage, layout.targets) == (10, "full", "full")


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("megapixels", [1, 4, 12, 24, pytest.param(48, marks=pytest.mark.long)])
def test_layouts_keep_to_the_budget(megapixels, gpu):
    side = int((megapixels * 1e6) ** 0.5)
    for gigabytes in (2, 3, 4, 8, 64):
        budget = MemoryBudget(gigabytes * GB, 8 * GB if gpu else None)
        try:
            layout = choose_memory_layout(backend(gpu=gpu), make_settings({}), side, side, budget)
        except NstError as error:
            smaller = int(error.hint.split("--size ")[1].split()[0])
            assert smaller < side
            layout = choose_memory_layout(
                backend(gpu=gpu), make_settings({}), smaller, smaller, budget
            )  # the hint is true
        assert layout.machine <= budget.machine
        assert layout.device <= (budget.device or 0)
        assert (layout.tiles == 1) == (layout.window is None)


@pytest.mark.parametrize(("megabytes", "window"), [(2048, None), (512, 1280), (128, 704), (32, 320)])
def test_no_tensor_is_larger_than_the_devices_largest_buffer(megabytes, window):
    """However much memory is free: 64 channels at full size are 256 bytes for each pixel."""
    card = backend(gpu=True)
    card.limits = replace(card.limits, most_pixels=megabytes * 2**20 / 256)
    settings = make_settings({})
    layout = choose_memory_layout(card, settings, 2000, 2000, MemoryBudget(64 * GB, 64 * GB))
    assert layout.window == window


def test_no_size_is_suggested_if_none_fits():
    """The limit is below what an engine takes at any size."""
    with pytest.raises(NstError, match="only 0 bytes may be used") as raised:
        choose_memory_layout(
            backend(), make_settings({"max_memory": "200MB"}), 300, 400, MemoryBudget(-1e8, None)
        )
    assert raised.value.hint == "Allow more with --max-memory, or close other programs."
    with pytest.raises(NstError) as raised:
        choose_memory_layout(backend(), make_settings({}), 8000, 8000, MemoryBudget(2 * GB, None))
    assert raised.value.hint.startswith("Paint at --size ")
    assert raised.value.hint.endswith(" or smaller, or close other programs.")


def test_24_megapixels_fit_into_4_gigabytes_and_8_on_a_card():
    layout = choose_memory_layout(backend(), make_settings({}), 4000, 6000, MemoryBudget(3.6 * GB, None))
    assert layout.storage == "file"
    assert layout.history == memory.HISTORY
    on_card = choose_memory_layout(
        backend(gpu=True), make_settings({}), 4000, 6000, MemoryBudget(4 * GB, 8 * GB)
    )
    assert on_card.window >= 1024
    assert on_card.storage == "half"


def test_levels_that_refine_are_painted_tile_by_tile_if_they_do_not_fit():
    """In less memory, and with less work, than evaluations that go through all tiles."""
    refines, settings, budget = Workload(refines=True), make_settings({}), MemoryBudget(3 * GB, None)
    layout = choose_memory_layout(backend(), settings, 4000, 6000, budget, refines)
    before = choose_memory_layout(backend(), settings, 4000, 6000, budget)
    assert (layout.tile_by_tile, before.tile_by_tile) == (True, False)
    assert layout.tiles > 1
    assert layout.work < 0.75 * before.work
    assert layout.machine <= budget.machine
    roomy = MemoryBudget(200 * GB, None)
    assert choose_memory_layout(backend(), settings, 4000, 6000, roomy, refines).tiles == 1
    several = backend()
    several.limits = replace(several.limits, devices=2)
    shared = choose_memory_layout(several, settings, 4000, 6000, budget, refines)
    assert (shared.tile_by_tile, shared.tiles > 1) == (False, True)


def test_vectors_on_the_host_do_not_count_as_device_memory():
    """As with ONNX Runtime: vectors take the machine's memory, or files if that is scarce."""
    card = backend(gpu=True)
    card.limits = replace(card.limits, holds_vectors=False)
    roomy, tight = (
        choose_memory_layout(card, make_settings({}), 4000, 6000, MemoryBudget(gigabytes * GB, 8 * GB))
        for gigabytes in (16, 3)
    )
    assert (roomy.storage, tight.storage) == ("full", "file")
    assert roomy.machine > 24 * 12 * 24e6
    assert tight.machine <= 3 * GB
    assert roomy.device == tight.device <= 8 * GB


def test_layouts_count_masks():
    budget = MemoryBudget(64 * GB, None)
    plain, masked = (
        choose_memory_layout(
            backend(),
            make_settings({"matching": 0}),
            3000,
            4000,
            budget,
            Workload(regions=2, masked=masked),
        )
        for masked in (False, True)
    )
    assert masked.machine - plain.machine == pytest.approx((2.5 + 2 * 0.5) * 12 * 12e6)


def test_settings_limit_the_memory_used(monkeypatch):
    plain = memory_budget(backend(gpu=True), make_settings({}))
    # Another process will use the memory for its pictures, not what this one uses.
    fresh = memory_budget(backend(gpu=False), make_settings({"max_memory": "5 GB"}), held_bytes=1e9)
    assert fresh.machine == pytest.approx(4e9)
    limited = memory_budget(
        backend(gpu=True), make_settings({"max_memory": "5 GB", "max_device_memory": "2GB"})
    )
    assert limited.device == 2 * GB
    assert plain.device == pytest.approx(DEVICE_SHARE * 8 * GB)
    assert limited.machine < 5 * GB


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4GB", 4e9), ("800 MB", 8e8), ("1.5gib", 1.5 * 2**30), ("", 0), ("0", 0), ("512k", 512e3), ("77", 77)],
)
def test_memory_sizes_are_parsed(text, expected):
    assert parse_bytes(text) == expected
    assert make_settings({"max_memory": text}).max_memory == text


@pytest.mark.parametrize("text", ["four", "-1GB", "1 XB", "GBB"])
def test_invalid_memory_sizes_are_rejected(text):
    with pytest.raises(NstError, match="max-memory") as raised:
        make_settings({"max-memory": text})
    assert raised.value.code is ErrorCode.BAD_SETTING


@pytest.fixture(scope="module")
def engine(models):
    network = models.resolve("vgg16")
    return Engine(
        network,
        OnnxBackend(network, device="cpu", pooling="average"),
        OnnxFeatures(network, "cpu", "average", "edge"),
    )


def picture(seed, height, width):
    return np.random.default_rng(seed).random((3, height, width), dtype=np.float32)


def subject(height=96, width=130):
    return Subject(
        content=PreparedImage(picture(1, height, width)), styles=(PreparedImage(picture(2, 70, 90)),)
    )


def use_windows_of(side, monkeypatch):
    """Give every level windows of ``side``."""
    real = memory.choose_memory_layout

    def choose(*arguments):
        return replace(real(*arguments), window=side, work=2.5)

    monkeypatch.setattr(windows, "choose_memory_layout", choose)


def test_features_and_their_sums_are_the_same_in_tiles(engine, tmp_path):
    extractor = engine.extractor
    image, layers = picture(3, 101, 150), ["relu1_1", "relu3_1", "relu2_2"]
    guides = dict.fromkeys(layers)
    guides["relu2_2"] = np.random.default_rng(1).random((50, 75), dtype=np.float32)
    whole, sums = extractor.features(image, layers), feature_sums(extractor, image, guides, with_mean=True)
    for storage, tolerance in (("full", 1e-5), ("half", 1e-3), ("file", 1e-3)):
        reports = []
        tiled = TiledFeatures(extractor, "vgg16", 64, storage, tmp_path, reports.append)
        for name, features in tiled.features(image, layers).items():
            assert features.dtype == (np.float32 if storage == "full" else np.float16)
            np.testing.assert_allclose(features, whole[name], rtol=tolerance, atol=tolerance)
        assert reports == sorted(reports)
        assert len(reports) > 4
        for name, tiled_sums in tiled.sums(image, guides, with_mean=True).items():
            np.testing.assert_allclose(
                tiled_sums.s2, sums[name].s2, rtol=1e-3, atol=1e-4 * sums[name].s2.max()
            )
            np.testing.assert_allclose(tiled_sums.s1, sums[name].s1, rtol=1e-4)
            assert float(tiled_sums.mass) == pytest.approx(float(sums[name].mass), rel=1e-6)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_run_in_tiles_paints_the_same_picture(engine, monkeypatch):
    settings = make_settings(QUICK)
    levels = (Level(96, 130, 3),)
    whole = paint(subject(), settings, levels, engine, RunCallbacks())
    use_windows_of(64, monkeypatch)
    events = []
    tiled = paint(subject(), settings, levels, engine, RunCallbacks(on_event=events.append))
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-4)
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=2e-3)
    # A slow machine reports an iteration more than once, between its tiles.
    iterations = [event.iteration for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(iterations)) == [1, 2, 3]


@pytest.mark.slow
def test_progress_rises_while_targets_and_tiles_are_computed(engine, monkeypatch):
    use_windows_of(64, monkeypatch)
    monkeypatch.setattr(progress, "TILE_REPORT_SECONDS", 0.0)
    events = []
    levels = (Level(48, 65, 1), Level(96, 130, 2))
    paint(subject(), make_settings(QUICK), levels, engine, RunCallbacks(on_event=events.append))
    reports = [event for event in events if isinstance(event, Progress)]
    assert [report.fraction for report in reports] == sorted(report.fraction for report in reports)
    assert reports[-1].fraction == pytest.approx(1.0)
    second = [report for report in reports if report.level == 2]
    # Content and style, and the first evaluation, in several tiles each, before the first iteration.
    assert sum(report.iteration == 0 for report in second) > 20
    assert len({report.fraction for report in second if report.iteration == 0}) > 20


@pytest.mark.slow
def test_run_continues_in_smaller_tiles_when_memory_runs_out(engine, monkeypatch):
    """The second evaluation fails, and so does every later one of more than 70 pixels a side."""
    settings, levels = make_settings(QUICK), (Level(96, 130, 3),)
    whole = paint(subject(), settings, levels, engine, RunCallbacks())
    calls, real = [], engine.backend.evaluator

    def scarce(objective, height, width, tiling=None):
        evaluate = real(objective, height, width, tiling)

        def call(image):
            calls.append(tiling.window if tiling else max(height, width))
            if len(calls) > 1 and calls[-1] > 70:
                raise MemoryError
            return evaluate(image)

        return call

    monkeypatch.setattr(engine.backend, "evaluator", scarce)
    events = []
    painted = paint(subject(), settings, levels, engine, RunCallbacks(on_event=events.append))
    assert calls == [130, 130, 65, 65, 65]
    assert [event.code for event in events if isinstance(event, Notice)] == ["smaller-tiles"]
    assert painted.loss == pytest.approx(whole.loss, rel=1e-4)


def test_targets_are_made_in_smaller_tiles_when_memory_runs_out(engine, monkeypatch):
    settings, levels = make_settings(QUICK), (Level(96, 130, 2),)
    whole = paint(subject(), settings, levels, engine, RunCallbacks())
    extractor, sides = engine.extractor, []
    real = extractor.features

    def scarce(image, layers):
        sides.append(max(image.shape))
        if sides[-1] > 70:
            raise NstError(ErrorCode.OUT_OF_MEMORY, "No memory.")
        return real(image, layers)

    monkeypatch.setattr(extractor, "features", scarce)
    events = []
    painted = paint(subject(), settings, levels, engine, RunCallbacks(on_event=events.append))
    assert sides[0] == 130
    assert max(sides[-4:]) <= 70
    assert painted.loss == pytest.approx(whole.loss, rel=1e-4)
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_history_is_shortened_when_memory_runs_out(engine, monkeypatch):
    """There is memory for twelve vectors: six pairs."""
    vectors_held = 0
    real = vectors.InMemoryStore

    class Scarce(real):
        def __init__(self):
            nonlocal vectors_held
            vectors_held += 1
            if vectors_held > 12:
                vectors_held -= 1
                raise MemoryError
            super().__init__()

        def __del__(self):
            nonlocal vectors_held
            vectors_held -= 1

    monkeypatch.setattr(vectors, "InMemoryStore", Scarce)
    events = []
    levels = (Level(48, 64, 12),)
    painted = paint(subject(), make_settings(QUICK), levels, engine, RunCallbacks(on_event=events.append))
    assert [event.code for event in events if isinstance(event, Notice)] == ["shorter-history"]
    losses = [sample.loss for sample in painted.curve]
    assert len(losses) == 12
    assert losses == sorted(losses, reverse=True)


def test_memory_too_small_for_the_smallest_tiles_is_an_error(engine, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(engine.backend, "evaluator", fail)
    with pytest.raises(NstError) as raised:
        paint(subject(), make_settings(QUICK), (Level(96, 130, 3),), engine, RunCallbacks())
    assert raised.value.code is ErrorCode.OUT_OF_MEMORY


@pytest.mark.parametrize(("evaluations", "size"), [(0, (48, 64)), (2, (96, 130))])
def test_finished_level_is_kept_when_memory_ends_in_the_next(engine, monkeypatch, evaluations, size):
    """The second level fails at once, or after its first step."""
    levels = (Level(48, 64, 3), Level(96, 130, 3))
    real, events, painted_sizes = engine.backend.evaluator, [], []

    def scarce(objective, height, width, tiling=None):
        evaluate, calls = real(objective, height, width, tiling), []

        def call(image):
            calls.append(image)
            if height > 48 and (tiling is not None or len(calls) > evaluations):
                raise MemoryError
            return evaluate(image)

        return call

    def enlarge(pixels, *_arguments):
        painted_sizes.append(pixels.shape[1:])
        return np.zeros((3, 200, 270), np.float32)

    monkeypatch.setattr(engine.backend, "evaluator", scarce)
    monkeypatch.setattr(run, "upsample_change", enlarge)
    callbacks, options = RunCallbacks(on_event=events.append), PaintOptions(full_size=(200, 270))
    paint(subject(), make_settings(QUICK), levels, engine, callbacks, options)
    assert painted_sizes == [size]
    (notice,) = (event for event in events if isinstance(event, Notice) and event.code == "memory-ended")
    assert f"{size[1]} x {size[0]} pixels, is enlarged to the full size" in str(notice)


@pytest.mark.slow
def test_stop_between_tiles_keeps_the_best_picture(engine, monkeypatch):
    use_windows_of(64, monkeypatch)
    checks, events = 0, []

    def should_stop():
        nonlocal checks
        checks += 1
        return bool(events) and checks > checks_at_report + 2

    checks_at_report = 10**9

    def on_event(event):
        nonlocal checks_at_report
        if isinstance(event, Progress) and not events:
            events.append(event)
            checks_at_report = checks

    settings = make_settings({**QUICK, "iterations": 50})
    callbacks = RunCallbacks(on_event=on_event, should_stop=should_stop)
    painted = paint(subject(), settings, (Level(96, 130, 50),), engine, callbacks)
    assert painted.stopped
    assert len(painted.curve) == 1  # the second step's evaluation was cut off
    evaluation = 1.5 * 96 * 130 / 1e6
    assert evaluation < painted.work < 6 * evaluation  # targets, two evaluations, and some tiles
    assert 0.0 < painted.painting_seconds <= painted.seconds
    assert painted.loss == events[0].loss
    assert painted.pixels.shape == (3, 96, 130)
    terms = evaluate_terms(painted.pixels, subject(), settings, engine)
    assert sum(terms.values()) == pytest.approx(painted.loss, rel=1e-3)


def test_stop_before_the_first_picture_cancels_the_run(engine, monkeypatch):
    use_windows_of(64, monkeypatch)
    with pytest.raises(NstError) as raised:
        paint(
            subject(),
            make_settings(QUICK),
            (Level(96, 130, 3),),
            engine,
            RunCallbacks(should_stop=lambda: True),
        )
    assert raised.value.code is ErrorCode.CANCELLED


def test_time_limit_ends_a_run_and_upsamples_its_picture(engine):
    levels, events = (Level(48, 65, 3), Level(96, 130, 3)), []
    callbacks, options = RunCallbacks(on_event=events.append), PaintOptions(time_limit=1e-6)
    painted = paint(subject(), make_settings(QUICK), levels, engine, callbacks, options)
    assert painted.timed_out
    assert not painted.stopped
    assert painted.pixels.shape == (3, 96, 130)
    assert [event.code for event in events if isinstance(event, Notice)] == ["time-limit"]
    assert len(painted.curve) == 1
