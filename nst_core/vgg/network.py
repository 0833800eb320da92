"""A network of the model store: its architecture, the normalisation of its input, and its weights.

Takes the path of an ONNX file that :mod:`nst_core.vgg.export` wrote and returns a :class:`Network`, which is
small: the weights are read from the file on demand. Computes nothing, and does not know where files come
from.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from nst_core.array_types import Array
from nst_core.errors import ErrorCode, NstError
from nst_core.system.process_limits import is_memory_exhausted
from nst_core.vgg.layers import LAYERS, Architecture, check_known_layers, convolution_shapes, layer_names
from nst_core.vgg.onnx_outline import OutlineTooLarge, check_outline

FORMAT = "1"
"""Version of the layout of the store's files, written to their metadata."""

MAX_FILE_BYTES = 512 * 1024**2
"""Larger files are not read; VGG-19 without its classifier takes 80 MB in float32."""

LARGEST_SCALE = 1e6
"""Largest number of a normalisation, and 1 / the smallest. Pictures in 0..65535 are the largest in use."""

PARSING_COPIES = 4
"""Upper limit of the memory that parsing a file takes, as a multiple of the file's size."""


@dataclass(frozen=True)
class Normalisation:
    """The normalisation of the input: ``x_net = (x[order] * scale - mean) / std`` with x RGB in 0..1.

    ``mean`` and ``std`` are in the network's ``order`` and on its ``scale``.
    """

    order: Literal["RGB", "BGR"]
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def paper_scale(self) -> float:
        """Factor from the network's features to those of the paper, whose networks see pictures in 0..255.

        Such a picture is 255 std / scale times the network's input: 58.4, 57.1 and 57.4 in the channels of
        torchvision's networks, of which the middle one, 57.4, counts for all; 1 with Caffe's. Convolutions,
        ReLU and pooling pass a scale on to the features.
        """
        return 255.0 / self.scale * sorted(self.std)[1]


