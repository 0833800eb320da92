"""A VGG as an ONNX graph: picture in, features of the asked layers out.

Comes in: a :class:`~nst_core.vgg.network.Network` and layer names. Goes out: an ``onnx.ModelProto`` that any
execution provider runs. Does not run anything itself.

Only Mul, Add, Pad, Conv, Relu, MaxPool and AveragePool are used, in opset 13, which the CPU, CUDA,
DirectML, CoreML and WebGPU providers have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nst_core.vgg.layers import AVERAGE_POOL_GAIN, LAYERS, Layer, check_known_layers, up_to_deepest
from nst_core.vgg.network import Network, Normalisation, Weights

Pooling: TypeAlias = Literal["max", "average"]
Padding: TypeAlias = Literal["zero", "edge"]

OPSET = 13
"""The lowest opset in which Pad takes its pads, and nothing else used here has changed, since 2020."""

IR_VERSION = 8
"""Read by every ONNX Runtime since 1.11."""

INPUT = "image"
"""Name of the only input, (1, 3, height, width); dimensions ``height`` and ``width`` are free."""


def forward_graph(
    network: Network, outputs: Sequence[str], pooling: Pooling = "max", padding: Padding = "zero"
) -> onnx.ModelProto:
    """Build the graph from RGB in 0..1, not normalised, to the layers ``outputs``, cut off after the deepest.

    ``padding="edge"`` repeats the picture's edge pixels around it for the first convolution, instead of the
    zeros (mean grey) that the network was trained with; the other convolutions pad as trained. Average
    pooling is rescaled by ``AVERAGE_POOL_GAIN``. Odd sizes lose their last row or column when pooled.

    Raises:
        NstError: ``unknown-layer``.
    """
    check_known_layers(outputs, network.layers)
    layers = up_to_deepest(outputs, LAYERS[network.architecture])
    weights = network.weights(layers[-1].name)
    return build_graph(layers, weights, outputs, network.normalisation, pooling, padding, network.name)


def build_graph(
    layers: Sequence[Layer],
    weights: Weights,
    outputs: Sequence[str],
    normalisation: Normalisation | None,
    pooling: Pooling,
    padding: Padding,
    name: str,
) -> onnx.ModelProto:
    """Build the graph of ``layers``; without a ``normalisation`` its input is as the network wants it."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(label: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(array, label))
        return label

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], name=f"{operator}:{output}", **attributes))
        return output

    current = INPUT
    turned = False
    if normalisation is not None:
        gain, offset = affine(normalisation)
        current = add("Mul", [current, constant("normalisation.gain", gain)], "image.scaled")
        current = add("Add", [current, constant("normalisation.offset", offset)], "image.normalised")
        turned = normalisation.order == "BGR"
    if padding == "edge":
        pads = constant("edge.pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64))
        current = add("Pad", [current, pads], "image.padded", mode="edge")

    for layer in layers:
        if layer.kind == "conv":
            kernel, bias = weights[layer.name]
            is_first = layer is layers[0]
            if is_first and turned:
                kernel = kernel[:, ::-1]
            margin = 0 if is_first and padding == "edge" else 1
            current = add(
                "Conv",
                [
                    current,
                    constant(f"{layer.name}.weight", np.ascontiguousarray(kernel)),
                    constant(f"{layer.name}.bias", bias),
                ],
                layer.name,
                kernel_shape=[3, 3],
                pads=[margin] * 4,
            )
        elif layer.kind == "relu":
            current = add("Relu", [current], layer.name)
        elif pooling == "max":
            current = add("MaxPool", [current], layer.name, kernel_shape=[2, 2], strides=[2, 2])
        else:
            plain = f"{layer.name}.mean"
            current = add("AveragePool", [current], plain, kernel_shape=[2, 2], strides=[2, 2])
            scale = constant(f"{layer.name}.gain", np.array(AVERAGE_POOL_GAIN, dtype=np.float32))
            current = add("Mul", [current, scale], layer.name)

    channels = {layer.name: layer.channels for layer in layers}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, "height", "width"])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, channels[output], None, None])
            for output in dict.fromkeys(outputs)
        ],
        constants,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="nst"
    )


def affine(normalisation: Normalisation) -> tuple[np.ndarray, np.ndarray]:
    """Give the normalisation as gain and offset of an RGB picture, (1, 3, 1, 1) each.

    The channels stay RGB: a network that wants BGR gets the input channels of its first kernels turned
    instead, which costs nothing.
    """
    mean, std = np.array(normalisation.mean), np.array(normalisation.std)
    if normalisation.order == "BGR":
        mean, std = mean[::-1], std[::-1]
    gain, offset = normalisation.scale / std, -mean / std
    shape = (1, 3, 1, 1)
    return gain.reshape(shape).astype(np.float32), offset.reshape(shape).astype(np.float32)
