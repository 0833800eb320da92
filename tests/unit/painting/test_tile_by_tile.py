"""Levels painted tile by tile: the blended picture, its independence of the order, ends and states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends.choose import Engine
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.tiling.layout import window_pixels
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Preview, Progress
from nst_core.images.resize import resize, resize_part
from nst_core.painting import memory, tile_layout, tiled_level, windows
from nst_core.painting.memory_budget import MemoryBudget
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import Anchor, PreparedImage
from nst_core.painting.run import PaintOptions, RunCallbacks, paint
from nst_core.painting.run_state import RunState
from nst_core.painting.subject import Subject
from nst_core.painting.tile_layout import blend_weights, painting_reach, painting_tiles
from nst_core.painting.windows import choose_level_layout
from nst_core.settings import Settings, make_settings
from nst_core.vgg.features import OnnxFeatures
from tests.unit.painting.test_windows import picture

SIZE = (64, 112)
"""Of six tiles of one size."""

LEVELS = (Level(32, 56, 3), Level(*SIZE, 4, refines=True))
QUICK = {
    "matching": 10,
    "structure": 20,
    "content_layers": "relu2_2",
    "style_layers": "relu1_1,relu2_1",
}


@pytest.fixture(scope="module")
def engine(models):
    network = models.resolve("vgg16")
    backend = OnnxBackend(network, device="cpu", pooling="average")
    yield Engine(network, backend, OnnxFeatures(network, "cpu", "average", "edge"))
    backend.close()


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Cut levels that refine into small tiles, as if there were little memory."""
    monkeypatch.setattr(tile_layout, "MARGIN", 8)
    monkeypatch.setattr(tile_layout, "RAMP", 16)
    real = windows.choose_memory_layout

    def choose(backend, settings, height, width, budget, workload):
        if not workload.refines:
            return real(backend, settings, height, width, budget, workload)
        request = memory._LayoutRequest(
            backend=backend, settings=settings, height=height, width=width, budget=budget, workload=workload
        )
        return request._tile_by_tile(56)

    monkeypatch.setattr(windows, "choose_memory_layout", choose)


def subject(**parts):
    content = PreparedImage(picture(1, *SIZE))
    return Subject(content=content, styles=(PreparedImage(picture(2, 50, 70)),), **parts)


class States:
    """Keeps all states."""

    def __init__(self, start=None):
        self.start, self.kept = start, []

    def is_due(self):
        return True

    def keep(self, state):
        self.kept.append(replace(state, picture=None if state.picture is None else state.picture.copy()))


def run(engine, images=None, *, states=None, levels=LEVELS, callbacks=None, limit=None, **settings):
    options = PaintOptions(states=states or States(), time_limit=limit)
    chosen = make_settings({**QUICK, **settings})
    return paint(images or subject(), chosen, levels, engine, callbacks or RunCallbacks(), options)


@pytest.fixture(scope="module")
def once():
    """Results that tests share."""
    return {}


@pytest.fixture
def tiled(engine, once):
    """A painting tile by tile, with its events and states."""
    if "tiled" not in once:
        events, states = [], States()
        callbacks = RunCallbacks(on_event=events.append, frames_every=1)
        once["tiled"] = run(engine, states=states, callbacks=callbacks), events, states.kept
    return once["tiled"]


@pytest.fixture
def enlarged(tiled):
    """The picture from which the last level starts."""
    previous = tiled[2][-1].previous
    return np.clip(np.stack([resize(plane, *SIZE) for plane in previous]), 0, 1)


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize(("height", "width", "window"), [(700, 1100, 256), (513, 2011, 700), (90, 400, 256)])
def test_weights_of_tiles_add_up_to_exactly_1(monkeypatch, height, width, window, halved):
    monkeypatch.setattr(tile_layout, "MARGIN", 64)
    monkeypatch.setattr(tile_layout, "RAMP", 32)
    reach = painting_reach(Settings(), "vgg16", halved=halved)
    tiles = painting_tiles((height, width), window, reach)
    assert len(tiles) > 1
    total = np.zeros((height, width), np.float32)
    for tile in tiles:
        assert tile.rows.start % (32 if halved else 16) == tile.columns.start % (32 if halved else 16) == 0
        weights = blend_weights(tile, (height, width))
        assert weights.min() >= 0
        total[tile.window] += weights
    assert (total == 1).all()


def test_part_of_a_resized_picture_is_that_of_the_whole():
    plane = picture(1, 31, 47)[0]
    whole = resize(plane, 70, 93)
    part = resize_part(plane, (70, 93), slice(16, 70), slice(32, 80))
    np.testing.assert_allclose(part, whole[16:70, 32:80], atol=1e-6)


@pytest.mark.slow
def test_tiles_paint_what_the_whole_level_does(engine, tiled, enlarged):
    """Nearly."""
    painted, _, _ = tiled
    whole = run(engine, levels=(LEVELS[0], replace(LEVELS[1], refines=False)))
    start = float(np.abs(enlarged - whole.pixels).mean())
    assert np.abs(painted.pixels - whole.pixels).mean() < 0.9 * start
    assert painted.loss == pytest.approx(whole.loss, rel=0.3)
    assert painted.terms.keys() == whole.terms.keys()


