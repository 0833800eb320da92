"""Reading the convolutions of a VGG, and the normalisation of its input, from files of other programs.

Takes a .pth or .pt file of PyTorch (either format), .safetensors or .onnx, and returns
:class:`ImportedWeights`. Nothing in the file is run. Recognised names are torchvision's
(``features.0.weight``), which Johnson's ports of the Caffe models share, and those of the layers
(``conv1_1.weight``, Gatys' vgg_conv.pth). In ONNX, the convolutions count in the order of the graph.

The normalisation comes from the user, from metadata that this program wrote, or from the hash of a known file
or of known weights. It cannot be inferred from the numbers: the first kernels of torchvision's VGG-16, whose
input spans a few units, average 0.18 and its first biases 0.42; those of the Caffe VGG-16, whose input spans
hundreds of units, are as large (they begin with 0.43, 0.37, -0.06, 0.27 and 0.73, 0.09, 0.07, 0.89). If none
of these sources is available, the user must state it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from safetensors import SafetensorError, safe_open

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.vgg.fetched_files import file_hash
from nst_core.vgg.layers import ARCHITECTURES, LAYERS, Architecture, convolution_shapes
from nst_core.vgg.network import (
    NORMALISATIONS,
    ConvWeights,
    Normalisation,
    Weights,
    parse_normalisation,
    read_metadata,
    read_model,
    tensor_array,
    weights_hash,
)
from nst_core.vgg.sources import normalisation_of_file, normalisation_of_weights
from nst_core.vgg.torch_files import open_torch_file
from nst_core.vgg.unpickling import RefusedPickle

MAX_BYTES = 2 * 1024**3
"""Larger files are refused; the largest published VGG file takes 0.58 GB."""

MAX_HEADER_BYTES = 1024**2
"""Largest header of a .safetensors file that is read. A VGG's has 4 kB."""

SUFFIXES = (".pth", ".pt", ".safetensors", ".onnx")


@dataclass(frozen=True)
class ImportedWeights:
    """The content of a file of weights: convolutions, normalisation, source and licence."""

    weights: Weights
    normalisation: Normalisation
    source: str
    licence: str


class Tensors(Protocol):
    """Named tensors, which are read one at a time."""

    @property
    def names(self) -> Collection[str]:
        """Return the names of the tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        ...

    def read(self, name: str) -> Array:
        """Read a tensor as float32."""
        ...


def read_weights_file(path: Path, normalisation: str | None = None) -> ImportedWeights:
    """Read a user's file; ``normalisation`` is a key of ``NORMALISATIONS``, or None to determine it.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``; ``bad-model`` if the file is not a VGG or
            contains more than weights; ``bad-setting`` if the normalisation is unknown, contradicts the file,
            or is missing.
    """
    check_file(path)
    if normalisation is not None and normalisation not in NORMALISATIONS:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"There is no normalisation {normalisation!r}.{nearest(normalisation, NORMALISATIONS)}",
            f"Use one of {', '.join(NORMALISATIONS)}.",
        )
    stated = None if normalisation is None else NORMALISATIONS[normalisation]
    metadata: dict[str, str] = {}
    if path.suffix.lower() == ".onnx":
        model = read_model(path, MAX_BYTES)
        metadata = read_metadata(model)
        weights = read_onnx(model, path)
    elif path.suffix.lower() == ".safetensors":
        weights = read_safetensors(path)
    else:
        weights = read_torch(path)
    recognised = recognise_normalisation(path, weights, metadata)
    if stated is not None and recognised is not None and stated != recognised:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{path.name} has a known normalisation, which is not {normalisation!r}.",
            "Leave out the option --normalisation.",
        )
    effective = stated or recognised
    if effective is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{path.name} does not say how its network expects pictures to be normalised.",
            "Pass --normalisation torchvision for weights trained with PyTorch, or --normalisation caffe for "
            "the original VGG weights and ports of them (blue, green, red, 0 to 255).",
        )
    return ImportedWeights(
        weights, effective, metadata.get("nst.source", path.name), metadata.get("nst.licence", "not stated")
    )


def check_file(path: Path) -> None:
    """Check that ``path`` is a file of acceptable size with a known suffix.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-model``.
    """
    if not path.exists():
        raise NstError(ErrorCode.MISSING_FILE, f"There is no file {path}.")
    if not path.is_file():
        raise NstError(ErrorCode.UNREADABLE_FILE, f"{path} is not a file.")
    if path.stat().st_size > MAX_BYTES:
        raise bad_weights_error(path, "it is larger than 2 GiB")
    if path.suffix.lower() not in SUFFIXES:
        raise bad_weights_error(path, f"its name does not end in one of {', '.join(SUFFIXES)}")


def recognise_normalisation(path: Path, weights: Weights, metadata: dict[str, str]) -> Normalisation | None:
    """Return the normalisation from the file's metadata, its hash, or the hash of its weights, or None."""
    if "nst.normalisation" in metadata:
        try:
            return parse_normalisation(metadata["nst.normalisation"])
        except ValueError as error:
            raise bad_weights_error(path, str(error)) from None
    name = normalisation_of_file(file_hash(path)) or normalisation_of_weights(weights_hash(weights))
    return None if name is None else NORMALISATIONS[name]


