"""The network's weights on a device, uploaded once for all levels, and the convolution that suits the device.

Takes a :class:`nst_core.vgg.network.Network` and what is known of the device
(:mod:`nst_core.backends.pytorch.devices`), returns kernels. Does not depend on the order of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from nst_core.array_types import Array
from nst_core.backends.half_precision import shrink_factor
from nst_core.backends.pytorch.devices import DeviceTraits
from nst_core.vgg.network import Network


class Convolution(NamedTuple):
    """Kernel (N, M, 3, 3) and bias (N,) of a convolution."""

    kernel: torch.Tensor
    bias: torch.Tensor


class Weights:
    """The weights of ``network`` on ``device``.

    ``half`` is the type of half precision in which the network computes between losses in float32, or None to
    compute in ``dtype`` throughout. ``memory_format`` is the layout of features and kernels.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        dtype: torch.dtype,
        traits: DeviceTraits,
        half: torch.dtype | None = None,
    ) -> None:
        self.network, self.device, self.dtype, self.half = network, device, dtype, half
        self.memory_format = torch.channels_last if traits.channels_last or half else torch.contiguous_format
        self.shrink = 1.0 if half is None else shrink_factor(network.normalisation.paper_scale)
        self.fused = traits.fused_relu
        self._separate: set[torch.Size] = set()  # shapes of kernels that cannot be fused with their ReLU
        self._uploaded: dict[str, Convolution] = {}

    def vector(self, values: Sequence[float]) -> torch.Tensor:
        """Return ``values`` on the device."""
        return torch.tensor(values, dtype=self.dtype, device=self.device)

    def upload_array(self, array: Array) -> torch.Tensor:
        """Return a copy of ``array`` on the device."""
        return torch.tensor(array, dtype=self.dtype, device=self.device)

    def like_features(self, array: torch.Tensor) -> torch.Tensor:
        """Return ``array`` (N, h, w) in the layout of features."""
        return array.unsqueeze(0).contiguous(memory_format=self.memory_format)[0]

    def upload_part(self, array: Array) -> torch.Tensor:
        """Return a copy of part of a large array on the device.

        A CUDA device fetches it by itself, from memory that is locked until then, while the host goes on.
        """
        part = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cuda":
            return part.pin_memory().to(self.device, non_blocking=True).to(self.dtype)
        return part.to(self.device, self.dtype)

    def upload(self, layers: Sequence[str]) -> dict[str, Convolution]:
        """Return the convolutions among ``layers``, uploading those that are not on the device yet."""
        wanted = [layer for layer in layers if layer.startswith("conv")]
        if any(layer not in self._uploaded for layer in wanted):
            for layer, (kernel, bias) in self.network.weights(wanted[-1]).items():
                if layer not in self._uploaded:
                    self._uploaded[layer] = Convolution(
                        self._tensor(kernel).contiguous(memory_format=self.memory_format),
                        self._tensor(bias * self.shrink),
                    )
        return {layer: self._uploaded[layer] for layer in wanted}

    def _tensor(self, array: object) -> torch.Tensor:
        return torch.tensor(array, dtype=self.half or self.dtype, device=self.device)

    def convolve(
        self, x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, padding: int, *, with_relu: bool
    ) -> torch.Tensor:
        """Return the convolution of ``x`` (1, M, h, w) in a new array, with its ReLU if that is asked for."""
        if with_relu and self.fused and kernel.shape not in self._separate:
            try:
                return torch.cudnn_convolution_relu(x, kernel, bias, (1, 1), (padding, padding), (1, 1), 1)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:  # not every card has a kernel for every shape
                self._separate.add(kernel.shape)
        y = F.conv2d(x, kernel, bias, padding=padding)
        return y.relu_() if with_relu else y
