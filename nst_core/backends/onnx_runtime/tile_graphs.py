"""The two graphs of one window: the sums of its features, and its gradient given the sums' gradients.

Takes the form of an objective and a window's size, and returns an ``onnx.ModelProto``. Both graphs have the
input ``image`` (1, 3, height, width) and for each style term ``mask.<index>``: its guide, 0 at positions that
the window does not own. Features are planes or rows as in
:mod:`nst_core.backends.onnx_runtime.gradient_graph`, which writes the way through the network for both. Runs
nothing.

sums       outputs ``s2.<index>`` (N, N) for each style term, and ``s1.<index>`` (N, 1) if it needs means
gradient   inputs for content terms as in the gradient graph; for style terms ``d_s2.<index>`` (N, N) and
           ``d_s1.<index>`` (N,). Outputs ``gradient`` (3, height, width) and, if there are content terms,
           their values ``terms`` (K,)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.gradient_graph import Form, GradientWriter, Shape
from nst_core.backends.onnx_runtime.losses import LayerForm, LayerTensors
from nst_core.backends.onnx_runtime.winograd import TransformedKernels
from nst_core.loss.objective import Objective
from nst_core.vgg.graph import INPUT, Graph


@dataclass(frozen=True)
class WindowShape:
    """Key of a graph: one of the two passes, and the window's shape."""

    graph: Literal["sums", "gradient"]
    shape: Shape


def window_form(objective: Objective, *, style_only: bool) -> Form:
    """Return the form of the terms of a pass, all masked by the positions that the window owns."""
    contents = () if style_only else objective.content
    return Form(
        (
            *(LayerForm(term.layer, True) for term in contents),
            *(LayerForm(term.layer, True, term.statistic) for term in objective.style),
        ),
        (),
    )


def window_graph(window: WindowShape, kernels: TransformedKernels) -> tuple[Graph, dict[str, Array]]:
    """Build a graph; return it and the constants that its session shares with others."""
    writer = (_SumsWriter if window.graph == "sums" else _WindowGradientWriter)(window.shape, kernels)
    graph = writer.write()
    return graph, {name: kernels.arrays[name] for name in writer.nodes.shared}


class _SumsWriter(GradientWriter):
    """Writes the first pass: forward only."""

    def write(self) -> Graph:
        """Write all nodes and return the graph."""
        nodes, shape = self.nodes, self.shape
        nodes.input(INPUT, (1, 3, shape.height, shape.width))
        self.forward_on_rows()
        by_name = {layer.name: layer for layer in self.layers}
        for index, term in enumerate(shape.form.layers):
            rows = shape.is_rows(by_name[term.layer])
            features = self.for_terms(by_name[term.layer])
            layer = LayerTensors(features, None, self.sizes[term.layer], rows)
            channels = layer.size[0]
            mask = nodes.input(f"mask.{index}", layer.mask_shape)
            guided = nodes.add("Mul", features, mask)
            transposed = {"transA": int(rows), "transB": int(not rows)}
            nodes.add("Gemm", guided, features, output=f"s2.{index}", **transposed)
            nodes.output(f"s2.{index}", (channels, channels))
            if term.statistic is not None and term.statistic.needs_mean:
                nodes.add("Gemm", features, mask, output=f"s1.{index}", **transposed)
                nodes.output(f"s1.{index}", (channels, 1))
        return nodes.graph("sums")


class _WindowGradientWriter(GradientWriter):
    """Writes the second pass: forward again, content terms, the style terms' gradients, and back."""

    def write(self) -> Graph:
        """Write all nodes and return the graph."""
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
        return nodes.graph("window")

    def add_term(self, term: LayerForm, index: int, layer: LayerTensors) -> str:
        """Write one term; for a style term only its gradient, (2 dS2 F + dS1) diag(g)."""
        if term.statistic is None:
            return super().add_term(term, index, layer)
        nodes, channels = self.nodes, layer.size[0]
        d_s2 = nodes.input(f"d_s2.{index}", (channels, channels))
        mask = nodes.input(f"mask.{index}", layer.mask_shape)
        addends = []
        if term.statistic.needs_mean:
            addends.append(nodes.input(f"d_s1.{index}", layer.vector_shape))
        product = nodes.add("Gemm", *layer.factors(d_s2), *addends, alpha=2.0)
        return layer.plus_gradient(nodes, nodes.add("Mul", product, mask))
