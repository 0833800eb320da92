"""Files of which the end is missing: what GIMP opens all the same is recognised; whole files never are."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PLUG_IN = Path(__file__).resolve().parents[3] / "gimp_plugin" / "neural-style"


@pytest.fixture
def complete_files(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUG_IN))
    from nst_gimp.image import complete_files

    return complete_files


def encode(name: str, **options) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, name, **options)
    return data.getvalue()


def with_thumbnail(jpeg: bytes) -> bytes:
    """Return a JPEG with another JPEG, which has an end of its own, in its Exif segment."""
    segment = b"Exif\0\0" + jpeg[:4000] + b"\xff\xd9"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def big_tiff() -> bytes:
    """Return a BigTIFF with one strip of 1000 bytes at its end."""
    entries = [(256, 3, 20), (257, 3, 50), (273, 16, 112), (279, 4, 1000)]
    layouts = {3: ">HHQH6x", 4: ">HHQI4x", 16: ">HHQQ"}
    packed = [struct.pack(layouts[kind], tag, kind, 1, value) for tag, kind, value in entries]
    return struct.pack(">2sHHHQQ", b"MM", 43, 8, 0, 16, len(entries)) + b"".join(packed) + bytes(8 + 1000)


def psd(compression: int) -> bytes:
    head = (
        struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 48, 64, 8, 3) + bytes(12) + struct.pack(">H", compression)
    )
    if compression == 0:
        return head + bytes(3 * 48 * 64)
    return head + struct.pack(">144H", *[10] * 144) + bytes(1440)


FILES = {
    "a.jpg": lambda: encode("JPEG"),
    "progressive.jpg": lambda: encode("JPEG", progressive=True),
    "thumbnail.jpg": lambda: with_thumbnail(encode("JPEG")),
    "wrong suffix.png": lambda: encode("JPEG"),
    "a.png": lambda: encode("PNG"),
    "a.gif": lambda: encode("GIF"),
    "a.webp": lambda: encode("WEBP", lossless=True),
    "a.tif": lambda: encode("TIFF"),
    "big.tif": big_tiff,
    "lzw.tif": lambda: encode("TIFF", compression="tiff_lzw"),
    "a.bmp": lambda: encode("BMP"),
    "a.tga": lambda: encode("TGA"),
    "a.sgi": lambda: encode("SGI"),
    "raw.psd": lambda: psd(0),
    "packed.psd": lambda: psd(1),
    "a.qoi": lambda: struct.pack(">4sIIBB", b"qoif", 8, 8, 3, 0) + b"\xfe123" * 64 + bytes(7) + b"\1",
}


@pytest.mark.parametrize("name", FILES)
def test_missing_end_is_recognised(complete_files, tmp_path: Path, name: str) -> None:
    data, path = FILES[name](), tmp_path / name
    path.write_bytes(data)
    assert not complete_files.is_cut_short(str(path))
    path.write_bytes(data + b"\0 something that a phone appends \xff")
    assert not complete_files.is_cut_short(str(path))
    for share in (0.2, 0.5, 0.97):
        path.write_bytes(data[: round(len(data) * share)])
        assert complete_files.is_cut_short(str(path)), share


def test_copy_that_ends_in_zeros_is_cut_short(complete_files, tmp_path: Path) -> None:
    """As a download leaves it that reserved the space first."""
    data, path = encode("JPEG"), tmp_path / "a.jpg"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    assert complete_files.is_cut_short(str(path))


def test_animation_without_its_end_has_its_first_frame(complete_files, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue", "white")]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    path.write_bytes(path.read_bytes()[:-60])
    assert not complete_files.is_cut_short(str(path))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"BM" + bytes(9), b"8BPS", b"no picture"]
)
def test_hardly_anything_is_no_crash(complete_files, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    assert complete_files.is_cut_short(str(path)) == (data not in (b"", b"no picture"))
