"""Arithmetic on vectors of a picture's size, without temporaries of that size.

Takes ``(3, height, width)`` device arrays (numpy or torch) and processes them in strips of rows. So the
memory that an optimiser needs in addition to its vectors does not grow with the picture; a small picture is
one strip. The stores of an optimiser's history keep vectors as they are, in half precision, or in half
precision in a file. Does not depend on losses or on how much memory there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from array_api_compat import device, to_device

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.images.strips import row_strips
from nst_core.optim.scratch_files import anonymous_file

STRIP_PIXELS = 2**20
"""Pixels of a strip."""

LARGEST_HALF = 32768.0
"""The largest value of each strip in half precision, well below the limit of 65504."""


class VectorStore(Protocol):
    """A stored vector: written once, strip by strip in order, and read strip by strip."""

    def append(self, values: DeviceArray) -> DeviceArray:
        """Store the next strip and return it as it will be read."""
        ...

    def get(self, index: int) -> DeviceArray:
        """Read strip ``index`` of :func:`strips`."""
        ...


StoreFactory: TypeAlias = Callable[[], VectorStore]
"""Makes a store for one vector."""

Storage: TypeAlias = Literal["full", "half", "file"]
"""Ways to store a vector."""


def strips(picture: DeviceArray) -> list[slice]:
    """Cut the rows of ``picture`` into strips of ``STRIP_PIXELS`` pixels, the same for every vector."""
    _, height, width = picture.shape
    return row_strips(height, width, STRIP_PIXELS)


def planes(picture: DeviceArray) -> list[slice]:
    """Cut ``picture`` into its channels if it is larger than a strip, for operators on whole planes."""
    channels, height, width = picture.shape
    size = channels if height * width <= STRIP_PIXELS else 1
    return [slice(first, first + size) for first in range(0, channels, size)]


def total(sums: Iterable[DeviceArray]) -> DeviceArray:
    """Add up the ``sums`` of strips."""
    added = None
    for strip_sum in sums:
        added = strip_sum if added is None else added + strip_sum
    return added


def dot(stored: VectorStore, vector: DeviceArray) -> DeviceArray:
    """Return the inner product () of a stored vector and another."""
    xp = array_namespace(vector)
    return total(xp.sum(stored.get(i) * vector[:, rows]) for i, rows in enumerate(strips(vector)))


def add_scaled(vector: DeviceArray, stored: VectorStore, factor: DeviceArray) -> None:
    """Add ``factor`` times a stored vector to ``vector``, in place."""
    for index, rows in enumerate(strips(vector)):
        vector[:, rows] += stored.get(index) * factor


class InMemoryStore:
    """Stores the strips themselves, on the device."""

    def __init__(self) -> None:
        self.strips: list[DeviceArray] = []

    def append(self, values: DeviceArray) -> DeviceArray:
        """Store the next strip, which must not change afterwards."""
        self.strips.append(values)
        return values

    def get(self, index: int) -> DeviceArray:
        """Read a strip."""
        return self.strips[index]


class HalfPrecisionStore:
    """Stores float16 on the device, each strip scaled by its largest value: 11 bits of each number."""

    def __init__(self) -> None:
        self.strips: list[tuple[DeviceArray, DeviceArray]] = []

    def append(self, values: DeviceArray) -> DeviceArray:
        """Round and store the next strip."""
        xp = array_namespace(values)
        self.strips.append(_to_half(values, xp))
        return self._read(len(self.strips) - 1, values.dtype, xp)

    def get(self, index: int) -> DeviceArray:
        """Read a strip."""
        half, scale = self.strips[index]
        return self._read(index, scale.dtype, array_namespace(half))

    def _read(self, index: int, dtype: Any, xp: Any) -> DeviceArray:
        half, scale = self.strips[index]
        return xp.astype(half, dtype) * scale


class FileStore:
    """Stores float16 in an anonymous file, which disappears with the store."""

    def __init__(self, folder: Path | None = None) -> None:
        self.file = anonymous_file(folder)
        self.strips: list[tuple[int, tuple[int, ...], DeviceArray]] = []

    def append(self, values: DeviceArray) -> DeviceArray:
        """Round and write the next strip."""
        xp = array_namespace(values)
        half, scale = _to_half(values, xp)
        offset = self.file.seek(0, 2)
        rest = np.ascontiguousarray(to_device(half, "cpu")).data.cast("B")
        while rest:  # a disk that becomes full writes only a part first
            rest = rest[self.file.write(rest) :]
        self.strips.append((offset, tuple(half.shape), scale))
        return xp.astype(half, values.dtype) * scale

    def get(self, index: int) -> DeviceArray:
        """Read a strip."""
        offset, shape, scale = self.strips[index]
        self.file.seek(offset)
        half = np.fromfile(self.file, dtype=np.float16, count=math.prod(shape)).reshape(shape)
        xp = array_namespace(scale)
        return xp.astype(xp.asarray(half, device=device(scale)), scale.dtype) * scale

    def __del__(self) -> None:
        if hasattr(self, "file"):  # no file if opening it failed
            self.file.close()


def _to_half(values: DeviceArray, xp: Any) -> tuple[DeviceArray, DeviceArray]:
    """Return ``values`` in float16, and the scale () to multiply them by."""
    largest = xp.max(xp.abs(values))
    one = xp.ones_like(largest)
    scale = xp.where(largest > 0, largest / LARGEST_HALF, one)
    return xp.astype(values / scale, xp.float16), scale


def store_factory(storage: Storage, folder: Path | None = None) -> StoreFactory:
    """Return a factory of stores; ``folder`` is for files, by default one on a disk."""
    if storage == "file":
        return partial(FileStore, folder)
    return HalfPrecisionStore if storage == "half" else InMemoryStore
