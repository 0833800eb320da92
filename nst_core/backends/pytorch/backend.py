"""The torch backend: loss and gradient of an objective, on any device that torch supports.

Each term's gradient with respect to its features is the paper's closed form
(:mod:`nst_core.loss.layer_losses`), and the network carries all of them back to the picture
(:mod:`nst_core.backends.pytorch.network`). Pictures that are too large for that are evaluated in tiles
(:mod:`nst_core.backends.pytorch.tiles`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
import torch

from nst_core.array_types import Array
from nst_core.backends.interface import BackendLimits, Evaluation, Evaluator, SummedPart, Tiling
from nst_core.backends.pytorch.cuda_graph import CudaGraphEvaluator
from nst_core.backends.pytorch.devices import device_traits, free_bytes, hardware_name, release_memory
from nst_core.backends.pytorch.half_precision import half_precision_is_safe
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.backends.pytorch.tiles import TorchTileWorker
from nst_core.backends.pytorch.weights import Weights
from nst_core.backends.tiling.evaluator import Group, TiledEvaluator, tiles_for
from nst_core.errors import DeviceError, NstError
from nst_core.events import OnNotice
from nst_core.loss.layer_losses import StyleSums, content_loss, style_loss, style_sums
from nst_core.loss.objective import Objective
from nst_core.loss.priors import on_device, prior_loss
from nst_core.settings import Settings
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.features import SMALL_PICTURE, cpu_notice
from nst_core.vgg.network import Network

Result = TypeVar("Result")

SHARED_BYTES_PER_PIXEL = 3000
"""Peak memory of an evaluation for each pixel computed at a time, untiled or in tiles, on a processor."""

BYTES_PER_PIXEL, TILE_BYTES_PER_PIXEL = 2500, 2200
"""The same on a card, untiled and in tiles. The tensors of VGG-16 take up to 1990 and 1670, and of VGG-19
100 more (``tests/unit/backends/pytorch/test_on_cards.py``); kernels take more for a while. Half precision
saves activations, and needs the features of losses once more: 1890.
"""

FIXED_BYTES = 500_000_000
"""Memory of an evaluation of any size."""

WHOLE_PIXELS = 30e6
"""Largest picture, in pixels, that is evaluated untiled: above 33.5 million the features of the first block
have more than 2^31 numbers, which some kernels cannot count.
"""


class TorchEvaluator:
    """An objective bound to a network on a device."""

    def __init__(self, network: TorchNetwork, objective: Objective) -> None:
        self.network = network
        self.objective = objective
        upload = network.weights.upload_array

        def upload_mask(mask: Array | None) -> torch.Tensor | None:
            return None if mask is None else upload(mask)

        self.contents = [
            (term, network.weights.like_features(upload(term.target)), upload_mask(term.mask))
            for term in objective.content
        ]
        self.styles = [
            (term, term.make_target().moved(upload), upload_mask(term.guide)) for term in objective.style
        ]
        self.priors = on_device(objective.priors, upload)

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Return loss, gradient and terms at ``picture`` (3, height, width)."""
        trace = self.network.trace(picture)
        values, gradients = self._terms(trace.features)
        by_network = trace.gradient(gradients)
        gradient = torch.zeros_like(picture) if by_network is None else by_network
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
            at_layer = features[content.layer][0]
            add(content.layer, *content_loss(at_layer, target, content.weight, mask))
        for style, style_target, guide in self.styles:
            at_layer = features[style.layer][0]
            add(style.layer, *style_loss(at_layer, style_target, style.weight, guide, style.statistic))
        return values, gradients


class ReplacedEvaluator:
    """An evaluator on the processor for an optimiser whose arrays stay on the device that failed."""

    def __init__(self, evaluate: Evaluator) -> None:
        self.evaluate = evaluate

    def __call__(self, picture: torch.Tensor) -> Evaluation:
        """Evaluate at ``picture`` (3, height, width), and return the result on its device."""
        return Evaluation(*(array.to(picture.device) for array in self.evaluate(picture.to("cpu"))))


