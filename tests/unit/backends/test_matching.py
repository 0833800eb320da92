"""Matched targets with real weights: backends, tiles and the whole picture give one loss and gradient."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.features import OnnxFeatures
from tests.unit.backends.test_regions import picture

SIZE = (96, 230)
LAYERS = {"content_layers": "relu3_1", "style_layers": "relu1_1,relu2_1,relu3_1"}


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def objective_with(features, matching=50):
    settings = make_settings({"matching": matching, **LAYERS})
    subject = Subject(content=PreparedImage(picture(0, *SIZE)), styles=(PreparedImage(picture(1, 90, 70)),))
    return make_objective(features, subject, settings)


@pytest.mark.parametrize("matching", [50, 100])
def test_backends_and_tiles_agree(network, matching):
    objective = objective_with(OnnxFeatures(network, "cpu", "average", "edge"), matching)
    assert bool(objective.style) == (matching < 100)
    at, results = picture(9, *SIZE), []
    for backend in (TorchBackend(network, pooling="average"), OnnxBackend(network, pooling="average")):
        for tiling in (None, Tiling(160)):
            evaluation = backend.evaluator(objective, *SIZE, tiling)(backend.upload(at))
            results.append((float(evaluation.loss), backend.download(evaluation.gradient)))
        backend.close()
    loss, gradient = results[0]
    for other_loss, other_gradient in results[1:]:
        assert other_loss == pytest.approx(loss, rel=1e-5)
        assert np.abs(other_gradient - gradient).max() <= 1e-5 * np.abs(gradient).max()


def test_features_in_tiles_give_the_same_targets(network):
    extractor = OnnxFeatures(network, "cpu", "average", "edge")
    whole = objective_with(extractor)
    tiled = objective_with(TiledFeatures(extractor, "vgg16", 160, "half"))
    for a, b in zip(whole.content, tiled.content, strict=True):
        scale = np.abs(a.target).max()
        near = np.abs(b.target.astype(np.float32) - a.target).max(axis=0) <= 2e-3 * scale
        assert near.mean() > 0.99  # a position with two equally near neighbours may take the other
