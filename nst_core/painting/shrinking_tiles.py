"""An evaluator that goes on in smaller tiles when memory ends.

A plan is made from what is free before a run; other programs may take it meanwhile. Comes in: a backend, an
objective, a window to begin with. Goes out: evaluations. Whoever optimises notices nothing: the evaluation
that failed is done again in smaller tiles, and so are the next ones.
"""

from __future__ import annotations

from collections.abc import Callable

from nst_core.array_types import DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator, Tiling
from nst_core.backends.tiling.layout import network_reach
from nst_core.errors import is_out_of_memory
from nst_core.events import Notice
from nst_core.loss.objective import Objective


class ShrinkingTileEvaluator:
    """Evaluates ``objective`` for pictures of a size; see :class:`nst_core.backends.interface.Evaluator`.

    ``window`` of None is the whole picture at once. ``between`` is called before each tile with the share of
    the evaluation that is done; ``on_notice`` hears when tiles become smaller.
    """

    def __init__(
        self,
        backend: Backend,
        objective: Objective,
        size: tuple[int, int],
        window: int | None,
        between: Callable[[float], None] = lambda _done: None,
        on_notice: Callable[[Notice], None] = lambda _notice: None,
    ) -> None:
        self.backend, self.objective, self.size, self.window = backend, objective, size, window
        self.between, self.on_notice = between, on_notice
        self.evaluator: Evaluator | None = None
        self.smallest = network_reach(objective.layers, backend.network.architecture).smallest_window

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture``.

        Raises:
            NstError: ``out-of-memory`` where not even the smallest tiles fit.
        """
        while True:
            try:
                return self._opened()(picture)
            except Exception as error:
                if not is_out_of_memory(error) or not self._shrink():
                    raise
            self.backend.close()

    def _opened(self) -> Evaluator:
        if self.evaluator is None:
            tiling = None if self.window is None else Tiling(self.window, self.between)
            self.evaluator = self.backend.evaluator(self.objective, *self.size, tiling)
        return self.evaluator

    def _shrink(self) -> bool:
        """Halve the window; False where it cannot be smaller."""
        smaller = max((self.window or max(self.size)) // 2, self.smallest)
        if smaller >= (self.window or max(self.size)):
            return False
        self.window, self.evaluator = smaller, None
        self.on_notice(
            Notice("smaller-tiles", f"Memory ran out; painting goes on in tiles of {smaller} pixels.")
        )
        return True
