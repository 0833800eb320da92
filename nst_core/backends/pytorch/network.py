"""The convolutional part of a VGG in torch: takes a picture, returns features of the requested layers.

Weights come from the model store's ONNX file through :class:`nst_core.vgg.network.Network`, without
torchvision. Does not depend on losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

from nst_core.vgg.layers import AVERAGE_POOL_GAIN
from nst_core.vgg.network import Network


class TorchNetwork(torch.nn.Module):
    """The convolutional part of a VGG, up to the deepest of ``layers``."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        *,
        pooling: Literal["max", "average"],
        padding: Literal["zero", "edge"],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.outputs = frozenset(layers)
        deepest = max(network.layers.index(layer) for layer in layers) if layers else -1
        self.sequence = network.layers[: deepest + 1]
        self.pooling = pooling
        self.padding = padding
        norm = network.normalisation
        self.flip = norm.order == "BGR"
        self.scale = norm.scale
        self.register_buffer("mean", torch.tensor(norm.mean, dtype=dtype, device=device).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(norm.std, dtype=dtype, device=device).view(1, 3, 1, 1))
        weights = network.weights(self.sequence[-1] if self.sequence else None)
        self.kernels = {
            layer: (
                torch.tensor(kernel, dtype=dtype, device=device).to(memory_format=torch.channels_last),
                torch.tensor(bias, dtype=dtype, device=device),
            )
            for layer, (kernel, bias) in weights.items()
        }

    def forward(
        self, picture: torch.Tensor, outputs: frozenset[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Return the features, each (1, N, h, w), of ``picture`` (3, height, width) at the network's layers.

        ``outputs`` limits them to some of these layers; nothing deeper is computed.
        """
        outputs = self.outputs if outputs is None else outputs
        x = picture.unsqueeze(0)
        x = ((x.flip(1) if self.flip else x) * self.scale - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        features = {}
        for layer in self.sequence:
            if layer.startswith("conv"):
                x = self.convolve(x, layer)
            elif layer.startswith("relu"):
                # In place only if the features before the ReLU are not an output.
                x = F.relu(x, inplace=f"conv{layer[4:]}" not in self.outputs)
            elif self.pooling == "max":
                x = F.max_pool2d(x, 2)
            else:
                x = F.avg_pool2d(x, 2) * AVERAGE_POOL_GAIN
            if layer in outputs:
                features[layer] = x
                if len(features) == len(outputs):
                    break
        return features

    def convolve(self, x: torch.Tensor, layer: str) -> torch.Tensor:
        """Apply one convolution; with ``padding`` edge, the first one sees the picture's edge repeated."""
        kernel, bias = self.kernels[layer]
        if layer == "conv1_1" and self.padding == "edge":
            # Concatenation, because the backward of replicate padding adds in random order on a GPU.
            x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
            x = torch.cat([x[:, :, :, :1], x, x[:, :, :, -1:]], dim=3)
            return F.conv2d(x, kernel, bias)
        return F.conv2d(x, kernel, bias, padding=1)
