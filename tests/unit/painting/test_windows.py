"""Painting in a window compared with the whole picture: the same loss, gradient, strokes and sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.backends.choose import Engine
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.events import Preview
from nst_core.loss.objective import Structure, TotalVariation
from nst_core.loss.priors import prior_loss
from nst_core.painting import windows
from nst_core.painting.masked import MaskedEvaluator
from nst_core.painting.memory import choose_memory_layout
from nst_core.painting.memory_budget import MemoryBudget
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
    opened = (TorchBackend if request.param == "torch" else OnnxBackend)(network, device="cpu")
    yield opened
    opened.close()


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
    values = np.zeros(SIZE, np.float32)
    values[rows, first:last] = 1.0
    values[rows, first] = values[rows, last - 1] = 0.4
    return values


def subject(*masks):
    regions = tuple(
        StyleRegion((PreparedImage(picture(2 + number, 60, 80)),), region_mask, str(number))
        for number, region_mask in enumerate(masks)
    )
    covered = np.max(masks, axis=0)
    return Subject(
        content=PreparedImage(picture(0)),
        styles=regions[0].styles,
        regions=regions,
        changes=covered,
        box=bounding_box(covered),
    )


def objective_in(window, subject, extractor, settings):
    content = PreparedImage(window.cut(subject.content.pixels))
    regions = tuple(replace(region, mask=window.cut_mask(region.mask)) for region in subject.regions)
    return make_objective(extractor, Subject(content=content, styles=(), regions=regions), settings)


MIDDLE, LEFT, RIGHT = (200, 230), (0, 20), (380, 413)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("guides", "columns"),
    [
        ("simple", LEFT),
        pytest.param("simple", RIGHT, marks=pytest.mark.long),
        pytest.param("inside", MIDDLE, marks=pytest.mark.long),
        ("all", MIDDLE),
    ],
)
def test_window_has_the_gradient_of_the_whole_picture(backend, extractor, guides, columns):
    """Overlapping regions, the default layers and smoothness, every kind of guide."""
    layers = {} if guides == "simple" else SHALLOW
    settings = make_settings({"guides": guides, **layers})
    images = subject(mask(*columns), mask(columns[0], columns[1], slice(40, 60)))
    window = level_window(images.box, Level(*SIZE, 1), settings, "vgg16")
    assert window.size[1] < 0.75 * SIZE[1]
    painting = np.where(images.changes > 0, picture(9), images.content.pixels).astype(np.float32)
    evaluations = []
    for area in (Window(slice(0, SIZE[0]), slice(0, SIZE[1])), window):
        objective = objective_in(area, images, extractor, settings)
        masked = MaskedEvaluator(
            backend.evaluator(objective, *area.size),
            backend,
            area.cut(images.content.pixels),
            area.cut(images.changes),
        )
        evaluation = masked(backend.upload(area.cut(painting)))
        gradient = np.zeros_like(painting)
        gradient[:, area.rows, area.columns] = backend.download(evaluation.gradient)
        smooth = [isinstance(term, TotalVariation) for term in objective.terms].index(True)
        terms = backend.download(evaluation.terms)
        evaluations.append((gradient, np.delete(terms, smooth)))
    (whole, whole_terms), (windowed, window_terms) = evaluations
    np.testing.assert_allclose(window_terms, whole_terms, rtol=2e-4, atol=1e-7)
    # If a ReLU or a maximum is tied, rounding decides: a few positions in a million.
    assert np.linalg.norm(windowed - whole) < 2e-3 * np.linalg.norm(whole)


@pytest.mark.parametrize("columns", [MIDDLE, LEFT, RIGHT, (203, 233)])
def test_window_has_the_structure_of_the_whole_picture(extractor, columns):
    """With layers so shallow that the network alone would need neither the margin nor the alignment."""
    settings = make_settings(
        {"structure": 60, "style_layers": "relu1_1", "content_layers": "relu1_1", "tv": 0}
    )
    images = subject(mask(*columns))
    window = level_window(images.box, Level(*SIZE, 1), settings, "vgg16")
    assert window.size[1] < 0.5 * SIZE[1]
    painting = np.where(images.changes > 0, picture(9), images.content.pixels).astype(np.float32)
    whole, part = (
        [
            prior
            for prior in objective_in(area, images, extractor, settings).priors
            if isinstance(prior, Structure)
        ]
        for area in (Window(slice(0, SIZE[0]), slice(0, SIZE[1])), window)
    )
    assert len(whole) == 2
    for expected, prior in zip(whole, part, strict=True):
        value, gradient = prior_loss(expected, painting.astype(np.float64))
        in_window = prior_loss(prior, window.cut(painting).astype(np.float64))
        assert float(in_window[0]) == pytest.approx(float(value), rel=1e-5)
        columns_painted = images.changes.max(axis=0) > 0
        np.testing.assert_allclose(
            in_window[1][:, :, columns_painted[window.columns]],
            gradient[:, window.rows][:, :, columns_painted],
            rtol=1e-4,
            atol=1e-9,
        )


def test_a_narrower_window_changes_the_gradient(network, extractor):
    """The margin is exactly what the layers see: with two steps less the gradient differs."""
    settings = make_settings({**SHALLOW, "matching": 0})
    images = subject(mask(200, 230))
    window = level_window(images.box, Level(*SIZE, 1), settings, "vgg16")
    narrow = Window(window.rows, slice(window.columns.start + 8, window.columns.stop - 8))
    backend = TorchBackend(network, device="cpu")
    gradients = []
    for area in (window, narrow):
        objective = objective_in(area, images, extractor, settings)
        evaluation = backend.evaluator(objective, *area.size)(backend.upload(area.cut(picture(9))))
        gradient = backend.download(evaluation.gradient)
        gradients.append(gradient[:, :, 200 - area.columns.start :][:, :, :30])
    backend.close()
    assert np.linalg.norm(gradients[0] - gradients[1]) > 1e-3 * np.linalg.norm(gradients[0])


class Recording:
    """A backend that records the sizes that it is asked to evaluate."""

    def __init__(self, backend):
        self.backend, self.sizes = backend, []

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def evaluator(self, objective, height, width, tiling=None):
        self.sizes.append((height, width))
        return self.backend.evaluator(objective, height, width, tiling)


def test_run_computes_windows_but_shows_and_returns_whole_pictures(network, extractor):
    backend = Recording(OnnxBackend(network, device="cpu"))
    images = subject(mask(10, 40))
    levels = (Level(38, 206, 2), Level(*SIZE, 2))
    previews = []
    callbacks = RunCallbacks(
        on_event=lambda event: previews.append(event) if isinstance(event, Preview) else None, frames_every=1
    )
    settings = make_settings(SHALLOW)
    painted = paint(images, settings, levels, Engine(network, backend, extractor), callbacks)
    backend.close()
    assert [width for _, width in backend.sizes] == [
        level_window(images.box, level, settings, "vgg16").size[1] for level in levels
    ]
    assert all(width < level.width / 2 for (_, width), level in zip(backend.sizes, levels, strict=True))
    assert {event.picture.shape for event in previews} == {(38, 206, 3), (*SIZE, 3)}
    assert painted.pixels.shape == (3, *SIZE)
    changed = np.abs(painted.pixels - images.content.pixels).max(axis=0) > 0
    assert changed[images.changes > 0].mean() > 0.9
    assert not changed[images.changes == 0].any()
    np.testing.assert_array_equal(
        previews[-1].picture[:, 100:], images.content.pixels.transpose(1, 2, 0)[:, 100:]
    )


@pytest.mark.slow
def test_window_has_the_losses_of_the_whole_picture(network, extractor):
    """At the same picture, with styles at the size that they have on the whole."""
    backend = OnnxBackend(network, device="cpu")
    settings = make_settings({**SHALLOW, "tv": 0})
    images = subject(mask(300, 330))
    painting = np.where(images.changes > 0, picture(9), images.content.pixels).astype(np.float32)
    engine = Engine(network, backend, extractor)
    windowed, whole = (
        evaluate_terms(painting, variant, settings, engine) for variant in (images, replace(images, box=None))
    )
    backend.close()
    assert windowed == pytest.approx(whole, rel=2e-4, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param(TorchBackend, marks=pytest.mark.long), OnnxBackend])
def test_window_in_tiles_equals_the_untiled_window(network, extractor, kind, monkeypatch):
    """With guides that extend past the region's edge, and tiles smaller than the window."""
    settings = make_settings({**SHALLOW, "guides": "all"})
    images = subject(mask(150, 230), mask(200, 250))
    window = level_window(images.box, Level(*SIZE, 1), settings, "vgg16")
    backend = kind(network, device="cpu")
    engine = Engine(network, backend, extractor)
    whole = evaluate_terms(picture(9), images, settings, engine)
    monkeypatch.setattr(
        windows, "choose_memory_layout", lambda *request: replace(choose_memory_layout(*request), window=64)
    )
    assert max(window.size) > 2 * 64
    tiled = evaluate_terms(picture(9), images, settings, engine)
    backend.close()
    assert tiled == pytest.approx(whole, rel=2e-4, abs=1e-7)


