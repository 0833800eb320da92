"""Parts that measure choices made by reckoning: no search for kernels, bytes of plans, roots in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from nst_core.array_types import Array
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.vgg.layers import convolution_shapes, layer_names
from nst_core.vgg.network import NORMALISATIONS, ConvWeights, Network, Weights
from tests.bench.gpu_check.exactness import plain
from tests.bench.gpu_check.pictures import Place, make_objective, open_network, seconds_of
from tests.bench.gpu_check.report import Row, at_most
from tests.bench.sizes import picture

CHANNELS = 512
"""Of the deepest style layers: the size of the largest eigenvalue problem."""


@dataclass(frozen=True, kw_only=True)
class RandomNetwork(Network):
    """A network whose weights are random, with the variance that keeps that of features (He et al. 2015).

    It takes the time and the memory of the real one. Its pictures mean nothing.
    """

    def weights(self, up_to: str | None = None) -> Weights:
        """Return the convolutions in order, up to a layer."""
        needed = self.layers[: self.layers.index(up_to) + 1] if up_to else self.layers
        return {name: pair for name, pair in _random_weights().items() if name in needed}


@cache
def _random_weights() -> dict[str, ConvWeights]:
    rng = np.random.default_rng(0)

    def kernel(shape: tuple[int, ...]) -> Array:
        return rng.standard_normal(shape, np.float32) * np.float32((2 / np.prod(shape[1:])) ** 0.5)

    return {
        name: ConvWeights(kernel(shape), np.zeros(shape[0], np.float32))
        for name, shape in convolution_shapes("vgg19").items()
    }


def make_random_vgg19() -> Network:
    """Return VGG-19 with random weights, in memory alone."""
    return RandomNetwork(
        name="random",
        path=open_network().path,
        sha256="",
        normalisation=NORMALISATIONS["torchvision"],
        layers=layer_names("vgg19"),
        architecture="vgg19",
    )


def search(place: Place) -> list[Row]:
    """Evaluations with cuDNN's search for the fastest kernels, which runs do without, and without it."""
    rows = []
    for side in place.choose((512, 1024), (48,)):
        for searching in (False, True):
            rows += _opened_and_timed(open_network(), place, side, searching=searching)
    return rows


def random_vgg19(place: Place) -> list[Row]:
    """Time and memory of VGG-19, whose weights need not be here."""
    network, rows = make_random_vgg19(), []
    for side in place.choose((512, 1024, 2048), (48,)):
        rows += _opened_and_timed(network, place, side)
    return rows


def _opened_and_timed(network: Network, place: Place, side: int, *, searching: bool = False) -> list[Row]:
    """Time opening, the first and all later evaluations at ``side``; measure the peak of plain ones."""
    backend = TorchBackend(network, device=place.device)
    torch.backends.cudnn.benchmark = searching
    objective, at = make_objective(network, side, side), backend.upload(picture(1, side, side))
    exact = backend.evaluation_weights.half is None  # loads weights and libraries
    opened = []
    before = _allocated(place)
    opening = seconds_of(lambda: opened.append(backend.evaluator(objective, side, side)), place)
    evaluate = opened.pop()
    first = seconds_of(lambda: plain(evaluate)(at), place)
    peak = _peak_of(lambda: plain(evaluate)(at), place) - before
    recording = seconds_of(lambda: evaluate(at), place)
    title = f"{side} x {side}{', with the search' if searching else ''}"
    rows = [
        Row(f"{title}: network computes in", "float32" if exact else "half precision"),
        Row(f"{title}: open", opening, "s"),
        Row(f"{title}: first evaluation", first, "s"),
        Row(f"{title}: plain evaluation", _milliseconds(lambda: plain(evaluate)(at), place), "ms"),
        Row(f"{title}: recording", recording, "s"),
        Row(f"{title}: recorded evaluation", _milliseconds(lambda: evaluate(at), place), "ms"),
    ]
    if place.on_cuda:
        limit = backend.limits.bytes_per_pixel + backend.limits.fixed_bytes / side**2
        words, size = f"{title}: peak memory of a pixel", peak / side**2
        rows.append(Row(words, size, "bytes") if searching else at_most(words, size, limit, "bytes"))
    torch.backends.cudnn.benchmark = False
    backend.close()
    return rows


def _allocated(place: Place) -> int:
    return torch.cuda.memory_allocated(place.device) if place.on_cuda else 0


def _peak_of(work: Callable[[], object], place: Place) -> int:
    """Return the most bytes of the card that are allocated during ``work``; 0 on a processor."""
    if place.on_cuda:
        torch.cuda.reset_peak_memory_stats(place.device)
    work()
    place.wait()
    return torch.cuda.max_memory_allocated(place.device) if place.on_cuda else 0


def _milliseconds(work: Callable[[], object], place: Place) -> float:
    times = place.choose(20, 1)
    return seconds_of(work, place, times) / times * 1e3


def wasserstein(place: Place) -> list[Row]:
    """Evaluations with Wasserstein distances, and the roots in them: on the card and on the processor."""
    network, side, rows = open_network(), place.choose(512, 48), []
    backend = TorchBackend(network, device=place.device)
    at = backend.upload(picture(1, side, side))
    for statistic, words in (("gram", "Gram matrices"), ("wasserstein", "Wasserstein distances")):
        evaluate = backend.evaluator(make_objective(network, side, side, statistic), side, side)
        evaluate(at)
        milliseconds = _milliseconds(lambda evaluate=evaluate: evaluate(at), place)
        rows.append(Row(f"evaluation at {side} x {side}, {words}", milliseconds, "ms"))
    channels = place.choose(CHANNELS, 64)
    numbers = torch.randn(channels, channels, dtype=torch.float64)
    for device, words in ((place.device, "the card"), ("cpu", "the processor")):
        matrix = (numbers @ numbers.T).to(device)
        torch.linalg.eigh(matrix)
        milliseconds = _milliseconds(lambda matrix=matrix: torch.linalg.eigh(matrix), place)
        rows.append(Row(f"eigenvalues of {channels} channels in float64, on {words}", milliseconds, "ms"))
    return rows
