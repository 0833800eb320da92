"""A file of weights, whoever wrote it, into the convolutions of a VGG and what its pictures must be like.

Comes in: a .pth or .pt file of PyTorch (either format), .safetensors or .onnx. Goes out: a
:class:`UserFile`. Nothing in the file is run. Recognised are torchvision's names (``features.0.weight``),
which Johnson's ports of the Caffe models share, the layers' own names (``conv1_1.weight``, Gatys'
vgg_conv.pth), and, in ONNX, the convolutions in the order of the graph.

What the file's pictures must be like is told by the user, by metadata that this program wrote, or by the
hash of a file or of weights that are known. It cannot be told from the numbers: the first kernels of
torchvision's VGG-16, which sees pictures of a few units, average 0.18 and its first biases 0.42; those of
the Caffe VGG-16, which sees pictures of a hundred units, are as large (0.43, 0.37, -0.06, 0.27 and
0.73, 0.09, 0.07, 0.89 to begin with). So where nothing tells, the user is asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import onnx
from safetensors import SafetensorError, safe_open

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.vgg.download import file_hash
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
"""The largest published VGG file takes 0.58 GB."""

SUFFIXES = (".pth", ".pt", ".safetensors", ".onnx")


@dataclass(frozen=True)
class UserFile:
    """What a file of weights says."""

    weights: Weights
    normalisation: Normalisation
    source: str
    licence: str


class Tensors(Protocol):
    """Named tensors, read one at a time."""

    @property
    def names(self) -> Collection[str]:
        """Names of the tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        ...

    def read(self, name: str) -> Array:
        """Read a tensor as float32."""
        ...


def read_user_file(path: Path, normalisation: str | None = None) -> UserFile:
    """Read a user's own file; ``normalisation`` is a key of ``NORMALISATIONS``, or None to find out.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``; ``bad-model`` when it is no VGG or more than weights;
            ``bad-setting`` when the normalisation is unknown, contradicts the file, or must be stated.
    """
    check_readable(path)
    if normalisation is not None and normalisation not in NORMALISATIONS:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"There is no normalisation {normalisation!r}.{nearest(normalisation, NORMALISATIONS)}",
            f"It is one of {', '.join(NORMALISATIONS)}.",
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
    known = known_normalisation(path, weights, metadata)
    if stated is not None and known is not None and stated != known:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{path.name} is known not to have the normalisation {normalisation!r}.",
            "Leave the option --normalisation out.",
        )
    decided = stated or known
    if decided is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"{path.name} does not say what pictures its network expects, and it cannot be told from it.",
            "Pass --normalisation torchvision for weights trained with PyTorch, or --normalisation caffe for "
            "the original VGG weights and ports of them (blue, green, red, 0 to 255).",
        )
    return UserFile(
        weights, decided, metadata.get("nst.source", path.name), metadata.get("nst.licence", "not stated")
    )


def check_readable(path: Path) -> None:
    """Refuse what is not there, is no file, is far too large, or has another ending."""
    if not path.exists():
        raise NstError(ErrorCode.MISSING_FILE, f"There is no file {path}.")
    if not path.is_file():
        raise NstError(ErrorCode.UNREADABLE_FILE, f"{path} is not a file.")
    if path.stat().st_size > MAX_BYTES:
        raise refused(path, "it is larger than 2 GiB")
    if path.suffix.lower() not in SUFFIXES:
        raise refused(path, f"its name ends in none of {', '.join(SUFFIXES)}")


def known_normalisation(path: Path, weights: Weights, metadata: dict[str, str]) -> Normalisation | None:
    """Find the normalisation that the file itself, its hash or its weights' hash tells; None if none does."""
    if "nst.normalisation" in metadata:
        try:
            return parse_normalisation(metadata["nst.normalisation"])
        except ValueError as error:
            raise refused(path, str(error)) from None
    name = normalisation_of_file(file_hash(path)) or normalisation_of_weights(weights_hash(weights))
    return None if name is None else NORMALISATIONS[name]


def refused(path: Path, reason: str) -> NstError:
    """Make the error for a file that cannot be used."""
    return NstError(
        ErrorCode.BAD_MODEL,
        f"{path.name} cannot be used: {reason}.",
        "Weights of VGG-16 or VGG-19 are needed: a PyTorch state dictionary, .safetensors or .onnx.",
    )


