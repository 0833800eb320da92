"""The torch backend: loss and gradient of an objective, on any device that torch supports.

The network runs under autograd; the losses do not. Each term's gradient with respect to its features is the
paper's closed form (:mod:`nst_core.loss.layer_losses`), and one ``torch.autograd.grad`` carries all of them
back to the picture. Pictures that are too large for that are evaluated in tiles
(:mod:`nst_core.backends.pytorch.tiles`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from nst_core.array_types import Array
from nst_core.backends.interface import BackendLimits, Evaluation, Evaluator, Tiling
from nst_core.backends.pytorch.cuda_graph import CudaGraphEvaluator
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.backends.pytorch.tiles import TorchTileWorker
from nst_core.backends.tiling.evaluator import Group, TiledEvaluator, tiles_for
from nst_core.errors import NstError
from nst_core.loss.layer_losses import content_loss, style_loss
from nst_core.loss.objective import Objective
from nst_core.loss.priors import on_device, prior_loss
from nst_core.system.free_memory import available_memory
from nst_core.vgg.network import Network

BYTES_PER_PIXEL = 3000
"""Peak memory of an evaluation for each pixel computed at a time, untiled or in tiles."""

FIXED_BYTES = 500_000_000
"""Memory of an evaluation of any size."""


class TorchEvaluator:
    """An objective bound to a network on a device."""

    def __init__(self, network: TorchNetwork, objective: Objective, device: torch.device, dtype: torch.dtype):
        self.network = network
        self.objective = objective

        def upload(array: Array) -> torch.Tensor:
            return torch.tensor(array, dtype=dtype, device=device)

        def upload_mask(mask: Array | None) -> torch.Tensor | None:
            return None if mask is None else upload(mask)

        self.contents = [(term, upload(term.target), upload_mask(term.mask)) for term in objective.content]
        self.styles = [
            (term, term.make_target().moved(upload), upload_mask(term.guide)) for term in objective.style
        ]
        self.priors = on_device(objective.priors, upload)

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
            for prior in self.priors:
                value, prior_gradient = prior_loss(prior, picture)
                values.append(value)
                gradient = gradient + prior_gradient
            terms = torch.stack(values)
        return Evaluation(terms.sum(), gradient, terms)

    def _terms(self, features: dict[str, torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        values, gradients = [], dict[str, torch.Tensor]()

        def add(layer: str, value: torch.Tensor, gradient: torch.Tensor) -> None:
            values.append(value)
            so_far = gradients.get(layer)
            gradients[layer] = gradient.unsqueeze(0) if so_far is None else so_far + gradient

        for content, target, mask in self.contents:
            at_layer = features[content.layer].detach()[0]
            add(content.layer, *content_loss(at_layer, target, content.weight, mask))
        for style, style_target, guide in self.styles:
            at_layer = features[style.layer].detach()[0]
            add(style.layer, *style_loss(at_layer, style_target, style.weight, guide, style.statistic))
        return values, gradients


class TorchBackend:
    """One network on one torch device; see :class:`nst_core.backends.interface.Backend`."""

    engine = "torch"
    hardware = ""

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
        own_memory = self.torch_device.type in ("cuda", "xpu")
        self.limits = BackendLimits(
            own_memory=own_memory,
            holds_vectors=own_memory,
            bytes_per_pixel=BYTES_PER_PIXEL,
            tile_bytes_per_pixel=BYTES_PER_PIXEL,
            fixed_bytes=FIXED_BYTES,
        )
        self._extractor: TorchNetwork | None = None
        self.asynchronous = self.torch_device.type != "cpu"
        self.pooling: Literal["max", "average"] = pooling
        self.padding: Literal["zero", "edge"] = padding
        self.dtype = dtype
        if self.torch_device.type == "cuda":
            # Convolutions in TF32 (torch's default), Gram products in full float32: they cancel. The fastest
            # kernels are chosen among those that give the same bits each time.
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cuda.matmul.allow_tf32 = False

    def free_bytes(self) -> int:
        """Return the free memory of the device, or of the machine if the device shares it."""
        if self.torch_device.type == "cuda":
            free, _total = torch.cuda.mem_get_info(self.torch_device)
            return int(free)
        return available_memory()

    def upload(self, array: Array) -> torch.Tensor:
        """Copy a host array to the device."""
        return torch.tensor(array, dtype=self.dtype, device=self.torch_device)

    def download(self, array: torch.Tensor) -> Array:
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

    def features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        """Return the (N, h, w) features of ``picture`` (3, height, width) at each of ``layers``.

        In full float32, not in TF32: targets are computed once and matched in every iteration.
        """
        if not layers:
            return {}
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with torch.no_grad(), exact:
            if self._extractor is None or self._extractor.outputs != frozenset(layers):
                self._extractor = self._network(layers)  # kept for the next tile
            features = self._extractor(self.upload(picture))
            return {layer: self.download(features[layer][0]) for layer in layers}

    def evaluator(
        self,
        objective: Objective,
        height: int,
        width: int,
        tiling: Tiling | None = None,
        group: Group | None = None,
    ) -> Evaluator:
        """Bind ``objective`` for pictures of one size, untiled or in tiles, which a group may share."""
        network = self._network(objective.layers)
        if tiling is not None:
            architecture = self.network.architecture
            tiles = tiles_for(objective, height, width, tiling.window, architecture)
            worker = TorchTileWorker(network, objective, architecture, self.torch_device, self.dtype)
            targets = [term.make_target().moved(self.upload) for term in objective.style]
            objective = replace(objective, priors=on_device(objective.priors, self.upload))
            return TiledEvaluator(worker, objective, targets, tiles, tiling, group)
        evaluator = TorchEvaluator(network, objective, self.torch_device, self.dtype)
        recordable = all(term.statistic.graph is not None for term in objective.style)
        if self.torch_device.type == "cuda" and recordable:
            return CudaGraphEvaluator(evaluator)
        return evaluator

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        return self.network.layers

    @property
    def paper_scale(self) -> float:
        """Factor from the features to those of the paper."""
        return self.network.normalisation.paper_scale

    def end(self) -> None:
        """Release everything; this backend keeps nothing longer than a level."""
        self.close()

    def use_cpu(self, failure: NstError) -> bool:
        """Return False: PyTorch's own errors say what to do."""
        del failure
        return False

    def close(self) -> None:
        """Release cached device memory."""
        self._extractor = None
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()
