"""Exporting weights as an ONNX model for the store.

Takes the convolutions of a VGG with their normalisation, source and licence. Returns a checked ONNX model in
which every layer is an output; its input is a normalised picture, and its metadata describes the
normalisation. Does not know where the weights came from or where the file goes.
"""

from __future__ import annotations

import numpy as np
import onnx

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.graph import GraphOptions, build_graph, embed_constants
from nst_core.vgg.layers import ARCHITECTURES, LAYERS, Architecture, convolution_shapes, layer_names
from nst_core.vgg.network import Normalisation, Weights, weights_hash, write_metadata

OTHER_NETWORKS_HINT = "Other networks, such as VGG with batch normalisation, cannot be used."


def recognise_architecture(weights: Weights) -> Architecture:
    """Return the architecture with these convolutions, VGG-16 or VGG-19.

    Raises:
        NstError: ``bad-model`` for any other network, a wrong shape, or a number that is not finite.
    """
    for architecture in ARCHITECTURES:
        shapes = convolution_shapes(architecture)
        if weights.keys() == shapes.keys():
            check_weights(weights, shapes)
            return architecture
    raise NstError(
        ErrorCode.BAD_MODEL,
        "The weights are not those of VGG-16 (13 convolutions) or VGG-19 (16 convolutions).",
        OTHER_NETWORKS_HINT,
    )


def check_weights(weights: Weights, shapes: dict[str, tuple[int, int, int, int]]) -> None:
    """Check that all shapes are right and all numbers are finite.

    Raises:
        NstError: ``bad-model``, naming the convolution.
    """
    for name, shape in shapes.items():
        kernel, bias = weights[name]
        if kernel.shape != shape or bias.shape != shape[:1]:
            raise NstError(
                ErrorCode.BAD_MODEL,
                f"{name} has a kernel of shape {kernel.shape} and a bias of shape {bias.shape}, "
                f"but VGG has {shape} and {shape[:1]}.",
                OTHER_NETWORKS_HINT,
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise NstError(
                ErrorCode.BAD_MODEL,
                f"{name} has weights that are not finite numbers.",
                "The file is damaged. Get it again from its source.",
            )


def export_model(
    weights: Weights, name: str, normalisation: Normalisation, *, source: str, licence: str
) -> onnx.ModelProto:
    """Return the store's model for ``weights`` (all convolutions, by layer name).

    ``source`` names the origin of the weights and ``licence`` their terms, for people.

    Raises:
        NstError: ``bad-model`` if the weights are not those of a complete VGG.
    """
    architecture = recognise_architecture(weights)
    ordered = {layer: weights[layer] for layer in convolution_shapes(architecture)}
    graph = build_graph(LAYERS[architecture], ordered, layer_names(architecture), name, GraphOptions())
    model = embed_constants(graph)
    sha256 = weights_hash(ordered)
    write_metadata(model, architecture, normalisation, sha256=sha256, source=source, licence=licence)
    onnx.checker.check_model(model)
    return model
