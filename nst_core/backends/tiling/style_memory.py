"""A bounded memory of what the network says of styles, shared by the pictures of a series.

The pictures of a folder have the same styles, at the same few sizes, and so have trials in an editor. Their
statistics and the index in which matches are sought are computed for the first picture and remembered for the
others. A value is remembered
under a hash of all that decides it, so a wrong one is never taken, and an entry that is found has the bits
that would be computed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from nst_core.system.content_hash import content_hash
from nst_core.system.free_memory import available_memory

Value = TypeVar("Value")

MOST_BYTES = 256e6
"""Bytes that are remembered at most: with the default settings, one style at three sizes of 512 pixels."""

FREE_SHARE = 1 / 20
"""Share of the free memory that is remembered at most, so that paintings keep their tiles."""


class StyleMemory:
    """Values by the hash of what decides them.

    What comes first stays, and what does not fit any more is computed again each time: the sizes of a series
    come round again and again, and would push each other out. With ``replaces``, what was used least recently
    goes instead, for styles that somebody chooses one after another. ``hits`` and ``misses`` count.
    """

    def __init__(self, most_bytes: float, *, replaces: bool = False) -> None:
        self.most_bytes, self.bytes, self.replaces = most_bytes, 0.0, replaces
        self.hits, self.misses = 0, 0
        self._values: dict[str, object] = {}  # with ``replaces``, the most recent is the last

    def recall(self, parts: Iterable[object], compute: Callable[[], Value]) -> Value:
        """Return the value that ``parts`` decide: a remembered one, or else that of ``compute``.

        Callers do not change its arrays.
        """
        key = content_hash(parts)
        if key in self._values:
            self.hits += 1
            if self.replaces:
                self._values[key] = self._values.pop(key)
            return cast(Value, self._values[key])
        self.misses += 1
        value = compute()
        size = _size_of(value)
        while self.replaces and size <= self.most_bytes < self.bytes + size:
            self.bytes -= _size_of(self._values.pop(next(iter(self._values))))
        if self.bytes + size <= self.most_bytes:
            self._values[key], self.bytes = value, self.bytes + size
        return value


def memory_for_series(allowed: int = 0, *, replaces: bool = False) -> StyleMemory:
    """Return a memory that fits this machine, and the setting ``max_memory``, ``allowed`` bytes (0: none)."""
    free = available_memory()
    most_bytes = min(MOST_BYTES, FREE_SHARE * (min(free, allowed) if allowed else free))
    return StyleMemory(most_bytes, replaces=replaces)


@dataclass(frozen=True)
class RememberedStyles:
    """The memory of a series for one way of computing: ``origin`` names the network, the engine and so on."""

    memory: StyleMemory
    origin: tuple[object, ...]

    def recall(self, parts: Iterable[object], compute: Callable[[], Value]) -> Value:
        """Return what ``parts`` decide, remembered or computed."""
        return self.memory.recall([*self.origin, *parts], compute)


def _arrays_in(value: object) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays in a value: in mappings, sequences and dataclasses."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        yield from _arrays_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays_in(item)
    elif dataclasses.is_dataclass(value):
        yield from _arrays_in([getattr(value, field.name) for field in dataclasses.fields(value)])


def _size_of(value: object) -> float:
    """Return the memory of a value's arrays in bytes."""
    return sum(map(_bytes_of, _arrays_in(value)))


def _bytes_of(array: np.ndarray[Any, Any]) -> float:
    """Return the memory of an array. One in a file has no place here: the disk would fill up."""
    return math.inf if isinstance(array, np.memmap) else float(array.nbytes)
