"""VGG written in torch.nn.functional, as a reference for the graphs."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from nst_core.vgg.layers import AVERAGE_POOL_GAIN, LAYERS
from nst_core.vgg.network import Network


def torch_features(
    network: Network, picture: np.ndarray, pooling: str, padding: str
) -> dict[str, np.ndarray]:
    """Return the features of ``picture`` (3, height, width) at every layer, computed by torch in float64."""
    weights = network.weights()
    order = [0, 1, 2] if network.normalisation.order == "RGB" else [2, 1, 0]
    mean = torch.tensor(network.normalisation.mean, dtype=torch.float64).view(1, 3, 1, 1)
    std = torch.tensor(network.normalisation.std, dtype=torch.float64).view(1, 3, 1, 1)
    x = torch.from_numpy(picture.astype(np.float64))[None][:, order]
    x = (x * network.normalisation.scale - mean) / std
    features: dict[str, np.ndarray] = {}
    for layer in LAYERS[network.architecture]:
        if layer.kind == "conv":
            kernel, bias = (torch.from_numpy(array.astype(np.float64)) for array in weights[layer.name])
            if layer.name == "conv1_1" and padding == "edge":
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, bias)
            else:
                x = F.conv2d(x, kernel, bias, padding=1)
        elif layer.kind == "relu":
            x = F.relu(x)
        elif pooling == "max":
            x = F.max_pool2d(x, 2)
        else:
            x = F.avg_pool2d(x, 2) * AVERAGE_POOL_GAIN
        features[layer.name] = x[0].numpy()
    return features
