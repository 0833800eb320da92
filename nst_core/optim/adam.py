"""Adam (Kingma and Ba 2015) for pictures, one implementation for numpy and torch.

Like :mod:`nst_core.optim.lbfgs` it only calls ``evaluate``, and decides on the device. The betas are 0.7 and
0.99. With the usual 0.999 the large first gradients dominate for hundreds of steps and leave a grey haze.
With the usual 0.9 the picture overshoots for the first ten steps, which a short run never makes up for.
Pixels are clamped to 0..1 after each step, which does no harm since Adam has no memory of curvature. A step
to a loss that is infinite or many times the best is taken back, and the step length is halved.
"""

from __future__ import annotations

import math

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.optim.lbfgs import Evaluate, OptimizerState

BETA1, BETA2, EPSILON = 0.7, 0.99, 1e-12
STEP = 0.05
"""Length of the longest step, in units of the pixel range."""

WARM_UP = 4
"""Steps until the length is reached, from a share of it: the first steps move every pixel by the same amount,
which at full length is grain that costs more than the step gains.
"""

DIVERGED = 4.0
"""A loss of this many times the best one counts as divergence."""


class Adam:
    """Adam with a warm-up and a cosine schedule over ``iterations`` steps, which keeps the best picture."""

    def __init__(
        self, evaluate: Evaluate, picture: DeviceArray, *, iterations: int, step: float = STEP
    ) -> None:
        self.evaluate = evaluate
        self.xp = array_namespace(picture)
        self.length = step
        self.iterations = max(1, iterations)
        self.count = 0
        self.current = picture
        self.loss, self.gradient = evaluate(picture)
        self.best, self.best_loss = picture, self.loss
        self._reset_moments()
        self.shrink = self.xp.ones_like(self.loss)

    def _reset_moments(self) -> None:
        xp = self.xp
        self.first = xp.zeros_like(self.current)
        self.second = xp.zeros_like(self.current)
        # Bias corrections 1 - beta^t, as arrays: they restart, on the device, after a step is taken back.
        self.correction1 = xp.zeros_like(self.loss)
        self.correction2 = xp.zeros_like(self.loss)

    def shorten_history(self) -> bool:
        """Return False: Adam has no history."""
        return False

    @property
    def stuck(self) -> bool:
        """True if steps have become too short to matter. Waits for the device."""
        return float(self.shrink) < 1e-4

    def restart(self) -> None:
        """Reset the moments and continue from the best picture with full steps."""
        self.current = self.best
        self.loss, self.gradient = self.evaluate(self.current)
        self.best_loss = self.loss
        self._reset_moments()
        self.shrink = self.xp.ones_like(self.loss)

    def iterate(self) -> OptimizerState:
        """Take one step, with one evaluation."""
        xp = self.xp
        first = self.first * BETA1 + self.gradient * (1.0 - BETA1)
        second = self.second * BETA2 + self.gradient * self.gradient * (1.0 - BETA2)
        correction1 = self.correction1 * BETA1 + (1.0 - BETA1)
        correction2 = self.correction2 * BETA2 + (1.0 - BETA2)
        progress = min(1.0, self.count / self.iterations)
        warmth = min(1.0, (self.count + 1) / WARM_UP)
        length = self.shrink * (self.length * warmth * 0.5 * (1.0 + math.cos(math.pi * progress)))
        step = (first / correction1) / (xp.sqrt(second / correction2) + EPSILON) * length
        candidate = xp.clip(self.current - step, 0.0, 1.0)
        loss, gradient = self.evaluate(candidate)
        self.count += 1

        accepted = xp.isfinite(loss) & xp.isfinite(xp.sum(gradient)) & (loss <= self.best_loss * DIVERGED)
        zero = xp.zeros_like(loss)
        self.current = xp.where(accepted, candidate, self.current)
        self.gradient = xp.where(accepted, gradient, self.gradient)
        self.loss = xp.where(accepted, loss, self.loss)
        self.first, self.second = xp.where(accepted, first, zero), xp.where(accepted, second, zero)
        self.correction1 = xp.where(accepted, correction1, zero)
        self.correction2 = xp.where(accepted, correction2, zero)
        self.shrink = xp.where(accepted, self.shrink, self.shrink * 0.5)
        better = accepted & (loss < self.best_loss)
        self.best = xp.where(better, candidate, self.best)
        self.best_loss = xp.where(better, loss, self.best_loss)
        return OptimizerState(self.best, self.best_loss, accepted)