NORMALISATIONS: Mapping[str, Normalisation] = {
    # torchvision's transforms for VGG16_Weights.IMAGENET1K_V1 and VGG19_Weights.IMAGENET1K_V1.
    "torchvision": Normalisation("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # The VGG group's Caffe models, and their ports by Johnson (vgg19-d01eb7cb.pth) and Gatys (vgg_conv.pth).
    "caffe": Normalisation("BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    # The same with the first kernels reordered to RGB: torchvision's transforms for
    # VGG16_Weights.IMAGENET1K_FEATURES (vgg16_features-amdegroot-88682ab5.pth).
    "caffe-rgb": Normalisation("RGB", 1.0, (0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
}


class ConvWeights(NamedTuple):
    """One convolution: ``kernel`` (out, in, 3, 3) and ``bias`` (out,), float32."""

    kernel: Array
    bias: Array


Weights: TypeAlias = Mapping[str, ConvWeights]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VGG in the model store.

    ``sha256`` is the hash of the weights (:func:`weights_hash`). The same weights have the same hash,
    whichever program wrote the file. ``layers`` are the names of its layers in order. ``source`` and
    ``licence`` are for people.
    """

    name: str
    path: Path
    sha256: str
    normalisation: Normalisation
    layers: tuple[str, ...]
    architecture: Architecture
    source: str = ""
    licence: str = ""

    def weights(self, up_to: str | None = None) -> Weights:
        """Return the convolutions in order, by layer name; with ``up_to``, only those that layer needs.

        The arrays cannot be written to: everything in the process shares them.

        Raises:
            NstError: ``unknown-layer``, or ``bad-model`` if the file has changed since it was loaded.
        """
        if up_to is None:
            up_to = self.layers[-1]
        check_known_layers([up_to], self.layers)
        needed = self.layers[: self.layers.index(up_to) + 1]
        weights = _read_all_weights(self.path, _file_state(self.path), self.architecture)
        return {name: weights[name] for name in weights if name in needed}


def _file_state(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is replaced; of a file that cannot be opened, nothing."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=1)
def _read_all_weights(path: Path, _state: tuple[int, ...], architecture: Architecture) -> Weights:
    """Read all convolutions of a file. They stay in memory: every session of a run needs them."""
    weights = read_weights(read_model(path), list(convolution_shapes(architecture)), path)
    for pair in weights.values():
        for array in pair:
            array.setflags(write=False)
    return weights


def bad_model_error(path: Path, reason: str) -> NstError:
    """Return the error for a file that is not a valid network of the store; ``reason`` is a clause."""
    return NstError(
        ErrorCode.BAD_MODEL,
        f"{path} is not a usable network: {reason}.",
        "Fetch it again with `nst models fetch`, or add your own file with `nst models import`.",
    )


def read_model(path: Path, max_bytes: int = MAX_FILE_BYTES) -> onnx.ModelProto:
    """Parse an ONNX file of at most ``max_bytes``, without following references to other files.

    Raises:
        NstError: ``missing-file``, ``unreadable-file`` or ``bad-model``.
        MemoryError: the file does not fit into the memory that this process may take.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise bad_model_error(path, f"it is larger than {max_bytes // 1024**2} MiB")
        content = path.read_bytes()
        check_outline(content)
        return onnx.load_model_from_string(content)
    except FileNotFoundError:
        raise NstError(ErrorCode.MISSING_FILE, f"There is no file {path}.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NstError(ErrorCode.UNREADABLE_FILE, f"{path} cannot be read: {reason}.") from None
    except OutlineTooLarge:
        raise bad_model_error(path, "it contains much more than the layers and weights of a VGG") from None
    except (DecodeError, ValueError):
        if is_memory_exhausted(PARSING_COPIES * path.stat().st_size):  # protobuf does not say which it was
            raise MemoryError from None
        raise bad_model_error(path, "it is incomplete, damaged or not an ONNX file") from None


def tensor_array(tensor: onnx.TensorProto) -> Array:
    """Return an initializer's values as float32, refusing references to other files.

    Raises:
        ValueError: the values are not floats, are stored in another file, or do not match the shape.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError("its weights are in another file")
    if tensor.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        raise ValueError("its weights are not floating-point numbers")
    try:
        return np.asarray(numpy_helper.to_array(tensor), dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"the values of {tensor.name} do not match its shape") from None


def read_weights(model: onnx.ModelProto, convolutions: list[str], path: Path) -> Weights:
    """Read the named convolutions from a model of the store.

    Raises:
        NstError: ``bad-model`` if one is missing or invalid.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    weights: dict[str, ConvWeights] = {}
    for name in convolutions:
        try:
            kernel, bias = tensor_array(tensors[f"{name}.weight"]), tensor_array(tensors[f"{name}.bias"])
        except KeyError:
            raise bad_model_error(path, f"the weights of {name} are missing") from None
        except ValueError as error:
            raise bad_model_error(path, str(error)) from None
        weights[name] = ConvWeights(kernel, bias)
    return weights


def weights_hash(weights: Weights) -> str:
    """Return the SHA-256 of the weights: each kernel, then its bias, in order, as little-endian float32."""
    digest = hashlib.sha256()
    for kernel, bias in weights.values():
        digest.update(np.ascontiguousarray(kernel, dtype="<f4").data)
        digest.update(np.ascontiguousarray(bias, dtype="<f4").data)
    return digest.hexdigest()


def write_metadata(
    model: onnx.ModelProto,
    architecture: Architecture,
    normalisation: Normalisation,
    *,
    sha256: str,
    source: str,
    licence: str,
) -> None:
    """Write the properties that :func:`load_network` reads to the model's metadata."""
    onnx.helper.set_model_props(
        model,
        {
            "nst.format": FORMAT,
            "nst.architecture": architecture,
            "nst.normalisation": json.dumps(asdict(normalisation)),
            "nst.weights_sha256": sha256,
            "nst.source": source,
            "nst.licence": licence,
        },
    )


def read_metadata(model: onnx.ModelProto) -> dict[str, str]:
    """Return the model's metadata as a dictionary."""
    return {entry.key: entry.value for entry in model.metadata_props}


def parse_normalisation(text: str) -> Normalisation:
    """Parse a normalisation that :func:`write_metadata` wrote.

    Raises:
        ValueError: the text is not a valid normalisation.
    """
    try:
        values = json.loads(text)
        order, scale = values["order"], float(values["scale"])
        mean = tuple(float(value) for value in values["mean"])
        std = tuple(float(value) for value in values["std"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise ValueError("its normalisation cannot be read") from None
    numbers = np.array([scale, *mean, *std])
    if order not in ("RGB", "BGR") or len(mean) != 3 or len(std) != 3 or not np.isfinite(numbers).all():
        raise ValueError("its normalisation cannot be read")
    if scale <= 0 or min(std) <= 0:
        raise ValueError("its normalisation divides by zero or inverts the picture")
    if np.abs(numbers).max() > LARGEST_SCALE or min(scale, *std) < 1 / LARGEST_SCALE:
        raise ValueError("the numbers of its normalisation are too large or too small")
    return Normalisation(order, scale, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def load_network(path: Path, name: str) -> Network:
    """Open a file of the model store and check that it is a complete VGG with all its layers.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, or ``bad-model`` with the reason.
    """
    model = read_model(path)
    return check_network(model, path, name)


def check_network(model: onnx.ModelProto, path: Path, name: str) -> Network:
    """Check a parsed model like :func:`load_network` and return it as a :class:`Network`."""
    metadata = read_metadata(model)
    if metadata.get("nst.format") != FORMAT:
        raise bad_model_error(path, "it was not written by this program's model store")
    architecture = next((name for name in LAYERS if name == metadata.get("nst.architecture")), None)
    if architecture is None:
        raise bad_model_error(path, f"its architecture {metadata.get('nst.architecture')!r} is unknown")
    try:
        normalisation = parse_normalisation(metadata.get("nst.normalisation", ""))
    except ValueError as error:
        raise bad_model_error(path, str(error)) from None
    names = layer_names(architecture)
    if tuple(output.name for output in model.graph.output) != names:
        raise bad_model_error(path, f"its outputs are not the layers of {architecture}")
    dims = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for convolution, shape in convolution_shapes(architecture).items():
        stored_shapes = dims.get(f"{convolution}.weight"), dims.get(f"{convolution}.bias")
        if stored_shapes != (shape, shape[:1]):
            raise bad_model_error(path, f"the weights of {convolution} are missing or of the wrong shape")
    return Network(
        name=name,
        path=path,
        sha256=metadata.get("nst.weights_sha256", ""),
        normalisation=normalisation,
        layers=names,
        architecture=architecture,
        source=metadata.get("nst.source", ""),
        licence=metadata.get("nst.licence", ""),
    )
