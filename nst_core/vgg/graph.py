"""A VGG as an ONNX graph from a picture to the features of the requested layers.

Takes a :class:`~nst_core.vgg.network.Network` and layer names, and returns a :class:`Graph` that any
execution provider can run. Does not run it.

The graph uses only Mul, Add, Pad, Conv, Relu, MaxPool and AveragePool of opset 13, which the CPU, CUDA,
DirectML, CoreML and WebGPU providers support.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from nst_core.array_types import Array
from nst_core.vgg.layers import AVERAGE_POOL_GAIN, LAYERS, Layer, check_known_layers, up_to_deepest
from nst_core.vgg.network import ConvWeights, Network, Normalisation, Weights

Pooling: TypeAlias = Literal["max", "average"]
Padding: TypeAlias = Literal["zero", "edge"]

OPSET = 13
"""From 2020. Pad takes its pads as an input, and the operators used here have not changed since."""

IR_VERSION = 8
"""ONNX Runtime reads this version since 1.11."""

INPUT = "image"
"""Name of the only input, (1, 3, height, width), with free ``height`` and ``width``."""


LARGE_CONSTANT = 2**14
"""Bytes from which a constant stays outside the model, as an array."""


class Graph(NamedTuple):
    """A model, and the values of its large constants by name: the model only declares them.

    So weights are neither copied into models nor written and parsed with them.
    """

    model: onnx.ModelProto
    constants: Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """Options of a graph; without a ``normalisation``, its input is already normalised."""

    normalisation: Normalisation | None = None
    pooling: Pooling = "max"
    padding: Padding = "zero"


def forward_graph(
    network: Network, outputs: Sequence[str], pooling: Pooling = "max", padding: Padding = "zero"
) -> Graph:
    """Build the graph from RGB in 0..1, not normalised, to the layers ``outputs``, without deeper layers.

    ``padding="edge"`` repeats the picture's edge pixels for the first convolution, instead of the zeros (mean
    grey) that the network was trained with; the other convolutions pad as trained. Average pooling is
    rescaled by ``AVERAGE_POOL_GAIN``. Pooling drops the last row or column of an odd size.

    Raises:
        NstError: ``unknown-layer``.
    """
    check_known_layers(outputs, network.layers)
    layers = up_to_deepest(outputs, LAYERS[network.architecture])
    weights = network.weights(layers[-1].name)
    options = GraphOptions(normalisation=network.normalisation, pooling=pooling, padding=padding)
    return build_graph(layers, weights, outputs, network.name, options)


def build_graph(
    layers: Sequence[Layer], weights: Weights, outputs: Sequence[str], name: str, options: GraphOptions
) -> Graph:
    """Build a graph called ``name`` of ``layers``, with ``outputs`` as its outputs."""
    writer = _GraphWriter()
    _write_input(writer, options)
    for layer in layers:
        if layer.kind == "conv":
            _write_convolution(writer, layer, weights[layer.name], options, is_first=layer is layers[0])
        elif layer.kind == "relu":
            writer.add("Relu", layer.name)
        else:
            _write_pool(writer, layer, options.pooling)
    channels = {layer.name: layer.channels for layer in layers}
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, "height", "width"])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, channels[output], None, None])
            for output in dict.fromkeys(outputs)
        ],
        writer.constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="nst"
    )
    return Graph(model, writer.arrays)


def embed_constants(graph: Graph) -> onnx.ModelProto:
    """Write the large constants into the model too, and return it: a complete file."""
    for tensor in graph.model.graph.initializer:
        if tensor.name in graph.constants:
            tensor.CopyFrom(numpy_helper.from_array(graph.constants[tensor.name], tensor.name))
    return graph.model


def make_constant(name: str, array: npt.NDArray[Any], arrays: dict[str, Array]) -> onnx.TensorProto:
    """Return a constant with the values of ``array``; many float32 or float16 go to ``arrays`` instead."""
    if array.dtype in (np.float32, np.float16) and array.nbytes >= LARGE_CONSTANT:
        arrays[name] = array
        return declare_constant(name, array.shape, array.dtype)
    return numpy_helper.from_array(array, name)


def declare_constant(name: str, shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> onnx.TensorProto:
    """Return a constant without values: they are passed when a session is opened."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    tensor = TensorProto(name=name, data_type=kind, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="memory")
    return tensor


class _GraphWriter:
    """The nodes and constants of a graph in the making; ``current`` is the output of the last node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.arrays: dict[str, Array] = {}
        self.current = INPUT

    def constant(self, label: str, array: np.ndarray) -> str:
        """Add a constant and return its name."""
        self.constants.append(make_constant(label, array, self.arrays))
        return label

    def add(self, operator: str, output: str, *constants: str, **attributes: object) -> None:
        """Apply ``operator`` to the current tensor and ``constants``; its output becomes the current one."""
        inputs = [self.current, *constants]
        node = helper.make_node(operator, inputs, [output], name=f"{operator}:{output}", **attributes)
        self.nodes.append(node)
        self.current = output


def _write_input(writer: _GraphWriter, options: GraphOptions) -> None:
    """Normalise the input and pad it for the first convolution, as ``options`` say."""
    if options.normalisation is not None:
        gain, offset = affine(options.normalisation)
        writer.add("Mul", "image.scaled", writer.constant("normalisation.gain", gain))
        writer.add("Add", "image.normalised", writer.constant("normalisation.offset", offset))
    if options.padding == "edge":
        pads = writer.constant("edge.pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64))
        writer.add("Pad", "image.padded", pads, mode="edge")


def _write_convolution(
    writer: _GraphWriter, layer: Layer, weights: ConvWeights, options: GraphOptions, *, is_first: bool
) -> None:
    kernel, bias = weights
    if is_first and options.normalisation is not None and options.normalisation.order == "BGR":
        kernel = kernel[:, ::-1]
    pad = 0 if is_first and options.padding == "edge" else 1
    writer.add(
        "Conv",
        layer.name,
        writer.constant(f"{layer.name}.weight", np.ascontiguousarray(kernel)),
        writer.constant(f"{layer.name}.bias", bias),
        kernel_shape=[3, 3],
        pads=[pad] * 4,
    )


def _write_pool(writer: _GraphWriter, layer: Layer, pooling: Pooling) -> None:
    if pooling == "max":
        writer.add("MaxPool", layer.name, kernel_shape=[2, 2], strides=[2, 2])
        return
    writer.add("AveragePool", f"{layer.name}.mean", kernel_shape=[2, 2], strides=[2, 2])
    gain = writer.constant(f"{layer.name}.gain", np.array(AVERAGE_POOL_GAIN, dtype=np.float32))
    writer.add("Mul", layer.name, gain)


def affine(normalisation: Normalisation) -> tuple[np.ndarray, np.ndarray]:
    """Return the normalisation as gain and offset of an RGB picture, (1, 3, 1, 1) each.

    The channels stay in RGB order. For a BGR network, the input channels of the first kernels are reversed
    instead, which costs nothing at run time.
    """
    mean, std = np.array(normalisation.mean), np.array(normalisation.std)
    if normalisation.order == "BGR":
        mean, std = mean[::-1], std[::-1]
    gain, offset = normalisation.scale / std, -mean / std
    shape = (1, 3, 1, 1)
    return gain.reshape(shape).astype(np.float32), offset.reshape(shape).astype(np.float32)
