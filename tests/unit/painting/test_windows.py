"""Painting in a window against painting the whole picture: the same loss, gradient, strokes and sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.events import Preview
from nst_core.loss.objective import TotalVariation
from nst_core.painting import windows
from nst_core.painting.masked import MaskedEvaluator
from nst_core.painting.memory import MemoryBudget, choose_memory_layout
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.run import RunCallbacks, evaluate_terms, paint
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import BoundingBox, Window, bounding_box, choose_level_layout, level_window
from nst_core.settings import Settings, make_settings
from nst_core.vgg.features import OnnxFeatures

SIZE = (75, 413)
"""Odd, so that pools drop rows and columns."""

SHALLOW = {"style_layers": "relu1_1,relu2_1,relu3_1", "content_layers": "relu3_1"}


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(params=["torch", "onnx"])
def backend(request, network):
    made = (TorchBackend if request.param == "torch" else OnnxBackend)(network, device="cpu")
    yield made
    made.close()


@pytest.fixture
def extractor(network):
    return OnnxFeatures(network, "cpu", "max", "edge")


def picture(seed, height=SIZE[0], width=SIZE[1]):
    rng = np.random.default_rng(seed)
    blocks = rng.uniform(size=(3, height // 4 + 1, width // 4 + 1)).repeat(4, axis=1).repeat(4, axis=2)
    noisy = blocks[:, :height, :width] + rng.normal(scale=0.05, size=(3, height, width))
    return np.clip(noisy, 0, 1).astype(np.float32)


def mask(first, last, rows=slice(20, 60)):
    """A soft-edged mask of a box of columns."""
    found = np.zeros(SIZE, np.float32)
    found[rows, first:last] = 1.0
    found[rows, first] = found[rows, last - 1] = 0.4
    return found


def subject(*masks):
    regions = tuple(
        StyleRegion((PreparedImage(picture(2 + number, 60, 80)),), each, str(number))
        for number, each in enumerate(masks)
    )
    covered = np.max(masks, axis=0)
    return Subject(
        PreparedImage(picture(0)), regions[0].styles, None, regions, None, covered, bounding_box(covered)
    )


MIDDLE, LEFT, RIGHT = (200, 230), (0, 20), (380, 413)


@pytest.mark.parametrize(
    ("guides", "place"),
    [
        ("simple", MIDDLE),
        ("simple", LEFT),
        ("simple", RIGHT),
        ("inside", MIDDLE),
        ("all", MIDDLE),
        ("all", RIGHT),
    ],
)
def test_a_window_has_the_gradient_of_the_whole(backend, extractor, guides, place):
    """Regions whose masks overlap, at the layers and with the smoothness of any run, every way of guiding."""
    layers = {} if guides == "simple" else SHALLOW
    settings = make_settings({"guides": guides, **layers})
    told = subject(mask(*place), mask(place[0], place[1], slice(40, 60)))
    window = level_window(told.part, Level(*SIZE, 1), settings, "vgg16")
    assert window.size[1] < 0.75 * SIZE[1]
    painting = np.where(told.changes > 0, picture(9), told.content.pixels).astype(np.float32)
    found = []
    for where in (Window(slice(0, SIZE[0]), slice(0, SIZE[1])), window):
        content = PreparedImage(where.cut(told.content.pixels))
        regions = [replace(region, mask=where.cut_mask(region.mask)) for region in told.regions]
        objective = make_objective(extractor, content, (), settings, regions=regions)
        kept = MaskedEvaluator(
            backend.evaluator(objective, *where.size), backend, content.pixels, where.cut(told.changes)
        )
        evaluation = kept(backend.upload(where.cut(painting)))
        gradient = np.zeros_like(painting)
        gradient[:, where.rows, where.columns] = backend.download(evaluation.gradient)
        smooth = [isinstance(term, TotalVariation) for term in objective.terms].index(True)
        terms = backend.download(evaluation.terms)
        found.append((gradient, np.delete(terms, smooth)))
    (whole, losses), (cut, own) = found
    np.testing.assert_allclose(own, losses, rtol=2e-4, atol=1e-7)
    # Where a ReLU or a maximum is tied, rounding decides: a few positions in a million.
    assert np.linalg.norm(cut - whole) < 2e-3 * np.linalg.norm(whole)


def test_a_narrower_window_would_not_do(network, extractor):
    """The margin is what the layers see: two steps less, and the gradient is another one."""
    settings = make_settings(SHALLOW)
    told = subject(mask(200, 230))
    window = level_window(told.part, Level(*SIZE, 1), settings, "vgg16")
    narrow = Window(window.rows, slice(window.columns.start + 8, window.columns.stop - 8))
    backend = TorchBackend(network, device="cpu")
    gradients = []
    for where in (window, narrow):
        regions = [replace(region, mask=where.cut_mask(region.mask)) for region in told.regions]
        objective = make_objective(
            extractor, PreparedImage(where.cut(told.content.pixels)), (), settings, regions=regions
        )
        found = backend.evaluator(objective, *where.size)(backend.upload(where.cut(picture(9))))
        gradients.append(backend.download(found.gradient)[:, :, 200 - where.columns.start :][:, :, :30])
    backend.close()
    assert np.linalg.norm(gradients[0] - gradients[1]) > 1e-3 * np.linalg.norm(gradients[0])


class Recording:
    """A backend that takes down what sizes it is asked to evaluate."""

    def __init__(self, backend):
        self.backend, self.sizes = backend, []

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def evaluator(self, objective, height, width, tiling=None):
        self.sizes.append((height, width))
        return self.backend.evaluator(objective, height, width, tiling)


def test_a_run_computes_windows_and_tells_and_gives_whole_pictures(network, extractor):
    backend = Recording(OnnxBackend(network, device="cpu"))
    told = subject(mask(10, 40))
    levels = (Level(38, 206, 2), Level(*SIZE, 2))
    shown = []
    watch = RunCallbacks(
        lambda event: shown.append(event) if isinstance(event, Preview) else None, frames_every=1
    )
    settings = make_settings(SHALLOW)
    painted = paint(told, settings, levels, backend, extractor, watch)
    backend.close()
    assert [width for _, width in backend.sizes] == [
        level_window(told.part, level, settings, "vgg16").size[1] for level in levels
    ]
    assert all(width < level.width / 2 for (_, width), level in zip(backend.sizes, levels, strict=True))
    assert {event.picture.shape for event in shown} == {(38, 206, 3), (*SIZE, 3)}
    assert painted.pixels.shape == (3, *SIZE)
    changed = np.abs(painted.pixels - told.content.pixels).max(axis=0) > 0
    assert changed[told.changes > 0].mean() > 0.9
    assert not changed[told.changes == 0].any()
    np.testing.assert_array_equal(shown[-1].picture[:, 100:], told.content.pixels.transpose(1, 2, 0)[:, 100:])


def test_strokes_are_those_of_the_whole_picture(network, extractor):
    """The same losses at the same picture, styles at the size that they have on all of it."""
    backend = OnnxBackend(network, device="cpu")
    settings = make_settings({**SHALLOW, "tv": 0})
    told = subject(mask(300, 330))
    painting = np.where(told.changes > 0, picture(9), told.content.pixels).astype(np.float32)
    cut, whole = (
        evaluate_terms(painting, each, settings, backend, extractor)
        for each in (told, replace(told, part=None))
    )
    backend.close()
    assert cut == pytest.approx(whole, rel=2e-4, abs=1e-7)


@pytest.mark.parametrize("kind", [TorchBackend, OnnxBackend])
def test_a_window_in_tiles_is_the_window_as_a_whole(network, extractor, kind, monkeypatch):
    """Guides that reach past the region's edge, and tiles smaller than the window."""
    settings = make_settings({**SHALLOW, "guides": "all"})
    told = subject(mask(150, 230), mask(200, 250))
    window = level_window(told.part, Level(*SIZE, 1), settings, "vgg16")
    backend = kind(network, device="cpu")
    whole = evaluate_terms(picture(9), told, settings, backend, extractor)
    monkeypatch.setattr(
        windows, "choose_memory_layout", lambda *given: replace(choose_memory_layout(*given), window=64)
    )
    assert max(window.size) > 2 * 64
    tiled = evaluate_terms(picture(9), told, settings, backend, extractor)
    backend.close()
    assert tiled == pytest.approx(whole, rel=2e-4, abs=1e-7)