@pytest.mark.slow
def test_progress_and_previews_are_those_of_a_level(tiled):
    painted, events, _ = tiled
    reports = [event for event in events if isinstance(event, Progress) and event.level == 2]
    reports = [report for report in reports if report.iteration > 0]
    assert [report.fraction for report in reports] == sorted(report.fraction for report in reports)
    assert reports[-1].fraction == pytest.approx(1.0)
    iterations = [report.iteration for report in reports]
    assert iterations == sorted(iterations)
    assert (iterations[0], iterations[-1]) == (1, 4)
    frames = [event for event in events if isinstance(event, Preview) and event.level == 1]
    assert [frame.iteration for frame in frames] == [1, 2, 3, 4]
    assert {frame.picture.shape for frame in frames} == {(*SIZE, 3)}
    np.testing.assert_allclose(
        frames[-1].picture.transpose(2, 0, 1), np.clip(painted.pixels, 0, 1), atol=1e-6
    )


@pytest.mark.slow
def test_order_of_tiles_does_not_matter(engine, enlarged, monkeypatch):
    """From a picture of the level's own size too, as frames of a film start."""
    states = States(RunState(level=1, previous=enlarged.copy()))
    forwards = run(engine, states=states)
    np.testing.assert_array_equal(states.start.previous, enlarged)
    real = tiled_level.painting_tiles
    monkeypatch.setattr(tiled_level, "painting_tiles", lambda *arguments: real(*arguments)[::-1])
    np.testing.assert_allclose(run(engine, states=states).pixels, forwards.pixels, atol=1e-6)


@pytest.mark.slow
def test_resumed_run_has_the_same_bits(engine, tiled):
    whole, _, states = tiled
    kept = [state for state in states if state.tiles]
    assert [state.tiles for state in kept] == [1, 2, 3, 4, 5]
    assert {state.tile_window for state in kept} == {56}
    np.testing.assert_array_equal(run(engine, states=States(kept[2])).pixels, whole.pixels)


@pytest.mark.slow
def test_stop_keeps_finished_tiles_and_the_level_before_elsewhere(engine, tiled, enlarged):
    reports, states = [], States()

    def on_event(event):
        if isinstance(event, Progress) and event.level == 2:
            reports.append(event)

    callbacks = RunCallbacks(on_event=on_event, should_stop=lambda: len(reports) >= 6)
    stopped = run(engine, callbacks=callbacks, states=states)
    assert stopped.stopped
    assert states.kept[-1].tiles == 1
    tiles = painting_tiles(SIZE, 56, painting_reach(make_settings(QUICK), "vgg16", halved=False))
    untouched = weight_of(tiles[0]) + weight_of(tiles[1]) == 0
    assert 0.2 < untouched.mean() < 0.9
    np.testing.assert_allclose(stopped.pixels[:, untouched], enlarged[:, untouched], atol=1e-6)
    finished = weight_of(tiles[0]) == 1
    np.testing.assert_allclose(stopped.pixels[:, finished], tiled[0].pixels[:, finished], atol=1e-6)


def weight_of(tile):
    weights = np.zeros(SIZE, np.float32)
    weights[tile.window] = blend_weights(tile, SIZE)
    return weights


@pytest.mark.slow
def test_masks_luminance_and_anchors_act_in_tiles(engine, tiled):
    """Nothing outside the selection changes; a grey painting stays grey; a held frame stays where it is."""
    changes = np.zeros(SIZE, np.float32)
    changes[:, :40] = 1.0
    images = subject(changes=changes, grey=np.ones(SIZE, np.float32))
    painted = run(engine, images).pixels
    np.testing.assert_array_equal(painted[:, :, 40:], images.content.pixels[:, :, 40:])
    np.testing.assert_allclose(painted[0, :, :32], painted[2, :, :32], atol=1e-4)
    free, anchor = tiled[0].pixels, picture(7, *SIZE)
    held = run(engine, subject(anchor=Anchor(anchor, np.ones(SIZE, np.float32)))).pixels
    assert np.abs(held - anchor).mean() < 0.5 * np.abs(free - anchor).mean()


def test_level_is_not_begun_without_time_for_all_of_it(engine):
    """Otherwise a part of the picture would be refined, and the rest not."""
    levels = (LEVELS[0], Level(*SIZE, 100_000, refines=True))
    events = []
    painted = run(engine, levels=levels, limit=3600.0, callbacks=RunCallbacks(on_event=events.append))
    assert painted.timed_out
    assert {event.level for event in events if isinstance(event, Progress)} == {1}


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 8])
def test_picture_so_far_is_the_result_when_memory_ends(engine, monkeypatch, after):
    """After ``after`` evaluations of the level; the state can go on."""
    states, calls = States(), []
    real = tiled_level.bind_parts

    def bind(*arguments):
        evaluate = real(*arguments)

        def failing(at):
            calls.append(1)
            if len(calls) > after:
                raise NstError(ErrorCode.OUT_OF_MEMORY, "No memory.")
            return evaluate(at)

        return failing

    monkeypatch.setattr(tiled_level, "bind_parts", bind)
    painted = run(engine, states=states)
    assert painted.out_of_memory
    assert painted.pixels.shape == (3, *SIZE)
    assert isinstance(states.kept[-1], RunState)
    assert states.kept[-1].tiles == (after > 5)


def test_work_of_tiles_is_that_of_their_pixels(engine):
    settings = make_settings(QUICK)
    budget = MemoryBudget(8e9, None)
    layout = choose_level_layout(engine.backend, settings, LEVELS[1], None, budget)
    tiles = painting_tiles(SIZE, 56, painting_reach(settings, "vgg16", halved=False))
    assert layout.tile_by_tile
    assert layout.tiles == len(tiles)
    assert layout.work == pytest.approx(window_pixels(tiles) / (SIZE[0] * SIZE[1]))
