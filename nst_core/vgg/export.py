"""Weights into the model store's ONNX file.

Comes in: the convolutions of a VGG and what is known of them. Goes out: a checked ONNX model in which every
layer is an output, whose input is the picture as the network wants it, and whose metadata says how that is.
Does not know where the weights came from, nor where the file goes.
"""

from __future__ import annotations

import numpy as np
import onnx

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.graph import build_graph
from nst_core.vgg.layers import ARCHITECTURES, LAYERS, Architecture, convolution_shapes, layer_names
from nst_core.vgg.network import Normalisation, Weights, weights_hash, write_metadata


def recognise_architecture(weights: Weights) -> Architecture:
    """Tell VGG-16 from VGG-19 by the convolutions there are.

    Raises:
        NstError: ``bad-model`` when it is neither, a shape is wrong, or a number is not finite.
    """
    for architecture in ARCHITECTURES:
        shapes = convolution_shapes(architecture)
        if weights.keys() == shapes.keys():
            check_weights(weights, shapes)
            return architecture
    raise NstError(
        ErrorCode.BAD_MODEL,
        "The weights are neither those of VGG-16 (13 convolutions) nor those of VGG-19 (16 convolutions).",
        "Other networks, VGG with batch normalisation among them, cannot be used.",
    )


def check_weights(weights: Weights, shapes: dict[str, tuple[int, int, int, int]]) -> None:
    """Check shapes and that every number is finite.

    Raises:
        NstError: ``bad-model``, naming the convolution.
    """
    for name, shape in shapes.items():
        kernel, bias = weights[name]
        if kernel.shape != shape or bias.shape != shape[:1]:
            raise NstError(
                ErrorCode.BAD_MODEL,
                f"{name} has a kernel of shape {kernel.shape} and a bias of shape {bias.shape}, "
                f"where VGG has {shape} and {shape[:1]}.",
                "Other networks, VGG with batch normalisation among them, cannot be used.",
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise NstError(
                ErrorCode.BAD_MODEL,
                f"{name} has weights that are not finite numbers.",
                "The file is damaged; get it again from where it came.",
            )


def export_model(
    weights: Weights, name: str, normalisation: Normalisation, source: str, licence: str
) -> onnx.ModelProto:
    """Make the store's model from ``weights`` (all convolutions, by layer name).

    ``source`` says where they came from and ``licence`` under what terms, for people.

    Raises:
        NstError: ``bad-model`` when the weights are not those of a whole VGG.
    """
    architecture = recognise_architecture(weights)
    ordered = {layer: weights[layer] for layer in convolution_shapes(architecture)}
    model = build_graph(LAYERS[architecture], ordered, layer_names(architecture), None, "max", "zero", name)
    write_metadata(model, architecture, normalisation, weights_hash(ordered), source, licence)
    onnx.checker.check_model(model)
    return model
