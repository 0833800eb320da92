"""Writes ONNX graphs node by node: the only place that creates nodes, constants and inputs.

Takes operators and names of tensors, and returns an ``onnx.ModelProto``. Does not depend on networks, losses
or gradients. Implements :class:`nst_core.loss.statistics.base.GraphWriter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from nst_core.array_types import Array
from nst_core.vgg.graph import IR_VERSION, OPSET, Graph, declare_constant, make_constant

Size = tuple[int, int, int]
"""Channels, height and width of a layer's features."""


class Nodes:
    """A graph being written, which may start with the nodes of another graph. Tensors are named.

    ``half`` says that the features and gradients of the network are in float16.
    """

    half = False

    def __init__(self, start: Graph | None = None) -> None:
        graph = start.model.graph if start else None
        self.nodes: list[onnx.NodeProto] = list(graph.node) if graph else []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.constants: dict[str, onnx.TensorProto] = (
            {tensor.name: tensor for tensor in graph.initializer} if graph else {}
        )
        self.arrays: dict[str, npt.NDArray[Any]] = dict(start.constants) if start else {}
        self.shared: list[str] = []
        self.written = 0

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Write a node with one output and return the output's name."""
        self.written += 1
        name = output or f"{operator.lower()}.{self.written}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=f"node:{name}", **attributes))
        return name

    def constant(self, array: npt.NDArray[Any], name: str) -> str:
        """Add a constant unless ``name`` is known; equal names must stand for equal arrays."""
        if name not in self.constants:
            self.constants[name] = make_constant(name, np.ascontiguousarray(array), self.arrays)
        return name

    def of_network(self, array: Array, name: str) -> str:
        """Add a constant in the precision of the network's features."""
        return self.constant(array.astype(np.float16) if self.half else array, name)

    def cast(self, tensor: str, *, half: bool) -> str:
        """Write ``tensor`` in half or in single precision."""
        return self.add("Cast", tensor, to=TensorProto.FLOAT16 if half else TensorProto.FLOAT)

    def share(self, name: str, shape: Sequence[int]) -> str:
        """Declare a float32 constant that sessions share: they do not even copy its values."""
        if name not in self.constants:
            self.constants[name] = declare_constant(name, shape)
            self.shared.append(name)
        return name

    def number(self, value: float) -> str:
        """Add a float32 scalar."""
        return self.constant(np.array(value, dtype=np.float32), f"number {np.float32(value)!r}")

    def integers(self, *values: int) -> str:
        """Add a list of integers, such as a shape, pads, starts, ends or axes."""
        return self.constant(np.array(values, dtype=np.int64), f"integers {values}")

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Declare a float32 input."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, name: str, shape: Sequence[int]) -> None:
        """Declare a float32 output."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return the values of a constant."""
        if name in self.arrays:
            return self.arrays[name]
        array: npt.NDArray[Any] = numpy_helper.to_array(self.constants[name])
        return array

    def reshape(self, tensor: str, *shape: int) -> str:
        """Write ``tensor`` in another shape, in which -1 stands for the remaining size."""
        return self.add("Reshape", tensor, self.integers(*shape))

    def slice(self, tensor: str, axis: int, start: int, end: int) -> str:
        """Write ``tensor`` from ``start`` to ``end`` (exclusive) along ``axis``."""
        return self.add("Slice", tensor, self.integers(start), self.integers(end), self.integers(axis))

    def upper_left(self, tensor: str, height: int, width: int) -> str:
        """Write the first ``height`` rows and ``width`` columns of ``tensor`` (1, N, h, w)."""
        starts, ends, axes = self.integers(0, 0), self.integers(height, width), self.integers(2, 3)
        return self.add("Slice", tensor, starts, ends, axes)

    def pad(self, tensor: str, axis: int, before: int, after: int, rank: int = 4) -> str:
        """Write ``tensor`` with zeros before and after it along ``axis``."""
        pads = [0] * (2 * rank)
        pads[axis], pads[rank + axis] = before, after
        return self.add("Pad", tensor, self.integers(*pads))

    def sum_of(self, tensors: Sequence[str]) -> str:
        """Write the sum of tensors."""
        total = tensors[0]
        for tensor in tensors[1:]:
            total = self.add("Add", total, tensor)
        return total

    def total(self, tensor: str, *shape: int, squared: bool = False) -> str:
        """Write the sum () of all values of ``tensor`` in ``shape``, or of their squares, axis by axis.

        A single ReduceSum of ONNX Runtime adds one number after the other: it lost 3e-4, relative, of 16
        million numbers and 5e-5 of the 262,144 squares of a Gram matrix's differences. Axis by axis it loses
        1e-7.
        """
        sums = self.reshape(tensor, *shape)
        for axis in range(len(shape) - 1, -1, -1):
            if squared and axis == len(shape) - 1:
                sums = self.add("ReduceSumSquare", sums, axes=[-1], keepdims=0)
            else:
                sums = self.add("ReduceSum", sums, self.integers(-1), keepdims=0)
        return sums

    def graph(self, name: str) -> Graph:
        """Return the finished graph, without constants that no node reads."""
        read = {tensor for node in self.nodes for tensor in node.input}
        graph = helper.make_graph(
            self.nodes,
            name,
            self.inputs,
            self.outputs,
            [tensor for label, tensor in self.constants.items() if label in read],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="nst"
        )
        return Graph(model, {label: array for label, array in self.arrays.items() if label in read})
