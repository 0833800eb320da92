"""What the measurement of a device's speed counts, with a clock that only evaluations move."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nst_core.backends.interface import Evaluation
from nst_core.planning import benchmark


@pytest.mark.parametrize("asynchronous", [True, False])
def test_what_a_card_prepares_in_its_first_evaluation_counts_for_opening_a_level(monkeypatch, asynchronous):
    clock = [0.0]
    costs = iter([50.0])  # kernels are chosen and recorded

    def evaluate(picture: np.ndarray) -> Evaluation:
        clock[0] += next(costs, 2.0)
        return Evaluation(np.square(picture).sum(), 2.0 * picture, np.zeros(1, np.float32))

    backend = SimpleNamespace(
        asynchronous=asynchronous,
        limits=SimpleNamespace(own_memory=False),
        network=SimpleNamespace(architecture="vgg16"),
        evaluator=lambda *_arguments: evaluate,
        upload=lambda array: array,
    )
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: clock[0])
    opening, iteration = benchmark._time_iteration(backend, 32, 2)
    assert iteration == 2.0
    assert opening == (48.0 if asynchronous else 0.0)
