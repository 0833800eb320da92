"""Networks with random weights, created once per session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nst_core.vgg.export import export_model
from nst_core.vgg.layers import Architecture, convolution_shapes
from nst_core.vgg.network import NORMALISATIONS, ConvWeights, Network, Weights, load_network


def random_weights(architecture: Architecture, seed: int = 0) -> Mapping[str, ConvWeights]:
    """Return weights that keep the magnitude of features constant from layer to layer (He et al. 2015)."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in convolution_shapes(architecture).items():
        scale = np.float32(np.sqrt(2 / (9 * shape[1])))
        kernel = rng.standard_normal(shape, dtype=np.float32) * scale
        weights[name] = ConvWeights(kernel, rng.standard_normal(shape[0], dtype=np.float32) * np.float32(0.1))
    return weights


@pytest.fixture(scope="session")
def weights19() -> Weights:
    return random_weights("vgg19")


@pytest.fixture(scope="session")
def network19(weights19: Weights, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a VGG-19 for BGR pictures in 0..255, with random weights."""
    path: Path = tmp_path_factory.mktemp("vgg19") / "random19.onnx"
    model = export_model(
        weights19, "random19", NORMALISATIONS["caffe"], source="random numbers", licence="none"
    )
    path.write_bytes(model.SerializeToString())
    return load_network(path, "random19")
