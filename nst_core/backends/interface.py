"""What a backend is: the only place where a framework meets the objective.

A backend owns one network on one device. It answers two questions: the features of a picture at given
layers, and the loss and gradient of an objective at a picture. Optimizers, the pyramid and tiling see
only this. Device arrays are whatever the backend computes with (numpy arrays or torch tensors);
``array_api_compat`` gives both the same functions.

Pictures are RGB, 0..1, encoded like sRGB, shaped ``(3, height, width)``, float32. The backend
applies the network's own normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from nst_core.array_types import Array, DeviceArray
from nst_core.loss.objective import Objective
from nst_core.vgg.network import Network


class Evaluation(NamedTuple):
    """One evaluation, all on the device: nothing here has been waited for.

    ``loss`` has shape (), ``gradient`` the picture's shape, ``terms`` the weighted value of each of
    ``objective.terms`` in order (they add up to ``loss``).
    """

    loss: DeviceArray
    gradient: DeviceArray
    terms: DeviceArray


@dataclass(frozen=True)
class Tiling:
    """How an evaluation is cut up, see :mod:`nst_core.backends.tiling.evaluator`; the answer is the same.

    ``window`` is the largest side, in pixels, of what is computed at a time. ``between`` is called before
    each tile with the share of the evaluation's work that is done, 0..1; what it raises ends the evaluation.
    """

    window: int
    between: Callable[[float], None] = lambda _done: None


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

    def features(self, picture: Array, layers: Sequence[str]) -> Mapping[str, Array]:
        """Return the ``(channels, height, width)`` features of ``picture`` at each of ``layers``."""
        ...


@dataclass(frozen=True, kw_only=True)
class BackendLimits:
    """Memory that a backend has and needs; plans of memory and time go by it.

    own_memory            the device has its own memory; otherwise it shares the machine's
    holds_vectors         uploaded arrays lie in the device's own memory; otherwise in the machine's
    bytes_per_pixel       peak device memory of an untiled evaluation, for each of its pixels (measured)
    tile_bytes_per_pixel  the same for each pixel of the largest of several tiles
    fixed_bytes           device memory of an evaluation of any size: weights, sessions, libraries (measured)
    devices               number of devices that share the tiles of a picture
    whole_pixels          largest picture, in pixels, that is better evaluated untiled if it fits
    """

    own_memory: bool
    holds_vectors: bool
    bytes_per_pixel: int
    tile_bytes_per_pixel: int
    fixed_bytes: int
    devices: int = 1
    whole_pixels: float = math.inf


class Backend(Protocol):
    """An optimising backend. ``engine`` and ``device`` are words for people and reports."""

    @property
    def engine(self) -> str:
        """What computes: "torch" or "onnx"."""
        ...

    @property
    def device(self) -> str:
        """Where it computes, in words."""
        ...

    @property
    def asynchronous(self) -> bool:
        """Whether looking at a result means waiting for a device that could go on meanwhile."""
        ...

    @property
    def network(self) -> Network:
        """The network it computes with."""
        ...

    @property
    def limits(self) -> BackendLimits:
        """What the device holds and what evaluations take on it."""
        ...

    def free_bytes(self) -> int:
        """Return how much memory a run may take on this device."""
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
        """Bind ``objective`` (targets included) for pictures of ``height`` x ``width``; None is no tiling."""
        ...

    def close(self) -> None:
        """Release what the device holds; the next evaluator takes it anew."""
        ...

    def end(self) -> None:
        """Release everything; nothing can be evaluated afterwards."""
        ...
