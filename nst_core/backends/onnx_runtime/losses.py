"""The terms of an objective as ONNX nodes: the value and the gradient of each, in closed form.

Takes the form of a term (:class:`LayerForm` or :class:`PriorForm`) and names of tensors, and writes nodes.
Targets, masks, guides and weights are inputs of the graph, so another strength or another picture needs no
new graph. The equations are those of :mod:`nst_core.loss.layer_losses` and :mod:`nst_core.loss.priors`; each
style statistic writes its own distance. Tests compare the graphs with the arrays' versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.nodes import Nodes, Size
from nst_core.backends.onnx_runtime.planes import repeat_over_cells
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Prior,
    RangePenalty,
    Structure,
    StyleTerm,
    Temporal,
    TotalVariation,
)
from nst_core.loss.priors import TV_EPSILON
from nst_core.loss.statistics.base import DistanceGraph, GraphDistance, GraphMoments, StyleStatistic


@dataclass(frozen=True)
class LayerForm:
    """The part of a content or style term that shapes the graph; the rest is fed to it.

    ``statistic`` is None for a content term.
    """

    layer: str
    masked: bool
    statistic: StyleStatistic | None = None

    @classmethod
    def of(cls, term: ContentTerm | StyleTerm) -> LayerForm:
        """Return the form of a term."""
        if isinstance(term, ContentTerm):
            return cls(term.layer, term.mask is not None)
        return cls(term.layer, term.guide is not None, term.statistic)


@dataclass(frozen=True)
class PriorForm:
    """The part of a prior that shapes the graph: its exponent or its cells, but not its weight."""

    kind: Literal["total variation", "alpha norm", "range", "structure", "temporal"]
    exponent: float = 0.0
    pool: int = 0

    @classmethod
    def of(cls, prior: Prior) -> PriorForm:
        """Return the form of a prior."""
        if isinstance(prior, TotalVariation):
            return cls("total variation", prior.beta)
        if isinstance(prior, AlphaNorm):
            return cls("alpha norm", prior.alpha)
        if isinstance(prior, RangePenalty):
            return cls("range")
        if isinstance(prior, Structure):
            return cls("structure", pool=prior.pool)
        if isinstance(prior, Temporal):
            return cls("temporal")
        raise TypeError(f"not a prior: {prior!r}")


@dataclass(frozen=True)
class LayerTensors:
    """The tensors of a layer on the way back through the network.

    ``features`` (names), ``gradient`` so far (None if no term was written yet) and all gradients made from
    them are (N, h * w), or (h * w, N) if ``rows``. ``size`` is (N, h, w).
    """

    features: str
    gradient: str | None
    size: Size
    rows: bool

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Shape of the features."""
        channels, height, width = self.size
        return (height * width, channels) if self.rows else (channels, height * width)

    @property
    def mask_shape(self) -> tuple[int, int]:
        """Shape of a mask that multiplies the features."""
        _, height, width = self.size
        return (height * width, 1) if self.rows else (1, height * width)

    @property
    def vector_shape(self) -> tuple[int, int]:
        """Shape of one value per channel that is added to the features."""
        return (1, self.size[0]) if self.rows else (self.size[0], 1)

    def factors(self, matrix: str) -> tuple[str, str]:
        """Return the factors of the product of a (N, N) ``matrix`` with the features, in order."""
        return (self.features, matrix) if self.rows else (matrix, self.features)

    def plus_gradient(self, nodes: Nodes, gradient: str) -> str:
        """Add ``gradient`` to the gradient so far."""
        return gradient if self.gradient is None else nodes.add("Add", self.gradient, gradient)


