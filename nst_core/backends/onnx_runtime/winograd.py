"""Features as rows, one for each position, and Winograd's convolutions on them, as ONNX nodes.

Takes and returns names of tensors (positions, channels). A 3 x 3 convolution is computed on tiles of 4 x 4
outputs with 36 instead of 144 multiplications (Winograd 1980; Lavin and Gray 2016, F(4 x 4, 3 x 3)): gather
the 6 x 6 inputs of every tile, transform them, multiply by 36 transformed kernels, transform back, gather the
outputs into rows again. Rows suit ONNX: gathering copies whole rows of channels, and the rest are products of
matrices, which use every core.

Measured with ONNX Runtime 1.32 on one core with AVX-512, against its own convolution: 62 ms and 137 ms for
512 channels at 64 x 64, 70 and 159 for 256 at 128 x 128, 117 and 143 for 128 at 256 x 256, 178 and 149 for 64
at 512 x 512; with 512 channels 11 and 11 at 16 x 16, 9 and 3 at 8 x 8. Results differ by 2e-6, relative.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.backends.onnx_runtime.nodes import Nodes
from nst_core.backends.onnx_runtime.planes import HUGE
from nst_core.vgg.layers import AVERAGE_POOL_GAIN
from nst_core.vgg.network import Network

FIRST_BLOCK = 3
"""First block computed on rows; earlier ones have fewer channels, and gathering costs what it saves."""

SMALLEST_PICTURE = 192 * 192
"""Smallest picture, in pixels, on rows: below, the deepest block has too few tiles for its 36 kernels."""

STRIDES = (4, 8)
"""Pixels between neighbours that the pools of the blocks on rows compare: pool3 and pool4."""

REPEAT_BLOCK = 8
"""Side of a block in pixels: if two by two blocks repeat what lies a stride away, maxima may be equal."""

TILE = 4
PATCH = TILE + 2

# Lavin and Gray 2016, section 4.3: interpolation at 0, 1, -1, 2, -2 and infinity.
INPUT_TRANSFORM = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=np.float64,
)
KERNEL_TRANSFORM = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=np.float64,
)
OUTPUT_TRANSFORM = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=np.float64
)


def repeats(picture: Array) -> bool:
    """Return whether part of ``picture`` (3, height, width) is flat, or equals its pixels a stride away.

    There whole pooling windows have equal values. Winograd's convolutions round each position in a tile
    differently, so any of the values may come out as the largest; other convolutions leave them equal.
    """
    for stride in STRIDES:
        for along_rows in (picture, picture.transpose(0, 2, 1)):
            equal = np.equal(along_rows[:, stride:], along_rows[:, :-stride])
            if _has_block(np.logical_and.reduce(equal, axis=0)):
                return True
    return False


def _has_block(equal: npt.NDArray[np.bool_]) -> bool:
    """Return whether two by two neighbouring blocks are all True, including blocks cut off by a side."""
    height, width = (-(-side // REPEAT_BLOCK) * REPEAT_BLOCK for side in equal.shape)
    padded = np.pad(equal, ((0, height - equal.shape[0]), (0, width - equal.shape[1])), mode="edge")
    shape = (height // REPEAT_BLOCK, REPEAT_BLOCK, width // REPEAT_BLOCK, REPEAT_BLOCK)
    blocks = np.logical_and.reduce(padded.reshape(shape), axis=(1, 3))
    return bool((blocks[1:, 1:] & blocks[:-1, 1:] & blocks[1:, :-1] & blocks[:-1, :-1]).any())


def transform_kernel(kernel: Array) -> Array:
    """Transform a kernel (out, in, 3, 3) to (36, in, out)."""
    channels_out, channels_in = kernel.shape[:2]
    whole = np.kron(KERNEL_TRANSFORM, KERNEL_TRANSFORM)  # (36, 9)
    by_tap = kernel.reshape(channels_out, channels_in, 9).transpose(2, 1, 0).reshape(9, -1)
    return (whole.astype(np.float32) @ by_tap).reshape(PATCH**2, channels_in, channels_out)


def flip_kernel(kernel: Array) -> Array:
    """Turn a kernel (out, in, 3, 3) into the one that carries gradients back, (in, out, 3, 3)."""
    return np.ascontiguousarray(kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))


class TransformedKernels:
    """The transformed kernels of a network, computed once and shared by sessions of all sizes.

    ``arrays`` holds them under their names in the graphs.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.arrays: dict[str, Array] = {}
        self.biases: dict[str, Array] = {}

    def prepare(self, convolutions: list[str]) -> Mapping[str, Array]:
        """Transform the kernels of ``convolutions``, forward and back; return their biases by layer."""
        missing = [name for name in convolutions if name not in self.biases]
        if missing:
            weights = self.network.weights(convolutions[-1])
            for name in missing:
                kernel, bias = weights[name]
                self.biases[name] = bias
                self.arrays[forward_name(name)] = transform_kernel(kernel)
                self.arrays[backward_name(name)] = transform_kernel(flip_kernel(kernel))
        return self.biases


