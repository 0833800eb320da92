"""Sums and gradients of one window of a picture with torch.

A :class:`~nst_core.backends.tiling.evaluator.TileWorker`: takes a network, an objective on the host and
windows on the device, and returns sums and gradients on the device. Masks are on the device, and content
targets as far as there is memory for them; of the others each tile uploads its part when it needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from nst_core.array_types import Array
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.backends.tiling.evaluator import SumGradients
from nst_core.backends.tiling.layout import Tile, strides_of
from nst_core.loss.layer_losses import StyleSums, content_loss, style_gradient, style_sums
from nst_core.loss.objective import Objective
from nst_core.vgg.layers import Architecture

Upload = Callable[[Array], torch.Tensor]


class TorchTileWorker:
    """A network and an objective; see :class:`nst_core.backends.tiling.evaluator.TileWorker`.

    Content targets stay on the device from the first tile on as far as they fit into ``target_bytes``.
    """

    def __init__(
        self,
        network: TorchNetwork,
        objective: Objective,
        architecture: Architecture,
        target_bytes: int = 0,
    ) -> None:
        self.network, self.objective = network, objective
        self.strides = strides_of(objective.layers, architecture)
        self.style_layers = frozenset(term.layer for term in objective.style)
        upload = network.weights.upload_array
        self._targets = self._targets_on_device(target_bytes)
        self._content_masks = [_mask_on_device(term.mask, upload) for term in objective.content]
        self._guides = [_mask_on_device(term.guide, upload) for term in objective.style]

    def sums(self, picture: torch.Tensor, tile: Tile, *, last: bool) -> list[StyleSums]:  # noqa: ARG002
        """Return each style term's sums over the positions that ``tile`` owns."""
        features = self.network(picture, self.style_layers)
        sums = []
        for term, whole_guide in zip(self.objective.style, self._guides, strict=True):
            owned = self._owned(features[term.layer][0], tile, term.layer)
            guide = self._part(whole_guide, tile, term.layer)
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
        trace = self.network.trace(picture)
        features = trace.features
        values: list[torch.Tensor] = []
        gradients = {layer: torch.zeros_like(at_layer) for layer, at_layer in features.items()}
        for index, term in enumerate(self.objective.content):
            owned = self._owned(features[term.layer][0], tile, term.layer)
            mask = self._part(self._content_masks[index], tile, term.layer)
            value, by_features = content_loss(owned, self._target(index, tile), term.weight, mask)
            values.append(value)
            self._owned(gradients[term.layer][0], tile, term.layer).add_(by_features)
        for style, by_sums, guide in zip(self.objective.style, sum_gradients, self._guides, strict=True):
            owned = self._owned(features[style.layer][0], tile, style.layer)
            by_features = style_gradient(owned, *by_sums, self._part(guide, tile, style.layer))
            self._owned(gradients[style.layer][0], tile, style.layer).add_(by_features)
        del features
        gradient = trace.gradient(gradients)
        assert gradient is not None  # noqa: S101 -- a tile is evaluated only if there are layer terms
        return values, gradient

    def _target(self, index: int, tile: Tile) -> torch.Tensor:
        """Return the target of content term ``index`` at the positions that ``tile`` owns."""
        term, on_device = self.objective.content[index], self._targets[index]
        rows, columns = tile.owned(self.strides[term.layer])
        if on_device is None:
            part = self.network.weights.upload_part(term.target[:, rows, columns])
            return self.network.weights.like_features(part)
        return on_device[:, rows, columns]

    def _owned(self, features: torch.Tensor, tile: Tile, layer: str) -> torch.Tensor:
        rows, columns = tile.owned_in_window(self.strides[layer])
        return features[:, rows, columns]

    def _targets_on_device(self, allowed: int) -> list[torch.Tensor | None]:
        """Return the content targets that fit into ``allowed`` bytes on the device, None for the others."""
        weights = self.network.weights
        targets: list[torch.Tensor | None] = []
        for term in self.objective.content:
            size = term.target.size * weights.dtype.itemsize
            fits = size <= allowed
            targets.append(weights.like_features(weights.upload_array(term.target)) if fits else None)
            allowed -= size if fits else 0
        return targets

    def _part(self, mask: torch.Tensor | None, tile: Tile, layer: str) -> torch.Tensor | None:
        return None if mask is None else mask[tile.owned(self.strides[layer])]


def _mask_on_device(mask: Array | None, upload: Upload) -> torch.Tensor | None:
    return None if mask is None else upload(mask)
