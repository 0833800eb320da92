"""The bench of Wasserstein roots: each way in float32 computes the engine's distance where that is easy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from nst_core.loss.statistics.wasserstein import WASSERSTEIN
from tests.bench.gpu_check.pictures import difference
from tests.bench.roots import WAYS, distance, gradient, moments


@pytest.mark.parametrize("way", WAYS)
def test_roots_in_single_precision_are_those_of_the_engine(way):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(12, 12)).astype(np.float32)
    features, style = (mixing @ rng.random((12, 300), np.float32) for _ in range(2))
    target = WASSERSTEIN.make_target(*moments(style + features.mean(axis=1, keepdims=True)))
    exact = WASSERSTEIN.distance(*moments(features), target)
    found, _ = distance(*moments(features), target, WAYS[way])
    assert found.value == pytest.approx(exact.value, rel=1e-3)
    assert difference(gradient(features, found), gradient(features, exact)) < 1e-3