class TorchBackend:
    """One network on one torch device; see :class:`nst_core.backends.interface.Backend`.

    If the device's memory is not enough for a small picture, the processor takes its place: for target
    features by itself, for evaluations when :meth:`use_cpu` is called. ``on_notice`` is told.
    """

    engine = "torch"

    def __init__(
        self,
        network: Network,
        *,
        device: str = "cpu",
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "edge"] = "edge",
        dtype: torch.dtype = torch.float32,
        on_notice: OnNotice = lambda _notice: None,
    ) -> None:
        self.network = network
        self.pooling: Literal["max", "average"] = pooling
        self.padding: Literal["zero", "edge"] = padding
        self.dtype = dtype
        self.on_notice = on_notice
        self._replaced = False
        self._features_on_cpu: TorchBackend | None = None
        self._take_device(device)
        if self.torch_device.type == "cuda":
            # Convolutions in TF32 (torch's default), Gram products in full float32: they cancel.
            # cuDNN chooses kernels by rules: a search by time may choose others in the next run.
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cuda.matmul.allow_tf32 = False

    def _take_device(self, device: str) -> None:
        """Compute on ``device`` from now on."""
        self.device = device
        self.torch_device = torch.device(device)
        self.traits = device_traits(self.torch_device)
        self.asynchronous = self.torch_device.type != "cpu"
        self._weights = Weights(self.network, self.torch_device, self.dtype, self.traits)
        self._evaluation_weights: Weights | None = None
        self._extractor: TorchNetwork | None = None

    @property
    def limits(self) -> BackendLimits:
        """Memory that this backend has and needs; it changes if the processor replaces the device."""
        own_memory = self.traits.own_memory
        return BackendLimits(
            own_memory=own_memory,
            holds_vectors=own_memory,
            bytes_per_pixel=BYTES_PER_PIXEL if own_memory else SHARED_BYTES_PER_PIXEL,
            tile_bytes_per_pixel=TILE_BYTES_PER_PIXEL if own_memory else SHARED_BYTES_PER_PIXEL,
            fixed_bytes=FIXED_BYTES,
            whole_pixels=WHOLE_PIXELS,
        )

    @property
    def hardware(self) -> str:
        """The maker's name of the card, or ""."""
        return hardware_name(self.torch_device)

    @property
    def evaluation_weights(self) -> Weights:
        """The weights that evaluations compute with: in half precision if the device gains by it, and may."""
        if self._evaluation_weights is None:
            self._evaluation_weights = self._choose_weights()
        return self._evaluation_weights

    def _choose_weights(self) -> Weights:
        if not self.traits.half or self.dtype != torch.float32:
            return self._weights
        half = Weights(self.network, self.torch_device, self.dtype, self.traits, torch.float16)
        layers = [layer for layer, _ in Settings().style_layers]
        if half_precision_is_safe(self._network(layers), self._network(layers, half)):
            return half
        return self._weights

    def free_bytes(self) -> int:
        """Return the free memory of the device, or of the machine if the device shares it."""
        return free_bytes(self.torch_device)

    def upload(self, array: Array) -> torch.Tensor:
        """Copy a host array to the device."""
        return self._weights.upload_array(array)

    def download(self, array: torch.Tensor) -> Array:
        """Copy a device array to the host as float32, waiting for it."""
        return np.asarray(array.detach().to("cpu", torch.float32))

    def _network(self, layers: Sequence[str], weights: Weights | None = None) -> TorchNetwork:
        return TorchNetwork(
            self.network, layers, pooling=self.pooling, padding=self.padding, weights=weights or self._weights
        )

    def features(self, picture: Array, layers: Sequence[str]) -> dict[str, Array]:
        """Return the (N, h, w) features of ``picture`` (3, height, width) at each of ``layers``."""
        if not layers:
            return {}

        def compute(backend: TorchBackend) -> dict[str, Array]:
            features = backend._target_features(picture, layers)
            return {layer: backend.download(features[layer][0]) for layer in layers}

        return self._with_enough_memory(picture, compute)

    def style_sums(
        self, picture: Array, parts: Mapping[str, SummedPart], *, with_mean: bool
    ) -> dict[str, StyleSums]:
        """Return the sums of features over ``parts`` of the layers of ``picture``, as arrays on the host.

        Only matrices of a layer's channels leave the device; S1 only ``with_mean``.
        """
        return self._with_enough_memory(
            picture, lambda backend: backend._sums(picture, parts, with_mean=with_mean)
        )

    def _sums(
        self, picture: Array, parts: Mapping[str, SummedPart], *, with_mean: bool
    ) -> dict[str, StyleSums]:
        features = self._target_features(picture, list(parts))
        sums = {}
        for layer, part in parts.items():
            at_layer = features[layer][0][(slice(None), *part.owned)]
            guide = None if part.guide is None else self.upload(part.guide)
            sums[layer] = style_sums(at_layer, guide, with_mean=with_mean).moved(self._to_host)
        return sums

    def _with_enough_memory(self, picture: Array, compute: Callable[[TorchBackend], Result]) -> Result:
        """Run ``compute`` on the device, or on the processor if a small picture does not fit there.

        The caller repeats larger pictures in smaller tiles.
        """
        if self._features_on_cpu is not None:
            return compute(self._features_on_cpu)
        try:
            return compute(self)
        except Exception as error:
            small = picture.shape[1] * picture.shape[2] <= SMALL_PICTURE
            if self.torch_device.type == "cpu" or not is_out_of_memory(error):
                raise
            self.close()
            if not small:
                raise
        words = f"The memory of {self.device} is not enough for features of {picture.shape[2]} x "
        self.on_notice(cpu_notice(DeviceError(f"{words}{picture.shape[1]} pixels.")))
        self._features_on_cpu = TorchBackend(
            self.network, pooling=self.pooling, padding=self.padding, dtype=self.dtype
        )
        return compute(self._features_on_cpu)

    def _to_host(self, value: torch.Tensor | float) -> Array | float:
        return self.download(value) if isinstance(value, torch.Tensor) else value

    def _target_features(self, picture: Array, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return features on the device.

        In full float32, not in TF32: targets are computed once and matched in every iteration.
        """
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with torch.no_grad(), exact:
            if self._extractor is None or self._extractor.outputs != frozenset(layers):
                self._extractor = self._network(layers)
            return self._extractor(self.upload(picture))

    def evaluator(
        self,
        objective: Objective,
        height: int,
        width: int,
        tiling: Tiling | None = None,
        group: Group | None = None,
    ) -> Evaluator:
        """Bind ``objective`` for pictures of one size, untiled or in tiles, which a group may share."""
        network = self._network(objective.layers, self.evaluation_weights)
        if tiling is not None:
            tiles = tiles_for(objective, height, width, tiling.window, self.network.architecture)
            worker = TorchTileWorker(network, objective, self.network.architecture, tiling.target_bytes)
            targets = [term.make_target().moved(self.upload) for term in objective.style]
            objective = replace(objective, priors=on_device(objective.priors, self.upload))
            return self._for_caller(TiledEvaluator(worker, objective, targets, tiles, tiling, group))
        evaluator = TorchEvaluator(network, objective)
        recordable = all(term.statistic.graph is not None for term in objective.style)
        if self.traits.recordable and recordable:
            return CudaGraphEvaluator(evaluator, self.on_notice)
        return self._for_caller(evaluator)

    def _for_caller(self, evaluator: Evaluator) -> Evaluator:
        """Return ``evaluator`` for arrays on the device with which this backend began."""
        return ReplacedEvaluator(evaluator) if self._replaced else evaluator

    @property
    def layers(self) -> Sequence[str]:
        """Names of all layers of the network, in order."""
        return self.network.layers

    @property
    def paper_scale(self) -> float:
        """Factor from the features to those of the paper."""
        return self.network.normalisation.paper_scale

    def end(self) -> None:
        """Release everything; the weights go with this backend."""
        self.close()

    def use_cpu(self, failure: NstError) -> bool:
        """Compute on the processor from now on, with a notice about the ``failure``; return False if it does.

        Arrays that are on the device stay there, and evaluators accept them.
        """
        if self.torch_device.type == "cpu":
            return False
        self.close()
        self.on_notice(cpu_notice(failure))
        self._take_device("cpu")
        self._replaced = True
        return True

    def close(self) -> None:
        """Release cached device memory; the weights stay."""
        self._extractor = None
        release_memory(self.torch_device)
