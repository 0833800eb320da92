"""A style, as the library returns it and as archives contain it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class KeptStyle:
    """A style in the library. ``settings`` are names and values, only those that were given.

    ``is_ready`` marks a style that came with the engine.
    """

    name: str
    path: Path
    thumbnail: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    is_ready: bool = False


@dataclass(frozen=True)
class PackedStyle:
    """A style outside the library. ``picture`` is its file's bytes, and ``suffix`` the file's format."""

    name: str
    suffix: str
    settings: Mapping[str, Any]
    picture: bytes