def test_windows_follow_their_part_through_the_levels():
    part = BoundingBox((100, 140), (900, 1000), (600, 2000))
    settings = Settings()
    for long_side in (500, 1000, 2000, 4000):
        level = Level(long_side * 3 // 10, long_side, 1)
        window = level_window(part, level, settings, "vgg19")
        scale = long_side / 2000
        assert window.columns.start % 16 == window.rows.start % 16 == 0
        assert window.columns.start <= 900 * scale - 80
        assert window.columns.stop >= min(long_side, 1000 * scale + 80)
        assert window.size[1] <= 100 * scale + 2 * 80 + 3 * 16 + 8 * max(1, scale)


def test_nearly_everything_is_computed_as_everything_and_tiny_parts_are_large_enough():
    whole = level_window(BoundingBox((0, 100), (0, 95), (100, 100)), Level(100, 100, 1), Settings(), "vgg16")
    assert whole.size == (100, 100)
    assert level_window(None, Level(40, 50, 1), Settings(), "vgg16").size == (40, 50)
    shallow = make_settings({"style_layers": "relu1_1", "content_layers": "relu1_1"})
    for first in (0, 37, 99):
        window = level_window(
            BoundingBox((first, first + 1), (50, 51), (100, 100)), Level(100, 100, 1), shallow, "vgg16"
        )
        assert min(window.size) >= 16
        assert window.rows.start <= first < window.rows.stop <= 100
    assert bounding_box(np.zeros((4, 4), np.float32)) is None


def test_a_plan_counts_what_is_computed(network):
    backend = OnnxBackend(network, device="cpu")
    room, level = MemoryBudget(8e9, None), Level(1200, 1600, 1)
    part = BoundingBox((0, 300), (0, 400), (1200, 1600))
    found = choose_level_layout(backend, Settings(), level, part, room)
    height, width = level_window(part, level, Settings(), "vgg16").size
    assert found.work == pytest.approx(height * width / (1200 * 1600))
    assert found.machine < choose_memory_layout(backend, Settings(), 1200, 1600, room).machine
    assert choose_level_layout(backend, Settings(), level, None, room) == choose_memory_layout(
        backend, Settings(), 1200, 1600, room
    )
    backend.close()
