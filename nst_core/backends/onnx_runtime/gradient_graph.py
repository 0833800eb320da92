"""Loss and gradient of an objective as one ONNX graph: forward, losses, and back to the picture.

Takes a network, the form of an objective and a picture's size, and returns an ``onnx.ModelProto``. Its inputs
are ``image`` (1, 3, height, width), targets, masks and weights
(:mod:`nst_core.backends.onnx_runtime.losses`), and the order of pooling windows. Its outputs are ``loss`` (),
``gradient`` (3, height, width) and ``terms`` (K,). Runs nothing.

Features are planes (:mod:`nst_core.backends.onnx_runtime.planes`), with the forward pass of
:func:`nst_core.vgg.graph.forward_graph`. On the CPU the features of the deeper blocks are rows instead
(:mod:`nst_core.backends.onnx_runtime.winograd`), on which convolutions take half the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime import half_network, planes, winograd
from nst_core.backends.onnx_runtime.losses import (
    LayerForm,
    LayerTensors,
    PriorForm,
    add_layer_term,
    add_prior,
    layer_feeds,
    prior_feeds,
)
from nst_core.backends.onnx_runtime.nodes import Nodes, Size
from nst_core.loss.objective import Objective
from nst_core.vgg.graph import INPUT, Graph, Padding, Pooling, forward_graph
from nst_core.vgg.layers import LAYERS, Layer, up_to_deepest
from nst_core.vgg.network import Network


@dataclass(frozen=True)
class Form:
    """The part of an objective that shapes the graph: everything but numbers that may change between runs."""

    layers: tuple[LayerForm, ...]
    priors: tuple[PriorForm, ...]

    @classmethod
    def of(cls, objective: Objective) -> Form:
        """Return the form of an objective."""
        return cls(
            tuple(LayerForm.of(term) for term in objective.layer_terms),
            tuple(PriorForm.of(prior) for prior in objective.priors),
        )


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Key of a graph: the form of an objective, a size, and the way the network is computed.

    ``packed`` adds an output with all results, ``packed`` (K + 3 * height * width,), terms first: a device
    with its own memory then waits for one copy. ``half`` computes the network in float16, between losses in
    float32.
    """

    network: Network
    form: Form
    height: int
    width: int
    pooling: Pooling
    padding: Padding
    on_rows: bool
    packed: bool = False
    half: bool = False

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that are computed, up to the deepest that a term uses."""
        used = {term.layer for term in self.form.layers}
        return up_to_deepest(used, LAYERS[self.network.architecture]) if used else ()

    @property
    def sizes(self) -> dict[str, Size]:
        """Channels, height and width of each layer's features."""
        sizes: dict[str, Size] = {}
        height, width = self.height, self.width
        for layer in self.layers:
            if layer.kind == "pool":
                height, width = height // 2, width // 2
            sizes[layer.name] = (layer.channels, height, width)
        return sizes

    def is_rows(self, layer: Layer) -> bool:
        """Return whether features of ``layer`` are rows."""
        return self.on_rows and layer.block >= winograd.FIRST_BLOCK

    @property
    def row_convolutions(self) -> list[str]:
        """Convolutions that need transformed kernels."""
        return [layer.name for layer in self.layers if layer.kind == "conv" and self.is_rows(layer)]


def make_feeds(shape: Shape, objective: Objective) -> dict[str, Array]:
    """Return every input of the graph except the picture, by name."""
    by_name = {layer.name: layer for layer in shape.layers}
    feeds = {
        f"weight.{index}": np.array(term.weight, dtype=np.float32)
        for index, term in enumerate(objective.terms)
    }
    for index, term in enumerate(objective.layer_terms):
        feeds |= layer_feeds(term, index, rows=shape.is_rows(by_name[term.layer]))
    for index, prior in enumerate(objective.priors, start=len(objective.layer_terms)):
        feeds |= prior_feeds(prior, index)
    return {**feeds, **pooling_feeds(shape)}


def pooling_feeds(shape: Shape) -> dict[str, Array]:
    """Return the inputs that order the values of each pooling window, by name."""
    feeds = {}
    if shape.pooling == "max":
        sizes = shape.sizes
        for layer in shape.layers:
            if layer.kind == "pool" and not shape.is_rows(layer):
                _, height, width = sizes[layer.name]
                feeds[f"order.{layer.name}"] = planes.window_order(2 * height, 2 * width)
    return feeds


def gradient_graph(shape: Shape, kernels: winograd.TransformedKernels) -> tuple[Graph, dict[str, Array]]:
    """Build the graph of ``shape``; return it and the constants that its session shares with others.

    Raises:
        NstError: ``unknown-layer``.
    """
    writer = GradientWriter(shape, kernels)
    graph = writer.write()
    return graph, {name: kernels.arrays[name] for name in writer.nodes.shared}


