"""Users' files of weights: every format and naming, and invalid or hostile files."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg import checkpoints, pickled_data, torch_files
from nst_core.vgg.checkpoints import read_weights_file, torchvision_names
from nst_core.vgg.export import export_model
from nst_core.vgg.network import NORMALISATIONS, Network, Weights
from nst_core.vgg.sources import normalisation_of_file
from nst_core.vgg.torch_files import open_torch_file

torch = pytest.importorskip("torch")


def named(weights: Weights, gatys: bool = False) -> dict[str, np.ndarray]:
    """Return the weights under torchvision's names, or under the names of the layers."""
    architecture = "vgg19" if len(weights) == 16 else "vgg16"
    prefixes = {name: name for name in weights} if gatys else torchvision_names(architecture)
    tensors = {}
    for name, (kernel, bias) in weights.items():
        tensors[f"{prefixes[name]}.weight"] = kernel
        tensors[f"{prefixes[name]}.bias"] = bias
    return tensors


def state_dict(weights: Weights, gatys: bool = False) -> OrderedDict:
    return OrderedDict(
        (name, torch.from_numpy(array.copy())) for name, array in named(weights, gatys).items()
    )


def same(weights: Weights, expected: Weights, tolerance: float = 0.0) -> bool:
    return list(weights) == list(expected) and all(
        np.allclose(weights[name].kernel, expected[name].kernel, atol=tolerance, rtol=0)
        and np.allclose(weights[name].bias, expected[name].bias, atol=tolerance, rtol=0)
        for name in expected
    )


def fail(path: Path, normalisation: str | None = "torchvision") -> NstError:
    with pytest.raises(NstError) as caught:
        read_weights_file(path, normalisation)
    return caught.value


def test_torchvision_names_are_the_published_ones():
    names = torchvision_names("vgg19")
    assert (names["conv1_1"], names["conv3_4"], names["conv4_2"], names["conv5_4"]) == (
        "features.0",
        "features.16",
        "features.21",
        "features.34",
    )
    assert torchvision_names("vgg16")["conv5_3"] == "features.28"


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("gatys", [False, True], ids=["torchvision", "gatys"])
def test_torch_files_are_read(weights19, tmp_path, zipped, gatys):
    tensors = state_dict(weights19, gatys)
    tensors["classifier.0.weight"] = torch.zeros(8, 3)
    tensors["classifier.1.count"] = torch.tensor(7)
    path = tmp_path / "weights.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    imported = read_weights_file(path, "caffe")
    assert same(imported.weights, weights19)
    assert imported.normalisation == NORMALISATIONS["caffe"]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_every_kind_of_tensor_is_read(tmp_path, zipped):
    """Half and double precision, strides, offsets, shared storages, parameters, wrappers and prefixes."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {
        "module.turned": base.t(),
        "module.part": base[1:3, 2:5],
        "half": base.half(),
        "double": base.double() / 3,
        "brain": base.bfloat16(),
        "parameter": torch.nn.Parameter(base),
        "scalar": torch.tensor(2.5),
        "count": torch.tensor([1, 2]),
    }
    path = tmp_path / "kinds.pth"
    torch.save({"epoch": 3, "state_dict": tensors}, path, _use_new_zipfile_serialization=zipped)
    with open_torch_file(path) as file:
        assert set(file.names) == {name.removeprefix("module.") for name in tensors}
        for name, tensor in tensors.items():
            if name == "count":
                continue
            array = file.read(name.removeprefix("module."))
            assert array.dtype == np.float32
            assert np.array_equal(array, tensor.detach().float().numpy()), name
        with pytest.raises(torch_files.RefusedPickle, match="floating-point"):
            file.read("count")


@pytest.mark.slow
def test_safetensors_files_are_read(weights19, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(named(weights19), path)
    assert same(read_weights_file(path, "torchvision").weights, weights19)
    save_file({name: array.astype(np.float16) for name, array in named(weights19, gatys=True).items()}, path)
    assert same(read_weights_file(path, "torchvision").weights, weights19, tolerance=2e-3)


def test_model_of_the_store_needs_no_normalisation(network19: Network, weights19):
    imported = read_weights_file(network19.path)
    assert same(imported.weights, weights19)
    assert imported.normalisation == NORMALISATIONS["caffe"]
    assert imported.source == "random numbers"


def test_any_onnx_file_with_the_right_convolutions_is_read(network19: Network, weights19, tmp_path):
    model = onnx.load(str(network19.path))
    del model.metadata_props[:]
    renames = {}
    for index, tensor in enumerate(model.graph.initializer):
        renames[tensor.name] = tensor.name = f"w{index}"
    for node in model.graph.node:
        node.input[:] = [renames.get(name, name) for name in node.input]
    path = tmp_path / "zoo.ONNX"
    onnx.save(model, str(path))
    assert same(read_weights_file(path, "caffe-rgb").weights, weights19)
    assert fail(path, None).code is ErrorCode.BAD_SETTING


def test_missing_normalisation_is_requested(weights19, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(named(weights19), path)
    error = fail(path, None)
    assert error.code is ErrorCode.BAD_SETTING
    assert "--normalisation torchvision" in error.hint
    assert "--normalisation caffe" in error.hint


def test_known_weights_need_no_normalisation(models, tmp_path):
    """torchvision's VGG-16 is recognised by its numbers; a wrong normalisation is refused."""
    path = tmp_path / "vgg16.safetensors"
    save_file(named(models.resolve("vgg16").weights()), path)
    assert read_weights_file(path).normalisation == NORMALISATIONS["torchvision"]
    error = fail(path, "caffe")
    assert error.code is ErrorCode.BAD_SETTING
    assert "known" in error.message