def add_layer_term(nodes: Nodes, form: LayerForm, index: int, layer: LayerTensors) -> tuple[str, str]:
    """Write a content or style term; return its weighted value () and the layer's gradient with its own.

    Declares the inputs ``weight.<index>``, ``mask.<index>`` if masked, and those of the target:
    ``target.<index>`` and the statistic's other inputs, shaped as :func:`layer_feeds` returns them.
    """
    weight = nodes.input(f"weight.{index}", ())
    mask = nodes.input(f"mask.{index}", layer.mask_shape) if form.masked else None
    if form.statistic is None:
        target = nodes.input(f"target.{index}", layer.matrix_shape)
        return _content(nodes, layer, target, weight, mask)
    graph = _graph_of(form.statistic)
    shapes = graph.inputs(layer.size[0])
    inputs = {name: nodes.input(f"{name}.{index}", shape) for name, shape in shapes.items()}
    moments, mass = _moments(nodes, layer, mask, with_mean=form.statistic.needs_mean)
    distance = graph.write(nodes, moments, inputs)
    return _style(nodes, layer, distance, weight=weight, mass=mass, guide=mask)


def layer_feeds(term: ContentTerm | StyleTerm, index: int, *, rows: bool) -> dict[str, Array]:
    """Return the values of a term's target and mask inputs, by name."""
    if isinstance(term, ContentTerm):
        target = term.target.reshape(len(term.target), -1)
        feeds, mask = {f"target.{index}": _floats(target.T if rows else target)}, term.mask
    else:
        graph = _graph_of(term.statistic)
        values = graph.feeds(term.make_target())
        feeds, mask = {f"{name}.{index}": _floats(value) for name, value in values.items()}, term.guide
    if mask is not None:
        feeds[f"mask.{index}"] = _floats(mask.reshape((-1, 1) if rows else (1, -1)))
    return feeds


def _graph_of(statistic: StyleStatistic) -> DistanceGraph:
    if statistic.graph is None:
        raise ValueError(f"a graph cannot compute the statistic {statistic.name!r}")
    return statistic.graph


def _floats(values: npt.NDArray[np.floating]) -> Array:
    return np.array(values, dtype=np.float32, order="C", copy=None)


def _content(
    nodes: Nodes, layer: LayerTensors, target: str, weight: str, mask: str | None
) -> tuple[str, str]:
    """Write Gatys et al. 2016, eq. 1 and 2."""
    channels, height, width = layer.size
    axes = (height, width, channels) if layer.rows else layer.size
    difference = nodes.add("Sub", layer.features, target)
    if mask is None:
        total = nodes.total(difference, *axes, squared=True)
        gradient = nodes.add("Mul", difference, weight)
    else:
        masked = nodes.add("Mul", difference, mask)
        total = nodes.total(nodes.add("Mul", masked, difference), *axes)
        gradient = nodes.add("Mul", masked, weight)
    value = nodes.add("Mul", nodes.add("Mul", total, weight), nodes.number(0.5))
    return value, layer.plus_gradient(nodes, gradient)


def _moments(
    nodes: Nodes, layer: LayerTensors, guide: str | None, *, with_mean: bool
) -> tuple[GraphMoments, str]:
    """Write the moments of a layer's features, per position, and the mass () of the guide: eq. 3."""
    channels, height, width = layer.size
    mass, guided = nodes.number(height * width), layer.features
    if guide is not None:
        mass, guided = nodes.total(guide, height, width), nodes.add("Mul", layer.features, guide)
    rows = layer.rows
    gram_sum = nodes.add("Gemm", guided, layer.features, transA=int(rows), transB=int(not rows))
    second = nodes.add("Div", gram_sum, mass)
    mean = nodes.add("Div", _sum_of_positions(nodes, guided, layer), mass) if with_mean else ""
    return GraphMoments(channels, second, mean), mass


def _sum_of_positions(nodes: Nodes, guided: str, layer: LayerTensors) -> str:
    """Sum features over positions, line by line (see :meth:`Nodes.total`); returns (N,)."""
    channels, height, width = layer.size
    shape, axes = ((height, width, channels), (1, 0)) if layer.rows else ((channels, height, width), (2, 1))
    total = nodes.reshape(guided, *shape)
    for axis in axes:
        total = nodes.add("ReduceSum", total, nodes.integers(axis), keepdims=0)
    return total


