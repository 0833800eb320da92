"""The layer tables of VGG-16 and VGG-19: names, channels, strides and receptive fields.

Returns :class:`Layer` rows in the order in which the network computes them, and checks layer names. Does not
depend on weights, files or frameworks.

The architectures are configurations D and E of Simonyan and Zisserman 2015, table 1, without the classifier.
Layer names follow Gatys et al.: ``conv4_2`` is the second convolution of the fourth block before its ReLU,
``relu4_2`` is its ReLU, and ``pool4`` ends the block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
"""Factor on average pooling that keeps activations as large as max pooling makes them.

Measured with VGG-16 on two photographs and three paintings, long side 512 (``python -m
tests.unit.vgg.measure_pooling``): with this factor at all four pools, the RMS of relu2_1, relu3_1, relu4_1,
relu4_2 and relu5_1 is 1.10, 1.13, 1.09, 1.01 and 0.95 times that with max pooling (without it 0.67, 0.43,
0.27, 0.26 and 0.19). A separate factor for each pool, fitted in turn (1.66, 1.61, 1.75, 1.72), is no better:
1.11, 1.11, 1.13, 1.05 and 1.03. Pictures differ from each other by 10 to 14 %, so one factor is enough.
"""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a network.

    ``stride`` is the distance, in pixels of the picture, between neighbouring positions of the layer.
    ``receptive_field`` is the side, in pixels, of the square that one position sees.
    """

    name: str
    kind: Literal["conv", "relu", "pool"]
    block: int
    channels: int
    stride: int
    receptive_field: int


def layer_table(architecture: Architecture) -> tuple[Layer, ...]:
    """Return the layers of ``architecture`` in order, ``conv1_1`` to ``pool5``.

    A 3 x 3 convolution widens the receptive field by two strides of its input. A 2 x 2 pool widens it by one
    stride and doubles the stride.
    """
    layers: list[Layer] = []
    stride, field = 1, 1
    for block, (channels, convolutions) in enumerate(
        zip(BLOCK_CHANNELS, CONVOLUTIONS_PER_BLOCK[architecture], strict=True), start=1
    ):
        layer = partial(Layer, block=block, channels=channels)
        for index in range(1, convolutions + 1):
            field += 2 * stride
            layers += [
                layer(name=f"{kind}{block}_{index}", kind=kind, stride=stride, receptive_field=field)
                for kind in ("conv", "relu")
            ]
        field += stride
        stride *= 2
        layers.append(layer(name=f"pool{block}", kind="pool", stride=stride, receptive_field=field))
    return tuple(layers)


LAYERS: Mapping[Architecture, tuple[Layer, ...]] = {
    architecture: layer_table(architecture) for architecture in ARCHITECTURES
}


def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the layers of ``architecture`` in order."""
    return tuple(layer.name for layer in LAYERS[architecture])


def convolution_shapes(architecture: Architecture) -> dict[str, tuple[int, int, int, int]]:
    """Return the shape (out, in, 3, 3) of each convolution's kernel by layer name, in order."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    channels_in = 3
    for layer in LAYERS[architecture]:
        if layer.kind == "conv":
            shapes[layer.name] = (layer.channels, channels_in, 3, 3)
            channels_in = layer.channels
    return shapes


def check_known_layers(names: Iterable[str], network_layers: Sequence[str]) -> None:
    """Check that all ``names`` are in ``network_layers``.

    Raises:
        NstError: ``unknown-layer``, suggesting the layer with the most similar name.
    """
    for name in names:
        if name not in network_layers:
            raise NstError(
                ErrorCode.UNKNOWN_LAYER,
                f"The network has no layer {name!r}.{nearest(name, network_layers)}",
                f"Its layers run from {network_layers[0]} to {network_layers[-1]}.",
            )


def up_to_deepest(names: Iterable[str], layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return ``layers`` up to the deepest of ``names``, all of which must be in ``layers``."""
    outputs = set(names)
    deepest = max(index for index, layer in enumerate(layers) if layer.name in outputs)
    return tuple(layers[: deepest + 1])


def multiply_adds(names: Iterable[str], architecture: Architecture) -> float:
    """Return the multiply-adds per pixel of a picture for a forward pass to the deepest of ``names``."""
    outputs = set(names)
    if not outputs:
        return 0.0
    shapes = convolution_shapes(architecture)
    total = 0.0
    for layer in up_to_deepest(outputs, LAYERS[architecture]):
        if layer.kind == "conv":
            channels_out, channels_in, *_ = shapes[layer.name]
            total += 9.0 * channels_in * channels_out / layer.stride**2
    return total