def test_known_files_are_recognised_by_their_hash():
    assert normalisation_of_file("d01eb7cb" + "0" * 56) == "caffe"
    assert normalisation_of_file("88682ab5" + "0" * 56) == "caffe-rgb"
    # If the whole hash is known, its beginning alone is not enough.
    assert normalisation_of_file("dcbb9e9d" + "0" * 56) is None
    assert normalisation_of_file("ab" * 32) is None


def test_unknown_normalisation_is_refused_with_a_suggestion(weights19, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, path)
    error = fail(path, "cafe")
    assert error.code is ErrorCode.BAD_SETTING
    assert "Did you mean 'caffe'?" in error.message


class Payload:
    """An object that pickles as a call of os.system."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_hostile_pickle_is_refused_and_not_run(tmp_path, zipped):
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pth"
    torch.save({"features.0.weight": Payload(marker)}, path, _use_new_zipfile_serialization=zipped)
    error = fail(path)
    assert error.code is ErrorCode.BAD_MODEL
    assert "system" in error.message
    assert not marker.exists()


@pytest.mark.parametrize("function", ["builtins.eval", "torch.load", "nt.system", "numpy.load", "os.getcwd"])
def test_other_globals_are_refused(function):
    module, name = function.rsplit(".", 1)
    pickled = f"c{module}\n{name}\n.".encode()
    with pytest.raises(torch_files.RefusedPickle, match=name):
        torch_files.read_index(pickled)


def test_pickled_module_is_refused(tmp_path):
    path = tmp_path / "module.pth"
    torch.save(torch.nn.Conv2d(3, 4, 3), path)
    assert "torch.nn" in fail(path).message


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_truncated_file_is_refused(weights19, tmp_path, zipped):
    path = tmp_path / "cut.pth"
    torch.save(state_dict(weights19), path, _use_new_zipfile_serialization=zipped)
    for keep in (path.stat().st_size - 100, 2000, 10):
        os.truncate(path, keep)
        assert fail(path).code is ErrorCode.BAD_MODEL


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02.", b"PK\x03\x04rubbish", os.urandom(4096)])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".onnx"])
def test_file_with_other_content_is_refused(tmp_path, content, suffix):
    path = tmp_path / f"rubbish{suffix}"
    path.write_bytes(content)
    assert fail(path).code is ErrorCode.BAD_MODEL


def zip_with(path: Path, tensors: dict, edit) -> None:
    """Save ``tensors`` in the newer format and let ``edit(name, content)`` change each member."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content, compression = edit(name, old.read(name))
            new.writestr(name, content, compression)


def test_zip_bomb_is_refused_before_unpacking(weights19, tmp_path):
    path = tmp_path / "bomb.pth"

    def blow_up(name: str, content: bytes):
        bomb = name.endswith("data/0")
        return (bytes(50_000_000), zipfile.ZIP_DEFLATED) if bomb else (content, zipfile.ZIP_STORED)

    zip_with(path, {"features.0.weight": torch.zeros(12_500_000)}, blow_up)
    assert path.stat().st_size < 100_000
    assert fail(path).code is ErrorCode.BAD_MODEL

    def blow_up_index(name: str, content: bytes):
        bomb = name.endswith("data.pkl")
        return (bytes(50_000_000), zipfile.ZIP_DEFLATED) if bomb else (content, zipfile.ZIP_STORED)

    zip_with(path, {"features.0.weight": torch.zeros(1)}, blow_up_index)
    assert "too large" in fail(path).message