def _style(
    nodes: Nodes, layer: LayerTensors, distance: GraphDistance, *, weight: str, mass: str, guide: str | None
) -> tuple[str, str]:
    """Write the value of a style term and its gradient, (2 dS2 F + dS1) diag(g): eq. 4 to 6.

    If possible, the product that carries the gradient back adds the gradient so far in the same pass over
    memory.
    """
    share = nodes.number(0.25 / layer.size[0] ** 2)
    value = nodes.add("Mul", nodes.add("Mul", distance.value, weight), share)
    scale = nodes.add("Div", nodes.add("Mul", weight, share), mass)
    d_s2 = nodes.add("Mul", distance.d_second, nodes.add("Mul", scale, nodes.number(2.0)))
    factors = layer.factors(d_s2)
    if guide is None and distance.d_mean is None and layer.gradient is not None:
        return value, nodes.add("Gemm", *factors, layer.gradient)
    gradient = nodes.add("MatMul", *factors)
    if distance.d_mean is not None:
        d_s1 = nodes.reshape(nodes.add("Mul", distance.d_mean, scale), *layer.vector_shape)
        gradient = nodes.add("Add", gradient, d_s1)
    if guide is not None:
        gradient = nodes.add("Mul", gradient, guide)
    return value, layer.plus_gradient(nodes, gradient)


def add_prior(
    nodes: Nodes, form: PriorForm, index: int, image: str, height: int, width: int
) -> tuple[str, str]:
    """Write one prior on ``image`` (1, 3, height, width); return its weighted value () and gradient.

    Declares the input ``weight.<index>``, and for a prior with a target ``target.<index>`` and
    ``mask.<index>``, shaped as :func:`prior_feeds` returns them.
    """
    weight = nodes.input(f"weight.{index}", ())
    if form.kind == "structure":
        return _structure(nodes, form, index, image, height, width)
    count = 3 * height * width
    if form.kind == "total variation":
        total, gradient = _total_variation(nodes, image, form.exponent, height, width)
    elif form.kind == "temporal":
        total, gradient = _temporal(nodes, image, index, height, width)
    elif form.kind == "alpha norm":
        total, gradient = _alpha_norm(nodes, image, form.exponent, height, width)
    else:
        low, high = nodes.number(0.0), nodes.number(1.0)
        outside = nodes.add("Sub", image, nodes.add("Clip", image, low, high))
        total = nodes.total(outside, 3, height, width, squared=True)
        gradient = nodes.add("Mul", outside, nodes.number(2.0))
    scale = nodes.add("Mul", weight, nodes.number(1.0 / count))
    return nodes.add("Mul", total, scale), nodes.add("Mul", gradient, scale)


def prior_feeds(prior: Prior, index: int) -> dict[str, Array]:
    """Return the values of a prior's target and mask inputs, by name."""
    if not isinstance(prior, Structure | Temporal):
        return {}
    return {f"target.{index}": _floats(prior.target[None]), f"mask.{index}": _floats(prior.mask[None, None])}


def _temporal(nodes: Nodes, image: str, index: int, height: int, width: int) -> tuple[str, str]:
    """Write Ruder, Dosovitskiy and Brox 2016, eq. 7, as a sum, and its gradient."""
    target = nodes.input(f"target.{index}", (1, 3, height, width))
    difference = nodes.add("Sub", image, target)
    masked = nodes.add("Mul", difference, nodes.input(f"mask.{index}", (1, 1, height, width)))
    total = nodes.total(nodes.add("Mul", masked, difference), 3, height, width)
    return total, nodes.add("Mul", masked, nodes.number(2.0))


