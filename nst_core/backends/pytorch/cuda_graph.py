"""One evaluation as a CUDA graph: a few hundred kernels started by one call.

At 512 pixels a GPU finishes the kernels of an evaluation faster than Python can start them one by one. They
are recorded once and replayed on static buffers. The first replay is compared with the plain evaluation; if
recording fails or the two differ, the plain one stays in use.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from nst_core.backends.interface import Evaluation

WARM_UP = 3
"""Plain evaluations before recording, on the recording's stream, in which libraries choose their kernels."""

AGREEMENT = 1e-3
"""Relative difference of losses above which a recording is discarded; TF32 convolutions differ by 1e-4."""


class CudaGraphEvaluator:
    """An evaluator that records ``evaluate`` at its first call and replays the recording after that."""

    def __init__(self, evaluate: Callable[[torch.Tensor], Evaluation]) -> None:
        self.evaluate = evaluate
        self.graph: torch.cuda.CUDAGraph | None = None
        self.tried = False

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Evaluate at ``picture``; the result belongs to the caller, not to the recording's buffers."""
        if not self.tried:
            self.tried = True
            self._record(picture)
        if self.graph is None:
            return self.evaluate(picture)
        return self._replay(picture)

    def _record(self, picture: torch.Tensor) -> None:
        expected = float(self.evaluate(picture).loss)
        try:
            self.picture = picture.detach().clone()
            side = torch.cuda.Stream(picture.device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(picture.device))
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    self.evaluate(self.picture)
            torch.cuda.current_stream(picture.device).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.result = self.evaluate(self.picture)
            self.graph = graph
            replayed = float(self._replay(picture).loss)
            if not abs(replayed - expected) <= AGREEMENT * abs(expected):
                self.graph = None
        except RuntimeError:
            self.graph = None

    def _replay(self, picture: torch.Tensor) -> Evaluation:
        assert self.graph is not None  # noqa: S101 -- the callers check it
        self.picture.copy_(picture)
        self.graph.replay()
        return Evaluation(*(tensor.clone() for tensor in self.result))
