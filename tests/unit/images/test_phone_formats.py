"""HEIC, AVIF and JPEG XL: depth, alpha, rotation and profile; and files that hold several pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.images import jpeg_xl
from nst_core.images.plug_ins import open_plug_ins
from nst_core.images.read import read_picture

pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("pillow_jxl")
open_plug_ins()

SUFFIXES = (".heic", ".avif", ".jxl")
RAMP = np.tile(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], (40, 1, 3))

ANIMATION = base64.b64decode("/wpBBE0AICYIBAEAHABLGIsVggMACAQFABwASxiLFYIDAA==")
"""A JPEG XL of two frames, 8 x 8, as libjxl wrote it."""

LARGEST = (0b11 << 1 | ((1 << 30) - 1) << 3 | 1 << 33).to_bytes(9, "little")
"""The size in a JPEG XL's header: as large as can be, and square."""


def corner(size: tuple[int, int] = (64, 40)) -> Image.Image:
    """Return a black picture with a red upper left corner."""
    picture = Image.new("RGB", size)
    picture.paste((255, 0, 0), (0, 0, 20, 10))
    return picture


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_and_alpha_are_read(tmp_path: Path, suffix: str) -> None:
    picture = corner().convert("RGBA")
    picture.putalpha(100)
    picture.save(tmp_path / f"a{suffix}", quality=95)
    read = read_picture(tmp_path / f"a{suffix}")
    assert read.bits == 8
    assert read.pixels.shape == (40, 64, 3)
    assert np.allclose(read.pixels[2, 2], (1, 0, 0), atol=0.06)
    assert np.allclose(read.alpha, 100 / 255, atol=0.01)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize(("orientation", "red"), [(3, (-3, -3)), (6, (2, -3)), (8, (-3, 2))])
def test_picture_is_turned_upright_once(
    tmp_path: Path, suffix: str, orientation: int, red: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner().save(tmp_path / f"a{suffix}", exif=exif.tobytes(), quality=95)
    read = read_picture(tmp_path / f"a{suffix}")
    assert (read.width, read.height) == ((64, 40) if orientation == 3 else (40, 64))
    assert read.pixels[red][0] > 0.9


def test_jpeg_in_jpeg_xl_keeps_the_orientation_of_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    corner().save(tmp_path / "a.jpg", exif=exif.tobytes(), quality=95)
    with Image.open(tmp_path / "a.jpg") as packed, pytest.warns(UserWarning, match="reconstruction"):
        packed.save(tmp_path / "packed.jxl")
    corner().save(tmp_path / "plain.jxl", exif=exif.tobytes())
    assert read_picture(tmp_path / "packed.jxl").height == 64
    assert read_picture(tmp_path / "plain.jxl").height == 40  # its own orientation counts: it has none


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_ten_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".heic":
        pillow_heif.from_bytes(mode="RGB;16", size=(64, 40), data=RAMP.tobytes()).save(path, quality=-1)
    else:
        image = pyvips.Image.new_from_array(RAMP).copy(interpretation="rgb16")
        image.heifsave(str(path), bitdepth=10, compression="av1", Q=100)
    read = read_picture(path)
    assert read.bits == 16
    assert np.abs(read.pixels - RAMP / np.float32(65535)).max() < 0.006
    assert read.pixels[0, -1].min() > 0.9995


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_profile_is_kept(tmp_path: Path, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    corner().save(tmp_path / f"a{suffix}", icc_profile=profile)
    assert read_picture(tmp_path / f"a{suffix}").profile


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        (".gif", "3 frames"),
        (".webp", "3 frames"),
        (".png", "3 frames"),
        (".avif", "3 frames"),
        (".tif", "3 pages"),
        (".heic", "3 pictures"),
    ],
)
def test_first_of_several_pictures_is_read_and_told(tmp_path: Path, suffix: str, words: str) -> None:
    others = [Image.new("RGB", (64, 40), colour) for colour in ("blue", "lime")]
    corner().save(tmp_path / f"a{suffix}", save_all=True, append_images=others)
    notices = list[Notice]()
    read = read_picture(tmp_path / f"a{suffix}", on_notice=notices.append)
    assert read.pixels[2, 2, 0] > 0.9
    assert [notice.code for notice in notices] == ["first-frame"]
    assert words in notices[0].message


def test_thumbnail_and_camera_preview_are_no_frames(tmp_path: Path) -> None:
    thumbnail = Image.new("RGB", (8, 5))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    corner().save(tmp_path / "a.tif", save_all=True, append_images=[thumbnail])
    corner().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[thumbnail])
    notices = list[Notice]()
    for name in ("a.tif", "a.jpg"):
        read_picture(tmp_path / name, on_notice=notices.append)
    assert notices == []


@pytest.mark.parametrize("size", [(1, 1), (64, 40), (517, 33), (300, 8), (256, 256), (5000, 3)])
@pytest.mark.parametrize("boxes", [False, True])
def test_header_of_jpeg_xl_is_read(size: tuple[int, int], boxes: bool) -> None:
    data = io.BytesIO()
    Image.new("L", size).save(data, "JXL", lossless=True, use_container=boxes)
    header = jpeg_xl.read_header(io.BufferedReader(data))
    assert (header.width, header.height, header.animated) == (*size, False)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\x0a" + LARGEST, ErrorCode.TOO_LARGE),
        (ANIMATION, ErrorCode.BAD_IMAGE),
        (b"\xff\x0a", ErrorCode.BAD_IMAGE),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x04jxlc", ErrorCode.BAD_IMAGE),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\0free" * 9, ErrorCode.BAD_IMAGE),
    ],
)
def test_jpeg_xl_is_refused_before_it_is_decoded(tmp_path: Path, data: bytes, code: ErrorCode) -> None:
    (tmp_path / "a.jxl").write_bytes(data)
    with pytest.raises(NstError) as caught:
        read_picture(tmp_path / "a.jxl")
    assert caught.value.code is code
