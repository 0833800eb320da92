"""The objective of a tile compared with that of the whole picture: gradients at the start, units, regions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.objective import Structure
from nst_core.painting.matching import LevelMatching, Matcher, whole_level
from nst_core.painting.regions import Anchor, PreparedImage, StyleRegion
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.painting.tile_objective import LevelObjective
from nst_core.painting.windows import Window
from nst_core.settings import make_settings
from nst_core.vgg.features import OnnxFeatures
from tests.unit.painting.test_windows import picture

SIZE = (67, 166)
WHOLE = Window(slice(0, 67), slice(0, 166))
TILE = Window(slice(0, 67), slice(56, 166))
CORE = (slice(None), slice(None), slice(56 + 2 * 20, 166))
"""Pixels of the tile that no position of relu3_1 sees which sees past the tile's rim; all if it has none."""

SHALLOW = {"style_layers": "relu1_1:2,relu2_1,relu3_1", "content_layers": "relu2_2", "structure": 30}


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(scope="module")
def extractor(network):
    return OnnxFeatures(network, "cpu", "average", "edge")


def of_size(seed, height=SIZE[0], width=SIZE[1]):
    return picture(seed, height, width)


def subject(*, regions=False):
    styles = tuple(PreparedImage(of_size(seed, 60, 80)) for seed in (2, 3))
    content = PreparedImage(of_size(0))
    if not regions:
        return Subject(content=content, styles=styles[:1])
    ramp = np.linspace(0, 1, SIZE[1], dtype=np.float32)[None].repeat(SIZE[0], axis=0)
    return Subject(
        content=replace(content, alpha=np.sqrt(ramp)),
        styles=(),
        regions=(StyleRegion(styles[:1], ramp, "a"), StyleRegion(styles[1:], 1 - ramp, "b")),
        strength=1 - ramp / 2,
        anchor=Anchor(of_size(5), ramp),
    )


def objective(extractor, images, **settings):
    matching = LevelMatching(Matcher(), whole_level(images.content.pixels))
    chosen = make_settings({**SHALLOW, "matching": 20, **settings})
    return make_objective(extractor, images, chosen, matching=matching)


def evaluate(backend, objective, picture):
    _, height, width = picture.shape
    return backend.evaluator(objective, height, width)(backend.upload(picture))


def difference(backend, part, whole):
    part, whole = backend.download(part), backend.download(whole)
    return np.linalg.norm(part - whole) / np.linalg.norm(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statistic", "regions"), [("gram", False), ("gram", True), ("moments", True), ("wasserstein", True)]
)
def test_gradient_inside_a_tile_is_that_of_the_whole_picture(network, extractor, statistic, regions):
    backend = TorchBackend(network, pooling="average", dtype=torch.float64)
    whole = objective(extractor, subject(regions=regions), style_loss=statistic, matching=0)
    start = of_size(9)
    tile = TILE.cut(start)
    level = LevelObjective.at(start, whole, backend)
    expected = evaluate(backend, whole, start).gradient[CORE]
    actual = evaluate(backend, level.of_tile(tile, TILE, backend), tile).gradient[:, :, 40:]
    assert difference(backend, actual, expected) < 1e-6


@pytest.mark.parametrize("statistic", ["gram", "wasserstein"])
def test_gradient_inside_a_tile_with_onnx_runtime(network, extractor, statistic):
    backend = OnnxBackend(network, device="cpu", pooling="average")
    whole = objective(extractor, subject(), style_loss=statistic, matching=0)
    start = of_size(9)
    tile = TILE.cut(start)
    own = LevelObjective.at(start, whole, extractor).of_tile(tile, TILE, extractor)
    expected = evaluate(backend, whole, start).gradient[CORE].copy()
    actual = evaluate(backend, own, tile).gradient[:, :, 40:]
    backend.close()
    assert difference(backend, actual, expected) < 1e-3


@pytest.mark.parametrize(
    "statistic", ["gram", pytest.param("moments", marks=pytest.mark.long), "wasserstein"]
)
def test_a_tile_that_is_all_of_the_picture_has_the_objective_of_the_picture(network, extractor, statistic):
    """Anywhere, not only at the start."""
    backend = TorchBackend(network, pooling="average", dtype=torch.float64)
    matching = 20 if statistic == "gram" else 0
    whole = objective(extractor, subject(regions=True), style_loss=statistic, matching=matching)
    start, later = of_size(9), of_size(10)
    own = LevelObjective.at(start, whole, backend).of_tile(start, WHOLE, backend)
    expected, actual = (evaluate(backend, each, later) for each in (whole, own))
    np.testing.assert_allclose(actual.terms, expected.terms, rtol=1e-6)
    assert difference(backend, actual.gradient, expected.gradient) < 1e-6


def test_content_and_matches_keep_the_unit_of_the_whole_picture(extractor):
    whole = objective(extractor, subject())
    own = LevelObjective.at(of_size(9), whole, extractor).of_tile(TILE.cut(of_size(9)), TILE, extractor)
    for term, part in zip(whole.content, own.content, strict=True):
        assert part.weight == term.weight
        stride = {"relu2_1": 2, "relu2_2": 2, "relu3_1": 4, "relu4_1": 8}[term.layer]
        np.testing.assert_array_equal(part.target, term.target[:, :, 56 // stride :])
    structures = [term for term in own.priors if isinstance(term, Structure)]
    assert structures
    for term in structures:  # the cells at the rim have neighbours outside
        assert not term.mask[:, 0].any()
        assert term.mask[:, 1:].any(axis=0).all()


def test_a_region_outside_a_tile_has_no_term_in_it(extractor):
    images = subject(regions=True)
    left = np.zeros(SIZE, np.float32)
    left[:, :56] = 1.0
    images = replace(images, regions=(replace(images.regions[0], mask=left), images.regions[1]))
    whole = objective(extractor, images)
    own = LevelObjective.at(of_size(9), whole, extractor).of_tile(TILE.cut(of_size(9)), TILE, extractor)
    assert {term.region for term in whole.style} == {"a", "b"}
    assert {term.region for term in own.style} == {"b"}
