"""The two graphs of one window: sums of its features, and its gradient given what pulls at them.

Comes in: the terms of an objective and a window's size. Goes out: ``onnx.ModelProto``. Both have the input
``image`` (1, 3, height, width) and for each style term ``mask.<index>``, its guide, 0 at positions that the
window does not own; features are planes or rows as in :mod:`nst_core.backends.onnx_runtime.gradient_graph`, which goes
through the network for both. Runs nothing.

sums       ``s2.<index>`` (N, N) and, where the statistic asks, ``s1.<index>`` (N, 1) of each style term
gradient   inputs for content terms as there; for style terms ``d_s2.<index>`` (N, N), ``d_s1.<index>`` (N,).
           Outputs ``gradient`` (3, height, width) and, with content terms, their values ``terms`` (K,)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import onnx

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime import winograd as rows_of
from nst_core.backends.onnx_runtime.gradient_graph import Form, GradientWriter, Shape
from nst_core.backends.onnx_runtime.losses import LayerForm
from nst_core.backends.onnx_runtime.nodes import Size
from nst_core.loss.objective import Objective
from nst_core.loss.style_statistics import needs_mean
from nst_core.vgg.graph import INPUT


@dataclass(frozen=True)
class WindowShape:
    """What a graph is made for: a pass, the window's shape, and which style terms have means."""

    which: Literal["sums", "gradient"]
    shape: Shape
    means: tuple[bool, ...]


def window_form(objective: Objective, *, style_only: bool) -> Form:
    """Take the form of the terms of a pass: all of them masked, by what the window owns."""
    contents = () if style_only else objective.content
    return Form(
        (
            *(LayerForm("content", term.layer, True) for term in contents),
            *(LayerForm("style", term.layer, True) for term in objective.style),
        ),
        (),
    )


def means_of(objective: Objective) -> tuple[bool, ...]:
    """Say for each style term whether its statistic looks at means."""
    return tuple(needs_mean(term.statistic) for term in objective.style)


def window_graph(
    wanted: WindowShape, kernels: rows_of.TransformedKernels
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Build a graph; returns it and the constants to open its session with."""
    writer = _SumsWriter(wanted, kernels) if wanted.which == "sums" else _PullWriter(wanted, kernels)
    model = writer.write()
    return model, {name: kernels.arrays[name] for name in writer.nodes.shared}


class _SumsWriter(GradientWriter):
    """Writes the first pass: forward only."""

    def __init__(self, wanted: WindowShape, kernels: rows_of.TransformedKernels) -> None:
        super().__init__(wanted.shape, kernels)
        self.means = wanted.means

    def write(self) -> onnx.ModelProto:
        """Write all of it and close the graph."""
        nodes, shape = self.nodes, self.shape
        nodes.input(INPUT, (1, 3, shape.height, shape.width))
        self.forward_on_rows()
        by_name = {layer.name: layer for layer in self.layers}
        for index, (term, mean) in enumerate(zip(shape.form.layers, self.means, strict=True)):
            rows = shape.is_rows(by_name[term.layer])
            channels, height, width = self.sizes[term.layer]
            features = self.features[term.layer]
            if not rows:
                features = nodes.reshape(features, channels, -1)
            mask = nodes.input(f"mask.{index}", (height * width, 1) if rows else (1, height * width))
            guided = nodes.add("Mul", features, mask)
            name = f"s2.{index}"
            nodes.add("Gemm", guided, features, output=name, transA=int(rows), transB=int(not rows))
            nodes.output(name, (channels, channels))
            if mean:
                name = f"s1.{index}"
                nodes.add("Gemm", features, mask, output=name, transA=int(rows), transB=int(not rows))
                nodes.output(name, (channels, 1))
        return nodes.model("sums")


class _PullWriter(GradientWriter):
    """Writes the second pass: forward again, content terms, what pulls at the style's features, and back."""

    def __init__(self, wanted: WindowShape, kernels: rows_of.TransformedKernels) -> None:
        super().__init__(wanted.shape, kernels)
        contents = len(wanted.shape.form.layers) - len(wanted.means)
        self.means = (*(False for _ in range(contents)), *wanted.means)

    def write(self) -> onnx.ModelProto:
        """Write all of it and close the graph."""
        nodes, shape = self.nodes, self.shape
        size = (3, shape.height, shape.width)
        nodes.input(INPUT, (1, *size))
        self.forward_on_rows()
        nodes.add("Reshape", self.back(), nodes.integers(*size), output="gradient")
        nodes.output("gradient", size)
        if self.values:
            values = [nodes.reshape(self.values[index], 1) for index in sorted(self.values)]
            nodes.add("Concat", *values, output="terms", axis=0)
            nodes.output("terms", (len(values),))
        return nodes.model("window")

    def add_term(
        self, term: LayerForm, index: int, features: str, size: Size, incoming: str | None, *, rows: bool
    ) -> str:
        """Write one term; of a style term only its gradient, (2 dS2 F + dS1) diag(g)."""
        if term.kind == "content":
            return super().add_term(term, index, features, size, incoming, rows=rows)
        nodes = self.nodes
        channels, height, width = size
        d_s2 = nodes.input(f"d_s2.{index}", (channels, channels))
        mask = nodes.input(f"mask.{index}", (height * width, 1) if rows else (1, height * width))
        factors = (features, d_s2) if rows else (d_s2, features)
        if self.means[index]:
            d_s1 = nodes.input(f"d_s1.{index}", (1, channels) if rows else (channels, 1))
            product = nodes.add("Gemm", *factors, d_s1, alpha=2.0)
        else:
            product = nodes.add("Gemm", *factors, alpha=2.0)
        gradient = nodes.add("Mul", product, mask)
        return gradient if incoming is None else nodes.add("Add", incoming, gradient)