def test_windows_follow_their_box_through_the_levels():
    box = BoundingBox((100, 140), (900, 1000), (600, 2000))
    settings = Settings()
    for long_side in (500, 1000, 2000, 4000):
        level = Level(long_side * 3 // 10, long_side, 1)
        window = level_window(box, level, settings, "vgg19")
        scale = long_side / 2000
        assert window.columns.start % 16 == window.rows.start % 16 == 0
        assert window.columns.start <= 900 * scale - 80
        assert window.columns.stop >= min(long_side, 1000 * scale + 80)
        assert window.size[1] <= 100 * scale + 2 * 80 + 3 * 16 + 8 * max(1, scale)


def test_large_boxes_compute_the_whole_level_and_tiny_ones_enough_for_the_network():
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


def test_level_layout_counts_only_the_window(network):
    backend = OnnxBackend(network, device="cpu")
    budget, level = MemoryBudget(8e9, None), Level(1200, 1600, 1)
    box = BoundingBox((0, 300), (0, 400), (1200, 1600))
    layout = choose_level_layout(backend, Settings(), level, box, budget)
    height, width = level_window(box, level, Settings(), "vgg16").size
    assert layout.work == pytest.approx(height * width / (1200 * 1600))
    assert layout.machine < choose_memory_layout(backend, Settings(), 1200, 1600, budget).machine
    assert choose_level_layout(backend, Settings(), level, None, budget) == choose_memory_layout(
        backend, Settings(), 1200, 1600, budget
    )
    backend.close()
