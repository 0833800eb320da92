"""The terms of an objective as ONNX nodes: each term's value and its gradient, in closed form.

Comes in: the shape of a term (:class:`LayerForm`, or a prior) and the names of the tensors it looks at. Goes
out: nodes. Targets, masks, guides and weights are inputs of the graph, so that another strength or another
picture needs no other graph. The equations are those of :mod:`nst_core.loss.layer_losses` and
:mod:`nst_core.loss.priors`; the tests hold them against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nst_core.backends.onnx_runtime.moments import StyleInputs, moments_inputs, moments_term
from nst_core.backends.onnx_runtime.nodes import Nodes, Size
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Prior,
    RangePenalty,
    Statistic,
    StyleTerm,
    TotalVariation,
)
from nst_core.loss.priors import TV_EPSILON


@dataclass(frozen=True)
class LayerForm:
    """What a graph must know of a content or style term; the rest of the term is fed to it."""

    kind: Literal["content", "style"]
    layer: str
    masked: bool
    statistic: Statistic = "gram"

    @classmethod
    def of(cls, term: ContentTerm | StyleTerm) -> LayerForm:
        """Take the form of a term."""
        if isinstance(term, ContentTerm):
            return cls("content", term.layer, term.mask is not None)
        return cls("style", term.layer, term.guide is not None, term.statistic)


@dataclass(frozen=True)
class PriorForm:
    """What a graph must know of a prior: exponents belong to it, weights do not."""

    kind: Literal["total variation", "alpha norm", "range"]
    exponent: float = 0.0

    @classmethod
    def of(cls, prior: Prior) -> PriorForm:
        """Take the form of a prior."""
        if isinstance(prior, TotalVariation):
            return cls("total variation", prior.beta)
        if isinstance(prior, AlphaNorm):
            return cls("alpha norm", prior.alpha)
        if isinstance(prior, RangePenalty):
            return cls("range")
        raise TypeError(f"not a prior: {prior!r}")


def add_layer_term(
    nodes: Nodes,
    form: LayerForm,
    index: int,
    features: str,
    size: Size,
    incoming: str | None,
    *,
    rows: bool = False,
) -> tuple[str, str]:
    """Write a content or style term; returns its value () and ``incoming`` plus its gradient.

    ``features``, ``incoming`` and the gradient are (N, h * w), or (h * w, N) where ``rows``. Declares the
    inputs ``weight.<index>``, ``target.<index>`` and, where masked, ``mask.<index>``, shaped as
    :func:`layer_feed` gives them.
    """
    channels, height, width = size
    weight = nodes.input(f"weight.{index}", ())
    mask = None
    if form.masked:
        mask = nodes.input(f"mask.{index}", (height * width, 1) if rows else (1, height * width))
    if form.kind == "content":
        shape = (height * width, channels) if rows else (channels, height * width)
        target = nodes.input(f"target.{index}", shape)
        axes = (height, width, channels) if rows else size
        return _content(nodes, features, axes, target, weight, mask, incoming)
    target = nodes.input(f"target.{index}", (channels, channels))
    if form.statistic == "gram":
        return _style(nodes, features, size, target, weight, mask, incoming, rows)
    if form.statistic == "moments":
        wanted = StyleInputs(
            *(nodes.input(f"{name}.{index}", shape) for name, shape in moments_inputs(channels))
        )
        return moments_term(nodes, features, size, target, wanted, weight, mask, incoming, rows)
    raise ValueError(f"a graph cannot compute the statistic {form.statistic!r}")


def layer_feed(
    term: ContentTerm | StyleTerm, *, rows: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Return what to feed for a term's target and mask."""
    if isinstance(term, ContentTerm):
        target, mask = term.target.reshape(len(term.target), -1), term.mask
        target = target.T if rows else target
    else:
        target, mask = term.target, term.guide
    if mask is not None:
        mask = _floats(mask.reshape((-1, 1) if rows else (1, -1)))
    return _floats(target), mask


