"""Builders of files byte by byte, so that tests of reading do not rely on another library's writer."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
PROPHOTO, PROPHOTO_WHITE = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples: np.ndarray, *before: bytes) -> bytes:
    """Build a PNG of uint8 or uint16 ``(height, width, channels)``; ``before`` are chunks before the
    pixels."""
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(before)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(
    samples: np.ndarray,
    photometric: int,
    extra: Sequence[int] = (),
    order: str = "<",
    planar: bool = False,
    tags: dict[int, tuple[str, Sequence[Any]]] | None = None,
) -> bytes:
    """Build an uncompressed TIFF of ``(height, width, channels)``; ``tags`` adds to the tags or replaces
    them."""
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    sample_format = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    stored = np.moveaxis(samples, 2, 0) if planar else samples
    pixels = np.ascontiguousarray(stored).astype(samples.dtype.newbyteorder(order)).tobytes()
    plane = len(pixels) // channels if planar else len(pixels)
    strips = channels if planar else 1
    entries: dict[int, tuple[str, Sequence[Any]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * channels),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [8 + i * plane for i in range(strips)]),
        277: ("H", [channels]),
        278: ("I", [height]),
        279: ("I", [plane] * strips),
        284: ("H", [2 if planar else 1]),
        339: ("H", [sample_format] * channels),
        **({338: ("H", list(extra))} if extra else {}),
        **(tags or {}),
    }
    codes = {"H": 3, "I": 4, "B": 7}
    start = 8 + len(pixels)
    table, tail = struct.pack(order + "H", len(entries)), b""
    after = start + 2 + 12 * len(entries) + 4
    for tag, (form_code, values) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(values)}{form_code}", *values)
        table += struct.pack(order + "HHI", tag, codes[form_code], len(values))
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", after + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", start) + pixels + table + struct.pack(order + "I", 0) + tail


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def table_curve(values: np.ndarray) -> bytes:
    samples = np.rint(np.clip(values, 0, 1) * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + samples + b"\0" * (-len(samples) % 4)


def parametric_curve(function: int, *numbers: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", function, 0) + fixed(*numbers)


SRGB_CURVE = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ", connection: bytes = b"XYZ ") -> bytes:
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78
    all_tags = {
        b"desc": description + b"\0" * (-len(description) % 4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50),
        **tags,
    }
    table, body = struct.pack(">I", len(all_tags)), b""
    start = 128 + 4 + 12 * len(all_tags)
    for name, data in all_tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02400000, b"mntr", space, connection)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + fixed(*D50)
    return head.ljust(128, b"\0") + table + body


def matrix(primaries: Any = SRGB, white: Any = D65) -> np.ndarray:
    """Return the XYZ of the primaries in columns, adapted to D50 by Bradford's method."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in primaries]).T
    light = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    adapted = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ light)) @ BRADFORD
    return adapted @ (columns * np.linalg.solve(columns, light))


def rgb_profile(curve: bytes, primaries: Any = SRGB, white: Any = D65) -> bytes:
    tags = {}
    for name, column in zip((b"r", b"g", b"b"), matrix(primaries, white).T, strict=True):
        tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*column)
        tags[name + b"TRC"] = curve
    return profile(tags)


def grey_profile(curve: bytes) -> bytes:
    return profile({b"kTRC": curve}, space=b"GRAY")


def lookup_profile() -> bytes:
    """Build a profile with the sRGB primaries as a table of 2 x 2 x 2 corners (lut16Type), which is exact."""
    columns = matrix()
    corners = [columns @ (r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    straight = struct.pack(">2H", 0, 65535) * 3
    table = (
        b"mft2\0\0\0\0" + bytes([3, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">2H", 2, 2)
    )
    # XYZ is stored as u1Fixed15: 1.0 is 0x8000.
    stored = np.rint(np.array(corners) * 32768).astype(">u2").tobytes()
    return profile({b"A2B0": table + straight + stored + straight})


STEPS = np.linspace(0, 1, 1024)
PROFILES = {
    "adobe": rgb_profile(gamma_curve(563 / 256), ADOBE),
    "prophoto": rgb_profile(gamma_curve(1.8), PROPHOTO, PROPHOTO_WHITE),
    "prophoto-toe": rgb_profile(
        parametric_curve(3, 1.8, 1.0, 0.0, 1 / 16, 0.031248), PROPHOTO, PROPHOTO_WHITE
    ),
    "linear": rgb_profile(gamma_curve(1.0)),
    "table": rgb_profile(table_curve(0.2 * STEPS + 0.8 * STEPS**2.4), ADOBE),
    "srgb": rgb_profile(SRGB_CURVE),
}