def forward_name(convolution: str) -> str:
    """Return the name of the transformed kernel of a layer."""
    return f"{convolution}.transformed"


def backward_name(convolution: str) -> str:
    """Return the name of the transformed kernel that carries the gradient of a layer back."""
    return f"{convolution}.transformed.back"


def from_planes(nodes: Nodes, planes: str, channels: int) -> str:
    """Write (1, channels, height, width) as rows."""
    return nodes.add("Transpose", nodes.reshape(planes, channels, -1), perm=[1, 0])


def to_planes(nodes: Nodes, rows: str, channels: int, height: int, width: int) -> str:
    """Write rows as (1, channels, height, width)."""
    return nodes.reshape(nodes.add("Transpose", rows, perm=[1, 0]), 1, channels, height, width)


def convolve(nodes: Nodes, rows: str, kernel: str, channels: tuple[int, int], height: int, width: int) -> str:
    """Write a convolution of (height * width, channels[0]) to (height * width, channels[1]).

    Zeros outside, no bias.

    ``kernel`` is the name of a transformed kernel.
    """
    channels_in, channels_out = channels
    down, across = -(-height // TILE), -(-width // TILE)
    tiles = down * across
    patches = nodes.constant(_patch_rows(height, width, down, across), f"patches {height} x {width}")
    outputs = nodes.constant(_output_rows(height, width, across, tiles), f"outputs {height} x {width}")
    nodes.share(kernel, (PATCH**2, channels_in, channels_out))
    into = nodes.constant(_in_two_dimensions(INPUT_TRANSFORM), "input transform")
    back = nodes.constant(_in_two_dimensions(OUTPUT_TRANSFORM), "output transform")
    gathered = nodes.add("Gather", _with_zeros(nodes, rows, channels_in), patches, axis=0)
    inputs = nodes.add("MatMul", into, nodes.reshape(gathered, PATCH**2, tiles * channels_in))
    product = nodes.add("MatMul", nodes.reshape(inputs, PATCH**2, tiles, channels_in), kernel)
    tiled = nodes.add("MatMul", back, nodes.reshape(product, PATCH**2, tiles * channels_out))
    return nodes.add("Gather", nodes.reshape(tiled, TILE**2 * tiles, channels_out), outputs, axis=0)


def max_pool(nodes: Nodes, rows: str, height: int, width: int) -> tuple[str, list[str]]:
    """Write 2 x 2 pooling of (height * width, N); return maxima and windows' members in reading order."""
    members = _members(nodes, rows, height, width)
    return nodes.add("Max", *members), members


def max_pool_back(
    nodes: Nodes, gradient: str, largest: str, members: list[str], size: tuple[int, int, int]
) -> str:
    """Write the gradient of each maximum to the first member of its window, in reading order, that equals it.

    ``size`` is that of the pooled features.
    """
    channels, height, width = size
    negative = nodes.add("Mul", largest, nodes.number(-1.0))
    remaining = gradient
    shares = []
    for member in members[:3]:
        difference = nodes.add("Add", member, negative)
        equal = nodes.add("HardSigmoid", difference, alpha=HUGE, beta=1.0)
        shares.append(nodes.add("Mul", remaining, equal))
        remaining = nodes.add("Sub", remaining, shares[-1])
    rows = nodes.add("Concat", *shares, remaining, axis=0)
    return nodes.add("Gather", _with_zeros(nodes, rows, channels), _spread(nodes, height, width), axis=0)


def average_pool(nodes: Nodes, rows: str, height: int, width: int) -> str:
    """Write 2 x 2 average pooling of (height * width, N), rescaled as in the networks."""
    total = nodes.add("Sum", *_members(nodes, rows, height, width))
    return nodes.add("Mul", total, nodes.number(AVERAGE_POOL_GAIN / 4.0))


def average_pool_back(nodes: Nodes, gradient: str, channels: int, height: int, width: int) -> str:
    """Write a gradient spread over the windows."""
    share = nodes.add("Mul", gradient, nodes.number(AVERAGE_POOL_GAIN / 4.0))
    windows = (height // 2) * (width // 2)
    ranks = _member_rows(height, width)
    index = np.where(ranks < 4 * windows, ranks % windows, windows).astype(np.int32)
    name = nodes.constant(index, f"average windows {height} x {width}")
    return nodes.add("Gather", _with_zeros(nodes, share, channels), name, axis=0)


def _in_two_dimensions(transform: npt.NDArray[np.float64]) -> Array:
    """Return a transform of both dimensions as one matrix."""
    return np.kron(transform, transform).astype(np.float32)


def _with_zeros(nodes: Nodes, rows: str, channels: int) -> str:
    """Write a row of zeros at the end, for positions outside."""
    zeros = nodes.constant(np.zeros((1, channels), dtype=np.float32), f"zeros {channels}")
    return nodes.add("Concat", rows, zeros, axis=0)


def _patch_rows(height: int, width: int, down: int, across: int) -> npt.NDArray[np.int32]:
    """Return the row of each position in a patch of each tile; height * width outside."""
    taps = np.arange(PATCH) - 1
    y = taps[:, None] + TILE * np.arange(down)
    x = taps[:, None] + TILE * np.arange(across)
    inside = ((y >= 0) & (y < height))[:, None, :, None] & ((x >= 0) & (x < width))[None, :, None, :]
    rows = y[:, None, :, None] * width + x[None, :, None, :]
    return np.asarray(np.where(inside, rows, height * width).reshape(-1), dtype=np.int32)


def _output_rows(height: int, width: int, across: int, tiles: int) -> npt.NDArray[np.int32]:
    """Return the row of each position among the tiles' outputs."""
    y, x = np.mgrid[:height, :width]
    rows = (y % TILE * TILE + x % TILE) * tiles + y // TILE * across + x // TILE
    return np.asarray(rows.reshape(-1), dtype=np.int32)


def _members(nodes: Nodes, rows: str, height: int, width: int) -> list[str]:
    """Write the four members of all 2 x 2 windows."""
    members = []
    y, x = np.mgrid[: height // 2, : width // 2]
    for index, (down, right) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        positions = ((2 * y + down) * width + 2 * x + right).reshape(-1).astype(np.int32)
        name = nodes.constant(positions, f"members {index} of {height} x {width}")
        members.append(nodes.add("Gather", rows, name, axis=0))
    return members


def _member_rows(height: int, width: int) -> npt.NDArray[np.int64]:
    """Return the row of each position among the windows' members, end to end; the row after them outside."""
    windows = (height // 2) * (width // 2)
    y, x = np.mgrid[:height, :width]
    rows = (y % 2 * 2 + x % 2) * windows + y // 2 * (width // 2) + x // 2
    outside = (y >= height // 2 * 2) | (x >= width // 2 * 2)
    return np.where(outside, 4 * windows, rows).reshape(-1)


def _spread(nodes: Nodes, height: int, width: int) -> str:
    """Write the row of each position's share of its window's gradient."""
    return nodes.constant(_member_rows(height, width).astype(np.int32), f"windows {height} x {width}")
