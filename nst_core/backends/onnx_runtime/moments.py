"""A style term that holds means and standard deviations beside Gram matrices, as ONNX nodes.

Comes in: the names of a layer's features and of the term's inputs. Goes out: the names of its value and its
gradient.
The equations are those of :mod:`nst_core.loss.style_statistics`; the tests hold both against each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core.backends.onnx_runtime.nodes import Nodes, Size
from nst_core.loss.objective import StyleTerm
from nst_core.loss.style_statistics import blurred_deviation, energy_per_square, style_blur


class StyleInputs(NamedTuple):
    """Inputs of a moments term beside its Gram matrix: means, deviations, and how both are weighed."""

    mean: str
    deviation: str
    blur: str
    per_square: str


def moments_inputs(channels: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name the inputs of a moments term, in the order of :class:`StyleInputs`, with their shapes."""
    return (("mean", (channels,)), ("deviation", (channels,)), ("blur", ()), ("per_square", ()))


def moments_feeds(term: StyleTerm) -> dict[str, npt.NDArray[np.float32]]:
    """Return what to feed for a moments term beside its target and guide, by name."""
    if term.mean is None:
        raise ValueError("moments need the style's mean")
    second, mean = term.target.astype(np.float64), term.mean.astype(np.float64)
    blur = style_blur(second)
    found = (mean, blurred_deviation(second, mean, blur), blur, energy_per_square(second))
    names = [name for name, _ in moments_inputs(len(mean))]
    return {name: np.asarray(values, dtype=np.float32) for name, values in zip(names, found, strict=True)}


def moments_term(
    nodes: Nodes,
    features: str,
    size: Size,
    target: str,
    wanted: StyleInputs,
    weight: str,
    guide: str | None,
    incoming: str | None,
    rows: bool,
) -> tuple[str, str]:
    """Write Gram matrices beside means and deviations; returns value () and ``incoming`` plus the gradient.

    ``features``, ``incoming`` and the gradient are (N, h * w), or (h * w, N) where ``rows``. The gradient is
    (2 dS2 F + dS1) diag(g), dS2 with the deviations' on its diagonal.
    """
    channels, height, width = size
    mass, guided = nodes.number(height * width), features
    if guide is not None:
        mass, guided = nodes.total(guide, height, width), nodes.add("Mul", features, guide)
    gram_sum = nodes.add("Gemm", guided, features, transA=int(rows), transB=int(not rows))
    second = nodes.add("Div", gram_sum, mass)
    mean = nodes.add("Div", _summed(nodes, guided, size, rows), mass)
    one = nodes.constant(np.eye(channels, dtype=np.float32), f"identity {channels}")
    squares = nodes.add("ReduceSum", nodes.add("Mul", second, one), nodes.integers(1), keepdims=0)
    variance = nodes.add("Relu", nodes.add("Sub", squares, nodes.add("Mul", mean, mean)))
    deviation = nodes.add("Sqrt", nodes.add("Add", variance, wanted.blur))
    difference = nodes.add("Sub", second, target)
    shift = nodes.add("Sub", mean, wanted.mean)
    spread = nodes.add("Sub", deviation, wanted.deviation)
    apart = nodes.sum_of([nodes.total(part, channels, squared=True) for part in (shift, spread)])
    grams = nodes.total(difference, channels, channels, squared=True)
    both = nodes.add("Add", grams, nodes.add("Mul", apart, wanted.per_square))
    value = nodes.add("Mul", nodes.add("Mul", both, weight), nodes.number(0.125 / channels**2))

    scale = nodes.add("Div", nodes.add("Mul", weight, nodes.number(0.25 / channels**2)), mass)
    slope = nodes.add("Div", spread, deviation)
    pulled = nodes.add("Mul", nodes.add("Mul", slope, wanted.per_square), nodes.number(0.5))
    d_second = nodes.add("Add", difference, nodes.add("Mul", one, pulled))
    d_s2 = nodes.add("Mul", d_second, nodes.add("Mul", scale, nodes.number(2.0)))
    d_mean = nodes.add("Mul", nodes.add("Sub", shift, nodes.add("Mul", mean, slope)), wanted.per_square)
    d_s1 = nodes.reshape(nodes.add("Mul", d_mean, scale), *((1, channels) if rows else (channels, 1)))
    product = nodes.add("MatMul", *((features, d_s2) if rows else (d_s2, features)))
    gradient = nodes.add("Add", product, d_s1)
    if guide is not None:
        gradient = nodes.add("Mul", gradient, guide)
    return value, gradient if incoming is None else nodes.add("Add", incoming, gradient)


def _summed(nodes: Nodes, guided: str, size: Size, rows: bool) -> str:
    """Sum features over positions, line by line (see :meth:`Nodes.total`); returns (N,)."""
    channels, height, width = size
    if rows:
        lines = nodes.reshape(guided, height, width, channels)
        lines = nodes.add("ReduceSum", lines, nodes.integers(1), keepdims=0)
        return nodes.add("ReduceSum", lines, nodes.integers(0), keepdims=0)
    lines = nodes.reshape(guided, channels, height, width)
    lines = nodes.add("ReduceSum", lines, nodes.integers(2), keepdims=0)
    return nodes.add("ReduceSum", lines, nodes.integers(1), keepdims=0)
