"""One hash of several values: arrays by their shapes and bytes, other values as Python writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def content_hash(parts: Iterable[object]) -> str:
    """Return the SHA-256 of ``parts``, in order, as hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr(part.shape).encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
        digest.update(b"\n")
    return digest.hexdigest()