class GradientWriter:
    """Writes one graph; see :func:`gradient_graph`. Subclasses override :meth:`add_term`."""

    def __init__(self, shape: Shape, kernels: winograd.TransformedKernels) -> None:
        self.shape, self.layers, self.sizes = shape, shape.layers, shape.sizes
        self.nodes = Nodes()
        self.values: dict[int, str] = {}
        self.features: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        self.positive: dict[str, str] = {}
        on_planes = [layer.name for layer in self.layers if not shape.is_rows(layer)]
        if on_planes:
            needed = {term.layer for term in shape.form.layers} | {on_planes[-1]}
            outputs = [name for name in on_planes if name in needed]
            forward = forward_graph(shape.network, outputs, shape.pooling, shape.padding)
            self.nodes = Nodes(forward)
            self.features = {name: name for name in on_planes}
            if shape.half:
                half_network.convert(self.nodes, shape.network.normalisation.paper_scale)
        self.biases = kernels.prepare(shape.row_convolutions)

    def write(self) -> Graph:
        """Write all nodes and return the graph."""
        nodes, shape = self.nodes, self.shape
        size = (3, shape.height, shape.width)
        nodes.input(INPUT, (1, *size))
        gradients = []
        if self.layers:
            self.forward_on_rows()
            gradients.append(self.back())
        for index, prior in enumerate(shape.form.priors, start=len(shape.form.layers)):
            self.values[index], gradient = add_prior(nodes, prior, index, INPUT, shape.height, shape.width)
            gradients.append(gradient)
        count = len(self.values)
        values = [nodes.reshape(self.values[index], 1) for index in range(count)]
        nodes.add("Concat", *values, output="terms", axis=0)
        nodes.add("ReduceSum", "terms", output="loss", keepdims=0)
        nodes.add("Reshape", nodes.sum_of(gradients), nodes.integers(*size), output="gradient")
        nodes.output("loss", ())
        nodes.output("gradient", size)
        nodes.output("terms", (count,))
        if shape.packed:
            nodes.add("Concat", "terms", nodes.reshape("gradient", -1), output="packed", axis=0)
            nodes.output("packed", (count + math.prod(size),))
        return nodes.graph("gradient")

    def forward_on_rows(self) -> None:
        """Write the layers whose features are rows, up to the deepest."""
        nodes = self.nodes
        for position, layer in enumerate(self.layers):
            if not self.shape.is_rows(layer):
                continue
            below = self.layers[position - 1]
            channels, height, width = self.sizes[below.name]
            features = self.features[below.name]
            if not self.shape.is_rows(below):
                features = winograd.from_planes(nodes, features, channels)
            if layer.kind == "relu":
                features = nodes.add("Relu", features)
            elif layer.kind == "conv":
                kernel, both = winograd.forward_name(layer.name), (channels, layer.channels)
                bias = nodes.constant(self.biases[layer.name], f"{layer.name}.bias")
                convolved = winograd.convolve(nodes, features, kernel, both, height, width)
                features = nodes.add("Add", convolved, bias)
            elif self.shape.pooling == "max":
                features, self.members[layer.name] = winograd.max_pool(nodes, features, height, width)
            else:
                features = winograd.average_pool(nodes, features, height, width)
            self.features[layer.name] = features

    def _find_positive(self) -> None:
        """Write the mask of every ReLU before any node of the way back.

        ONNX Runtime computes the node's inputs that were written later first. So a mask that is written where
        it is needed would be computed on the way forward and kept.
        """
        with_terms = {term.layer for term in self.shape.form.layers}
        for layer, above in zip(self.layers, (*self.layers[1:], None), strict=True):
            features = self.features[layer.name]
            max_pooled = above is not None and above.kind == "pool" and self.shape.pooling == "max"
            if layer.kind == "relu" and layer.name in with_terms and not self.shape.is_rows(layer):
                # Terms have it in rows of pixels already, and in two dimensions it stays so; in four the
                # convolutions' layout would make another copy of it.
                features = self.nodes.reshape(features, layer.channels, -1)
            if layer.kind == "pool" or (
                layer.kind == "relu" and (layer.name in with_terms or not max_pooled)
            ):
                self.positive[layer.name] = planes.positive(self.nodes, features)

    def back(self) -> str:
        """Write losses and the way back; return the picture's gradient (1, 3, height, width)."""
        self._find_positive()
        injection = self._injection() if self.shape.half else None
        gradient: str | None = None
        masked = False  # whether the pooling layer has applied the mask of the ReLU before it
        for position in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[position]
            if injection is None:
                has_terms, gradient = self._terms(layer, gradient)
            else:
                has_terms = layer.name in injection.gradients
                gradient = injection.add_to(self.nodes, gradient, layer.name)
            assert gradient is not None  # noqa: S101 -- the deepest layer has a term
            if layer.kind == "relu" and (has_terms or not masked):
                gradient = self._through_relu(layer, gradient, has_terms=has_terms)
            elif layer.kind == "conv":
                gradient = self._through_convolution(layer, position, gradient)
            elif layer.kind == "pool":
                gradient = self._through_pool(layer, position, gradient)
            masked = layer.kind == "pool" and self.shape.pooling == "max"
        assert gradient is not None  # noqa: S101
        return gradient if injection is None else self.nodes.add("Mul", gradient, injection.unit)

    def _injection(self) -> half_network.Injection:
        """Write all terms, and the gradients of their layers in half precision."""
        gradients = {}
        for layer in reversed(self.layers):
            has_terms, gradient = self._terms(layer, None)
            if has_terms and gradient is not None:
                gradients[layer.name] = gradient
        return half_network.inject(self.nodes, gradients, self.sizes)

    def for_terms(self, layer: Layer) -> str:
        """Write the features of ``layer`` as terms see them: a matrix in float32."""
        nodes, features = self.nodes, self.features[layer.name]
        if self.shape.is_rows(layer):
            return features
        features = nodes.reshape(features, layer.channels, -1)
        if not self.shape.half:
            return features
        return half_network.exact(nodes, features, self.shape.network.normalisation.paper_scale)

    def _terms(self, layer: Layer, gradient: str | None) -> tuple[bool, str | None]:
        """Add the terms of ``layer``; return whether there are any, and the whole gradient."""
        nodes, size = self.nodes, self.sizes[layer.name]
        terms = [
            (index, term) for index, term in enumerate(self.shape.form.layers) if term.layer == layer.name
        ]
        if not terms:
            return False, gradient
        on_rows = self.shape.is_rows(layer)
        features = self.for_terms(layer)
        if not on_rows:
            gradient = gradient and nodes.reshape(gradient, size[0], -1)
        for index, term in terms:
            gradient = self.add_term(term, index, LayerTensors(features, gradient, size, on_rows))
        assert gradient is not None  # noqa: S101 -- a term has a gradient
        return True, gradient if on_rows else nodes.reshape(gradient, 1, *size)

    def add_term(self, term: LayerForm, index: int, layer: LayerTensors) -> str:
        """Write one term and keep its value; return the layer's gradient with the term's added."""
        self.values[index], gradient = add_layer_term(self.nodes, term, index, layer)
        return gradient

    def _through_relu(self, layer: Layer, gradient: str, *, has_terms: bool) -> str:
        nodes, size, positive = self.nodes, self.sizes[layer.name], self.positive[layer.name]
        if self.shape.is_rows(layer) or not has_terms:
            return nodes.add("Mul", gradient, positive)
        return nodes.reshape(nodes.add("Mul", nodes.reshape(gradient, size[0], -1), positive), 1, *size)

    def _through_convolution(self, layer: Layer, position: int, gradient: str) -> str:
        nodes, shape = self.nodes, self.shape
        if position == 0:
            edge = shape.padding == "edge"
            return planes.to_picture(nodes, gradient, shape.height, shape.width, edge=edge)
        if not shape.is_rows(layer):
            return planes.convolve_back(nodes, layer.name, gradient)
        below = self.layers[position - 1]
        channels, height, width = self.sizes[below.name]
        both = (layer.channels, channels)
        back = winograd.convolve(nodes, gradient, winograd.backward_name(layer.name), both, height, width)
        return back if shape.is_rows(below) else winograd.to_planes(nodes, back, channels, height, width)

    def _through_pool(self, layer: Layer, position: int, gradient: str) -> str:
        """Go through pooling; through max pooling with the ReLU before it, which has a quarter to do here."""
        nodes, below = self.nodes, self.layers[position - 1]
        size, pooled = self.sizes[below.name], self.features[layer.name]
        if self.shape.pooling == "average":
            if self.shape.is_rows(layer):
                return winograd.average_pool_back(nodes, gradient, *size)
            return planes.average_pool_back(nodes, gradient, size)
        masked = nodes.add("Mul", gradient, self.positive[layer.name])
        if self.shape.is_rows(layer):
            return winograd.max_pool_back(nodes, masked, pooled, self.members[layer.name], size)
        # An input, since a constant would be folded into one of the size of all features.
        _, height, width = self.sizes[layer.name]
        order = nodes.input(f"order.{layer.name}", (1, 1, 2 * height, 2 * width))
        return planes.max_pool_back(nodes, self.features[below.name], pooled, order, masked, size)
