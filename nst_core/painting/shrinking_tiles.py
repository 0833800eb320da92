"""An evaluator that continues in smaller tiles when memory runs out, on the processor when a device fails.

The memory layout is chosen from what is free before a run, but other programs may take it meanwhile, and
drivers have faults. Takes a backend, an objective and the first window, returns evaluations. The optimiser
notices nothing: the failed evaluation is repeated in smaller tiles, or on the processor, and later ones are
done in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nst_core.array_types import DeviceArray
from nst_core.backends.interface import Backend, Evaluation, Evaluator, Tiling
from nst_core.backends.tiling.layout import network_reach
from nst_core.errors import DeviceError
from nst_core.events import Notice
from nst_core.loss.objective import Objective
from nst_core.painting.memory_budget import window_for_memory
from nst_core.system.resource_errors import is_out_of_memory


class ShrinkingTileEvaluator:
    """Evaluates ``objective`` for pictures of ``size``; see :class:`nst_core.backends.interface.Evaluator`.

    ``tiling`` is the first; with a window as large as the picture there are no tiles. ``on_notice`` is called
    when tiles become smaller; the device then keeps no content targets.
    """

    def __init__(
        self,
        backend: Backend,
        objective: Objective,
        size: tuple[int, int],
        tiling: Tiling,
        on_notice: Callable[[Notice], None] = lambda _notice: None,
    ) -> None:
        self.backend, self.objective, self.size, self.tiling = backend, objective, size, tiling
        self.on_notice = on_notice
        self.evaluator: Evaluator | None = None
        self._device = backend.device
        self._failed_before = False
        self.smallest = network_reach(objective.layers, backend.network.architecture).smallest_window

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture``.

        Raises:
            NstError: ``out-of-memory`` if not even the smallest tiles fit into the machine's memory.
        """
        while True:
            try:
                return self._bound_evaluator()(picture)
            except Exception as error:
                if not self._go_on_after(error):
                    raise
            self.backend.close()

    def _bound_evaluator(self) -> Evaluator:
        if self.evaluator is None:
            tiling = None if self.tiling.window >= max(self.size) else self.tiling
            self._device = self.backend.device
            self.evaluator = self.backend.evaluator(self.objective, *self.size, tiling)
        return self.evaluator

    def _go_on_after(self, error: Exception) -> bool:
        """Change what is needed to repeat an evaluation after ``error``; return False if nothing helps.

        A device that fails gets one more chance in smaller tiles: drivers report full memory in many ways.
        """
        failed = isinstance(error, DeviceError)
        if is_out_of_memory(error) or (failed and not self._failed_before):
            self._failed_before = self._failed_before or failed
            reason = error.message if isinstance(error, DeviceError) else "Memory ran out."
            if self._shrink(reason):
                return True
        elif not failed:
            return False
        replaced = self.backend.device != self._device  # by another evaluator of the same level
        if not replaced and not self.backend.use_cpu(as_device_error(error, self.backend.device)):
            return False
        window = window_for_memory(self.backend, self.size) or max(self.size)
        self.tiling, self.evaluator = replace(self.tiling, window=window, target_bytes=0), None
        return True

    def _shrink(self, reason: str) -> bool:
        """Halve the window; return False if it cannot be smaller."""
        window = min(self.tiling.window, max(self.size))
        smaller = max(window // 2, self.smallest)
        if smaller >= window:
            return False
        self.tiling, self.evaluator = replace(self.tiling, window=smaller, target_bytes=0), None
        self.on_notice(Notice("smaller-tiles", f"{reason} Painting continues in tiles of {smaller} pixels."))
        return True


def as_device_error(error: Exception, device: str) -> DeviceError:
    """Return the error of ``device`` that ``error``, a DeviceError or one of memory, stands for."""
    if isinstance(error, DeviceError):
        return error
    return DeviceError(f"The memory of {device} is not enough even for the smallest tiles.")