def read_torch(path: Path) -> Weights:
    """Read a file of PyTorch.

    Raises:
        NstError: ``bad-model``, ``unreadable-file``.
    """
    try:
        with open_torch_file(path) as tensors:
            return arrange(tensors, path)
    except RefusedPickle as error:
        raise refused(path, str(error)) from None
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> NstError:
    """Make the error for a file the system does not give out."""
    reason = error.strerror or type(error).__name__
    return NstError(ErrorCode.UNREADABLE_FILE, f"{path} cannot be read: {reason}.")


class SafetensorsFile:
    """The tensors of an open .safetensors file."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.names = tuple(file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(self.file.get_slice(name).get_shape())

    def read(self, name: str) -> Array:
        """Read a tensor as float32."""
        kind = self.file.get_slice(name).get_dtype()
        if kind not in ("F16", "F32", "F64"):
            raise ValueError(f"{name} is stored as {kind}, where F32 or F16 is needed")
        array: Array = self.file.get_tensor(name).astype("float32")
        return array


def read_safetensors(path: Path) -> Weights:
    """Read a .safetensors file.

    Raises:
        NstError: ``bad-model``, ``unreadable-file``.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return arrange(SafetensorsFile(file), path)
    except (SafetensorError, ValueError) as error:
        raise refused(path, str(error)) from None
    except OSError as error:
        raise unreadable(path, error) from None


def read_onnx(model: onnx.ModelProto, path: Path) -> Weights:
    """Read the convolutions of an ONNX model, taken in the order of its graph.

    Raises:
        NstError: ``bad-model``.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "Conv"]
    architecture = next((a for a in ARCHITECTURES if len(convolution_shapes(a)) == len(nodes)), None)
    if architecture is None:
        raise refused(path, f"it has {len(nodes)} convolutions, where VGG-16 has 13 and VGG-19 16")
    weights: dict[str, ConvWeights] = {}
    for node, (name, shape) in zip(nodes, convolution_shapes(architecture).items(), strict=True):
        if len(node.input) != 3 or any(each not in tensors for each in node.input[1:]):
            raise refused(path, f"the weights of its convolution {name} are not in it as constants")
        kernel, bias = (tensors[each] for each in node.input[1:])
        if tuple(kernel.dims) != shape or tuple(bias.dims) != shape[:1]:
            raise refused(path, f"its convolution {name} is of another shape than VGG's")
        try:
            weights[name] = ConvWeights(tensor_array(kernel), tensor_array(bias))
        except ValueError as error:
            raise refused(path, str(error)) from None
    return weights


def torchvision_names(architecture: Architecture) -> dict[str, str]:
    """Give torchvision's prefix ("features.0") for each convolution: the layer's place in the table."""
    return {
        layer.name: f"features.{index}"
        for index, layer in enumerate(LAYERS[architecture])
        if layer.kind == "conv"
    }


def arrange(tensors: Tensors, path: Path) -> Weights:
    """Find the convolutions among named tensors and read them, after their shapes have been checked.

    Raises:
        NstError: ``bad-model`` when they are not those of a VGG.
    """
    there = {name.removesuffix(".weight") for name in tensors.names if name.endswith(".weight")}
    candidates = [
        (architecture, names)
        for architecture in ARCHITECTURES
        for names in (
            torchvision_names(architecture),
            {name: name for name in convolution_shapes(architecture)},
        )
    ]
    for architecture, names in candidates:
        ours = {name for name in there if name.startswith(("features.", "conv"))}
        if ours == set(names.values()):
            return read_named(tensors, path, architecture, names)
    raise refused(
        path, "its tensors are not named as those of VGG-16 or VGG-19 (features.0.weight or conv1_1.weight)"
    )


def read_named(
    tensors: Tensors, path: Path, architecture: Architecture, names: dict[str, str]
) -> dict[str, ConvWeights]:
    """Read the convolutions by their names in the file."""
    weights: dict[str, ConvWeights] = {}
    for layer, shape in convolution_shapes(architecture).items():
        kernel, bias = f"{names[layer]}.weight", f"{names[layer]}.bias"
        if bias not in tensors.names:
            raise refused(path, f"{bias} is missing")
        if tensors.shape(kernel) != shape or tensors.shape(bias) != shape[:1]:
            raise refused(path, f"{kernel} and {bias} are of other shapes than VGG's")
        weights[layer] = ConvWeights(tensors.read(kernel), tensors.read(bias))
    return weights