def bad_weights_error(path: Path, reason: str) -> NstError:
    """Return the error for a file that cannot be used; ``reason`` is a clause."""
    return NstError(
        ErrorCode.BAD_MODEL,
        f"{path.name} cannot be used: {reason}.",
        "Give the weights of VGG-16 or VGG-19 as a PyTorch state dictionary, .safetensors or .onnx.",
    )


def read_torch(path: Path) -> Weights:
    """Read a PyTorch file.

    Raises:
        NstError: ``bad-model``, ``unreadable-file``.
    """
    try:
        with open_torch_file(path) as tensors:
            return read_convolutions(tensors, path)
    except RefusedPickle as error:
        raise bad_weights_error(path, str(error)) from None
    except OSError as error:
        raise unreadable_error(path, error) from None


def unreadable_error(path: Path, error: OSError) -> NstError:
    """Return the error for a file that the system cannot read."""
    reason = error.strerror or type(error).__name__
    return NstError(ErrorCode.UNREADABLE_FILE, f"{path} cannot be read: {reason}.")


class SafetensorsFile:
    """The tensors of an open .safetensors file."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.names = tuple(file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return tuple(self.file.get_slice(name).get_shape())

    def read(self, name: str) -> Array:
        """Read a tensor as float32."""
        dtype = self.file.get_slice(name).get_dtype()
        if dtype not in ("F16", "F32", "F64"):
            raise ValueError(f"{name} is stored as {dtype} instead of F32 or F16")
        with np.errstate(over="ignore"):  # the caller refuses numbers that are not finite
            array: Array = self.file.get_tensor(name).astype("float32")
        return array


def check_header(path: Path) -> None:
    """Check that the header of a .safetensors file, whose size is its first number, is small.

    Raises:
        ValueError: it is not.
    """
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > MAX_HEADER_BYTES:
            raise ValueError("its header is too large")


def read_safetensors(path: Path) -> Weights:
    """Read a .safetensors file.

    Raises:
        NstError: ``bad-model``, ``unreadable-file``.
    """
    try:
        check_header(path)
        with safe_open(path, framework="numpy") as file:
            return read_convolutions(SafetensorsFile(file), path)
    except (SafetensorError, ValueError) as error:
        raise bad_weights_error(path, str(error)) from None
    except OSError as error:
        raise unreadable_error(path, error) from None


def read_onnx(model: onnx.ModelProto, path: Path) -> Weights:
    """Read the convolutions of an ONNX model in the order of its graph.

    Raises:
        NstError: ``bad-model``.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "Conv"]
    architecture = next((a for a in ARCHITECTURES if len(convolution_shapes(a)) == len(nodes)), None)
    if architecture is None:
        raise bad_weights_error(path, f"it has {len(nodes)} convolutions; VGG-16 has 13 and VGG-19 has 16")
    weights: dict[str, ConvWeights] = {}
    for node, (name, shape) in zip(nodes, convolution_shapes(architecture).items(), strict=True):
        if len(node.input) != 3 or any(constant not in tensors for constant in node.input[1:]):
            raise bad_weights_error(path, f"the weights of {name} are not stored as constants")
        kernel, bias = (tensors[constant] for constant in node.input[1:])
        if tuple(kernel.dims) != shape or tuple(bias.dims) != shape[:1]:
            raise bad_weights_error(path, f"its convolution {name} has another shape than VGG's")
        try:
            weights[name] = ConvWeights(tensor_array(kernel), tensor_array(bias))
        except ValueError as error:
            raise bad_weights_error(path, str(error)) from None
    return weights


def torchvision_names(architecture: Architecture) -> dict[str, str]:
    """Return torchvision's prefix ("features.0") for each convolution: the index in the table of layers."""
    return {
        layer.name: f"features.{index}"
        for index, layer in enumerate(LAYERS[architecture])
        if layer.kind == "conv"
    }


def read_convolutions(tensors: Tensors, path: Path) -> Weights:
    """Find the convolutions among named tensors, check their shapes and read them.

    Raises:
        NstError: ``bad-model`` if they are not those of a VGG.
    """
    prefixes = {name.removesuffix(".weight") for name in tensors.names if name.endswith(".weight")}
    candidates = [
        (architecture, names)
        for architecture in ARCHITECTURES
        for names in (
            torchvision_names(architecture),
            {name: name for name in convolution_shapes(architecture)},
        )
    ]
    for architecture, names in candidates:
        convolutions = {prefix for prefix in prefixes if prefix.startswith(("features.", "conv"))}
        if convolutions == set(names.values()):
            return read_named(tensors, path, architecture, names)
    raise bad_weights_error(
        path, "its tensors do not have the names of VGG-16 or VGG-19 (features.0.weight or conv1_1.weight)"
    )


def read_named(
    tensors: Tensors, path: Path, architecture: Architecture, names: dict[str, str]
) -> dict[str, ConvWeights]:
    """Read the convolutions by their names in the file."""
    weights: dict[str, ConvWeights] = {}
    for layer, shape in convolution_shapes(architecture).items():
        kernel, bias = f"{names[layer]}.weight", f"{names[layer]}.bias"
        if bias not in tensors.names:
            raise bad_weights_error(path, f"{bias} is missing")
        if tensors.shape(kernel) != shape or tensors.shape(bias) != shape[:1]:
            raise bad_weights_error(path, f"{kernel} and {bias} have other shapes than VGG's")
        weights[layer] = ConvWeights(tensors.read(kernel), tensors.read(bias))
    return weights
