"""Deep layers on the halved picture: loss and gradient against double precision, backends and tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.layer_parts import LayerPart
from nst_core.painting.half_size import DeepAtHalfSize, halved
from nst_core.painting.matching import LevelMatching, MatchedLevel, Matcher, whole_level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import Window
from nst_core.settings import make_settings
from nst_core.vgg.features import OnnxFeatures
from tests.unit.backends.test_regions import picture

SIZE = (49, 99)
SETTINGS = make_settings({"matching": 30})


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(scope="module")
def objectives(network):
    """The shallow objective of a picture and the deep one of its half."""
    features = OnnxFeatures(network, "cpu", "average", "edge")
    subject = Subject(content=PreparedImage(picture(0, *SIZE)), styles=(PreparedImage(picture(1, 70, 90)),))
    half, matcher = halved(subject), Matcher()
    deep_level = replace(whole_level(half.content.pixels), part=LayerPart.DEEP)
    deep = make_objective(
        features, half, SETTINGS, matching=LevelMatching(matcher, deep_level), part=LayerPart.DEEP
    )
    window = Window(slice(0, SIZE[0]), slice(0, SIZE[1]))
    level = MatchedLevel(
        content=subject.content.pixels,
        painted=None,
        window=window,
        size=SIZE,
        enlarge=True,
        part=LayerPart.SHALLOW,
    )
    shallow = make_objective(
        features, subject, SETTINGS, matching=LevelMatching(matcher, level), part=LayerPart.SHALLOW
    )
    return shallow, deep


def both_sizes(backend, objectives, tilings=(None, None)):
    shallow, deep = objectives
    sizes = (SIZE, (SIZE[0] // 2, SIZE[1] // 2))
    return DeepAtHalfSize(
        *(
            backend.evaluator(objective, *size, tiling)
            for objective, size, tiling in zip((shallow, deep), sizes, tilings, strict=True)
        )
    )


def test_the_parts_share_the_terms_and_the_weight(objectives, network):
    shallow, deep = objectives
    assert shallow.layers == ("relu2_1", "relu3_1", "relu1_1")
    assert deep.layers == ("relu4_2", "relu4_1", "relu5_1")
    assert deep.priors == ()
    features = OnnxFeatures(network, "cpu", "average", "edge")
    subject = Subject(content=PreparedImage(picture(0, *SIZE)), styles=(PreparedImage(picture(1, 70, 90)),))
    whole = make_objective(features, subject, SETTINGS)
    assert shallow.priors == whole.priors
    by_layer = {term.layer: term.weight for term in whole.style}
    for term in shallow.style:
        assert term.weight == pytest.approx(by_layer[term.layer], rel=1e-6)


def test_gradient_is_the_slope_of_the_loss(network, objectives):
    """In double precision, along a random direction, with an odd row and an odd column."""
    exact = TorchBackend(network, pooling="average", dtype=torch.float64)
    evaluate = both_sizes(exact, objectives)
    at = torch.tensor(picture(9, *SIZE), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    evaluation = evaluate(at)
    step = 1e-8  # crosses hardly any kink of a ReLU
    direction = torch.randn(at.shape, generator=generator, dtype=torch.float64)
    slope = (evaluate(at + step * direction).loss - evaluate(at - step * direction).loss) / (2 * step)
    assert float(slope) == pytest.approx(float((evaluation.gradient * direction).sum()), rel=1e-6)


@pytest.mark.parametrize("tilings", [(None, None), (Tiling(64), None)], ids=["whole", "tiles"])
@pytest.mark.parametrize("backend_type", [TorchBackend, OnnxBackend])
def test_backends_agree_with_double_precision(network, objectives, backend_type, tilings):
    exact = TorchBackend(network, pooling="average", dtype=torch.float64)
    at = picture(9, *SIZE)
    expected = both_sizes(exact, objectives)(exact.upload(at))
    backend = backend_type(network, pooling="average")
    evaluate = both_sizes(backend, objectives, tilings)
    for _ in range(2):  # sessions of both sizes stay open
        actual = evaluate(backend.upload(at))
    backend.close()
    gradient = expected.gradient.numpy()
    assert float(actual.loss) == pytest.approx(float(expected.loss), rel=1e-5)
    np.testing.assert_allclose(backend.download(actual.terms), expected.terms.numpy(), rtol=1e-4)
    assert np.abs(backend.download(actual.gradient) - gradient).max() <= 1e-5 * np.abs(gradient).max()


def test_both_sessions_of_a_level_stay_open(network, objectives):
    backend = OnnxBackend(network, pooling="average")
    evaluate = both_sizes(backend, objectives)
    at = backend.upload(picture(9, *SIZE))
    evaluate(at)
    kept = dict(backend._kept)
    assert len(kept) == 2
    evaluate(at)
    assert backend._kept == kept
    backend.evaluator(objectives[0], 64, 80)
    assert len(backend._kept) == 2  # the next level's, and the one of another form that was used last
    backend.close()