def _floats(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return np.array(values, dtype=np.float32, order="C", copy=None)


def _content(
    nodes: Nodes,
    features: str,
    axes: Size,
    target: str,
    weight: str,
    mask: str | None,
    incoming: str | None,
) -> tuple[str, str]:
    """Gatys et al. 2016, eq. 1 and 2."""
    difference = nodes.add("Sub", features, target)
    if mask is None:
        total = nodes.total(difference, *axes, squared=True)
        gradient = nodes.add("Mul", difference, weight)
    else:
        masked = nodes.add("Mul", difference, mask)
        total = nodes.total(nodes.add("Mul", masked, difference), *axes)
        gradient = nodes.add("Mul", masked, weight)
    value = nodes.add("Mul", nodes.add("Mul", total, weight), nodes.number(0.5))
    return value, gradient if incoming is None else nodes.add("Add", incoming, gradient)


def _style(
    nodes: Nodes,
    features: str,
    size: Size,
    target: str,
    weight: str,
    guide: str | None,
    incoming: str | None,
    rows: bool,
) -> tuple[str, str]:
    """Gatys et al. 2016, eq. 3 to 6, with Gram matrices per position.

    The second product, which carries the gradient back, adds ``incoming`` in the same pass over memory.
    """
    channels, height, width = size
    mass, guided = nodes.number(height * width), features
    if guide is not None:
        mass, guided = nodes.total(guide, height, width), nodes.add("Mul", features, guide)
    gram_sum = nodes.add("Gemm", guided, features, transA=int(rows), transB=int(not rows))
    difference = nodes.add("Sub", nodes.add("Div", gram_sum, mass), target)
    total = nodes.total(difference, channels, channels, squared=True)
    value = nodes.add("Mul", nodes.add("Mul", total, weight), nodes.number(0.25 / channels**2))
    scale = nodes.add("Div", nodes.add("Mul", weight, nodes.number(1.0 / channels**2)), mass)
    d_gram = nodes.add("Mul", difference, scale)
    factors = (features, d_gram) if rows else (d_gram, features)
    if guide is None and incoming is not None:
        return value, nodes.add("Gemm", *factors, incoming)
    gradient = nodes.add("MatMul", *factors)
    if guide is not None:
        gradient = nodes.add("Mul", gradient, guide)
    return value, gradient if incoming is None else nodes.add("Add", incoming, gradient)


def add_prior(
    nodes: Nodes, form: PriorForm, index: int, image: str, height: int, width: int
) -> tuple[str, str]:
    """Write one prior on ``image`` (1, 3, height, width); returns its weighted value and gradient.

    Declares the input ``weight.<index>``.
    """
    weight = nodes.input(f"weight.{index}", ())
    count = 3 * height * width
    if form.kind == "total variation":
        total, gradient = _total_variation(nodes, image, form.exponent, height, width)
    elif form.kind == "alpha norm":
        total, gradient = _alpha_norm(nodes, image, form.exponent, height, width)
    else:
        low, high = nodes.number(0.0), nodes.number(1.0)
        outside = nodes.add("Sub", image, nodes.add("Clip", image, low, high))
        total = nodes.total(outside, 3, height, width, squared=True)
        gradient = nodes.add("Mul", outside, nodes.number(2.0))
    scale = nodes.add("Mul", weight, nodes.number(1.0 / count))
    return nodes.add("Mul", total, scale), nodes.add("Mul", gradient, scale)


def _total_variation(nodes: Nodes, image: str, beta: float, height: int, width: int) -> tuple[str, str]:
    """Mahendran and Vedaldi 2015, eq. 3, as a sum, and its gradient."""
    steps = {}
    for axis, length in ((3, width), (2, height)):
        after, before = nodes.slice(image, axis, 1, length), nodes.slice(image, axis, 0, length - 1)
        steps[axis] = nodes.pad(nodes.add("Sub", after, before), axis, 0, 1)
    squares = [nodes.add("Mul", step, step) for step in steps.values()]
    squared = nodes.sum_of([*squares, nodes.number(TV_EPSILON)])
    total = nodes.total(power(nodes, squared, beta / 2.0), 3, height, width)
    slope = nodes.add("Mul", power(nodes, squared, beta / 2.0 - 1.0), nodes.number(beta))
    parts = []
    for axis, length in ((3, width), (2, height)):
        along = nodes.add("Mul", steps[axis], slope)
        arriving = nodes.pad(nodes.slice(along, axis, 0, length - 1), axis, 1, 0)
        parts.append(nodes.add("Sub", arriving, along))
    return total, nodes.sum_of(parts)


def _alpha_norm(nodes: Nodes, image: str, alpha: float, height: int, width: int) -> tuple[str, str]:
    """Mahendran and Vedaldi 2015, eq. 2, of pixels in -1..1, as a sum, and its gradient."""
    centred = nodes.add("Sub", nodes.add("Mul", image, nodes.number(2.0)), nodes.number(1.0))
    size = nodes.add("Abs", centred)
    total = nodes.total(power(nodes, size, alpha), 3, height, width)
    slope = nodes.add("Mul", nodes.add("Sign", centred), power(nodes, size, alpha - 1.0))
    return total, nodes.add("Mul", slope, nodes.number(2.0 * alpha))


def power(nodes: Nodes, base: str, exponent: float) -> str:
    """Raise to a power; whole exponents by multiplication, which takes a twentieth of Pow's time."""
    if exponent < 0 or exponent != int(exponent):
        return nodes.add("Pow", base, nodes.number(exponent))
    if exponent == 0:
        return nodes.number(1.0)
    half = power(nodes, base, float(int(exponent) // 2))
    if exponent == 1:
        return base
    square = nodes.add("Mul", half, half)
    return square if int(exponent) % 2 == 0 else nodes.add("Mul", square, base)
