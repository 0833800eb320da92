"""Recordings of evaluations: kept if they compute the same, discarded with a notice if not."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import torch

from nst_core.backends.interface import Evaluation
from nst_core.backends.pytorch import cuda_graph
from nst_core.backends.pytorch.cuda_graph import CudaGraphEvaluator

PICTURE = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1))


class Cuda:
    """Stands in for ``torch.cuda``: notes streams and devices, and replays what was recorded on the CPU."""

    def __init__(self) -> None:
        self.free = 10_000
        self.peak = 1_000
        self.devices = list[torch.device]()
        self.stack = ["default"]
        self.recorded_on = ""
        self.fails = False
        self.replays = True
        self.synchronize = self.empty_cache = lambda *_: None
        self.reset_peak_memory_stats = lambda _device: None
        self.memory_allocated = lambda _device: 0
        self.max_memory_allocated = lambda _device: self.peak
        self.current_stream = lambda *_: SimpleNamespace(wait_stream=lambda _other: None)
        self.Stream = self.current_stream

    @contextlib.contextmanager
    def device(self, device):
        self.devices.append(device)
        yield

    @contextlib.contextmanager
    def stream(self, _stream):
        self.stack.append("side")
        try:
            yield
        finally:
            self.stack.pop()

    def CUDAGraph(self):  # noqa: N802 -- torch's name
        return Graph(self)


class Graph:
    """Stands in for a recording: ``replay`` computes again into the arrays that the recording returned."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda

    def capture_begin(self) -> None:
        self.cuda.recorded_on = self.cuda.stack[-1]

    def capture_end(self) -> None:
        if self.cuda.fails:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture\nMore.")

    def replay(self) -> None:
        recording = self.cuda.evaluator
        if self.cuda.replays:
            for old, new in zip(recording.result, evaluate(recording.picture), strict=True):
                old.copy_(new)


def evaluate(picture: torch.Tensor) -> Evaluation:
    """Return a loss that a mirrored picture changes."""
    weights = torch.arange(picture.numel(), dtype=picture.dtype).reshape(picture.shape)
    loss = (picture * weights).sum()
    return Evaluation(loss, weights + 0.0, loss[None] + 0.0)


@pytest.fixture
def cuda(monkeypatch):
    cuda = Cuda()
    for name in [name for name in dir(cuda) if name[0] != "_" and hasattr(torch.cuda, name)]:
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    monkeypatch.setattr(cuda_graph, "free_bytes", lambda _device: cuda.free)
    cuda.notices = []
    cuda.evaluator = CudaGraphEvaluator(evaluate, cuda.notices.append)
    return cuda


def test_a_recording_is_replayed_for_other_pictures(cuda):
    cuda.evaluator(PICTURE)
    other = PICTURE * 0.5
    assert torch.equal(cuda.evaluator(other).loss, evaluate(other).loss)
    assert cuda.evaluator.graph is not None
    assert not cuda.notices


def test_recording_happens_on_the_pictures_device_and_a_stream_of_its_own(cuda):
    cuda.evaluator(PICTURE)
    assert cuda.devices == [PICTURE.device]
    assert cuda.recorded_on == "side"
    assert cuda.stack == ["default"]


def test_a_failed_recording_leaves_its_stream_and_is_reported(cuda):
    cuda.fails = True
    assert torch.equal(cuda.evaluator(PICTURE).loss, evaluate(PICTURE).loss)
    assert cuda.evaluator.graph is None
    assert cuda.stack == ["default"]
    (notice,) = cuda.notices
    assert notice.code == "not-recorded"
    assert notice.message.endswith("during capture.")


def test_an_empty_recording_is_discarded(cuda):
    """It would return the first result for ever, which at the first picture is right."""
    cuda.replays = False
    cuda.evaluator(PICTURE)
    assert cuda.evaluator.graph is None
    assert cuda.notices
    other = PICTURE * 0.5
    assert torch.equal(cuda.evaluator(other).loss, evaluate(other).loss)


def test_nothing_is_recorded_without_room_for_it(cuda):
    cuda.free = 1_500
    cuda.evaluator(PICTURE)
    assert cuda.evaluator.graph is None
    assert cuda.recorded_on == ""
    assert not cuda.notices
