"""One evaluation as a CUDA graph: a few hundred kernels started by one call.

At 512 pixels a GPU finishes the kernels of an evaluation faster than Python can start them one by one. They
are recorded once and replayed on static buffers. Replays are compared with plain evaluations at two pictures;
if recording fails, or they differ, the plain evaluation stays in use.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from nst_core.backends.interface import Evaluation
from nst_core.backends.pytorch.devices import free_bytes
from nst_core.errors import first_line
from nst_core.events import Notice, OnNotice

WARM_UP = 3
"""Plain evaluations before recording, on the recording's stream, in which libraries choose their kernels."""

AGREEMENT = 1e-3
"""Relative difference of losses above which a recording is discarded; TF32 convolutions differ by 1e-4."""

SPARE = 2.0
"""Free memory that recording needs, as a multiple of an evaluation's.

A recording takes as much as an evaluation, beside what the warm-up keeps in reserve. PyTorch up to 2.13 never
frees the memory of a recording that fails.
"""

Evaluate = Callable[[torch.Tensor], Evaluation]


class CudaGraphEvaluator:
    """An evaluator that records ``evaluate`` at its first call and replays the recording after that."""

    def __init__(self, evaluate: Evaluate, on_notice: OnNotice = lambda _notice: None) -> None:
        self.evaluate = evaluate
        self.on_notice = on_notice
        self.graph: torch.cuda.CUDAGraph | None = None
        self.tried = False

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Evaluate at ``picture``; the result belongs to the caller, not to the recording's buffers."""
        if not self.tried:
            self.tried = True
            with torch.cuda.device(picture.device):
                self._record(picture)
        if self.graph is None:
            return self.evaluate(picture)
        return self._replay(picture)

    def _record(self, picture: torch.Tensor) -> None:
        """Record at ``picture`` if there is room, and keep the recording if it computes the same."""
        expected = self._measured(picture)
        if expected is None:
            return
        self.picture = picture.detach().clone()
        try:
            self.graph = self._capture()
            mirrored = picture.flip(2)  # a recording of nothing would repeat what it was recorded at
            if not (self._agrees(picture, expected) and self._agrees(mirrored, self.evaluate(mirrored))):
                self._discard("the recording computed something else")
        except torch.OutOfMemoryError:
            self._discard("there is not enough memory on the card")
        except RuntimeError as error:
            self._discard(first_line(error))

    def _measured(self, picture: torch.Tensor) -> Evaluation | None:
        """Evaluate at ``picture``; return None if its memory does not leave enough for a recording."""
        device = picture.device
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        evaluation = self.evaluate(picture)
        needed = torch.cuda.max_memory_allocated(device) - before
        return evaluation if free_bytes(device) >= SPARE * needed else None

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Return a recording of ``evaluate`` at ``self.picture``, with its result in ``self.result``.

        ``torch.cuda.graph`` would leave its stream in use if recording fails.
        """
        current = torch.cuda.current_stream()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.evaluate(self.picture)
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            graph.capture_begin()
            try:
                self.result = self.evaluate(self.picture)
            finally:
                graph.capture_end()
        current.wait_stream(side)
        return graph

    def _agrees(self, picture: torch.Tensor, expected: Evaluation) -> bool:
        loss = float(expected.loss)
        return abs(float(self._replay(picture).loss) - loss) <= AGREEMENT * abs(loss)

    def _discard(self, reason: str) -> None:
        """Go on without a recording, and say why."""
        self.graph = None
        self.on_notice(
            Notice(
                "not-recorded",
                f"The card is used at less than its full speed, because recording its work failed: {reason}.",
            )
        )

    def _replay(self, picture: torch.Tensor) -> Evaluation:
        assert self.graph is not None  # noqa: S101 -- the callers check it
        self.picture.copy_(picture)
        self.graph.replay()
        return Evaluation(*(tensor.clone() for tensor in self.result))
