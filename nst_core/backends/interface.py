"""The backend protocol: the only place where a framework meets the objective.

A backend owns one network on one device. It computes the features of a picture at given layers, and the loss
and gradient of an objective at a picture. Optimisers, the pyramid and tiling depend only on this protocol.
Device arrays are those that the backend computes with (numpy arrays or torch tensors); ``array_api_compat``
gives both the same functions.

Pictures are RGB, 0..1, encoded like sRGB, shaped ``(3, height, width)``, float32. The backend applies the
network's own normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from nst_core.array_types import Array, DeviceArray
from nst_core.errors import NstError
from nst_core.loss.layer_losses import StyleSums
from nst_core.loss.objective import Objective
from nst_core.vgg.network import Network


class Evaluation(NamedTuple):
    """Result of one evaluation, all on the device, not waited for.

    ``loss`` has shape (), ``gradient`` the picture's shape, ``terms`` the weighted value of each of
    ``objective.terms`` in order (they add up to ``loss``).
    """

    loss: DeviceArray
    gradient: DeviceArray
    terms: DeviceArray


@dataclass(frozen=True)
class Tiling:
    """Division of an evaluation into tiles, which does not change its result.

    ``window`` is the largest side, in pixels, that is computed at a time. ``on_tile`` is called before each
    tile with the share of the evaluation's work that is done, 0..1; an exception from it ends the evaluation.
    A device with its own memory may keep up to ``target_bytes`` of content targets there instead of fetching
    them for each tile. See :mod:`nst_core.backends.tiling.evaluator`.
    """

    window: int
    on_tile: Callable[[float], None] = lambda _done: None
    target_bytes: int = 0


class Evaluator(Protocol):
    """An objective bound to a backend and a picture size."""

    def __call__(self, picture: DeviceArray) -> Evaluation:
        """Evaluate at ``picture``, ``(3, height, width)`` on the device."""
        ...


class FeatureExtractor(Protocol):
    """Computes target features."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        ...

    @property
    def paper_scale(self) -> float:
        """Factor from the features to those of the paper; see ``Normalisation.paper_scale``."""
        ...

    def features(self, picture: Array, layers: Sequence[str]) -> Mapping[str, Array]:
        """Return the ``(channels, height, width)`` features of ``picture`` at each of ``layers``."""
        ...


@dataclass(frozen=True)
class SummedPart:
    """Positions of a layer whose features are summed: their rows and columns, and their ``guide`` or None."""

    owned: tuple[slice, slice]
    guide: Array | None


@runtime_checkable
class StyleSummer(Protocol):
    """A feature extractor that can sum features where it computes them, and return only the sums."""

    def style_sums(
        self, picture: Array, parts: Mapping[str, SummedPart], *, with_mean: bool
    ) -> Mapping[str, StyleSums]:
        """Return the guided sums over ``parts`` of the layers of ``picture``; S1 only ``with_mean``."""
        ...


@dataclass(frozen=True, kw_only=True)
class BackendLimits:
    """Memory that a backend has and needs; estimates of memory and time are based on it.

    own_memory            the device has its own memory; otherwise it shares the machine's
    holds_vectors         uploaded arrays lie in the device's own memory; otherwise in the machine's
    bytes_per_pixel       peak device memory of an untiled evaluation for each of its pixels, measured
    tile_bytes_per_pixel  the same for each pixel of the largest of several tiles
    fixed_bytes           device memory of an evaluation of any size: weights, sessions, libraries; measured
    devices               number of devices that share the tiles of a picture
    whole_pixels          largest picture, in pixels, that is better evaluated untiled if it fits
    most_pixels           largest picture or tile, in pixels, that the device can compute at a time
    """

    own_memory: bool
    holds_vectors: bool
    bytes_per_pixel: int
    tile_bytes_per_pixel: int
    fixed_bytes: int
    devices: int = 1
    whole_pixels: float = math.inf
    most_pixels: float = math.inf


class Backend(Protocol):
    """A network on a device, which evaluates objectives."""

    @property
    def engine(self) -> str:
        """The framework: "torch" or "onnx"."""
        ...

    @property
    def device(self) -> str:
        """Name of the device in messages and reports."""
        ...

    @property
    def hardware(self) -> str:
        """Name of the card that computes, with what its speed depends on; "" if ``device`` says enough."""
        ...

    @property
    def asynchronous(self) -> bool:
        """True if reading a result waits for a device that could otherwise keep computing."""
        ...

    @property
    def network(self) -> Network:
        """The network that it computes with."""
        ...

    @property
    def limits(self) -> BackendLimits:
        """Memory that it has and needs."""
        ...

    def free_bytes(self) -> int:
        """Return the memory that is free on this device now."""
        ...

    def upload(self, array: Array) -> DeviceArray:
        """Copy a host array to the device."""
        ...

    def download(self, array: DeviceArray) -> Array:
        """Copy a device array to the host, waiting for it."""
        ...

    def evaluator(
        self, objective: Objective, height: int, width: int, tiling: Tiling | None = None
    ) -> Evaluator:
        """Bind ``objective`` (targets included) for pictures of ``height`` x ``width``; None is untiled."""
        ...

    def use_cpu(self, failure: NstError) -> bool:
        """Go on with the processor after a ``failure`` of the device, if this backend can; return whether.

        It releases everything, and its limits change. Evaluators must be bound again.
        """
        ...

    def close(self) -> None:
        """Release the device's memory; the next evaluator takes it again."""
        ...

    def end(self) -> None:
        """Release everything; nothing can be evaluated afterwards."""
        ...
