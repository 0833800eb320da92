"""Pictures, networks and objectives that the parts share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from nst_core.api import stylize
from nst_core.events import Notice, Plan
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm, TotalVariation
from nst_core.loss.statistics import STATISTICS
from nst_core.settings import Settings, make_settings
from nst_core.vgg.layers import LAYERS, up_to_deepest
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore
from tests.bench.sizes import picture


@dataclass(frozen=True)
class Place:
    """The device that is measured, and whether sizes are toys."""

    device: str
    small: bool

    @property
    def on_cuda(self) -> bool:
        return self.device.startswith("cuda")

    def choose(self, real, toy):
        """Return a size: ``real`` on a card, ``toy`` to try the program."""
        return toy if self.small else real

    def wait(self) -> None:
        """Wait until the device has done everything."""
        if self.on_cuda:
            torch.cuda.synchronize()

    def settings(self, **more: object) -> Settings:
        """Return settings for the device and the network that is here; short runs for toys."""
        toy = {"iterations": 3, "coarsest": 0, "quality": "draft"} if self.small else {}
        return make_settings({"engine": "torch", "device": self.device, "model": model(), **toy, **more})


def model() -> str:
    """Return the name of the network that this machine has: VGG-19 if possible."""
    return "vgg19" if (ModelStore().root / "vgg19.onnx").is_file() else "vgg16"


def open_network() -> Network:
    return ModelStore().resolve(model(), lambda _notice: None)


def make_objective(
    network: Network, height: int, width: int, statistic: str = "gram", *, masked=False, deepest="relu5_1"
) -> Objective:
    """Return an objective with the default layers up to ``deepest``, and targets of about the right size."""
    table = {layer.name: layer for layer in up_to_deepest({deepest}, LAYERS[network.architecture])}
    rng = np.random.default_rng(3)

    def mask(name: str) -> np.ndarray | None:
        stride = table[name].stride
        return rng.random((height // stride, width // stride), np.float32) if masked else None

    contents, styles = [], []
    for name in (name for name, _ in Settings().content_layers if name in table):
        layer = table[name]
        shape = layer.channels, height // layer.stride, width // layer.stride
        contents.append(ContentTerm(name, 1e-6, rng.random(shape, np.float32), mask(name)))
    for name in (name for name, _ in Settings().style_layers if name in table):
        channels = table[name].channels
        numbers = rng.random((channels, 2 * channels), np.float32)
        styles.append(
            StyleTerm(
                name,
                1e-2,
                numbers @ numbers.T / numbers.shape[1],
                guide=mask(name),
                statistic=STATISTICS[statistic],
                mean=numbers.mean(axis=1),
            )
        )
    return Objective(tuple(contents), tuple(styles), (RangePenalty(30.0), TotalVariation(4.0, 2.0)))


def difference(found, expected) -> float:
    """Return |found - expected| / |expected|."""
    found, expected = (np.asarray(torch.as_tensor(array).double().cpu()) for array in (found, expected))
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def seconds_of(work: Callable[[], object], place: Place, times: int = 1) -> float:
    """Return the seconds that ``times`` of ``work`` take together, until the device has done them."""
    place.wait()
    began = time.perf_counter()
    for _ in range(times):
        work()
    place.wait()
    return time.perf_counter() - began


@dataclass(frozen=True)
class PaintedRun:
    """A run: what was told before, and what it took. Bytes are the device's, or 0 without its own memory."""

    pixels: np.ndarray
    loss: float
    seconds: float
    told_seconds: float
    bytes_taken: float
    told_bytes: float
    tiles: int
    notices: tuple[str, ...]


def paint(place: Place, height: int, width: int, *, should_stop=None, **more: object) -> PaintedRun:
    """Paint a picture of this size with default settings and ``more``."""
    content, style = (picture(seed, height, width).transpose(1, 2, 0) for seed in (4, 5))
    events: list[object] = []
    with _device_bytes(place) as taken:
        began = time.perf_counter()
        painting = stylize(
            content, style, place.settings(**more), on_event=events.append, should_stop=should_stop
        )
        seconds = time.perf_counter() - began
    plan = next(event for event in events if isinstance(event, Plan))
    return PaintedRun(
        pixels=painting.pixels,
        loss=painting.result.loss,
        seconds=seconds,
        told_seconds=plan.seconds or 0.0,
        bytes_taken=taken[0],
        told_bytes=plan.device_bytes or 0.0,
        tiles=max(level.tiles for level in plan.levels),
        notices=tuple(event.message for event in events if isinstance(event, Notice)),
    )


@contextmanager
def _device_bytes(place: Place) -> Iterator[list[float]]:
    """Measure the most memory of the card that is taken, context and libraries included.

    The memory of other processes counts for context.
    """
    taken = [0.0]
    if not place.on_cuda:
        yield taken
        return
    device = torch.device(place.device)
    torch.cuda.reset_peak_memory_stats(device)
    yield taken
    free, total = torch.cuda.mem_get_info(device)
    context = total - free - torch.cuda.memory_reserved(device)
    taken[0] = torch.cuda.max_memory_allocated(device) + context
