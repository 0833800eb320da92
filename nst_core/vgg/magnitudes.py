"""Checking that a network computes usable numbers, before it is installed.

Takes weights and a normalisation. Computes the features of a small picture of noise and raises if any is not
finite, or so large that a loss would overflow. Does not know where the weights came from.
"""

from __future__ import annotations

import numpy as np

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.graph import INPUT, GraphOptions, build_graph
from nst_core.vgg.layers import LAYERS, Architecture, layer_names
from nst_core.vgg.network import Normalisation, Weights
from nst_core.vgg.sessions import Device, open_session

SIDE = 32
"""Side of the picture in pixels: one pixel remains at the last layer."""

LARGEST_FEATURE = 1e8
"""The features of the published networks reach 10^4. A loss contains their fourth power: 10^32 here, and
float32 ends at 3 * 10^38."""


def check_magnitudes(weights: Weights, architecture: Architecture, normalisation: Normalisation) -> None:
    """Check that all features of a picture of noise are finite and not huge.

    Raises:
        NstError: ``bad-model``, naming the first layer with other features.
    """
    names = layer_names(architecture)
    options = GraphOptions(normalisation=normalisation)
    graph = build_graph(LAYERS[architecture], weights, names, "check", options)
    session = open_session(graph, Device("cpu"))
    picture = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    for name, features in zip(names, session.runtime.run(list(names), {INPUT: picture}), strict=True):
        if not np.abs(features).max() <= LARGEST_FEATURE:  # the comparison with NaN is false
            raise NstError(
                ErrorCode.BAD_MODEL,
                f"The network cannot be used: its features overflow at {name}, because its weights or its "
                "normalisation are too large.",
                "The file is damaged, or --normalisation is wrong. Get the file again from its source.",
            )
