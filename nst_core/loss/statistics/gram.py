"""Gram matrices: |G - A|^2, Gatys et al. 2016, eq. 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.statistics.base import (
    Distance,
    GraphDistance,
    GraphMoments,
    GraphWriter,
    PictureMoments,
    StyleTarget,
)


class GramGraph:
    """The same distance in a graph; see :class:`nst_core.loss.statistics.base.DistanceGraph`."""

    def inputs(self, channels: int) -> Mapping[str, tuple[int, ...]]:
        """Return the one input: A."""
        return {"target": (channels, channels)}

    def feeds(self, target: StyleTarget) -> Mapping[str, npt.NDArray[np.floating]]:
        """Return A."""
        return {"target": target.second}

    def write(self, graph: GraphWriter, moments: GraphMoments, inputs: Mapping[str, str]) -> GraphDistance:
        """Write |G - A|^2 and its gradient 2 (G - A)."""
        difference = graph.add("Sub", moments.second, inputs["target"])
        value = graph.total(difference, moments.channels, moments.channels, squared=True)
        return GraphDistance(value, graph.add("Mul", difference, graph.number(2.0)))


@dataclass(frozen=True)
class Gram:
    """The statistic of the paper; see :class:`nst_core.loss.statistics.base.StyleStatistic`."""

    name = "gram"
    needs_mean = False
    gain = 1.0
    graph = GramGraph()
    host_cost = 0.0

    def make_target(self, second: Array, mean: Array | None) -> StyleTarget:  # noqa: ARG002
        """Return A alone."""
        return StyleTarget(second)

    def target_of_part(
        self, target: StyleTarget, picture: PictureMoments, part: PictureMoments
    ) -> StyleTarget:
        """Return A + G_part - G: the gradient 2 (G - A) F is the same."""
        return StyleTarget(target.second + (part.second - picture.second))

    def distance(self, second: DeviceArray, mean: DeviceArray, target: StyleTarget) -> Distance:  # noqa: ARG002
        """Return |G - A|^2 and its gradient 2 (G - A)."""
        xp = array_namespace(second)
        difference = second - target.second
        return Distance(xp.sum(difference * difference), difference * 2.0, None)


GRAM = Gram()
