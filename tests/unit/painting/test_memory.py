"""Plans of memory, and runs that keep to them: smaller tiles when memory ends, stops between tiles."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from nst_core.backends.interface import BackendLimits
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.tiling.features import TiledFeatures, feature_sums
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, Progress
from nst_core.optim import vectors
from nst_core.painting import memory, progress, run, windows
from nst_core.painting.memory import MemoryBudget, choose_memory_layout, memory_budget
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import RunCallbacks, paint
from nst_core.painting.subject import Subject
from nst_core.painting.workload import Workload
from nst_core.settings import make_settings, parse_bytes
from nst_core.vgg.features import OnnxFeatures

GB = 1e9
QUICK = {"iterations": 3, "coarsest": 0, "content_layers": "relu2_2", "style_layers": "relu1_1,relu3_1"}


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


def test_a_small_picture_is_seen_whole_with_a_full_history():
    plan = choose_memory_layout(backend(), make_settings({}), 480, 640, MemoryBudget(8 * GB, None))
    assert (plan.window, plan.tiles, plan.work, plan.history, plan.storage, plan.targets) == (
        None, 1, 1.0, 10, "full", "full",
    )  # fmt: skip


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("megapixels", [1, 4, 12, 24, 48])
def test_plans_keep_to_the_room_there_is(megapixels, gpu):
    side = int((megapixels * 1e6) ** 0.5)
    for gigabytes in (2, 3, 4, 8, 64):
        room = MemoryBudget(gigabytes * GB, 8 * GB if gpu else None)
        try:
            plan = choose_memory_layout(backend(gpu=gpu), make_settings({}), side, side, room)
        except NstError as error:
            smaller = int(error.hint.split("--size ")[1].split()[0])
            assert smaller < side
            plan = choose_memory_layout(
                backend(gpu=gpu), make_settings({}), smaller, smaller, room
            )  # the hint is true
        assert plan.machine <= room.machine
        assert plan.device <= (room.device or 0)
        assert (plan.tiles == 1) == (plan.window is None)


def test_where_no_size_fits_none_is_proposed():
    """A cap below what an engine takes at any size."""
    with pytest.raises(NstError, match=r"0\.0 GB may be used") as caught:
        choose_memory_layout(
            backend(), make_settings({"max_memory": "200MB"}), 300, 400, MemoryBudget(-1e8, None)
        )
    assert caught.value.hint == "Allow more with --max-memory, or close other programs."
    with pytest.raises(NstError) as caught:
        choose_memory_layout(backend(), make_settings({}), 8000, 8000, MemoryBudget(2 * GB, None))
    assert caught.value.hint.startswith("Paint at --size ")
    assert caught.value.hint.endswith(" or smaller, or close other programs.")


def test_24_megapixels_fit_into_4_gigabytes_and_8_of_a_card():
    plan = choose_memory_layout(backend(), make_settings({}), 4000, 6000, MemoryBudget(3.6 * GB, None))
    assert plan.storage == "file"
    assert plan.history == memory.HISTORY
    on_card = choose_memory_layout(
        backend(gpu=True), make_settings({}), 4000, 6000, MemoryBudget(4 * GB, 8 * GB)
    )
    assert on_card.window >= 1024
    assert on_card.storage == "half"


def test_a_card_whose_vectors_are_the_machines():
    """ONNX Runtime's: what they take, in files where it is scarce, is not the card's."""
    card = backend(gpu=True)
    card.limits = replace(card.limits, holds_vectors=False)
    roomy, tight = (
        choose_memory_layout(card, make_settings({}), 4000, 6000, MemoryBudget(r * GB, 8 * GB))
        for r in (16, 3)
    )
    assert (roomy.storage, tight.storage) == ("full", "file")
    assert roomy.machine > 24 * 12 * 24e6
    assert tight.machine <= 3 * GB
    assert roomy.device == tight.device <= 8 * GB


def test_masks_are_reckoned():
    room = MemoryBudget(64 * GB, None)
    plain, masked = (
        choose_memory_layout(
            backend(), make_settings({}), 3000, 4000, room, Workload(groups=2, masked=masked)
        )
        for masked in (False, True)
    )
    assert masked.machine - plain.machine == pytest.approx((2.5 + 2 * 0.5) * 12 * 12e6)


def test_settings_cap_what_is_used(monkeypatch):
    plain = memory_budget(backend(gpu=True), make_settings({}))
    # Another process will hold what it reads, and not what this one holds.
    fresh = memory_budget(backend(gpu=False), make_settings({"max_memory": "5 GB"}), held=1e9)
    assert fresh.machine == pytest.approx(4e9)
    capped = memory_budget(
        backend(gpu=True), make_settings({"max_memory": "5 GB", "max_device_memory": "2GB"})
    )
    assert capped.device == 2 * GB
    assert plain.device == pytest.approx(memory.DEVICE_SHARE * 8 * GB)
    assert capped.machine < 5 * GB


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("4GB", 4e9), ("800 MB", 8e8), ("1.5gib", 1.5 * 2**30), ("", 0), ("0", 0), ("512k", 512e3), ("77", 77)],
)
def test_amounts_of_memory_are_read(text, wanted):
    assert parse_bytes(text) == wanted
    assert make_settings({"max_memory": text}).max_memory == text


@pytest.mark.parametrize("text", ["four", "-1GB", "1 XB", "GBB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(NstError, match="max-memory") as caught:
        make_settings({"max-memory": text})
    assert caught.value.code is ErrorCode.BAD_SETTING


@pytest.fixture(scope="module")
def engine(models):
    network = models.resolve("vgg16")
    return (
        OnnxBackend(network, device="cpu", pooling="average"),
        OnnxFeatures(network, "cpu", "average", "edge"),
    )


def picture(seed, height, width):
    return np.random.default_rng(seed).random((3, height, width), dtype=np.float32)


def subject(height=96, width=130):
    return Subject(PreparedImage(picture(1, height, width)), (PreparedImage(picture(2, 70, 90)),))


def in_windows_of(side, monkeypatch):
    """Plan every level in windows of ``side``."""
    real = memory.choose_memory_layout

    def plan(*arguments):
        found = real(*arguments)
        return SimpleNamespace(**{**vars(found), "window": side, "work": 2.5})

    monkeypatch.setattr(windows, "choose_memory_layout", plan)


def test_features_and_their_sums_are_the_same_in_tiles(engine, tmp_path):
    _, extractor = engine
    at, layers = picture(3, 101, 150), ["relu1_1", "relu3_1", "relu2_2"]
    guides = dict.fromkeys(layers)
    guides["relu2_2"] = np.random.default_rng(1).random((50, 75), dtype=np.float32)
    whole, sums = extractor.features(at, layers), feature_sums(extractor, at, guides, with_mean=True)
    for storage, tolerance in (("full", 1e-5), ("half", 1e-3), ("file", 1e-3)):
        heard = []
        tiled = TiledFeatures(extractor, "vgg16", 64, storage, tmp_path, heard.append)
        for name, found in tiled.features(at, layers).items():
            assert found.dtype == (np.float32 if storage == "full" else np.float16)
            np.testing.assert_allclose(found, whole[name], rtol=tolerance, atol=tolerance)
        assert heard == sorted(heard)
        assert len(heard) > 4
        for name, found in tiled.sums(at, guides, "moments").items():
            np.testing.assert_allclose(found.s2, sums[name].s2, rtol=1e-3, atol=1e-4 * sums[name].s2.max())
            np.testing.assert_allclose(found.s1, sums[name].s1, rtol=1e-4)
            assert float(found.mass) == pytest.approx(float(sums[name].mass), rel=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_tiles_paints_the_same_picture(engine, monkeypatch):
    settings = make_settings(QUICK)
    levels = (Level(96, 130, 3),)
    whole = paint(subject(), settings, levels, *engine, RunCallbacks())
    in_windows_of(64, monkeypatch)
    events = []
    tiled = paint(subject(), settings, levels, *engine, RunCallbacks(events.append))
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-4)
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=2e-3)
    # A slow machine tells of an iteration more than once, between its tiles.
    assert list(dict.fromkeys(each.iteration for each in events if isinstance(each, Progress))) == [1, 2, 3]


def test_progress_rises_while_targets_and_tiles_are_computed(engine, monkeypatch):
    in_windows_of(64, monkeypatch)
    monkeypatch.setattr(progress, "TILE_SECONDS", 0.0)
    events = []
    levels = (Level(48, 65, 1), Level(96, 130, 2))
    paint(subject(), make_settings(QUICK), levels, *engine, RunCallbacks(events.append))
    told = [event for event in events if isinstance(event, Progress)]
    assert [each.fraction for each in told] == sorted(each.fraction for each in told)
    assert told[-1].fraction == pytest.approx(1.0)
    second = [each for each in told if each.level == 2]
    # Content and style, and the first evaluation, in several tiles each, before the first iteration.
    assert sum(each.iteration == 0 for each in second) > 20
    assert len({each.fraction for each in second if each.iteration == 0}) > 20


def test_when_memory_ends_the_run_goes_on_in_smaller_tiles(engine, monkeypatch):
    """The second evaluation and every one of more than 70 pixels a side after it fail."""
    settings, levels = make_settings(QUICK), (Level(96, 130, 3),)
    whole = paint(subject(), settings, levels, *engine, RunCallbacks())
    painting, extractor = engine
    calls, real = [], painting.evaluator

    def scarce(objective, height, width, tiling=None):
        evaluate = real(objective, height, width, tiling)

        def call(at):
            calls.append(tiling.window if tiling else max(height, width))
            if len(calls) > 1 and calls[-1] > 70:
                raise MemoryError
            return evaluate(at)

        return call

    monkeypatch.setattr(painting, "evaluator", scarce)
    events = []
    painted = paint(subject(), settings, levels, painting, extractor, RunCallbacks(events.append))
    assert calls == [130, 130, 65, 65, 65]
    assert [event.code for event in events if isinstance(event, Notice)] == ["smaller-tiles"]
    assert painted.loss == pytest.approx(whole.loss, rel=1e-4)


def test_when_memory_ends_with_the_targets_they_are_made_in_smaller_tiles(engine, monkeypatch):
    settings, levels = make_settings(QUICK), (Level(96, 130, 2),)
    whole = paint(subject(), settings, levels, *engine, RunCallbacks())
    extractor, sides = engine[1], []
    real = extractor.features

    def scarce(at, layers):
        sides.append(max(at.shape))
        if sides[-1] > 70:
            raise NstError(ErrorCode.OUT_OF_MEMORY, "No memory.")
        return real(at, layers)

    monkeypatch.setattr(extractor, "features", scarce)
    events = []
    painted = paint(subject(), settings, levels, *engine, RunCallbacks(events.append))
    assert sides[0] == 130
    assert max(sides[-4:]) <= 70
    assert painted.loss == pytest.approx(whole.loss, rel=1e-4)
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_when_memory_ends_with_the_history_the_run_goes_on_with_less(engine, monkeypatch):
    """Every place for a vector beyond twelve is refused: six pairs."""
    places = 0
    real = vectors.InMemoryStore

    class Scarce(real):
        def __init__(self):
            nonlocal places
            places += 1
            if places > 12:
                places -= 1
                raise MemoryError
            super().__init__()

        def __del__(self):
            nonlocal places
            places -= 1

    monkeypatch.setattr(vectors, "InMemoryStore", Scarce)
    events = []
    levels = (Level(48, 64, 12),)
    painted = paint(subject(), make_settings(QUICK), levels, *engine, RunCallbacks(events.append))
    assert [event.code for event in events if isinstance(event, Notice)] == ["shorter-history"]
    losses = [sample.loss for sample in painted.curve]
    assert len(losses) == 12
    assert losses == sorted(losses, reverse=True)


def test_memory_that_ends_in_the_smallest_tiles_is_an_error(engine, monkeypatch):
    def never(*_arguments):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(engine[0], "evaluator", never)
    with pytest.raises(NstError) as caught:
        paint(subject(), make_settings(QUICK), (Level(96, 130, 3),), *engine, RunCallbacks())
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY


def test_a_stop_is_seen_between_tiles_and_the_best_picture_kept(engine, monkeypatch):
    in_windows_of(64, monkeypatch)
    asked, events = 0, []

    def should_stop():
        nonlocal asked
        asked += 1
        return bool(events) and asked > after + 2

    after = 10**9

    def on_event(event):
        nonlocal after
        if isinstance(event, Progress) and not events:
            events.append(event)
            after = asked

    settings = make_settings({**QUICK, "iterations": 50})
    painted = paint(subject(), settings, (Level(96, 130, 50),), *engine, RunCallbacks(on_event, should_stop))
    assert painted.stopped
    assert len(painted.curve) == 1  # the second step's evaluation was cut off
    evaluation = 1.5 * 96 * 130 / 1e6
    assert evaluation < painted.work < 6 * evaluation  # targets, two evaluations, and some tiles
    assert 0.0 < painted.worked <= painted.seconds
    assert painted.loss == events[0].loss
    assert painted.pixels.shape == (3, 96, 130)
    found = run.evaluate_terms(painted.pixels, subject(), settings, *engine)
    assert sum(found.values()) == pytest.approx(painted.loss, rel=1e-3)


def test_a_stop_before_there_is_any_picture_is_a_cancellation(engine, monkeypatch):
    in_windows_of(64, monkeypatch)
    with pytest.raises(NstError) as caught:
        paint(
            subject(),
            make_settings(QUICK),
            (Level(96, 130, 3),),
            *engine,
            RunCallbacks(should_stop=lambda: True),
        )
    assert caught.value.code is ErrorCode.CANCELLED


def test_a_time_limit_ends_a_run_and_carries_its_picture_up(engine):
    levels, events = (Level(48, 65, 3), Level(96, 130, 3)), []
    painted = paint(subject(), make_settings(QUICK), levels, *engine, RunCallbacks(events.append), limit=1e-6)
    assert painted.late
    assert not painted.stopped
    assert painted.pixels.shape == (3, 96, 130)
    assert [event.code for event in events if isinstance(event, Notice)] == ["time-limit"]
    assert len(painted.curve) == 1
