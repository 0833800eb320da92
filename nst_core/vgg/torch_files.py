"""Reading tensors from PyTorch files (.pth, .pt), without PyTorch and without running their content.

Takes a file that ``torch.save`` wrote from a state dictionary, in the format of PyTorch 1.6 and later (a zip
archive) or the older one. Returns its tensors by name, read one at a time. The pickle inside may name only a
dozen harmless globals; storages are read as raw numbers. Does not know which network the tensors belong to.

The formats that ``torch.serialization`` writes:

- Zip: ``<name>/data.pkl`` with persistent references ``("storage", type, key, device, count)`` to the
  uncompressed members ``<name>/data/<key>``, and ``<name>/byteorder``.
- Older: five pickles (a magic number, 1001, the writer's byte order, the object, the list of storage keys),
  then for each key its count as a 64-bit integer and its numbers.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nst_core.array_types import Array
from nst_core.vgg.pickled_data import (
    MAX_PICKLE_BYTES,
    LimitedReader,
    ReadableFile,
    read_pickle,
    text_items,
)
from nst_core.vgg.unpickling import RefusedPickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MAX_DIRECTORY_BYTES = 256 * 1024
"""Largest directory of an archive that is read. A VGG's has 4 kB; with 1000 tensors it would have 90 kB."""

MAX_DIMENSIONS = 8

