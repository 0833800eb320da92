"""L-BFGS for pictures (Nocedal 1980; Liu and Nocedal 1989), one implementation for numpy and torch.

It sees only ``evaluate: picture -> (loss, gradient)`` on device arrays. Every decision (accept or reject a
step, use or ignore a curvature pair, shorten or lengthen) is taken on the device with ``where``, so that
an iteration never waits for a GPU. One evaluation an iteration, no line search: with a good scale the full
quasi-Newton step is nearly always right, and where it is not, the step is rejected, the picture stays and
the next attempt is shorter. So the picture it holds is always the best it has seen, also after a step
into infinity.

``precondition`` is an optional symmetric positive operator H0 on pictures, the inverse Hessian that the
history corrects: pictures' low frequencies are stiff under these losses, see
:mod:`nst_core.optim.preconditioner`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from array_api_compat import array_namespace

from nst_core.array_types import DeviceArray
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
"""Largest root-mean-square change of a pixel, of its range 0..1, in the first step and after a restart."""

LARGEST_STEP = 0.1
"""The same for every step: quasi-Newton directions of young histories overshoot."""

SHORTEN, LENGTHEN = 0.25, 2.0
"""What a rejected and an accepted step do to the step length, which never exceeds 1."""


class OptimizerState(NamedTuple):
    """What the optimizer holds: the best picture, its loss, and whether the last step was taken."""

    picture: DeviceArray
    loss: DeviceArray
    accepted: DeviceArray


class Pair(NamedTuple):
    """A step ``s``, the change of the gradient ``y`` along it, and ``rho`` = 1 / s.y, 0 to ignore it."""

    s: VectorStore
    y: VectorStore
    rho: DeviceArray


class Lbfgs:
    """L-BFGS with a bounded history, on whatever arrays ``picture`` is made of.

    ``history`` pairs of vectors of the picture's size are kept, in a ring, by ``keep``. Beside them it
    holds two such vectors, and two more, its candidate and that one's gradient, while it evaluates.
    ``precondition`` must treat channels alike and apart: large pictures go through it one by one.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        picture: DeviceArray,
        *,
        history: int = 10,
        precondition: Precondition | None = None,
        keep: StoreFactory = InMemoryStore,
    ) -> None:
        self.evaluate = evaluate
        self.xp = array_namespace(picture)
        self.precondition = precondition or (lambda gradient: gradient)
        self.picture = picture
        self.loss, self.gradient = evaluate(picture)
        self.capacity = history
        self.keep = keep
        self.pairs: list[Pair] = []  # newest last
        one = self.xp.ones_like(self.loss)
        self.step = one  # factor on the quasi-Newton step
        self.gamma = one * 0.0  # scale of H0; 0 until a pair is known

    def restart(self) -> None:
        """Forget the curvature, as when the objective changed; the picture is evaluated again."""
        self.pairs.clear()
        self.loss, self.gradient = self.evaluate(self.picture)
        self.step = self.xp.ones_like(self.loss)
        self.gamma = self.step * 0.0

    def shorten_history(self) -> bool:
        """Give half of the history's memory back, for good; False where there is hardly any."""
        if self.capacity <= 1:
            return False
        self.capacity //= 2
        del self.pairs[: -self.capacity]
        return True

    @property
    def stuck(self) -> bool:
        """Whether steps have become too short to matter; waits for the device."""
        return float(self.step) < 1e-4

    def iterate(self) -> OptimizerState:
        """Try one step; one evaluation. Where that raises, the optimizer is as it was."""
        xp = self.xp
        candidate = self._candidate()
        loss, gradient = self.evaluate(candidate)
        usable = xp.isfinite(loss) & xp.isfinite(xp.sum(gradient))
        accepted = usable & (loss <= self.loss)
        self._remember(candidate, gradient, usable)
        # Candidate and gradient are nobody else's; where the step was rejected they become the old ones.
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
        direction, known = self._direction()
        squares = total(xp.sum(direction[:, rows] ** 2) for rows in strips(direction))
        _, height, width = direction.shape
        rms = xp.sqrt(squares / (direction.shape[0] * height * width))
        tiny = 1e-30
        limit = xp.where(
            known, xp.asarray(LARGEST_STEP, dtype=rms.dtype), xp.asarray(FIRST_STEP, dtype=rms.dtype)
        )
        length = xp.where(known, xp.minimum(xp.ones_like(rms), limit / (rms + tiny)), limit / (rms + tiny))
        factor = length * self.step
        for rows in strips(direction):
            direction[:, rows] = self.picture[:, rows] + direction[:, rows] * factor
        return direction

    def _remember(self, candidate: DeviceArray, gradient: DeviceArray, usable: DeviceArray) -> None:
        """StoreFactory a curvature pair; one without positive curvature is kept with weight 0, that is, ignored.

        A rejected step's pair is as true as an accepted one's: it says how the gradient bends there.
        """
        xp = self.xp
        if len(self.pairs) >= self.capacity:
            self.pairs.pop(0)
        kept_s, kept_y = self.keep(), self.keep()
        products = []
        for rows in strips(candidate):
            s = kept_s.put(candidate[:, rows] - self.picture[:, rows])
            bend = gradient[:, rows] - self.gradient[:, rows]
            y = kept_y.put(xp.where(usable, bend, xp.zeros_like(bend)))
            products.append(xp.stack([xp.sum(s * y), xp.sum(s * s), xp.sum(y * y)]))
        sy, ss, yy = total(products)
        parts = []
        for plane in planes(candidate):
            bend = gradient[plane] - self.gradient[plane]
            parts.append(xp.sum(bend * self.precondition(bend)))
        yhy = total(parts)
        positive = usable & (sy > 1e-10 * xp.sqrt(ss * yy)) & (yhy > 0)
        one = xp.ones_like(sy)
        rho = xp.where(positive, one / xp.where(positive, sy, one), xp.zeros_like(sy))
        self.gamma = xp.where(positive, sy / xp.where(positive, yhy, one), self.gamma)
        self.pairs.append(Pair(kept_s, kept_y, rho))

    def _direction(self) -> tuple[DeviceArray, DeviceArray]:
        """Two-loop recursion (Nocedal and Wright, algorithm 7.4); also whether its scale is known."""
        xp = self.xp
        r = self.gradient + 0.0
        factors = []
        for pair in reversed(self.pairs):
            factor = pair.rho * dot(pair.s, r)
            add_scaled(r, pair.y, -factor)
            factors.append(factor)
        known = self.gamma > 0
        scale = xp.where(known, self.gamma, xp.ones_like(self.gamma))
        for plane in planes(r):
            r[plane] = self.precondition(r[plane]) * scale
        for pair, factor in zip(self.pairs, reversed(factors), strict=True):
            add_scaled(r, pair.s, factor - pair.rho * dot(pair.y, r))
        for rows in strips(r):
            r[:, rows] *= -1.0
        return r, known