def _structure(
    nodes: Nodes, form: PriorForm, index: int, image: str, height: int, width: int
) -> tuple[str, str]:
    """Write the equation of :mod:`nst_core.loss.structure`, and its gradient."""
    pool, weight = form.pool, f"weight.{index}"
    rows, columns = height // pool, width // pool
    target = nodes.input(f"target.{index}", (1, 3, rows, columns))
    pooled = nodes.add("AveragePool", image, kernel_shape=[pool, pool], strides=[pool, pool])
    difference = nodes.add("Sub", _laplacian(nodes, pooled, rows, columns), target)
    masked = nodes.add("Mul", difference, nodes.input(f"mask.{index}", (1, 1, rows, columns)))
    total = nodes.total(nodes.add("Mul", masked, difference), 3, rows, columns)
    scale = nodes.add("Mul", weight, nodes.number(2.0 / pool**2))
    by_cell = nodes.add("Mul", _laplacian(nodes, masked, rows, columns), scale)
    gradient = repeat_over_cells(nodes, by_cell, pool)
    for axis, rest in ((2, height - rows * pool), (3, width - columns * pool)):
        if rest:
            gradient = nodes.pad(gradient, axis, 0, rest)
    return nodes.add("Mul", total, weight), gradient


def _laplacian(nodes: Nodes, tensor: str, height: int, width: int) -> str:
    """Write the sum of the differences to the four neighbours, those that exist."""
    addends = []
    for axis, length in ((3, width), (2, height)):
        after, before = nodes.slice(tensor, axis, 1, length), nodes.slice(tensor, axis, 0, length - 1)
        step = nodes.add("Sub", after, before)
        addends.append(nodes.add("Sub", nodes.pad(step, axis, 0, 1), nodes.pad(step, axis, 1, 0)))
    return nodes.sum_of(addends)


def _total_variation(nodes: Nodes, image: str, beta: float, height: int, width: int) -> tuple[str, str]:
    """Write Mahendran and Vedaldi 2015, eq. 3, as a sum, and its gradient."""
    steps = {}
    for axis, length in ((3, width), (2, height)):
        after, before = nodes.slice(image, axis, 1, length), nodes.slice(image, axis, 0, length - 1)
        steps[axis] = nodes.pad(nodes.add("Sub", after, before), axis, 0, 1)
    squares = [nodes.add("Mul", step, step) for step in steps.values()]
    squared = nodes.sum_of([*squares, nodes.number(TV_EPSILON)])
    total = nodes.total(power(nodes, squared, beta / 2.0), 3, height, width)
    slope = nodes.add("Mul", power(nodes, squared, beta / 2.0 - 1.0), nodes.number(beta))
    gradients = []
    for axis, length in ((3, width), (2, height)):
        by_step = nodes.add("Mul", steps[axis], slope)
        from_previous = nodes.pad(nodes.slice(by_step, axis, 0, length - 1), axis, 1, 0)
        gradients.append(nodes.add("Sub", from_previous, by_step))
    return total, nodes.sum_of(gradients)


def _alpha_norm(nodes: Nodes, image: str, alpha: float, height: int, width: int) -> tuple[str, str]:
    """Write Mahendran and Vedaldi 2015, eq. 2, of pixels in -1..1, as a sum, and its gradient."""
    centred = nodes.add("Sub", nodes.add("Mul", image, nodes.number(2.0)), nodes.number(1.0))
    size = nodes.add("Abs", centred)
    total = nodes.total(power(nodes, size, alpha), 3, height, width)
    slope = nodes.add("Mul", nodes.add("Sign", centred), power(nodes, size, alpha - 1.0))
    return total, nodes.add("Mul", slope, nodes.number(2.0 * alpha))


def power(nodes: Nodes, base: str, exponent: float) -> str:
    """Raise ``base`` to a power; multiply for whole exponents, in a twentieth of Pow's time."""
    if exponent < 0 or exponent != int(exponent):
        return nodes.add("Pow", base, nodes.number(exponent))
    if exponent == 0:
        return nodes.number(1.0)
    half = power(nodes, base, float(int(exponent) // 2))
    if exponent == 1:
        return base
    square = nodes.add("Mul", half, half)
    return square if int(exponent) % 2 == 0 else nodes.add("Mul", square, base)
