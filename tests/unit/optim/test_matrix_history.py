"""The history of L-BFGS in matrices gives the directions of the two loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.objective import ContentTerm, Objective, StyleTerm
from nst_core.optim import lbfgs
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.matrix_history import suits_matrices
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import InMemoryStore, store_factory
from nst_core.painting.level_evaluator import BestTerms
from nst_core.vgg.layers import LAYERS

SHAPE = (3, 9, 10)


@pytest.fixture
def make_optimizer(monkeypatch):
    """Return a function that makes an optimizer with its history in matrices, on the processor."""
    monkeypatch.setattr(lbfgs, "suits_matrices", lambda *_arguments: True)

    def make(evaluate, picture, **options) -> Lbfgs:
        optimizer = Lbfgs(evaluate, picture, precondition=inverse_frequency(picture), **options)
        assert optimizer.matrices is not None
        return optimizer

    return make


def difference_to_two_loops(optimizer: Lbfgs) -> float:
    """Return the relative difference of the next direction to that of the recursion over the same pairs."""
    matrices, (found, _) = optimizer.matrices, optimizer._direction()
    optimizer.matrices = None
    expected, _ = optimizer._direction()
    optimizer.matrices = matrices
    return float(torch.linalg.vector_norm(found - expected) / torch.linalg.vector_norm(expected))


def make_bowl(dtype, *, bad_every: int = 0):
    """Return an ill-conditioned quadratic; every so many evaluations fail."""
    rng, count = np.random.default_rng(3), 0
    goal = torch.tensor(rng.uniform(0.2, 0.8, size=SHAPE), dtype=dtype)
    stiffness = torch.tensor(np.exp(rng.uniform(-3, 3, size=SHAPE)), dtype=dtype)

    def bowl(picture):
        nonlocal count
        count += 1
        error = picture - goal
        loss, gradient = (stiffness * error * error).sum(), 2 * stiffness * error
        bad = bad_every and not count % bad_every
        return (loss * np.nan, gradient * np.inf) if bad else (loss, gradient)

    return bowl


@pytest.mark.parametrize("bad_every", [0, 7])
def test_directions_are_those_of_the_two_loops(make_optimizer, bad_every):
    """Until the ring of rows has gone round four times; pairs of failed steps count in neither."""
    bowl = make_bowl(torch.float64, bad_every=bad_every)
    optimizer = make_optimizer(bowl, torch.full(SHAPE, 0.5, dtype=torch.float64), history=5)
    differences = []
    for _ in range(20):
        optimizer.iterate()
        differences.append(difference_to_two_loops(optimizer))
    assert max(differences) < 1e-9


def test_a_shorter_history_keeps_the_newest_pairs(make_optimizer):
    bowl = make_bowl(torch.float64)
    optimizer = make_optimizer(bowl, torch.full(SHAPE, 0.5, dtype=torch.float64), history=8)
    for _ in range(11):
        optimizer.iterate()
    newest = [(pair.s.get(0) + 0.0, pair.y.get(0) + 0.0) for pair in optimizer.pairs[-4:]]
    assert optimizer.shorten_history()
    for (s, y), pair in zip(newest, optimizer.pairs, strict=True):
        assert torch.equal(pair.s.get(0), s)
        assert torch.equal(pair.y.get(0), y)
    assert difference_to_two_loops(optimizer) < 1e-9
    for _ in range(6):
        optimizer.iterate()
        assert difference_to_two_loops(optimizer) < 1e-9
    optimizer.restart()
    for _ in range(3):
        optimizer.iterate()
        assert difference_to_two_loops(optimizer) < 1e-9


def test_directions_in_single_precision_are_exact_to_1e_5(make_optimizer, models):
    """While a picture is painted."""
    network, side, rng = models.resolve("vgg16"), 48, np.random.default_rng(0)
    layers = {layer.name: layer for layer in LAYERS["vgg16"]}
    content = rng.random((256, side // 4, side // 4), np.float32)
    styles = []
    for name in ("relu1_1", "relu2_1"):
        numbers = rng.random((layers[name].channels, 300), np.float32)
        styles.append(StyleTerm(name, 1e-2, numbers @ numbers.T / 300))
    backend = TorchBackend(network)
    evaluator = backend.evaluator(
        Objective((ContentTerm("relu3_1", 1e-6, content),), tuple(styles)), side, side
    )
    at = backend.upload(rng.random((3, side, side), np.float32))
    optimizer = make_optimizer(BestTerms(evaluator, []), at)
    differences = []
    for _ in range(25):
        optimizer.iterate()
        differences.append(difference_to_two_loops(optimizer))
    assert max(differences) < 1e-5


def test_matrices_are_for_whole_pictures_on_cards():
    meta = torch.zeros((3, 8, 8), device="meta")
    assert suits_matrices(meta, InMemoryStore)
    assert not suits_matrices(meta, store_factory("half"))
    assert not suits_matrices(torch.zeros((3, 1100, 1000), device="meta"), InMemoryStore)
    assert not suits_matrices(torch.zeros((3, 8, 8)), InMemoryStore)
    assert not suits_matrices(np.zeros((3, 8, 8)), InMemoryStore)
