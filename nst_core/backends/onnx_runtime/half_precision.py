"""How much half precision changes what ONNX Runtime computes: one small picture, compared with float32.

Takes two backends, one of which computes in half precision, and returns differences for
:func:`nst_core.backends.half_precision.worst_share`. They come from the graphs that runs use: content terms
whose targets are the features measure features, and whose targets are 0 measure gradients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.half_precision import trial_picture
from nst_core.backends.interface import Evaluation
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.loss.objective import ContentTerm, Objective
from nst_core.settings import Settings
from nst_core.vgg.features import OnnxFeatures


def compare(exact: OnnxBackend, half: OnnxBackend) -> dict[str, float]:
    """Return the relative differences of the features by layer, and of the ``gradient``.

    The gradient is that of the sum of the layers' squared features, each divided by its value. ``exact``
    computes on the CPU.

    Raises:
        NstError: a device failed.
    """
    picture = trial_picture().astype(np.float32)
    layers = [layer for layer, _ in Settings().style_layers]
    extractor = OnnxFeatures(exact.network, "cpu", pooling=exact.pooling, padding=exact.padding)
    features = extractor.features(picture, layers)
    energies = {layer: float(np.sum(features[layer] ** 2, dtype=np.float64)) for layer in layers}
    from_features = _evaluate(half, picture, features, energies).terms
    zeros = {layer: np.zeros_like(features[layer]) for layer in layers}
    gradients = [_evaluate(backend, picture, zeros, energies).gradient for backend in (exact, half)]
    difference = np.linalg.norm(gradients[1] - gradients[0]) / np.linalg.norm(gradients[0])
    by_layer = dict(zip(layers, map(math.sqrt, from_features), strict=True))
    return {**by_layer, "gradient": float(difference)}


def _evaluate(
    backend: OnnxBackend, picture: Array, targets: Mapping[str, Array], energies: Mapping[str, float]
) -> Evaluation:
    """Evaluate the squared distances of the features to ``targets``, divided by ``energies``."""
    terms = (ContentTerm(layer, 2.0 / energies[layer], target) for layer, target in targets.items())
    _, height, width = picture.shape
    return backend.evaluator(Objective(tuple(terms), ()), height, width)(picture)
