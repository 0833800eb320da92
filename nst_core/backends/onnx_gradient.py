"""Loss and gradient of an objective as one ONNX graph: forward, losses, and back to the picture.

Comes in: a network, the form of an objective, a picture's size. Goes out: an ``onnx.ModelProto`` with the
input ``image`` (1, 3, height, width), inputs for targets, masks and weights
(:mod:`nst_core.backends.onnx_losses`) and for the order of pooling windows (:func:`window_order`), and the
outputs ``loss`` (), ``gradient`` (3, height, width) and ``terms`` (K,). Runs nothing.

The forward part is :func:`nst_core.vgg.graph.forward_graph`. The way back, layer by layer:

convolution    a convolution with the kernels flipped and their channels exchanged; the first, which has
               only 3 channels to give to, as ConvTranspose (3 times as fast on the CPU)
ReLU           times HardSigmoid(huge * output), which is exactly 0 or 1
max pooling    the output is spread over its window, and kept where it was found; of equal values the
               first in reading order takes all, as torch has it
average        the output is spread over its window
edge padding   what reached the margin is added to the edge pixels it was copied from

Multiplication by 0 or 1 instead of Where, and HardSigmoid instead of Greater: these are operators that ONNX
Runtime's CPU provider keeps in the layout of its convolutions (NCHWc), and they take a fifth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from nst_core.backends.onnx_losses import LayerForm, PriorForm, Size, add_layer_term, add_prior
from nst_core.backends.onnx_nodes import Nodes
from nst_core.transfer.objective import Objective
from nst_core.vgg.graph import INPUT, Padding, Pooling, forward_graph
from nst_core.vgg.layers import AVERAGE_POOL_GAIN, LAYERS, Layer, up_to_deepest
from nst_core.vgg.network import Network

HUGE = 3e38
"""HardSigmoid(HUGE * x) is 1 for every positive float32 that is no denormal number, and 0 for the others."""

ORDER_STEP = 2.0**-22
"""Equal values in a pooling window are told apart by factors of 1, 1 + this, 1 + twice this, 1 + three times:
the smallest step that float32 multiplication keeps apart everywhere."""


@dataclass(frozen=True)
class Form:
    """What a graph must know of an objective: everything but numbers that may change from run to run."""

    layers: tuple[LayerForm, ...]
    priors: tuple[PriorForm, ...]

    @classmethod
    def of(cls, objective: Objective) -> Form:
        """Take the form of an objective."""
        return cls(
            tuple(LayerForm.of(term) for term in objective.layer_terms),
            tuple(PriorForm.of(prior) for prior in objective.priors),
        )

    @property
    def layer_names(self) -> frozenset[str]:
        """Layers that terms look at."""
        return frozenset(form.layer for form in self.layers)


def window_order(height: int, width: int) -> npt.NDArray[np.float32]:
    """Return (1, 1, height, width) factors that fall in reading order within each 2 x 2 window."""
    rank = np.array([[3.0, 2.0], [1.0, 0.0]])
    tiled = np.tile(rank, ((height + 1) // 2, (width + 1) // 2))[:height, :width]
    return (1.0 + ORDER_STEP * tiled)[None, None].astype(np.float32)


def gradient_graph(
    network: Network, form: Form, height: int, width: int, pooling: Pooling, padding: Padding
) -> onnx.ModelProto:
    """Build the graph of ``form`` for pictures of ``height`` x ``width``.

    Raises:
        NstError: ``unknown-layer``.
    """
    writer = _GradientWriter(network, form, height, width, pooling, padding)
    return writer.write()


class _GradientWriter:
    """Writes one graph; see :func:`gradient_graph`."""

    def __init__(
        self, network: Network, form: Form, height: int, width: int, pooling: Pooling, padding: Padding
    ) -> None:
        self.form, self.pooling, self.padding = form, pooling, padding
        self.height, self.width = height, width
        self.layers: tuple[Layer, ...] = ()
        self.nodes = Nodes()
        if form.layers:
            wanted = tuple(dict.fromkeys(term.layer for term in form.layers))
            self.nodes = Nodes(forward_graph(network, wanted, pooling, padding).graph)
            self.layers = up_to_deepest(wanted, LAYERS[network.architecture])
        self.sizes = _sizes(self.layers, height, width)
        self.values: dict[int, str] = {}

    def write(self) -> onnx.ModelProto:
        nodes, size = self.nodes, (3, self.height, self.width)
        nodes.input(INPUT, (1, *size))
        parts = [self._from_layers()] if self.layers else []
        for index, prior in enumerate(self.form.priors, start=len(self.form.layers)):
            self.values[index], part = add_prior(nodes, prior, index, INPUT, self.height, self.width)
            parts.append(part)
        count = len(self.values)
        values = [nodes.reshape(self.values[index], 1) for index in range(count)]
        nodes.add("Concat", *values, output="terms", axis=0)
        nodes.add("ReduceSum", "terms", output="loss", keepdims=0)
        nodes.add("Reshape", nodes.sum_of(parts), nodes.integers(*size), output="gradient")
        nodes.output("loss", ())
        nodes.output("gradient", size)
        nodes.output("terms", (count,))
        return nodes.model("gradient")

    def _from_layers(self) -> str:
        """Write losses and the way back; returns the picture's gradient (1, 3, height, width)."""
        gradient: str | None = None
        masked = False  # whether the ReLU above a pooling layer has been seen to already
        for position in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[position]
            incoming = gradient
            for index, term in enumerate(self.form.layers):
                if term.layer == layer.name:
                    self.values[index], gradient = add_layer_term(
                        self.nodes, term, index, layer.name, self.sizes[layer.name], gradient
                    )
            assert gradient is not None  # noqa: S101 -- the deepest layer has a term
            if layer.kind == "relu":
                if not masked or gradient is not incoming:
                    gradient = self.nodes.add("Mul", gradient, self._positive(layer.name))
            elif layer.kind == "conv":
                gradient = self._through_convolution(layer, position, gradient)
            elif self.pooling == "max":
                gradient = self._through_max(layer, position, gradient)
            else:
                gradient = self._through_average(position, gradient)
            masked = layer.kind == "pool" and self.pooling == "max"
        assert gradient is not None  # noqa: S101
        return gradient

    def _positive(self, tensor: str) -> str:
        """1 where ``tensor`` is positive, else 0."""
        return self.nodes.add("HardSigmoid", tensor, alpha=HUGE, beta=0.0)

    def _through_convolution(self, layer: Layer, position: int, gradient: str) -> str:
        nodes = self.nodes
        kernel = nodes.array(f"{layer.name}.weight")
        if position == 0:
            return self._to_picture(kernel, gradient)
        back = nodes.constant(kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), f"{layer.name}.back")
        return nodes.add("Conv", gradient, back, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def _to_picture(self, kernel: npt.NDArray[np.float32], gradient: str) -> str:
        """Go through the first convolution, its padding and the normalisation's gain."""
        nodes = self.nodes
        gain = nodes.array("normalisation.gain").reshape(1, 3, 1, 1)
        weight = nodes.constant(kernel * gain, "conv1_1.back")
        margin = 0 if self.padding == "edge" else 1
        spread = nodes.add("ConvTranspose", gradient, weight, kernel_shape=[3, 3], pads=[margin] * 4)
        if self.padding == "edge":
            for axis, length in ((2, self.height), (3, self.width)):
                spread = self._fold(spread, axis, length)
        return spread

    def _fold(self, tensor: str, axis: int, length: int) -> str:
        """Add the first and the last of ``length`` + 2 rows or columns to their neighbours."""
        nodes = self.nodes
        first = nodes.pad(nodes.slice(tensor, axis, 0, 1), axis, 0, length - 1)
        last = nodes.pad(nodes.slice(tensor, axis, length + 1, length + 2), axis, length - 1, 0)
        return nodes.sum_of([nodes.slice(tensor, axis, 1, length + 1), first, last])

    def _through_max(self, layer: Layer, position: int, gradient: str) -> str:
        """Go through a max pooling, and through the ReLU before it where nothing else comes in there.

        The forward pass must see the features as they are; only the search for their place goes by ordered
        ones, so that a window has exactly one largest value.
        """
        nodes, below = self.nodes, self.layers[position - 1]
        channels, height, width = self.sizes[below.name]
        rows, columns = height // 2 * 2, width // 2 * 2
        features = below.name
        if rows < height:
            features = nodes.slice(features, 2, 0, rows)
        if columns < width:
            features = nodes.slice(features, 3, 0, columns)
        # An input, since a constant would be folded into one of the size of all features.
        order = nodes.input(f"order.{layer.name}", (1, 1, rows, columns))
        ones = nodes.constant(np.ones((channels, 1, 1, 1), dtype=np.float32), f"ones {channels}")
        factors = nodes.add("Conv", order, ones, kernel_shape=[1, 1])
        ordered = nodes.add("Mul", features, factors)
        largest = nodes.add("MaxPool", ordered, kernel_shape=[2, 2], strides=[2, 2])
        masked = nodes.add("Mul", gradient, self._positive(largest))
        negative = self._scaled(largest, channels, -1.0)
        below_largest = nodes.add("Add", ordered, self._spread(negative))  # 0 where found, else negative
        found = nodes.add("HardSigmoid", below_largest, alpha=HUGE, beta=1.0)
        return self._fill(nodes.add("Mul", self._spread(masked), found), height, width)

    def _through_average(self, position: int, gradient: str) -> str:
        channels, height, width = self.sizes[self.layers[position - 1].name]
        share = self._scaled(gradient, channels, AVERAGE_POOL_GAIN / 4.0)
        return self._fill(self._spread(share), height, width)

    def _scaled(self, tensor: str, channels: int, factor: float) -> str:
        """Multiply features by a number; one for each channel, which keeps the convolutions' layout."""
        return self.nodes.add(
            "Mul",
            tensor,
            self.nodes.constant(np.full((1, channels, 1, 1), factor, np.float32), f"{factor} x {channels}"),
        )

    def _spread(self, tensor: str) -> str:
        """Repeat every value over a 2 x 2 window."""
        scales = self.nodes.constant(np.array([1, 1, 2, 2], dtype=np.float32), "scales")
        name = f"spread.{self.nodes.written + 1}"
        return self.nodes.add(
            "Resize",
            tensor,
            "",
            scales,
            output=name,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def _fill(self, tensor: str, height: int, width: int) -> str:
        """Give the odd row and column that pooling dropped their zero gradient."""
        if height % 2:
            tensor = self.nodes.pad(tensor, 2, 0, 1)
        if width % 2:
            tensor = self.nodes.pad(tensor, 3, 0, 1)
        return tensor


def _sizes(layers: tuple[Layer, ...], height: int, width: int) -> dict[str, Size]:
    """Channels, height and width of each layer's features for a picture."""
    sizes: dict[str, Size] = {}
    for layer in layers:
        if layer.kind == "pool":
            height, width = height // 2, width // 2
        sizes[layer.name] = (layer.channels, height, width)
    return sizes


def feature_sizes(network: Network, form: Form, height: int, width: int) -> tuple[Size, ...]:
    """Return the sizes of all features that ``form`` needs."""
    if not form.layers:
        return ()
    layers = up_to_deepest(form.layer_names, LAYERS[network.architecture])
    return tuple(_sizes(layers, height, width).values())


def window_orders(
    network: Network, form: Form, height: int, width: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the ``order.<layer>`` inputs of the graph with max pooling."""
    if not form.layers:
        return {}
    layers = up_to_deepest(form.layer_names, LAYERS[network.architecture])
    sizes = _sizes(layers, height, width)
    return {
        f"order.{layer.name}": window_order(2 * sizes[layer.name][1], 2 * sizes[layer.name][2])
        for layer in layers
        if layer.kind == "pool"
    }
