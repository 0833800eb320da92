"""Protocol of a style statistic: a squared distance between the features of a picture and of a style.

A statistic compares second moments G = E[f f^T] (Gram matrices per position) and means mu = E[f] of the N
features of a layer with those of a style, A and m. It returns the squared distance and its gradients by G and
mu, in closed form, written once for numpy and torch arrays (array API). It can also write the same formula as
nodes of a computation graph, through a :class:`GraphWriter`. Nothing here depends on a backend.

Every statistic is |A|^2 if the picture has nothing of the style, and 0 if it has all of it. So one weight
serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array, DeviceArray


class StyleTarget(NamedTuple):
    """The style's moments that a picture's are compared with, on the host or on the device.

    ``second`` is A (N, N). ``mean`` is m (N,), None unless the statistic needs it. ``derived`` holds arrays
    that a statistic computes from both once, before the optimisation.
    """

    second: DeviceArray
    mean: DeviceArray = None
    derived: tuple[DeviceArray, ...] = ()

    def moved(self, move: Callable[[DeviceArray], DeviceArray]) -> StyleTarget:
        """Return the target with ``move`` applied to each array, for example an upload to a device."""
        mean = None if self.mean is None else move(self.mean)
        return StyleTarget(move(self.second), mean, tuple(move(array) for array in self.derived))


class PictureMoments(NamedTuple):
    """Moments per position of a picture or a part of it, on the host: G (N, N), and mu (N,) or None."""

    second: Array
    mean: Array | None


class Distance(NamedTuple):
    """A squared distance (), its gradient by G, symmetric (N, N), and by mu (N,), None without means."""

    value: DeviceArray
    d_second: DeviceArray
    d_mean: DeviceArray


class GraphWriter(Protocol):
    """Writes nodes of a computation graph with ONNX's operators. Tensors are passed by name."""

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Write a node with one output and return the output's name."""
        ...

    def number(self, value: float) -> str:
        """Return a float32 scalar."""
        ...

    def constant(self, array: npt.NDArray[Any], name: str) -> str:
        """Return a constant; equal names must stand for equal arrays."""
        ...

    def integers(self, *values: int) -> str:
        """Return a list of integers, such as the axes of a sum."""
        ...

    def sum_of(self, tensors: Sequence[str]) -> str:
        """Return the sum of tensors of one shape."""
        ...

    def total(self, tensor: str, *shape: int, squared: bool = False) -> str:
        """Return the sum () of all values, or of their squares, of ``tensor`` in ``shape``."""
        ...


class GraphMoments(NamedTuple):
    """A picture's moments in a graph: G (N, N) and mu (N,), of N ``channels``.

    ``mean`` is empty unless the statistic needs it.
    """

    channels: int
    second: str
    mean: str


class GraphDistance(NamedTuple):
    """A :class:`Distance` in a graph: names of its tensors."""

    value: str
    d_second: str
    d_mean: str | None = None


class DistanceGraph(Protocol):
    """Writes the distance of a statistic into a computation graph."""

    def inputs(self, channels: int) -> Mapping[str, tuple[int, ...]]:
        """Return names and shapes of the graph inputs that hold the target of a layer.

        ``weight`` and ``mask`` are inputs of every term, and not valid names here.
        """
        ...

    def feeds(self, target: StyleTarget) -> Mapping[str, npt.NDArray[np.floating]]:
        """Return the values of :meth:`inputs` for a ``target`` on the host."""
        ...

    def write(self, graph: GraphWriter, moments: GraphMoments, inputs: Mapping[str, str]) -> GraphDistance:
        """Write the distance; ``inputs`` maps the names of :meth:`inputs` to tensors."""
        ...


class StyleStatistic(Protocol):
    """A squared distance between moments of features, used by a style loss at a layer.

    Objects are immutable, hashable and picklable; equal objects are the same statistic.
    """

    @property
    def name(self) -> str:
        """Name in the settings."""
        ...

    @property
    def needs_mean(self) -> bool:
        """True if it uses means, in addition to second moments."""
        ...

    @property
    def gain(self) -> float:
        """Factor on the weight of a style term, so that a strength means about the same for every statistic.

        Calibrated with ``python -m tests.bench.statistics``; Gram matrices have 1.
        """
        ...

    @property
    def graph(self) -> DistanceGraph | None:
        """Writer of the distance into a computation graph.

        None if the distance reads numbers on the host, as eigenvalue routines do. Then neither an ONNX graph
        nor a CUDA graph can hold it: the ONNX Runtime backend computes the distance between two passes over
        the picture, and the torch backend records nothing.
        """
        ...

    @property
    def host_cost(self) -> float:
        """Time of the distances of a region, in multiples of the Wasserstein distances'; 0 if negligible."""
        ...

    def make_target(self, second: Array, mean: Array | None) -> StyleTarget:
        """Return the target for a style's ``second`` A (N, N) and ``mean`` m (N,), as arrays on the host."""
        ...

    def target_of_part(
        self, target: StyleTarget, picture: PictureMoments, part: PictureMoments
    ) -> StyleTarget:
        """Return the target of a part, so that it is drawn as the whole picture is drawn to ``target``.

        Now the picture has the moments ``picture``, and the part of it has ``part``. The gradients by a
        feature, of the part's distance and of the picture's, are the same, apart from their masses; and if
        every part reaches its own target, the picture reaches ``target``.
        """
        ...

    def distance(self, second: DeviceArray, mean: DeviceArray, target: StyleTarget) -> Distance:
        """Return the distance of a picture's ``second`` G and ``mean`` mu, both per position, to ``target``.

        ``mean`` is None unless :attr:`needs_mean`.
        """
        ...
