"""The torch backend: loss and gradient of an objective, on any device torch drives.

The network runs under autograd; the losses do not. Each term's gradient with respect to its features is
the paper's closed form (:mod:`nst_core.transfer.layer_losses`), and one ``torch.autograd.grad`` carries all
of them back to the picture. Weights come from the model store's ONNX file through
:class:`nst_core.vgg.network.Network`; nothing here imports torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import psutil
import torch
import torch.nn.functional as F

from nst_core.backends.cuda_graph import CudaGraphEvaluator
from nst_core.backends.interface import Evaluation, Evaluator, HostArray
from nst_core.transfer.layer_losses import content_loss, style_loss
from nst_core.transfer.objective import Objective
from nst_core.transfer.priors import prior_loss
from nst_core.transfer.style_statistics import StyleTarget, target_of
from nst_core.vgg.layers import AVERAGE_POOL_GAIN
from nst_core.vgg.network import Network


class TorchNetwork(torch.nn.Module):
    """The convolutional part of a VGG, as far as the deepest layer asked for."""

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
        self.wanted = frozenset(layers)
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

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the wanted features, each (1, N, h, w), of ``picture`` (3, height, width)."""
        x = picture.unsqueeze(0)
        x = ((x.flip(1) if self.flip else x) * self.scale - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        found = {}
        for layer in self.sequence:
            if layer.startswith("conv"):
                x = self.convolve(x, layer)
            elif layer.startswith("relu"):
                # In place only where nobody reads the features before the ReLU.
                x = F.relu(x, inplace=f"conv{layer[4:]}" not in self.wanted)
            elif self.pooling == "max":
                x = F.max_pool2d(x, 2)
            else:
                x = F.avg_pool2d(x, 2) * AVERAGE_POOL_GAIN
            if layer in self.wanted:
                found[layer] = x
        return found

    def convolve(self, x: torch.Tensor, layer: str) -> torch.Tensor:
        """Apply one convolution; the first sees the picture's edge continued where ``padding`` is edge."""
        kernel, bias = self.kernels[layer]
        if layer == "conv1_1" and self.padding == "edge":
            # Concatenation, because the backward of replicate padding adds in random order on a GPU.
            x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
            x = torch.cat([x[:, :, :, :1], x, x[:, :, :, -1:]], dim=3)
            return F.conv2d(x, kernel, bias)
        return F.conv2d(x, kernel, bias, padding=1)


class TorchEvaluator:
    """An objective bound to a network on a device."""

    def __init__(self, network: TorchNetwork, objective: Objective, device: torch.device, dtype: torch.dtype):
        self.network = network
        self.objective = objective

        def bring(array: HostArray | None) -> torch.Tensor | None:
            return None if array is None else torch.tensor(array, dtype=dtype, device=device)

        self.contents = [(term, bring(term.target), bring(term.mask)) for term in objective.content]
        self.styles = [
            (term, StyleTarget(*map(bring, target_of(term))), bring(term.guide)) for term in objective.style
        ]

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Return loss, gradient and terms at ``picture`` (3, height, width)."""
        leaf = picture.detach().requires_grad_(True)
        with torch.enable_grad():
            features = self.network(leaf)
        with torch.no_grad():
            values, gradients = self._terms(features)
            gradient = torch.zeros_like(picture)
            if gradients:
                outputs = [features[layer] for layer in gradients]
                (gradient,) = torch.autograd.grad(outputs, leaf, list(gradients.values()))
            for prior in self.objective.priors:
                value, prior_gradient = prior_loss(prior, picture)
                values.append(value)
                gradient = gradient + prior_gradient
            terms = torch.stack(values)
        return Evaluation(terms.sum(), gradient, terms)

    def _terms(self, features: dict[str, torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        values, gradients = [], dict[str, torch.Tensor]()

        def add(layer: str, value: torch.Tensor, gradient: torch.Tensor) -> None:
            values.append(value)
            known = gradients.get(layer)
            gradients[layer] = gradient.unsqueeze(0) if known is None else known + gradient

        for content, target, mask in self.contents:
            seen = features[content.layer].detach()[0]
            add(content.layer, *content_loss(seen, target, content.weight, mask))
        for style, wanted, guide in self.styles:
            seen = features[style.layer].detach()[0]
            add(style.layer, *style_loss(seen, wanted, style.weight, guide, style.statistic))
        return values, gradients


class TorchBackend:
    """One network on one torch device. See :class:`nst_core.backends.interface.Backend`."""

    engine = "torch"
    bytes_per_pixel = 3000

    def __init__(
        self,
        network: Network,
        *,
        device: str = "cpu",
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "edge"] = "edge",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network = network
        self.torch_device = torch.device(device)
        self.device = device
        self.asynchronous = self.torch_device.type != "cpu"
        self.pooling: Literal["max", "average"] = pooling
        self.padding: Literal["zero", "edge"] = padding
        self.dtype = dtype
        if self.torch_device.type == "cuda":
            # Convolutions in TF32 (torch's default), Gram products in full float32: they cancel. The fastest
            # kernels are looked for among those that give the same bits each time.
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cuda.matmul.allow_tf32 = False

    def free_bytes(self) -> int:
        """Return the free memory of the device, or of the machine where the device shares it."""
        if self.torch_device.type == "cuda":
            free, _total = torch.cuda.mem_get_info(self.torch_device)
            return int(free)
        return int(psutil.virtual_memory().available)

    def upload(self, array: HostArray) -> torch.Tensor:
        """Copy a host array to the device."""
        return torch.tensor(array, dtype=self.dtype, device=self.torch_device)

    def download(self, array: torch.Tensor) -> HostArray:
        """Copy a device array to the host as float32, waiting for it."""
        return np.asarray(array.detach().to("cpu", torch.float32))

    def _network(self, layers: Sequence[str]) -> TorchNetwork:
        return TorchNetwork(
            self.network,
            layers,
            pooling=self.pooling,
            padding=self.padding,
            device=self.torch_device,
            dtype=self.dtype,
        )

    def features(self, picture: HostArray, layers: Sequence[str]) -> dict[str, HostArray]:
        """Return the (N, h, w) features of ``picture`` (3, height, width) at each of ``layers``."""
        with torch.no_grad():
            found = self._network(layers)(self.upload(picture))
            return {layer: self.download(found[layer][0]) for layer in layers}

    def evaluator(self, objective: Objective, height: int, width: int) -> Evaluator:  # noqa: ARG002
        """Bind ``objective``; the size is read off each picture, all of which must have the same."""
        network = self._network(objective.layers)
        evaluator = TorchEvaluator(network, objective, self.torch_device, self.dtype)
        # Eigenvalues are found by routines that look at numbers on the host, which no recording can hold.
        recordable = all(term.statistic != "wasserstein" for term in objective.style)
        if self.torch_device.type == "cuda" and recordable:
            return CudaGraphEvaluator(evaluator)
        return evaluator

    def close(self) -> None:
        """Give cached device memory back."""
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()
