"""An evaluator that continues in smaller tiles when memory runs out.

The memory layout is chosen from what is free before a run, but other programs may take it meanwhile. Takes a
backend, an objective and the first window, returns evaluations. The optimiser notices nothing: the failed
evaluation is repeated in smaller tiles, and later ones use them too.
"""

from __future__ import annotations

from collections.abc import Callable

from nst_core.array_types import DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator, Tiling
from nst_core.backends.tiling.layout import network_reach
from nst_core.events import Notice
from nst_core.loss.objective import Objective
from nst_core.system.resource_errors import is_out_of_memory


class ShrinkingTileEvaluator:
    """Evaluates ``objective`` for pictures of ``size``; see :class:`nst_core.backends.interface.Evaluator`.

    A ``window`` of None is the whole picture at once. ``on_tile`` is called before each tile with the share
    of the evaluation that is done, ``on_notice`` when tiles become smaller.
    """

    def __init__(
        self,
        backend: Backend,
        objective: Objective,
        size: tuple[int, int],
        window: int | None,
        on_tile: Callable[[float], None] = lambda _done: None,
        on_notice: Callable[[Notice], None] = lambda _notice: None,
    ) -> None:
        self.backend, self.objective, self.size, self.window = backend, objective, size, window
        self.on_tile, self.on_notice = on_tile, on_notice
        self.evaluator: Evaluator | None = None
        self.smallest = network_reach(objective.layers, backend.network.architecture).smallest_window

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture``.

        Raises:
            NstError: ``out-of-memory`` if not even the smallest tiles fit.
        """
        while True:
            try:
                return self._bound_evaluator()(picture)
            except Exception as error:
                if not is_out_of_memory(error) or not self._shrink():
                    raise
            self.backend.close()

    def _bound_evaluator(self) -> Evaluator:
        if self.evaluator is None:
            tiling = None if self.window is None else Tiling(self.window, self.on_tile)
            self.evaluator = self.backend.evaluator(self.objective, *self.size, tiling)
        return self.evaluator

    def _shrink(self) -> bool:
        """Halve the window; return False if it cannot be smaller."""
        window = self.window or max(self.size)
        smaller = max(window // 2, self.smallest)
        if smaller >= window:
            return False
        self.window, self.evaluator = smaller, None
        self.on_notice(
            Notice("smaller-tiles", f"Memory ran out. Painting continues in tiles of {smaller} pixels.")
        )
        return True