def test_tensor_with_more_numbers_than_its_storage_is_refused(tmp_path):
    """A view that repeats one number a billion times must not be created."""
    path = tmp_path / "stride.pth"
    torch.save({"x": torch.zeros(1).expand(100_000, 10_000)}, path)
    with open_torch_file(path) as file, pytest.raises(torch_files.RefusedPickle, match="more numbers"):
        file.read("x")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(2, (2, 2), (2, 1)), (0, (2, 2), (4, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (0,), (1,))],
)
def test_tensor_outside_its_storage_is_refused(tmp_path, offset, shape, strides):
    storage = torch_files.Storage("0", torch_files.StorageType("FloatStorage"), 4)
    tensor = torch_files.Tensor(storage, offset, shape, strides)
    file = torch_files.TorchFile({"x": tensor}, {"0": 0}, io.BytesIO(bytes(16)))
    with pytest.raises(torch_files.RefusedPickle):
        file.read("x")


def test_legacy_file_with_a_wrong_count_is_refused(tmp_path):
    path = tmp_path / "count.pth"
    torch.save({"x": torch.zeros(4)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content[-24:-16] == struct.pack("<q", 4)
    path.write_bytes(content[:-24] + struct.pack("<q", 2**40) + content[-16:])
    with pytest.raises(torch_files.RefusedPickle, match="size"), open_torch_file(path):
        pass


def test_legacy_file_with_a_huge_index_is_refused(tmp_path):
    path = tmp_path / "endless.pth"
    start = pickle.dumps(torch_files.LEGACY_MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    size = pickled_data.MAX_PICKLE_BYTES + 100
    path.write_bytes(start + b"\x80\x02X" + struct.pack("<I", size) + b"a" * size + b".")
    assert "too large" in fail(path).message


def test_legacy_file_with_a_wrong_magic_number_is_refused(tmp_path):
    path = tmp_path / "magic.pth"
    path.write_bytes(pickle.dumps(1234, 2) + pickle.dumps(1001, 2))
    assert fail(path).code is ErrorCode.BAD_MODEL


def test_wrong_shape_is_named(weights19, tmp_path):
    tensors = named(weights19)
    tensors["features.5.weight"] = np.zeros((128, 64, 5, 5), np.float32)
    path = tmp_path / "shape.safetensors"
    save_file(tensors, path)
    error = fail(path)
    assert error.code is ErrorCode.BAD_MODEL
    assert "features.5.weight" in error.message


def test_missing_bias_is_named(weights19, tmp_path):
    tensors = named(weights19)
    del tensors["features.7.bias"]
    path = tmp_path / "bias.safetensors"
    save_file(tensors, path)
    assert "features.7.bias" in fail(path).message


def test_vgg_with_batch_normalisation_is_refused(weights19, tmp_path):
    tensors = named(weights19)
    tensors["features.1.weight"] = np.ones(64, np.float32)
    path = tmp_path / "bn.safetensors"
    save_file(tensors, path)
    assert fail(path).code is ErrorCode.BAD_MODEL


def test_numbers_that_are_not_finite_are_refused(weights19):
    broken = dict(weights19)
    kernel = broken["conv2_1"].kernel.copy()
    kernel[3, 2, 1, 0] = np.nan
    broken["conv2_1"] = broken["conv2_1"]._replace(kernel=kernel)
    with pytest.raises(NstError) as caught:
        export_model(broken, "broken", NORMALISATIONS["caffe"], source="", licence="")
    assert caught.value.code is ErrorCode.BAD_MODEL
    assert "conv2_1" in caught.value.message


def test_other_network_in_onnx_is_refused(tmp_path):
    kernel = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "k")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "k"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [kernel],
    )
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph), str(path))
    assert "1 convolutions" in fail(path).message


def test_onnx_with_references_to_other_files_is_refused(network19: Network, tmp_path):
    model = onnx.load(str(network19.path))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    path = tmp_path / "external.onnx"
    path.write_bytes(model.SerializeToString())
    error = fail(path, None)
    assert error.code is ErrorCode.BAD_MODEL
    assert "another file" in error.message


def test_too_large_file_is_refused(tmp_path):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(checkpoints.MAX_BYTES + 1)
    error = fail(path)
    assert error.code is ErrorCode.BAD_MODEL
    assert "2 GiB" in error.message


def test_missing_file_and_folder_and_other_suffix_are_refused(tmp_path):
    assert fail(tmp_path / "none.pth").code is ErrorCode.MISSING_FILE
    assert fail(tmp_path).code is ErrorCode.UNREADABLE_FILE
    (tmp_path / "weights.bin").write_bytes(b"x")
    assert ".safetensors" in fail(tmp_path / "weights.bin").message
