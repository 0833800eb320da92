"""The way back through a VGG whose features are planes, (1, channels, height, width), as ONNX nodes.

Takes the names of a layer's features and of its gradient, and returns the name of the gradient one layer
earlier. Multiplies by 0 or 1 instead of Where, and uses HardSigmoid instead of Greater and Equal, since ONNX
Runtime's CPU provider keeps these operators in the layout of its convolutions (NCHWc). Measured on one core,
64 channels at 512 x 512: 13 ms each for Mul and HardSigmoid, 155 ms for Greater and Where together; 145 ms
for MaxPool with indices and MaxUnpool.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.nodes import Nodes
from nst_core.vgg.layers import AVERAGE_POOL_GAIN

HUGE = 3e38
"""HardSigmoid(HUGE * x - 1) is 1 for every positive float32 that is not denormal, and 0 for the others."""

HUGE_HALF = 65504.0
"""The same for float16: 1 from 3.1e-5 on, and features reach thousands."""


def window_order(height: int, width: int) -> Array:
    """Return numbers below 1, (1, 1, height, width), that decrease in reading order in each 2 x 2 window."""
    rank = np.array([[0.75, 0.5], [0.25, 0.0]], dtype=np.float32)
    return np.tile(rank, (height // 2, width // 2))[None, None]


def positive(nodes: Nodes, tensor: str) -> str:
    """Write 1 if ``tensor`` is positive, else 0, for each element.

    A beta of 0 would do the same, but OpenVINO (1.24) replaces it by its default of 0.5.
    """
    return nodes.add("HardSigmoid", tensor, alpha=_steepest(nodes), beta=-1.0)


def convolve_back(nodes: Nodes, layer: str, gradient: str) -> str:
    """Write the way back through a convolution: one with flipped kernels, inputs and outputs exchanged."""
    kernel = nodes.array(f"{layer}.weight")
    back = nodes.constant(kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), f"{layer}.back")
    return nodes.add("Conv", gradient, back, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def to_picture(nodes: Nodes, gradient: str, height: int, width: int, *, edge: bool) -> str:
    """Write the way back through the first convolution, the repeated edge if any, and the normalisation.

    ConvTranspose, because with only three output channels it takes a third of a convolution's time. The
    result is in float32; the gain may be too large for a network in half precision.
    """
    attributes: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [0 if edge else 1] * 4}
    if nodes.half:
        half = nodes.add("ConvTranspose", gradient, "conv1_1.weight", **attributes)
        spread = nodes.add("Mul", nodes.cast(half, half=False), "normalisation.gain")
    else:
        gain = nodes.array("normalisation.gain").reshape(1, 3, 1, 1)
        weight = nodes.constant(nodes.array("conv1_1.weight") * gain, "conv1_1.back")
        spread = nodes.add("ConvTranspose", gradient, weight, **attributes)
    if edge:
        for axis, length in ((2, height), (3, width)):
            spread = _fold(nodes, spread, axis, length)
    return spread


def _fold(nodes: Nodes, tensor: str, axis: int, length: int) -> str:
    """Write the first and the last of ``length`` + 2 rows or columns added to their neighbours."""
    first = nodes.pad(nodes.slice(tensor, axis, 0, 1), axis, 0, length - 1)
    last = nodes.pad(nodes.slice(tensor, axis, length + 1, length + 2), axis, length - 1, 0)
    return nodes.sum_of([nodes.slice(tensor, axis, 1, length + 1), first, last])


def max_pool_back(
    nodes: Nodes, features: str, pooled: str, order: str, gradient: str, size: tuple[int, int, int]
) -> str:
    """Write the gradient of each maximum to the first value in its window, in reading order, that equals it.

    ``features`` have ``size``; ``order`` is :func:`window_order` of their even part. Values equal to the
    maximum are candidates, and the order picks one of them. All of this is exact in float32.
    """
    channels, height, width = size
    if height % 2 or width % 2:
        # One node: ONNX Runtime's CPU provider leaves out some roundings to float16, and after two slices
        # no feature equalled its window's rounded maximum.
        features = nodes.upper_left(features, height // 2 * 2, width // 2 * 2)
    ones = nodes.of_network(np.ones((channels, 1, 1, 1), dtype=np.float32), f"ones {channels}")
    order = nodes.cast(order, half=True) if nodes.half else order
    orders = nodes.add("Conv", order, ones, kernel_shape=[1, 1])
    ordered = nodes.add("Add", orders, _equal(nodes, features, pooled, channels))
    first = nodes.add("MaxPool", ordered, kernel_shape=[2, 2], strides=[2, 2])
    selected = _equal(nodes, ordered, first, channels)
    return _fill(nodes, nodes.add("Mul", repeat_over_cells(nodes, gradient), selected), height, width)


def average_pool_back(nodes: Nodes, gradient: str, size: tuple[int, int, int]) -> str:
    """Write the gradient spread over the windows of features of ``size``."""
    channels, height, width = size
    share = _scaled(nodes, gradient, channels, AVERAGE_POOL_GAIN / 4.0)
    return _fill(nodes, repeat_over_cells(nodes, share), height, width)


def _equal(nodes: Nodes, tensor: str, largest: str, channels: int) -> str:
    """Write 1 if ``tensor`` equals the ``largest`` of its window, else 0, for each element."""
    difference = nodes.add("Add", tensor, repeat_over_cells(nodes, _scaled(nodes, largest, channels, -1.0)))
    return nodes.add("HardSigmoid", difference, alpha=_steepest(nodes), beta=1.0)


def _steepest(nodes: Nodes) -> float:
    return HUGE_HALF if nodes.half else HUGE


def _scaled(nodes: Nodes, tensor: str, channels: int, factor: float) -> str:
    """Write features times a number, given for each channel, which keeps the convolutions' layout."""
    factors = np.full((1, channels, 1, 1), factor, dtype=np.float32)
    return nodes.add("Mul", tensor, nodes.of_network(factors, f"{factor} x {channels}"))


def repeat_over_cells(nodes: Nodes, tensor: str, side: int = 2) -> str:
    """Write every value repeated over a window of ``side`` x ``side``."""
    scales = nodes.constant(np.array([1, 1, side, side], dtype=np.float32), f"scales {side}")
    return nodes.add(
        "Resize",
        tensor,
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _fill(nodes: Nodes, tensor: str, height: int, width: int) -> str:
    """Write zero gradients for the odd row and column that pooling dropped."""
    if height % 2:
        tensor = nodes.pad(tensor, 2, 0, 1)
    if width % 2:
        tensor = nodes.pad(tensor, 3, 0, 1)
    return tensor
