"""Roots of the Wasserstein distance in single precision, compared with the engine's in double precision.

``python -m tests.bench.roots STYLE CONTENT... [--side 256] [--near 0.1]``

Devices without fast float64 would gain by float32. For features of each content at the two deepest style
layers, this prints errors of loss and gradient relative to the engine's, with roots in float32 computed in
three ways:

eigenvalues     as the engine computes them
Newton-Schulz   the coupled iteration for (R C R)^1/2 and its inverse (Higham, Functions of Matrices, 2008,
                eq. 6.35): products of matrices alone
polar factor    with C = L L^T (Cholesky) and U the orthogonal factor of L^T R, by Newton-Schulz (eq. 8.20),
                the optimal map R (R C R)^-1/2 R is L^-T U R, and no product squares the range of C and S

A content is also mixed with the style, as pictures are near the end of a run: with a share ``--near`` of the
content, where loss and gradient are small differences of large numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nst_core.array_types import Array
from nst_core.images.read import read_picture
from nst_core.images.resize import resize
from nst_core.loss.statistics.base import Distance, StyleTarget
from nst_core.loss.statistics.wasserstein import WASSERSTEIN
from nst_core.vgg.features import OnnxFeatures
from tests.bench.gpu_check.pictures import difference, open_network

LAYERS = ("relu4_1", "relu5_1")

MOST = 80
"""Iterations after which Newton-Schulz is given up."""

SETTLED = 1e-6
"""Change of the root, relative to it, at which Newton-Schulz ends."""

Roots = Callable[[Array, Array], tuple[np.floating, Array, int]]
"""Takes C and R; returns tr (R C R)^1/2, the optimal map R (R C R)^-1/2 R, and iterations."""


def by_eigenvalues(covariance: Array, root: Array) -> tuple[np.floating, Array, int]:
    """Return trace, map and 0 by the engine's formula."""
    inner = root @ covariance @ root
    values, vectors = np.linalg.eigh((inner + inner.T) * np.float32(0.5))
    roots = np.sqrt(np.maximum(values, values[-1] * np.float32(1e-9)))
    half_map = root @ vectors
    return roots.sum(), (half_map / roots) @ half_map.T, 0


def by_newton_schulz(covariance: Array, root: Array) -> tuple[np.floating, Array, int]:
    """Return trace, map and iterations of the coupled iteration."""
    inner = root @ covariance @ root
    scale = np.linalg.norm(inner)
    identity = np.eye(len(inner), dtype=inner.dtype)
    square_root, inverse, count, change = inner / scale, identity, 0, 1.0
    while change > SETTLED and count < MOST:
        count += 1
        factor = (identity * 3.0 - inverse @ square_root) * np.float32(0.5)
        before, square_root = square_root, square_root @ factor
        inverse = factor @ inverse
        change = np.linalg.norm(square_root - before) / np.linalg.norm(square_root)
    optimal_map = root @ inverse @ root / np.sqrt(scale)
    return np.trace(square_root) * np.sqrt(scale), optimal_map, count


def by_polar_factor(covariance: Array, root: Array) -> tuple[np.floating, Array, int]:
    """Return trace, map and iterations by the orthogonal factor of L^T R."""
    lower = np.linalg.cholesky(covariance)
    product = lower.T @ root
    identity = np.eye(len(product), dtype=product.dtype)
    factor, count, change = product / np.linalg.norm(product, 2), 0, 1.0
    while change > SETTLED and count < MOST:
        count += 1
        before, factor = factor, factor @ (identity * 3.0 - factor.T @ factor) * np.float32(0.5)
        change = np.linalg.norm(factor - before) / np.linalg.norm(factor)
    optimal_map = np.linalg.solve(lower.T, factor @ root)
    return np.sum(factor * product), (optimal_map + optimal_map.T) * np.float32(0.5), count


WAYS: dict[str, Roots] = {
    "eigenvalues": by_eigenvalues,
    "Newton-Schulz": by_newton_schulz,
    "polar factor": by_polar_factor,
}


def distance(second: Array, mean: Array, target: StyleTarget, roots: Roots) -> tuple[Distance, int]:
    """Return the engine's distance computed in float32 with ``roots``, and their iterations."""
    root, scale, blur = target.derived
    identity = np.eye(len(mean), dtype=np.float32)
    covariance = second - np.outer(mean, mean) + identity * blur
    style_covariance = target.second - np.outer(target.mean, target.mean) + identity * blur
    total, optimal_map, count = roots(covariance, root)
    shift = mean - target.mean
    value = np.sum(shift * shift) + np.trace(covariance) + np.trace(style_covariance) - total * 2
    d_covariance = identity - optimal_map
    d_mean = (shift - d_covariance @ mean) * 2
    return Distance(value * scale, d_covariance * scale, d_mean * scale), count


def moments(features: Array) -> tuple[Array, Array]:
    """Return second moments (N, N) and means (N,) of features (N, M), in float32."""
    return features @ features.T / features.shape[1], features.mean(axis=1)


def gradient(features: Array, found: Distance) -> Array:
    """Return the gradient by ``features``, (N, M), times M."""
    return found.d_second * 2 @ features + found.d_mean[:, None]


def read(path: Path, side: int) -> Array:
    """Return a picture as (3, side, side)."""
    return np.ascontiguousarray(resize(read_picture(path).pixels, side, side).transpose(2, 0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style", type=Path)
    parser.add_argument("contents", type=Path, nargs="+")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--near", type=float, default=0.1)
    options = parser.parse_args()
    extractor = OnnxFeatures(open_network(), "cpu")

    def features(picture: Array) -> dict[str, Array]:
        found = extractor.features(picture, LAYERS)
        return {layer: found[layer].reshape(len(found[layer]), -1) for layer in LAYERS}

    style = read(options.style, options.side)
    of_style = features(style)
    print("| content | layer | roots | error of the loss | of the gradient | iterations |")
    print("|---|---|---|---|---|---|")
    for path in options.contents:
        content = read(path, options.side)
        near = style + np.float32(options.near) * (content - style)
        for name, picture in ((path.stem, content), (f"{path.stem}, near the style", near)):
            for layer, at in features(picture).items():
                target = WASSERSTEIN.make_target(*moments(of_style[layer]))
                exact = WASSERSTEIN.distance(*moments(at), target)
                for way, roots in WAYS.items():
                    with np.errstate(over="ignore", invalid="ignore"):
                        found, count = distance(*moments(at), target, roots)
                        loss = abs(float(found.value / exact.value) - 1.0)
                        error = difference(gradient(at, found), gradient(at, exact))
                    words = [f"{value:.1e}" if value < 1.0 else "diverges" for value in (loss, error)]
                    cells = [name, layer, way, *words, str(count or "")]
                    print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
