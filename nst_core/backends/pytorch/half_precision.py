"""Whether a network may compute in half precision: one small picture, compared with float32.

Convolutions in float16 with float32 sums round as TF32 does, at twice its speed and with half the memory. A
card, a driver or a network for which that does not hold computes in float32 instead. Takes two networks that
differ only in their precision, returns a decision; does not depend on objectives.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from nst_core.backends.pytorch.network import TorchNetwork

SIDE = 128
"""Side, in pixels, of the picture that is compared."""

FEATURES, GRADIENT = 1e-2, 0.15
"""Largest differences, relative to float32, of features at a layer and of gradients.

Of VGG-16 on a CPU with float16 they are up to 7e-4 and 0.05, with bfloat16 5e-3 and 0.13. ReLUs and maxima
that flip make most of the gradient's; TF32, which rounds as float16 does, moves it as much.
"""


def half_precision_is_safe(exact: TorchNetwork, half: TorchNetwork) -> bool:
    """Return whether ``half`` computes features and gradients close to those of ``exact``."""
    picture = torch.tensor(_test_picture(), dtype=exact.weights.dtype, device=exact.weights.device)
    try:
        differences = compare(exact, half, picture)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # no kernel for this precision
        return False
    return all(
        math.isfinite(difference) and difference <= (GRADIENT if name == "gradient" else FEATURES)
        for name, difference in differences.items()
    )


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


def _test_picture() -> npt.NDArray[np.float64]:
    """Return blocks of colour with grain, (3, SIDE, SIDE): noise alone hardly activates deep layers."""
    rng = np.random.default_rng(0)
    blocks = rng.random((3, SIDE // 16, SIDE // 16), np.float32).repeat(16, axis=1).repeat(16, axis=2)
    grain = rng.normal(scale=0.05, size=blocks.shape)
    return np.asarray(np.clip(blocks + grain, 0.0, 1.0))
