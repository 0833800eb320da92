"""The memory that evaluations of a graph hold on a card, reckoned from the sizes of its tensors.

Takes the graph that ONNX Runtime executes, with its nodes in their order, and returns bytes. The provider may
hold more: it rounds buffers up, and keeps those that it has released for the next ones. It may also hold less
for a moment, where a node writes into its own input. Runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import onnx
from onnx import helper, shape_inference

VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
"""Operators whose output is their first input, seen in another shape."""

LARGE = 1000
"""Bytes from which a constant is no shape and no list of axes, so that sizes do not depend on its values."""


class Held(NamedTuple):
    """Bytes on the card: constants, the most features alive at a time, and bound inputs and outputs.

    Gradients on the way back count as features.
    """

    constants: int
    features: int
    inputs: int
    outputs: int

    @property
    def total(self) -> int:
        """All bytes together."""
        return sum(self)


def held_by(graph: onnx.ModelProto) -> Held:
    """Return what evaluations of ``graph``, which is changed, hold.

    Raises:
        ValueError: ONNX does not know the size of a tensor.
    """
    _make_inferable(graph)
    inferred = shape_inference.infer_shapes(graph, data_prop=True).graph
    constants = {tensor.name: _bytes(tensor.data_type, tensor.dims) for tensor in inferred.initializer}
    inputs = {info.name: _bytes_of(info) for info in inferred.input if info.name not in constants}
    outputs = {info.name: _bytes_of(info) for info in inferred.output}
    features = {info.name: _bytes_of(info) for info in inferred.value_info}
    most = _most_alive(inferred.node, features, {*constants, *inputs, *outputs, ""})
    return Held(sum(constants.values()), most, sum(inputs.values()), sum(outputs.values()))


def held_together(sessions: Sequence[Held]) -> Held:
    """Return what ``sessions`` hold that are all open, and run one after another."""
    constants = sum(session.constants for session in sessions)
    return max(sessions, key=lambda session: session.total)._replace(constants=constants)


def _make_inferable(graph: onnx.ModelProto) -> None:
    """Write ONNX Runtime's own convolutions as ONNX's, and leave out the values of weights."""
    for node in graph.graph.node:
        if node.op_type == "FusedConv":
            node.op_type, node.domain = "Conv", ""
            own = [a for a in node.attribute if a.name.startswith("activation")]
            for attribute in own:
                node.attribute.remove(attribute)
    for tensor in graph.graph.initializer:
        if len(tensor.raw_data) > LARGE:
            tensor.ClearField("raw_data")


def _most_alive(nodes: Sequence[onnx.NodeProto], sizes: dict[str, int], elsewhere: set[str]) -> int:
    """Return the most bytes of tensors that exist at a time; a view exists as long as what it shows."""
    shown: dict[str, str] = {}
    last_use: dict[str, int] = {}
    for position, node in enumerate(nodes):
        if node.op_type in VIEWS:
            shown[node.output[0]] = shown.get(node.input[0], node.input[0])
        for name in (*node.input, *node.output):
            last_use[shown.get(name, name)] = position
    alive: dict[str, int] = {}
    most = 0
    for position, node in enumerate(nodes):
        for name in node.output:
            if name not in elsewhere and name not in shown:
                if name not in sizes:
                    raise ValueError(f"ONNX does not know the size of {name}, an output of {node.op_type}")
                alive[name] = sizes[name]
        most = max(most, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_use[name] > position}
    return most


def _bytes_of(info: onnx.ValueInfoProto) -> int:
    kind = info.type.tensor_type
    if any(not axis.HasField("dim_value") for axis in kind.shape.dim):
        raise ValueError(f"ONNX does not know the size of {info.name}")
    return _bytes(kind.elem_type, [axis.dim_value for axis in kind.shape.dim])


def _bytes(element: int, shape: Iterable[int]) -> int:
    return math.prod(shape) * helper.tensor_dtype_to_np_dtype(element).itemsize
