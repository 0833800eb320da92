"""The layer tables of VGG-16 and VGG-19: names, channels, strides and receptive fields.

Comes in: nothing, or layer names to check. Goes out: :class:`Layer` rows in the order in which the network
computes them. Knows nothing of weights, files or frameworks.

The architectures are configurations D and E of Simonyan and Zisserman 2015, table 1, without the
classifier. Layers are named as Gatys et al. name them: ``conv4_2`` is the second convolution of the
fourth block before its ReLU, ``relu4_2`` after it, ``pool4`` ends the block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from nst_core.errors import ErrorCode, NstError, nearest

Architecture: TypeAlias = Literal["vgg16", "vgg19"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

BLOCK_CHANNELS = (64, 128, 256, 512, 512)
CONVOLUTIONS_PER_BLOCK: Mapping[Architecture, tuple[int, ...]] = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}

AVERAGE_POOL_GAIN = 1.65
"""What average pooling is multiplied by, so that activations keep the size that max pooling gives them.

Measured with VGG-16 on two photographs and three paintings, long side 512 (``python -m
tests.unit.vgg.measure_pooling``): with this factor at all four pools the RMS of relu2_1, relu3_1, relu4_1,
relu4_2 and relu5_1 is 1.10, 1.13, 1.09, 1.01 and 0.95 of what max pooling gives (without it 0.67, 0.43,
0.27, 0.26 and 0.19). One factor per pool, fitted in turn (1.66, 1.61, 1.75, 1.72), does no better than
1.11, 1.11, 1.13, 1.05 and 1.03, while pictures differ among themselves by 10 to 14 %; so there is one.
"""


@dataclass(frozen=True)
class Layer:
    """One row of the table.

    ``stride`` is the distance, in pixels of the picture, between neighbouring positions of the layer;
    ``receptive_field`` the side, in pixels, of the square that one position sees.
    """

    name: str
    kind: Literal["conv", "relu", "pool"]
    block: int
    channels: int
    stride: int
    receptive_field: int


def layer_table(architecture: Architecture) -> tuple[Layer, ...]:
    """List the layers of ``architecture`` in order, ``conv1_1`` to ``pool5``.

    A 3 x 3 convolution widens the receptive field by two of its input's strides, a 2 x 2 pool by one, and
    doubles the stride.
    """
    rows: list[Layer] = []
    stride, field = 1, 1
    for block, (channels, convolutions) in enumerate(
        zip(BLOCK_CHANNELS, CONVOLUTIONS_PER_BLOCK[architecture], strict=True), start=1
    ):
        for index in range(1, convolutions + 1):
            field += 2 * stride
            rows.append(Layer(f"conv{block}_{index}", "conv", block, channels, stride, field))
            rows.append(Layer(f"relu{block}_{index}", "relu", block, channels, stride, field))
        field += stride
        stride *= 2
        rows.append(Layer(f"pool{block}", "pool", block, channels, stride, field))
    return tuple(rows)


LAYERS: Mapping[Architecture, tuple[Layer, ...]] = {
    architecture: layer_table(architecture) for architecture in ARCHITECTURES
}


def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """Name the layers of ``architecture`` in order."""
    return tuple(layer.name for layer in LAYERS[architecture])


def convolution_shapes(architecture: Architecture) -> dict[str, tuple[int, int, int, int]]:
    """Give the shape (out, in, 3, 3) of each convolution's kernel by layer name, in order."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    channels_in = 3
    for layer in LAYERS[architecture]:
        if layer.kind == "conv":
            shapes[layer.name] = (layer.channels, channels_in, 3, 3)
            channels_in = layer.channels
    return shapes


def check_known_layers(names: Iterable[str], network_layers: Sequence[str]) -> None:
    """Check that every one of ``names`` is among ``network_layers``.

    Raises:
        NstError: ``unknown-layer``, naming the nearest layer there is.
    """
    for name in names:
        if name not in network_layers:
            raise NstError(
                ErrorCode.UNKNOWN_LAYER,
                f"The network has no layer {name!r}.{nearest(name, network_layers)}",
                f"Its layers run from {network_layers[0]} to {network_layers[-1]}.",
            )


def up_to_deepest(names: Iterable[str], layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Cut ``layers`` after the deepest of ``names``, all of which must be among them."""
    wanted = set(names)
    deepest = max(index for index, layer in enumerate(layers) if layer.name in wanted)
    return tuple(layers[: deepest + 1])


def multiply_adds(names: Iterable[str], architecture: Architecture) -> float:
    """Return the multiply-adds for each pixel of a picture, forward to the deepest of ``names``."""
    wanted = set(names)
    if not wanted:
        return 0.0
    shapes = convolution_shapes(architecture)
    found = 0.0
    for layer in up_to_deepest(wanted, LAYERS[architecture]):
        if layer.kind == "conv":
            channels_out, channels_in, *_ = shapes[layer.name]
            found += 9.0 * channels_in * channels_out / layer.stride**2
    return found
