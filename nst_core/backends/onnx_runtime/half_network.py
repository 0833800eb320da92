"""A VGG in half precision inside a graph whose losses are in single precision.

Takes a graph that begins with the forward pass, converts it to float16, and writes the places where precision
changes: the picture on its way in, features on their way to losses, and gradients on their way back. The
scales are those of the torch backend (:mod:`nst_core.backends.half_precision`). Does not know what a loss is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nst_core.backends.half_precision import LARGEST_INJECTED, shrink_factor
from nst_core.backends.onnx_runtime.nodes import Nodes, Size
from nst_core.vgg.graph import make_constant

SMALLEST_GRADIENT = 1e-30
"""Gradients that are all 0 stay 0: this keeps their scale finite."""


def convert(nodes: Nodes, paper_scale: float) -> None:
    """Let the network at the start of ``nodes`` compute in float16, with features ``shrink_factor`` times."""
    shrink = shrink_factor(paper_scale)
    nodes.half = True
    for name in list(nodes.constants):
        layer, _, part = name.partition(".")
        if layer.startswith(("conv", "pool")):
            values = nodes.array(name) * (shrink if part == "bias" else 1.0)
            nodes.constants[name] = make_constant(name, values.astype(np.float16), nodes.arrays)
    first = next(index for index, node in enumerate(nodes.nodes) if node.op_type == "Conv")
    network = nodes.nodes[first:]
    del nodes.nodes[first:]
    shrunk = nodes.add("Mul", network[0].input[0], nodes.number(shrink))
    network[0].input[0] = nodes.cast(shrunk, half=True)
    nodes.nodes += network


def exact(nodes: Nodes, features: str, paper_scale: float) -> str:
    """Write half-precision ``features`` in float32, as large as the network's."""
    return nodes.add("Mul", nodes.cast(features, half=False), nodes.number(1.0 / shrink_factor(paper_scale)))


@dataclass(frozen=True)
class Injection:
    """Gradients by layers' features, by name, in half precision, all divided by ``unit`` ()."""

    gradients: Mapping[str, str]
    unit: str

    def add_to(self, nodes: Nodes, gradient: str | None, layer: str) -> str | None:
        """Write ``gradient`` with that of ``layer`` added, if it has one."""
        here = self.gradients.get(layer)
        if here is None or gradient is None:
            return here or gradient
        return nodes.add("Add", gradient, here)


def inject(nodes: Nodes, gradients: Mapping[str, str], sizes: Mapping[str, Size]) -> Injection:
    """Write ``gradients`` (1, N, h, w) in half precision, scaled so that the largest number fits."""
    largest = [
        nodes.add("ReduceMax", _by_channel(nodes, gradient, sizes[layer]), axes=[0], keepdims=1)
        for layer, gradient in gradients.items()
    ]
    over_layers = nodes.add("Concat", *largest, axis=0) if len(largest) > 1 else largest[0]
    top = nodes.add("ReduceMax", over_layers, axes=[0], keepdims=0)
    unit = nodes.add("Mul", top, nodes.number(1.0 / LARGEST_INJECTED))
    unit = nodes.add("Add", unit, nodes.number(SMALLEST_GRADIENT))
    in_units = {
        layer: nodes.cast(nodes.add("Div", gradient, unit), half=True)
        for layer, gradient in gradients.items()
    }
    return Injection(in_units, unit)


def _by_channel(nodes: Nodes, gradient: str, size: Size) -> str:
    """Write the largest absolute value of each channel, (N,)."""
    flat = nodes.add("Abs", nodes.reshape(gradient, size[0], -1))
    return nodes.add("ReduceMax", flat, axes=[1], keepdims=0)
