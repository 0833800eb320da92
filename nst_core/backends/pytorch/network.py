"""The convolutional part of a VGG in torch: features of a picture, and gradients by features back to it.

The way back is written out, step by step, with the kernels that autograd would call. So a convolution, its
bias and its ReLU can be one kernel on NVIDIA's cards, the network can compute in half precision between
losses in float32, every gradient has the layout of its features, and activations are freed as soon as they
have been used. Weights come from :class:`nst_core.backends.pytorch.weights.Weights`. Does not depend on
losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F

from nst_core.backends.half_precision import LARGEST_INJECTED
from nst_core.backends.pytorch.weights import Weights
from nst_core.vgg.layers import AVERAGE_POOL_GAIN
from nst_core.vgg.network import Network

aten = torch.ops.aten

Back: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Turns the gradient by the output of a step into that by its input. May overwrite its argument."""


class Trace:
    """A forward pass: the features, each (1, N, h, w), and the way back from them."""

    def __init__(self, half: torch.dtype | None = None) -> None:
        self.half = half
        self.features: dict[str, torch.Tensor] = {}
        self._steps: list[tuple[str, Back]] = []

    def add(self, layer: str, back: Back) -> None:
        """Append a step that ends at ``layer``."""
        self._steps.append((layer, back))

    def gradient(self, by_features: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """Return the gradient (3, height, width) by the picture; None without ``by_features``.

        ``by_features`` are gradients by some of the features, of their shapes, which this may overwrite. Can
        be called once: the activations are freed on the way.
        """
        self.features = {}
        scale = None if self.half is None else _injection_scale(list(by_features.values()))
        flow: torch.Tensor | None = None
        while self._steps:
            layer, back = self._steps.pop()
            if layer in by_features:
                here = by_features[layer]
                here = here if scale is None else (here * scale).to(self.half)
                flow = here if flow is None else flow.add_(here)
            if flow is not None:
                flow = back(flow)
        return flow if flow is None or scale is None else flow / scale


class TorchNetwork:
    """The convolutional part of a VGG, up to the deepest of ``layers``."""

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        *,
        pooling: Literal["max", "average"],
        padding: Literal["zero", "edge"],
        weights: Weights,
    ) -> None:
        self.outputs = frozenset(layers)
        deepest = max(network.layers.index(layer) for layer in layers) if layers else -1
        self.sequence = network.layers[: deepest + 1]
        self.pooling = pooling
        self.padding = padding
        self.weights = weights
        norm = network.normalisation
        self.flip = norm.order == "BGR"
        self.scale = norm.scale
        self.mean, self.std = (weights.vector(values).view(1, 3, 1, 1) for values in (norm.mean, norm.std))
        self.kernels = weights.upload(self.sequence)

    def __call__(
        self, picture: torch.Tensor, outputs: frozenset[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Return the features, each (1, N, h, w), of ``picture`` (3, height, width) at the network's layers.

        ``outputs`` limits them to some of these layers; nothing deeper is computed.
        """
        return self._run(picture, self.outputs if outputs is None else outputs, None).features

    def trace(self, picture: torch.Tensor) -> Trace:
        """Return the features of ``picture`` (3, height, width) with the way back to it."""
        return self._run(picture, self.outputs, Trace(self.weights.half))

    def _run(self, picture: torch.Tensor, outputs: frozenset[str], trace: Trace | None) -> Trace:
        """Run forward up to the deepest of ``outputs``; with a ``trace``, note the way back."""
        found = trace or Trace()
        add = found.add if trace is not None else _forget
        x = self._normalise(picture, add)
        layers = list(self.sequence)
        while layers and len(found.features) < len(outputs):
            layer = layers.pop(0)
            if layer.startswith("conv"):
                with_relu = bool(layers) and layer not in self.outputs
                x = self._convolve(x, layer, add, with_relu=with_relu)
                layer = layers.pop(0) if with_relu else layer
            elif layer.startswith("relu"):
                x = _relu(x, layer, add)
            else:
                x = self._pool(x, layer, add)
            if layer in outputs:
                found.features[layer] = x if self.weights.half is None else self._exact(x)
        return found

    def _normalise(self, picture: torch.Tensor, add: Callable[[str, Back], None]) -> torch.Tensor:
        """Return the network's input (1, 3, height, width)."""
        x = picture.unsqueeze(0)
        x = ((x.flip(1) if self.flip else x) * self.scale - self.mean) / self.std
        if self.weights.half is not None:
            x = (x * self.weights.shrink).to(self.weights.half)

        def back(gradient: torch.Tensor) -> torch.Tensor:
            by_picture = gradient.to(self.std.dtype) / self.std * self.scale
            return (by_picture.flip(1) if self.flip else by_picture)[0].contiguous()

        add("", back)
        return x.contiguous(memory_format=self.weights.memory_format)

    def _exact(self, x: torch.Tensor) -> torch.Tensor:
        """Return half-precision features in float32, as large as the network's."""
        return x.to(torch.float32).mul_(1.0 / self.weights.shrink)

    def _convolve(
        self, x: torch.Tensor, layer: str, add: Callable[[str, Back], None], *, with_relu: bool
    ) -> torch.Tensor:
        """Apply a convolution, ``with_relu`` the ReLU after it too.

        With ``padding`` edge, the first convolution sees the picture's edge repeated.
        """
        kernel, bias = self.kernels[layer]
        at_edge = layer == "conv1_1" and self.padding == "edge"
        padding = 0 if at_edge else 1
        if at_edge:
            # Concatenation, because the backward of replicate padding adds in random order on a GPU.
            x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
            x = torch.cat([x[:, :, :, :1], x, x[:, :, :, -1:]], dim=3)
        y = self.weights.convolve(x, kernel, bias, padding, with_relu=with_relu)

        def back(gradient: torch.Tensor) -> torch.Tensor:
            if with_relu:
                gradient = _close_relu(gradient, y)
            (by_input, _, _) = aten.convolution_backward(
                gradient, x, kernel, None, (1, 1), (padding, padding), (1, 1), False, (0, 0), 1,
                (True, False, False),
            )  # fmt: skip
            return _fold_edge(by_input) if at_edge else by_input

        add(f"relu{layer[4:]}" if with_relu else layer, back)
        return y

    def _pool(self, x: torch.Tensor, layer: str, add: Callable[[str, Back], None]) -> torch.Tensor:
        """Apply a pool of 2 x 2."""
        window, none, once = (2, 2), (0, 0), (1, 1)
        if self.pooling == "max":
            y: torch.Tensor
            y, places = aten.max_pool2d_with_indices(x, window, window)
            add(
                layer,
                lambda gradient: aten.max_pool2d_with_indices_backward(
                    gradient, x, window, window, none, once, False, places
                ),
            )
            return y
        add(
            layer,
            lambda gradient: aten.avg_pool2d_backward(
                gradient * AVERAGE_POOL_GAIN, x, window, window, none, False, True, None
            ),
        )
        return F.avg_pool2d(x, 2) * AVERAGE_POOL_GAIN


def _injection_scale(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the factor () that makes the largest number of ``gradients`` :data:`LARGEST_INJECTED`."""
    largest = torch.stack([torch.linalg.vector_norm(gradient, torch.inf) for gradient in gradients]).amax()
    return torch.where(largest > 0, LARGEST_INJECTED / largest, torch.ones_like(largest))


def _forget(_layer: str, _back: Back) -> None:
    """Note no way back."""


def _relu(x: torch.Tensor, layer: str, add: Callable[[str, Back], None]) -> torch.Tensor:
    """Apply a ReLU that leaves its input, whose features are an output, as it is."""
    y = F.relu(x)
    add(layer, lambda gradient: _close_relu(gradient, y))
    return y


def _close_relu(gradient: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """Set ``gradient`` to 0, in place, where the ``output`` of a ReLU is 0."""
    by_input: torch.Tensor = aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)
    return by_input


def _fold_edge(gradient: torch.Tensor) -> torch.Tensor:
    """Turn the gradient by a picture with its edge repeated into that by the picture."""
    for axis in (3, 2):
        length = gradient.shape[axis] - 2
        inner = gradient.narrow(axis, 1, length).clone()
        inner.narrow(axis, 0, 1).add_(gradient.narrow(axis, 0, 1))
        inner.narrow(axis, length - 1, 1).add_(gradient.narrow(axis, length + 1, 1))
        gradient = inner
    return gradient
