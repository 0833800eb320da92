"""L-BFGS for pictures (Nocedal 1980; Liu and Nocedal 1989), one implementation for numpy and torch.

It only calls ``evaluate: picture -> (loss, gradient)`` on device arrays. Every decision (accept or reject a
step, use or ignore a curvature pair, shorten or lengthen) is made on the device with ``where``, so an
iteration never waits for a GPU. There is one evaluation per iteration and no line search: with a good scale
the full quasi-Newton step is nearly always right. If it is not, it is rejected, the picture stays and the
next attempt is shorter. So the picture that it holds is always the best so far, even after a step to
infinity.

``precondition`` is an optional symmetric positive operator H0 on pictures, the inverse Hessian that the
history corrects. It is useful because low frequencies of pictures are stiff under these losses, see
:mod:`nst_core.optim.preconditioner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.optim.matrix_history import MatrixHistory, suits_matrices
from nst_core.optim.vectors import (
    InMemoryStore,
    StoreFactory,
    VectorStore,
    add_scaled,
    dot,
    planes,
    strips,
    total,
)

Evaluate: TypeAlias = Callable[[DeviceArray], tuple[DeviceArray, DeviceArray]]
Precondition: TypeAlias = Callable[[DeviceArray], DeviceArray]

FIRST_STEP = 0.02
"""Largest root-mean-square change of pixels in 0..1, in the first step and in the first after a restart."""

LARGEST_STEP = 0.1
"""The same for every other step: quasi-Newton directions of short histories overshoot."""

SHORTEN, LENGTHEN = 0.25, 2.0
"""Factors on the step length after a rejected and an accepted step; it never exceeds 1."""


class OptimizerState(NamedTuple):
    """The best picture, its loss, and whether the last step was accepted."""

    picture: DeviceArray
    loss: DeviceArray
    accepted: DeviceArray


class Pair(NamedTuple):
    """A step ``s``, the change ``y`` of the gradient along it, and ``rho`` = 1 / s.y, or 0 to ignore it."""

    s: VectorStore
    y: VectorStore
    rho: DeviceArray


class Lbfgs:
    """L-BFGS with a bounded history, on arrays of the kind of ``picture``.

    ``history`` pairs of vectors of the picture's size are kept in a ring, in stores made by ``make_store``.
    In addition it holds two such vectors, and while it evaluates two more: the candidate and its gradient.
    ``precondition`` must treat all channels alike and separately: large pictures pass through it channel by
    channel. On cards the history is two matrices if it can be (:mod:`nst_core.optim.matrix_history`).
    """

    def __init__(
        self,
        evaluate: Evaluate,
        picture: DeviceArray,
        *,
        history: int = 10,
        precondition: Precondition | None = None,
        make_store: StoreFactory = InMemoryStore,
    ) -> None:
        self.evaluate = evaluate
        self.xp = array_namespace(picture)
        self.precondition = precondition or (lambda gradient: gradient)
        self.picture = picture
        self.loss, self.gradient = evaluate(picture)
        self.capacity = history
        self.make_store = make_store
        self.pairs: list[Pair] = []  # newest last
        fits = suits_matrices(picture, make_store)
        self.matrices = MatrixHistory(picture, history) if fits else None
        one = self.xp.ones_like(self.loss)
        self.step = one  # factor on the quasi-Newton step
        self.gamma = one * 0.0  # scale of H0; 0 until a pair is known

    def restart(self) -> None:
        """Discard the curvature, for example if the objective changed, and evaluate the picture again."""
        self.pairs.clear()
        if self.matrices is not None:
            self.matrices.clear()
        self.loss, self.gradient = self.evaluate(self.picture)
        self.step = self.xp.ones_like(self.loss)
        self.gamma = self.step * 0.0

    def adopt(self, steps: Iterable[tuple[DeviceArray, DeviceArray]]) -> None:
        """Begin with the curvature of another objective that is nearly this one.

        ``steps`` are pairs of a step and the change of the gradient along it, oldest first, as pictures of
        this one's size. A wrong pair costs a rejected step.
        """
        xp = self.xp
        for step, change in steps:
            (stored_s, stored_y), products = self._make_stores(), []
            for rows in strips(step):
                s, y = stored_s.append(step[:, rows]), stored_y.append(change[:, rows])
                products.append(xp.stack([xp.sum(s * y), xp.sum(s * s), xp.sum(y * y)]))
            yhy = total(xp.sum(change[plane] * self.precondition(change[plane])) for plane in planes(change))
            self._keep(stored_s, stored_y, total(products), yhy, xp.isfinite(yhy))

    def curvature(self) -> Iterator[tuple[DeviceArray, DeviceArray]]:
        """Yield the pairs of the history for :meth:`adopt`, oldest first, each in memory of its own."""
        xp, count = self.xp, len(strips(self.picture))
        for pair in self.pairs:
            s, y = (
                xp.concat([store.get(index) for index in range(count)], axis=1) for store in (pair.s, pair.y)
            )
            yield s, y

    def shorten_history(self) -> bool:
        """Release half of the history's memory permanently; return False if it cannot be shorter."""
        if self.capacity <= 1:
            return False
        self.capacity //= 2
        del self.pairs[: -self.capacity]
        if self.matrices is not None:
            rows = self.matrices.shorten(self.capacity)[-len(self.pairs) :]
            self.pairs = [Pair(*stores, pair.rho) for stores, pair in zip(rows, self.pairs, strict=False)]
        return True

    @property
    def stuck(self) -> bool:
        """True if steps have become too short to matter. Waits for the device."""
        return float(self.step) < 1e-4

    def iterate(self) -> OptimizerState:
        """Try one step, with one evaluation. If that raises, the optimiser does not change."""
        xp = self.xp
        candidate = self._candidate()
        loss, gradient = self.evaluate(candidate)
        usable = xp.isfinite(loss) & xp.isfinite(xp.sum(gradient))
        accepted = usable & (loss <= self.loss)
        self._remember(candidate, gradient, usable)
        # Nobody else uses candidate and gradient; if the step was rejected they become the old ones.
        for rows in strips(candidate):
            candidate[:, rows] = xp.where(accepted, candidate[:, rows], self.picture[:, rows])
            gradient[:, rows] = xp.where(accepted, gradient[:, rows], self.gradient[:, rows])
        self.picture, self.gradient = candidate, gradient
        self.loss = xp.where(accepted, loss, self.loss)
        longer = xp.minimum(self.step * LENGTHEN, xp.ones_like(self.step))
        self.step = xp.where(accepted, longer, self.step * SHORTEN)
        return OptimizerState(self.picture, self.loss, accepted)

    def _candidate(self) -> DeviceArray:
        """Return the picture after the next step, a new array."""
        xp = self.xp
        direction, scale_known = self._direction()
        squares = total(xp.sum(direction[:, rows] ** 2) for rows in strips(direction))
        _, height, width = direction.shape
        rms = xp.sqrt(squares / (direction.shape[0] * height * width))
        tiny = 1e-30
        one = xp.ones_like(rms)  # a number from the host would wait for the device
        limit = xp.where(scale_known, one * LARGEST_STEP, one * FIRST_STEP)
        to_limit = limit / (rms + tiny)
        length = xp.where(scale_known, xp.minimum(one, to_limit), to_limit)
        factor = length * self.step
        for rows in strips(direction):
            direction[:, rows] = self.picture[:, rows] + direction[:, rows] * factor
        return direction

    def _remember(self, candidate: DeviceArray, gradient: DeviceArray, usable: DeviceArray) -> None:
        """Store a curvature pair, with weight 0 to ignore it if its curvature is not positive.

        The pair of a rejected step is as valid as that of an accepted one: it shows how the gradient changes.
        """
        xp = self.xp
        stored_s, stored_y = self._make_stores()
        products = []
        for rows in strips(candidate):
            s = stored_s.append(candidate[:, rows] - self.picture[:, rows])
            change = gradient[:, rows] - self.gradient[:, rows]
            y = stored_y.append(xp.where(usable, change, xp.zeros_like(change)))
            products.append(xp.stack([xp.sum(s * y), xp.sum(s * s), xp.sum(y * y)]))
        plane_products = []
        for plane in planes(candidate):
            change = gradient[plane] - self.gradient[plane]
            plane_products.append(xp.sum(change * self.precondition(change)))
        self._keep(stored_s, stored_y, total(products), total(plane_products), usable)

    def _make_stores(self) -> tuple[VectorStore, VectorStore]:
        """Return stores for the next pair, and forget the oldest if there are enough."""
        if len(self.pairs) >= self.capacity:
            self.pairs.pop(0)
        if self.matrices is not None:
            return self.matrices.make_stores()
        return self.make_store(), self.make_store()

    def _keep(
        self,
        stored_s: VectorStore,
        stored_y: VectorStore,
        products: DeviceArray,
        yhy: DeviceArray,
        usable: DeviceArray,
    ) -> None:
        """Keep a stored pair; ``products`` are s.y, s.s and y.y, ``yhy`` is y.H0 y without its scale."""
        xp = self.xp
        sy, ss, yy = products
        positive = usable & (sy > 1e-10 * xp.sqrt(ss * yy)) & (yhy > 0)
        one = xp.ones_like(sy)
        rho = xp.where(positive, one / xp.where(positive, sy, one), xp.zeros_like(sy))
        self.gamma = xp.where(positive, sy / xp.where(positive, yhy, one), self.gamma)
        self.pairs.append(Pair(stored_s, stored_y, rho))
        if self.matrices is not None:
            self.matrices.keep(positive)

    def _direction(self) -> tuple[DeviceArray, DeviceArray]:
        """Return the step direction and whether its scale is known.

        The two-loop recursion of Nocedal and Wright, algorithm 7.4, or the same with matrices.
        """
        xp = self.xp
        scale_known = self.gamma > 0
        scale = xp.where(scale_known, self.gamma, xp.ones_like(self.gamma))
        if self.matrices is not None:
            product = self.matrices.apply(self.gradient, lambda rest: self.precondition(rest) * scale)
            return product * -1.0, scale_known
        r = self.gradient + 0.0
        factors = []
        for pair in reversed(self.pairs):
            factor = pair.rho * dot(pair.s, r)
            add_scaled(r, pair.y, -factor)
            factors.append(factor)
        for plane in planes(r):
            r[plane] = self.precondition(r[plane]) * scale
        for pair, factor in zip(self.pairs, reversed(factors), strict=True):
            add_scaled(r, pair.s, factor - pair.rho * dot(pair.y, r))
        for rows in strips(r):
            r[:, rows] *= -1.0
        return r, scale_known
