"""Whether a network may compute in half precision: one small picture, compared with float32.

Convolutions in float16 with float32 sums round as TF32 does, at twice its speed and with half the memory. A
card, a driver or a network for which that does not hold computes in float32 instead. Takes two networks that
differ only in their precision, returns a decision; does not depend on objectives.
"""

from __future__ import annotations

import torch

from nst_core.backends.half_precision import trial_picture, worst_share
from nst_core.backends.pytorch.network import TorchNetwork


def half_precision_is_safe(exact: TorchNetwork, half: TorchNetwork) -> bool:
    """Return whether ``half`` computes features and gradients close to those of ``exact``."""
    picture = torch.tensor(trial_picture(), dtype=exact.weights.dtype, device=exact.weights.device)
    try:
        differences = compare(exact, half, picture)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # no kernel for this precision
        return False
    return worst_share(differences) <= 1.0


def compare(exact: TorchNetwork, half: TorchNetwork, picture: torch.Tensor) -> dict[str, float]:
    """Return the relative differences of the features by layer, and of the ``gradient``.

    The gradient is that of the sum of the layers' squared features, each divided by its value.
    """
    results = []
    for network in (exact, half):
        trace = network.trace(picture)
        features = {layer: at_layer.clone() for layer, at_layer in trace.features.items()}
        energies = {layer: torch.sum(at_layer * at_layer) for layer, at_layer in features.items()}
        by_features = {layer: features[layer] * (2.0 / energies[layer]) for layer in features}
        results.append({**features, "gradient": trace.gradient(by_features)})
    return {name: _difference(results[1][name], results[0][name]) for name in results[0]}


def _difference(found: torch.Tensor | None, expected: torch.Tensor | None) -> float:
    if found is None or expected is None:
        return 0.0
    return float(torch.linalg.vector_norm(found - expected) / torch.linalg.vector_norm(expected))