# Storage class -> numpy type code; bfloat16 is the upper half of a float32.
STORAGE_TYPES = {
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "DoubleStorage": "f8",
    "BFloat16Storage": "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
READABLE = ("FloatStorage", "HalfStorage", "DoubleStorage", "BFloat16Storage")


@dataclass(frozen=True)
class StorageType:
    """Stands for a class such as ``torch.FloatStorage`` in the pickle."""

    name: str

    @property
    def item_bytes(self) -> int:
        """Size of one number in bytes."""
        return np.dtype(STORAGE_TYPES[self.name]).itemsize


@dataclass(frozen=True)
class Storage:
    """A sequence of ``count`` numbers in the file."""

    key: str
    type: StorageType
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; ``offset`` and ``strides`` count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class ArchiveFile(io.BufferedReader):
    """The file of an archive. As long as ``opening`` is true, it returns no more than a small directory."""

    opening = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes."""
        if not self.opening:
            return super().read(size)
        wanted = MAX_DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        block = super().read(min(wanted, MAX_DIRECTORY_BYTES + 1))
        if len(block) > MAX_DIRECTORY_BYTES:
            raise RefusedPickle("the archive has too many members")
        return block


class TorchFile:
    """The tensors of an open file; names and shapes are known, numbers are read on demand.

    ``locations`` maps the key of a storage to its offset in ``file``, or to its member if ``file`` is an
    archive.
    """

    def __init__(self, tensors: Mapping[str, Tensor], locations: Mapping[str, int | str], file: Any) -> None:
        self.tensors = tensors
        self.locations = locations
        self.file = file
        self.byte_order = "<"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the tensors."""
        return tuple(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.tensors[name].shape

    def read(self, name: str) -> Array:
        """Read a tensor as float32.

        Raises:
            RefusedPickle: the tensor does not hold floating-point numbers, or reaches outside its storage.
        """
        tensor = self.tensors[name]
        storage = tensor.storage
        if storage.type.name not in READABLE:
            raise RefusedPickle(f"{name} does not hold floating-point numbers")
        numbers = math.prod(tensor.shape)
        last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
        if numbers < 1 or numbers > storage.count or min((tensor.offset, *tensor.strides)) < 0:
            raise RefusedPickle(f"{name} claims more numbers than its storage has")
        if last >= storage.count:
            raise RefusedPickle(f"{name} reaches beyond the end of its storage")
        raw = self.read_storage(storage, tensor.offset, last + 1)
        flat = np.frombuffer(raw, dtype=self.byte_order + STORAGE_TYPES[storage.type.name])
        if storage.type.name == "BFloat16Storage":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        strides = [s * flat.itemsize for s in tensor.strides]
        with np.errstate(over="ignore"):  # the caller refuses numbers that are not finite
            return np.array(np.lib.stride_tricks.as_strided(flat, tensor.shape, strides), dtype=np.float32)

    def read_storage(self, storage: Storage, start: int, end: int) -> bytes:
        """Read the numbers ``start`` to ``end`` of a storage, as bytes."""
        location, item = self.locations[storage.key], storage.type.item_bytes
        size = (end - start) * item
        if isinstance(location, str):
            with self.file.open(location) as member:
                member.seek(start * item)
                raw: bytes = member.read(size)
        else:
            self.file.seek(location + start * item)
            raw = self.file.read(size)
        if len(raw) < size:
            raise RefusedPickle("the file is incomplete")
        return raw


@contextmanager
def open_torch_file(path: Path) -> Iterator[TorchFile]:
    """Open a file in either format.

    Raises:
        RefusedPickle: the file has another format, is damaged, or contains more than tensors.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        if not is_archive:
            yield open_legacy(file)
            return
    with ArchiveFile(io.FileIO(path)) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                file.opening = False
                yield open_zip(archive)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, struct.error):
            raise RefusedPickle("the archive is damaged") from None


def open_zip(archive: zipfile.ZipFile) -> TorchFile:
    """Read the index of the newer format.

    PyTorch never compresses, so no more can be read than the file is long.
    """
    members = {info.filename: info for info in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise RefusedPickle("the archive has two members of the same name")
    indexes = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(indexes) != 1:
        raise RefusedPickle("PyTorch did not write the archive")
    if members[indexes[0]].file_size > MAX_PICKLE_BYTES:
        raise RefusedPickle("its index is too large")
    if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
        raise RefusedPickle("PyTorch did not write the archive")
    prefix = indexes[0].removesuffix("data.pkl")
    with archive.open(indexes[0]) as member:
        tensors, storages = read_index(member.read(MAX_PICKLE_BYTES))
    locations: dict[str, int | str] = {}
    for storage in storages.values():
        name = f"{prefix}data/{storage.key}"
        info = members.get(name)
        if info is None:
            raise RefusedPickle(f"the numbers of storage {storage.key[:20]!r} are missing")
        if info.file_size != storage.count * storage.type.item_bytes:
            raise RefusedPickle(f"storage {storage.key[:20]!r} has the wrong size")
        locations[storage.key] = name
    file = TorchFile(tensors, locations, archive)
    order = f"{prefix}byteorder"
    if order in members:
        with archive.open(order) as member:
            file.byte_order = ">" if member.read(16) == b"big" else "<"
    return file


def open_legacy(file: BinaryIO) -> TorchFile:
    """Read the index of the older format."""
    reader = LimitedReader(file)
    if read_pickle(reader, {}) != LEGACY_MAGIC or read_pickle(reader, {}) != LEGACY_PROTOCOL:
        raise RefusedPickle("PyTorch did not write it")
    writer_system = read_pickle(reader, {})
    tensors, storages = read_index(reader)
    keys = read_pickle(reader, {})
    if not isinstance(writer_system, dict) or not isinstance(keys, list):
        raise RefusedPickle("PyTorch did not write it")
    order = "<" if writer_system.get("little_endian", True) else ">"
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    locations: dict[str, int | str] = {}
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise RefusedPickle("it contains numbers that no tensor uses")
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            raise RefusedPickle("the file is incomplete")
        if struct.unpack(f"{order}q", header)[0] != storage.count:
            raise RefusedPickle(f"storage {key[:20]!r} has the wrong size")
        locations[key] = position + 8
        position += 8 + storage.count * storage.type.item_bytes
        if position > size:
            raise RefusedPickle("the file is incomplete")
    if locations.keys() != storages.keys():
        raise RefusedPickle("the numbers of some tensors are missing")
    torch_file = TorchFile(tensors, locations, file)
    torch_file.byte_order = order
    return torch_file


def read_index(pickled: ReadableFile | bytes) -> tuple[dict[str, Tensor], dict[str, Storage]]:
    """Read the pickle of a state dictionary; return its tensors by name and their storages by key."""
    storages: dict[str, Storage] = {}

    def resolve(reference: Any) -> Storage:
        kind, storage_type, key, _device, count, *view = reference
        if kind != "storage" or not isinstance(storage_type, StorageType) or any(view):
            raise RefusedPickle("it refers to something other than the numbers of a tensor")
        if not isinstance(key, str) or not is_count(count):
            raise RefusedPickle("it refers to numbers in an unknown way")
        return storages.setdefault(key, Storage(key, storage_type, count))

    tree = read_pickle(pickled, NAMES, resolve)
    for wrapper in ("state_dict", "model"):
        if isinstance(tree, dict) and isinstance(tree.get(wrapper), dict):
            tree = tree[wrapper]
    if not isinstance(tree, dict):
        raise RefusedPickle("it does not contain a state dictionary")
    tensors = {
        name.removeprefix("module."): value for name, value in tree.items() if isinstance(value, Tensor)
    }
    return tensors, storages


def ordered_dict(pairs: Any = ()) -> dict[str, Any]:
    """Stand in for ``collections.OrderedDict``; Python 2 pickled its items as a list of pairs."""
    if not isinstance(pairs, (list, tuple)):
        raise RefusedPickle("it describes a dictionary in an unknown way")
    return text_items(pairs)


def rebuild_tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_ignored: Any) -> Tensor:
    """Stand in for ``torch._utils._rebuild_tensor`` and ``_rebuild_tensor_v2``."""
    numbers = (offset, *shape, *strides)
    is_tensor = isinstance(storage, Storage) and all(is_count(n) for n in numbers)
    if not is_tensor or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise RefusedPickle("it describes a tensor in an unknown way")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def rebuild_parameter(tensor: Any, *_ignored: Any) -> Any:
    """Stand in for ``torch._utils._rebuild_parameter``."""
    return tensor


def is_count(value: Any) -> bool:
    """Return whether a value from a pickle is a number of numbers: 0 to 2^63 - 1."""
    return isinstance(value, int) and 0 <= value < 2**63


NAMES: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): ordered_dict,
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    **{(module, name): StorageType(name) for module in ("torch", "torch.cuda") for name in STORAGE_TYPES},
}
