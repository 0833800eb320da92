"""Sums and gradients of one window of a picture with torch.

A :class:`~nst_core.backends.tiling.evaluator.TileWorker`: takes a network, an objective on the host and
windows on the device, and returns sums and gradients on the device. Content targets and masks stay on the
host; each tile uploads its part of them when it needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nst_core.array_types import Array
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.backends.tiling.evaluator import SumGradients
from nst_core.backends.tiling.layout import Tile, strides_of
from nst_core.loss.layer_losses import StyleSums, content_loss, style_gradient, style_sums
from nst_core.loss.objective import Objective
from nst_core.vgg.layers import Architecture


class TorchTileWorker:
    """A network and an objective; see :class:`nst_core.backends.tiling.evaluator.TileWorker`."""

    def __init__(
        self,
        network: TorchNetwork,
        objective: Objective,
        architecture: Architecture,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.network, self.objective, self.device, self.dtype = network, objective, device, dtype
        self.strides = strides_of(objective.layers, architecture)
        self.style_layers = frozenset(term.layer for term in objective.style)

    def sums(self, picture: torch.Tensor, tile: Tile, *, last: bool) -> list[StyleSums]:  # noqa: ARG002
        """Return each style term's sums over the positions that ``tile`` owns."""
        with torch.no_grad():
            features = self.network(picture, self.style_layers)
            sums = []
            for term in self.objective.style:
                owned = self._owned(features[term.layer][0], tile, term.layer)
                guide = self._mask(term.guide, tile, term.layer)
                sums.append(style_sums(owned, guide, with_mean=term.statistic.needs_mean))
            return sums

    def gradient(
        self,
        picture: torch.Tensor,
        tile: Tile,
        sum_gradients: Sequence[SumGradients],
        *,
        last: bool,  # noqa: ARG002
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return each content term's value at owned positions, and the window's whole gradient."""
        leaf = picture.detach().requires_grad_(True)
        with torch.enable_grad():
            features = self.network(leaf)
        values: list[torch.Tensor] = []
        with torch.no_grad():
            gradients = {layer: torch.zeros_like(at_layer) for layer, at_layer in features.items()}
            for term in self.objective.content:
                owned = self._owned(features[term.layer].detach()[0], tile, term.layer)
                rows, columns = tile.owned(self.strides[term.layer])
                target = self._upload(term.target[:, rows, columns])
                mask = self._mask(term.mask, tile, term.layer)
                value, by_features = content_loss(owned, target, term.weight, mask)
                values.append(value)
                self._owned(gradients[term.layer][0], tile, term.layer).add_(by_features)
            for style, by_sums in zip(self.objective.style, sum_gradients, strict=True):
                owned = self._owned(features[style.layer].detach()[0], tile, style.layer)
                by_features = style_gradient(owned, *by_sums, self._mask(style.guide, tile, style.layer))
                self._owned(gradients[style.layer][0], tile, style.layer).add_(by_features)
            (gradient,) = torch.autograd.grad(list(features.values()), leaf, list(gradients.values()))
        return values, gradient

    def _owned(self, features: torch.Tensor, tile: Tile, layer: str) -> torch.Tensor:
        rows, columns = tile.owned_in_window(self.strides[layer])
        return features[:, rows, columns]

    def _mask(self, mask: Array | None, tile: Tile, layer: str) -> torch.Tensor | None:
        return None if mask is None else self._upload(mask[tile.owned(self.strides[layer])])

    def _upload(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, self.dtype)
