"""Files of weights that are made to crash, to hang or to fill the memory: refused with one sentence.

Python's own unpickler crashes on some of these pickles, hangs on others, and takes gigabytes for a few bytes.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg import onnx_outline, torch_files
from nst_core.vgg.checkpoints import read_weights_file
from nst_core.vgg.magnitudes import check_magnitudes
from nst_core.vgg.network import NORMALISATIONS, ConvWeights, parse_normalisation
from nst_core.vgg.pickled_data import MAX_PICKLE_BYTES, MAX_STEPS
from nst_core.vgg.torch_files import open_torch_file, read_index
from nst_core.vgg.unpickling import RefusedPickle

DICT, SET, STOP = b"}", b"s", b"."
ONE = b"K\1"
ORDERED_DICT = b"ccollections\nOrderedDict\nq\0"
STORAGE = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpuK\4tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor\n"

DEEP_TUPLE = ONE + b"\x85" * (MAX_STEPS - 100)
SHARED_TUPLE = ONE + b"q\0" + b"h\0h\0\x86q\0" * 60

PICKLES = {
    "deep tuple as a key": DICT + DEEP_TUPLE + ONE + SET + STOP,
    "deeper tuple as a key": DICT + ONE + b"\x85" * MAX_PICKLE_BYTES,
    "tuple of 2^60 numbers as a key": DICT + SHARED_TUPLE.replace(b"q\0", b"\x94") + ONE + SET + STOP,
    "tuple as a key of an ordered dictionary": ORDERED_DICT + b"(](](" + DEEP_TUPLE + b"K\1eetR" + STOP,
    "memo index 2^27": DICT + b"r" + struct.pack("<I", 2**27) + STOP,
    "memo index 2^32": DICT + b"r" + struct.pack("<I", 2**32 - 1) + STOP,
    "memo index that was not stored": b"j" + struct.pack("<I", 2**31) + STOP,
    "number of 2 GB": b"\x8b" + struct.pack("<i", 2**31 - 1) + STOP,
    "number in a million digits": b"I" + b"9" * 10**6 + b"\n" + STOP,
    "text of 4 GB": b"X" + struct.pack("<I", 2**32 - 1) + b"a" + STOP,
    "text of 2^63 bytes": b"\x8d" + struct.pack("<Q", 2**63) + b"a" + STOP,
    "frame of 2^63 bytes": b"\x80\4\x95" + struct.pack("<Q", 2**63) + ONE + STOP,
    "many opcodes": b"]" * (MAX_STEPS + 1),
    "marks without an end": b"(" * 1000 + STOP,
    "empty stack": b"0" + STOP,
    "arguments that are used again and again": (
        ORDERED_DICT + b"((" + ONE * 20_000 + b"t\x85q\1" + b"h\0h\1R" * 9000 + STOP
    ),
    "set of tuples": b"\x8f(" + DEEP_TUPLE + b"\x90" + STOP,
    "attributes of what all files share": (
        b"ctorch\nFloatStorage\n" + DICT + b"X\4\0\0\0nameX\1\0\0\0x" + SET + b"b" + STOP
    ),
    "methods of a dictionary": ORDERED_DICT + b")R" + DICT + b"X\5\0\0\0itemsK\1" + SET + b"b" + STOP,
    "tensor of many dimensions": TENSOR
    + b"("
    + STORAGE
    + b"K\0("
    + ONE * 99
    + b"t("
    + ONE * 99
    + b"ttR"
    + STOP,
    "tensor of 2^2000 numbers": (
        TENSOR + b"(" + STORAGE + b"K\0\x8a\xfa" + b"\x7f" * 250 + b"\x85K\1\x85tR" + STOP
    ),
    "long name": b"c" + b"\x1b[31m" * 10_000 + b"\nx\n" + STOP,
    "reference that is no tuple": ONE + b"Q" + STOP,
}


def zip_file(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
    return path


def legacy_file(path: Path, pickled: bytes, keys: bytes = b"\x80\2].") -> Path:
    start = [pickle.dumps(value, 2) for value in (torch_files.LEGACY_MAGIC, torch_files.LEGACY_PROTOCOL, {})]
    path.write_bytes(b"".join(start) + pickled + keys)
    return path


def fail(path: Path) -> str:
    with pytest.raises(NstError) as caught:
        read_weights_file(path, "torchvision")
    assert caught.value.code is ErrorCode.BAD_MODEL
    assert len(caught.value.message) < 300
    return caught.value.message


@pytest.mark.parametrize("write", [zip_file, legacy_file])
@pytest.mark.parametrize("pickled", PICKLES.values(), ids=PICKLES)
def test_pickle_is_refused(tmp_path, write, pickled):
    fail(write(tmp_path / "hostile.pth", pickled))


def test_pickle_cannot_change_the_reader():
    with pytest.raises(RefusedPickle):
        read_index(PICKLES["attributes of what all files share"])
    assert torch_files.NAMES["torch", "FloatStorage"].name == "FloatStorage"


def test_keys_other_than_texts_are_left_out():
    """Optimizers number their states, and keep them beside the weights."""
    tensor = TENSOR + b"(" + STORAGE + b"K\0K\4\x85K\1\x85tR"
    pickled = DICT + b"(" + ONE + ONE + b"N" + ONE + b"X\1\0\0\0a" + tensor + b"u" + STOP
    tensors, storages = read_index(pickled)
    assert list(tensors) == ["a"]
    assert tensors["a"].shape == (4,)
    assert list(storages) == ["0"]


def test_ordered_dictionary_of_python_2_is_read():
    """It pickled the items as a list of pairs, in short strings."""
    tensor = TENSOR + b"(" + STORAGE + b"K\0K\4\x85K\1\x85tR"
    tensors, _ = read_index(ORDERED_DICT + b"(](](U\1a" + tensor + b"eetR" + STOP)
    assert list(tensors) == ["a"]


def test_legacy_file_with_a_tuple_in_the_list_of_storages_is_refused(tmp_path):
    assert "no tensor uses" in fail(
        legacy_file(tmp_path / "keys.pth", DICT + STOP, b"](" + DEEP_TUPLE + b"e.")
    )


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return buffer.getvalue()


def test_archive_with_two_members_of_one_name_is_refused(tmp_path):
    path = tmp_path / "twice.pth"
    content = archive({"x/data.pkl": DICT + STOP, "x/data.pk2": DICT + STOP})
    path.write_bytes(content.replace(b"data.pk2", b"data.pkl"))
    assert "same name" in fail(path)


def test_archive_with_many_members_is_refused_before_they_are_listed(tmp_path):
    path = tmp_path / "many.pth"
    path.write_bytes(archive({"x/data.pkl": DICT + STOP, **{f"x/{n}": b"" for n in range(6000)}}))
    assert "too many" in fail(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_archive_is_refused(tmp_path, compression):
    path = tmp_path / "compressed.pth"
    path.write_bytes(archive({"x/data.pkl": DICT + STOP}, compression))
    assert "PyTorch did not write" in fail(path)


def test_only_the_needed_part_of_a_storage_is_read(tmp_path):
    """All weights may be views of one storage; each then costs no more than its own numbers."""
    path = tmp_path / "flat.pth"
    tensor = TENSOR + b"(" + STORAGE + b"K\2K\2\x85K\1\x85tR"
    numbers = np.arange(4, dtype="<f4").tobytes()
    path.write_bytes(archive({"x/data.pkl": DICT + b"X\1\0\0\0a" + tensor + SET + STOP, "x/data/0": numbers}))
    with open_torch_file(path) as file:
        assert file.read("a").tolist() == [2, 3]
        assert len(file.read_storage(file.tensors["a"].storage, 2, 4)) == 8


def test_safetensors_file_with_a_huge_header_is_refused(tmp_path):
    path = tmp_path / "header.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b'{"a":')
        file.truncate(90_000_100)
    assert "header is too large" in fail(path)


def test_numbers_beyond_float32_are_refused_without_a_warning(tmp_path):
    path = tmp_path / "double.safetensors"
    save_file({"conv1_1.weight": np.full((64, 3, 3, 3), 1e300)}, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fail(path)


def record(field: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([field << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize(
    "content",
    [
        record(7, record(1, b"") * 60_000),
        record(7, record(1, record(5, b"") * 600_000)),
        record(7, record(5, record(13, b"") * 60_000)),
        record(7, record(5, b"\x08\1" * 60_000)),
        record(14, b"") * 60_000,
        record(8, bytes(2_000_000)),
    ],
    ids=["nodes", "attributes", "external data", "dimensions", "metadata", "documentation"],
)
def test_onnx_file_that_grows_a_hundredfold_is_refused_before_parsing(tmp_path, monkeypatch, content):
    monkeypatch.setattr(onnx, "load_model_from_string", lambda _content: pytest.fail("parsed"))
    path = tmp_path / "large.onnx"
    path.write_bytes(content)
    assert "more than" in fail(path)


def test_deeply_nested_onnx_file_is_refused(tmp_path):
    content = b""
    for _ in range(1000):
        content = record(1, record(5, record(6, content)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(record(7, content))
    assert "damaged" in fail(path)


@pytest.mark.parametrize("content", [b"\x3a\xff\xff\xff\xff\x0f", b"\x3a", b"\xff" * 20, b"\x3b\x3c"])
def test_damaged_outline_is_told(content):
    with pytest.raises(ValueError):
        onnx_outline.check_outline(content)


def normalisation(**fields: object) -> str:
    usual = {"order": "RGB", "scale": 1.0, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}
    return json.dumps({**usual, **fields})


@pytest.mark.parametrize(
    "text",
    [
        normalisation(scale=1e308),
        normalisation(scale=1e-300),
        normalisation(mean=[1e30, 0, 0]),
        normalisation(std=[1e-40, 1, 1]),
        normalisation(scale=float("nan")),
        normalisation(std=[float("inf"), 1, 1]),
        normalisation(scale=10**400),
        normalisation(scale="1e309"),
        normalisation(order=["RGB"]),
        normalisation(mean=[0, 0]),
        "[" * 100_000,
        "null",
    ],
)
def test_impossible_normalisation_is_refused(text):
    with pytest.raises(ValueError, match="normalisation"):
        parse_normalisation(text)


def test_onnx_file_with_an_impossible_normalisation_is_refused_at_import(network19, tmp_path):
    model = onnx.load(str(network19.path))
    for entry in model.metadata_props:
        if entry.key == "nst.normalisation":
            entry.value = normalisation(scale=1e308)
    path = tmp_path / "scale.onnx"
    path.write_bytes(model.SerializeToString())
    assert "normalisation" in fail(path)


def test_weights_whose_features_overflow_are_refused(weights19):
    check_magnitudes(weights19, "vgg19", NORMALISATIONS["caffe"])
    name = "conv3_2"
    huge = {**weights19, name: ConvWeights(weights19[name].kernel * np.float32(1e30), weights19[name].bias)}
    with pytest.raises(NstError, match="overflow at conv3_2") as caught:
        check_magnitudes(huge, "vgg19", NORMALISATIONS["caffe"])
    assert caught.value.code is ErrorCode.BAD_MODEL
