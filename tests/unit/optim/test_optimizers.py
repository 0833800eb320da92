"""L-BFGS and Adam: the same on numpy and torch, never worse than at the start, robust to bad steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency, with_freedom

SHAPE = (3, 9, 10)
RNG = np.random.default_rng(3)
GOAL = RNG.uniform(0.2, 0.8, size=SHAPE)
STIFFNESS = np.exp(RNG.uniform(-3, 3, size=SHAPE))


def bowl(picture):
    """Evaluate an ill-conditioned quadratic with its minimum, 0, at GOAL, for numpy and torch."""
    if isinstance(picture, torch.Tensor):
        goal = torch.tensor(GOAL, dtype=picture.dtype)
        stiffness = torch.tensor(STIFFNESS, dtype=picture.dtype)
    else:
        goal, stiffness = GOAL.astype(picture.dtype), STIFFNESS.astype(picture.dtype)
    error = picture - goal
    return (stiffness * error * error).sum(), 2 * stiffness * error


def start(kind):
    array = np.full(SHAPE, 0.5)
    return torch.tensor(array) if kind == "torch" else array


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_lbfgs_reaches_the_minimum_of_an_ill_conditioned_quadratic(kind):
    optimizer = Lbfgs(bowl, start(kind), history=10)
    first = float(optimizer.loss)
    for _ in range(120):
        state = optimizer.iterate()
    assert float(state.loss) < 1e-8 * first
    np.testing.assert_allclose(np.asarray(state.picture), GOAL, atol=1e-3)


@pytest.mark.parametrize("make", [lambda x: Lbfgs(bowl, x), lambda x: Adam(bowl, x, iterations=50)])
def test_numpy_and_torch_take_the_same_steps(make):
    with_numpy, with_torch = make(start("numpy")), make(start("torch"))
    for _ in range(30):
        a, b = with_numpy.iterate(), with_torch.iterate()
        assert float(a.loss) == pytest.approx(float(b.loss), rel=1e-6)
    np.testing.assert_allclose(np.asarray(b.picture), a.picture, rtol=1e-5, atol=1e-7)


def test_preconditioner_is_linear_symmetric_and_positive():
    a, b = RNG.normal(size=SHAPE), RNG.normal(size=SHAPE)
    apply = inverse_frequency(a)
    assert np.vdot(apply(a), b) == pytest.approx(np.vdot(a, apply(b)), rel=1e-10)
    assert np.vdot(apply(a), a) > 0
    np.testing.assert_allclose(apply(a + 2 * b), apply(a) + 2 * apply(b), atol=1e-12)
    with_torch = inverse_frequency(torch.tensor(a))(torch.tensor(a)).numpy()
    np.testing.assert_allclose(with_torch, apply(a), atol=1e-12)
    assert apply(a.astype(np.float32)).dtype == np.float32


def test_free_pixels_do_not_wait_for_those_that_are_held():
    """A prior that is 1000 times as stiff holds the left half at the start."""
    stiffness = np.ones(SHAPE)
    stiffness[:, :, :5] = 1000.0
    goal = np.where(stiffness > 1.0, 0.5, GOAL)

    def held(picture):
        error = picture - goal
        return (stiffness * error * error).sum(), 2 * stiffness * error

    def distance(precondition):
        shaken = start("numpy") + RNG.normal(scale=1e-3, size=SHAPE)
        optimizer = Lbfgs(held, shaken, precondition=precondition)
        for _ in range(4):
            state = optimizer.iterate()
        return np.abs(state.picture - goal)[:, :, 5:].mean()

    plain = inverse_frequency(GOAL)
    freed = with_freedom(plain, 1.0 / np.sqrt(stiffness[0]))
    a, b = RNG.normal(size=SHAPE), RNG.normal(size=SHAPE)
    assert np.vdot(freed(a), b) == pytest.approx(np.vdot(a, freed(b)), rel=1e-10)
    assert np.vdot(freed(a), a) > 0
    assert distance(freed) < 0.2 * distance(plain)


def test_preconditioner_treats_waves_alike_that_no_layer_sees():
    waves = np.sin(2 * np.pi * np.arange(48) / 48 * np.array([[1], [3], [12]]))[:, None, :] * np.ones(
        (1, 48, 1)
    )
    apply = inverse_frequency(waves, longest_wave=16)
    gains = np.abs(apply(waves)).max(axis=(1, 2)) / np.abs(waves).max(axis=(1, 2))
    assert gains[0] == pytest.approx(gains[1], rel=1e-6)
    assert gains[2] == pytest.approx(gains[1] / 4, rel=1e-6)


@pytest.mark.parametrize("make", [lambda f, x: Lbfgs(f, x), lambda f, x: Adam(f, x, iterations=60)])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_steps_are_taken_back(make, kind):
    """Every seventh evaluation returns a loss of nan and a gradient of inf; the run still descends."""
    count = 0

    def failing_sometimes(picture):
        nonlocal count
        count += 1
        loss, gradient = bowl(picture)
        if count % 7 == 0:
            return loss * float("nan"), gradient * float("inf")
        return loss, gradient

    optimizer = make(failing_sometimes, start(kind))
    first, best = float(optimizer.loss), np.inf
    for _ in range(60):
        state = optimizer.iterate()
        assert np.isfinite(float(state.loss))
        assert float(state.loss) <= best
        best = float(state.loss)
        assert np.isfinite(np.asarray(state.picture)).all()
    assert best < 0.05 * first
    assert float(bowl(state.picture)[0]) == pytest.approx(best, rel=1e-6)


def test_lbfgs_shortens_its_steps_at_a_cliff():
    """The loss is infinite outside a small ball around the start: steps must shrink until they fit."""
    origin = start("numpy")

    def cliff(picture):
        loss, gradient = bowl(picture)
        far = np.abs(picture - origin).max() > 1e-3
        return (loss * np.inf if far else loss), gradient

    optimizer = Lbfgs(cliff, origin)
    accepted = [bool(optimizer.iterate().accepted) for _ in range(12)]
    assert not accepted[0]
    assert any(accepted)


def test_lbfgs_descends_at_tiny_scales():
    """No tolerance is absolute: losses of 1e-12 descend like losses of 1."""

    def tiny(picture):
        loss, gradient = bowl(picture)
        return loss * 1e-12, gradient * 1e-12

    optimizer = Lbfgs(tiny, start("numpy"))
    first = float(optimizer.loss)
    for _ in range(120):
        state = optimizer.iterate()
    assert float(state.loss) < 1e-8 * first


def test_history_is_bounded():
    optimizer = Lbfgs(bowl, start("numpy"), history=4)
    for _ in range(12):
        optimizer.iterate()
    assert len(optimizer.pairs) == 4


def test_adam_stays_within_0_and_1():
    optimizer = Adam(lambda p: (((p - 2) ** 2).sum(), 2 * (p - 2)), start("numpy"), iterations=100)
    for _ in range(100):
        state = optimizer.iterate()
    assert state.picture.max() == 1.0


def test_adam_gains_from_its_first_step_on():
    """Near the minimum, steps of full length would be grain that costs more than they gain."""
    near = GOAL + 0.04 * RNG.choice([-1.0, 1.0], size=SHAPE)
    optimizer = Adam(bowl, near, iterations=20)
    losses = [float(optimizer.loss), *(float(optimizer.iterate().loss) for _ in range(2))]
    assert losses == sorted(set(losses), reverse=True)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_adopted_curvature_saves_the_first_steps(kind):
    """With pairs from another start, the first step is a quasi-Newton step of full length."""
    before = Lbfgs(bowl, start(kind))
    for _ in range(30):
        before.iterate()
    other = start(kind) * 0.0 + 0.3
    plain, warm = Lbfgs(bowl, other), Lbfgs(bowl, other)
    warm.adopt(before.curvature())
    assert len(warm.pairs) == len(before.pairs) == 10
    for _ in range(5):
        plain_loss, warm_loss = plain.iterate().loss, warm.iterate().loss
    assert float(warm_loss) < 0.9 * float(plain_loss)


def test_useless_adopted_curvature_only_costs_rejected_steps():
    optimizer = Lbfgs(bowl, start("numpy"))
    first = float(optimizer.loss)
    optimizer.adopt([(RNG.normal(size=SHAPE), RNG.normal(size=SHAPE)) for _ in range(4)])
    losses = [float(optimizer.iterate().loss) for _ in range(120)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-4 * first
