"""A style kept under a name, as the library and its archives pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class KeptStyle:
    """A style under a name; ``settings`` are names and values, only those that were given."""

    name: str
    path: Path
    thumbnail: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PackedStyle:
    """A style on its way: ``picture`` is its file's bytes, ``suffix`` tells its format."""

    name: str
    suffix: str
    settings: Mapping[str, Any]
    picture: bytes
