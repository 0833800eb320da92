"""Unreadable files: every one gives an error of one sentence, and never another exception."""

import io
import os
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.jpeg_scans import count_scans
from nst_core.images.metadata import read_metadata
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from tests.unit.images import build

RANDOM = np.random.default_rng(11)
DEEP = RANDOM.integers(0, 65536, (12, 17, 4)).astype(np.uint16)
PHOTO = (DEEP[:, :, :3] >> 8).astype(np.uint8)


def refusal(path, **options):
    with pytest.raises(NstError) as caught:
        read_picture(path, **options)
    error = caught.value
    assert error.message.endswith(".")
    assert "\n" not in str(error)
    return error


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, kind, **options)
    return buffer.getvalue()


def test_missing_file_is_refused(tmp_path):
    error = refusal(tmp_path / "nothing.png")
    assert error.code == ErrorCode.MISSING_FILE
    assert "nothing.png" in error.message
    (tmp_path / "file").write_bytes(b"x")
    assert refusal(tmp_path / "file" / "below.png").code == ErrorCode.MISSING_FILE


def test_folder_is_refused(tmp_path):
    assert refusal(tmp_path).code == ErrorCode.UNREADABLE_FILE
    assert refusal("").code == ErrorCode.UNREADABLE_FILE


def test_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png").code == ErrorCode.UNREADABLE_FILE
    assert refusal("/dev/zero").code == ErrorCode.UNREADABLE_FILE


def test_file_without_permission_is_refused(tmp_path, as_nobody):
    path = tmp_path / "secret.png"
    path.write_bytes(build.png(PHOTO))
    path.chmod(0)
    with as_nobody():
        error = refusal(path)
    assert error.code == ErrorCode.UNREADABLE_FILE
    assert "permission to read" in error.message


def test_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    error = refusal(tmp_path / "empty.png")
    assert error.code == ErrorCode.BAD_IMAGE
    assert "empty" in error.message


@pytest.mark.parametrize(
    "content", [b"hello, world", b"\0" * 5000, b"GIF", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"{}"]
)
def test_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "text.png").write_bytes(content)
    assert refusal(tmp_path / "text.png").code == ErrorCode.BAD_IMAGE


def test_postscript_is_refused_and_not_run(tmp_path):
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "page.eps").write_bytes(page)
    assert refusal(tmp_path / "page.eps").code == ErrorCode.BAD_IMAGE


@pytest.mark.parametrize(("suffix", "word"), [(".xcf", "GIMP"), (".heic", "JPEG"), (".svg", "PNG")])
def test_hint_names_a_suitable_program_or_format(tmp_path, suffix, word):
    (tmp_path / f"x{suffix}").write_bytes(b"\x01something else")
    assert word in refusal(tmp_path / f"x{suffix}").hint


HTML = b"\xef\xbb\xbf\n<!DOCTYPE html><html><head><title>Holiday</title></head></html>"
KINDS = {
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "IMG_0003.jpg", "a HEIC picture, though", "phone"),
    "jpeg xl": (b"\xff\x0a\xfa\x7f", "y.png", "a JPEG XL picture, though", "export"),
    "web page": (HTML, "page.jpg", "a web page, though", "browser"),
    "drawing": (b"<?xml version='1.0'?>\n<!-- a drawing --><svg/>", "a.png", "an SVG drawing, though", "PNG"),
    "gimp": (b"gimp xcf v011\0", "a.jpg", "a GIMP image, though", "GIMP"),
    "raw": (b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 40, "photo.tif", "a raw photograph", "Develop"),
    "zeros": (b"\0" * 5000, "a.jpg", "zeros", "Copy it again"),
    "mac": (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "._a.jpg", "a note that macOS keeps", "picture"),
    "video": (b"\0\0\0\x18ftypmp42\0\0\0\0", "clip.jpg", "a video, though", "frame"),
    "text": ("Grüße".encode(), "notes.png", "a text file, though", "picture"),
    "cut png": (
        b"\x89PNG\r\n\x1a\n\0\0",
        "a.jpg",
        "a PNG picture, though its name ends in .jpg, and is",
        "Copy",
    ),
    "right name": (b"%PDF-1.7\n\xe2\xe3", "a.pdf", "a PDF document, which cannot be read", "PNG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_message_says_what_a_file_really_is(tmp_path, kind):
    content, name, words, hint = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    error = refusal(tmp_path / name)
    assert error.code == ErrorCode.BAD_IMAGE
    assert words in error.message
    assert hint in error.hint


def jpeg_in_scans(side, scans):
    """Return a progressive JPEG of ``side`` x ``side`` pixels, most of whose scans are empty."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", progressive=True, subsampling=0)
    whole = buffer.getvalue()
    size, first = whole.index(b"\xff\xc2") + 5, whole.index(b"\xff\xda\0\x08")
    header = whole[:size] + struct.pack(">HH", side, side) + whole[size + 4 : first]
    return header + whole[first : first + 10] * (scans - 1) + b"\xff\xd9"


def test_jpeg_of_many_empty_scans_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "large.jpg").write_bytes(jpeg_in_scans(16_000, 60))
    assert "60 scans" in refusal(tmp_path / "large.jpg").message
    (tmp_path / "small.jpg").write_bytes(jpeg_in_scans(160, 60))
    assert read_picture(tmp_path / "small.jpg").width == 160


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_scans_of_a_jpeg_are_counted_without_those_of_its_thumbnail(options):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = b"\xff\xda" * 50
    whole = encoded("JPEG", exif=exif, **options)
    assert count_scans(whole + whole) == (10 if options else 1)


def test_jpeg_with_the_name_of_a_raw_photograph_is_read(tmp_path):
    (tmp_path / "photo.nef").write_bytes(encoded("JPEG"))
    assert read_picture(tmp_path / "photo.nef").width == PHOTO.shape[1]


def test_raw_photographs_are_refused(tmp_path):
    thumbnail = build.tiff(PHOTO, 2)
    (tmp_path / "x.nef").write_bytes(thumbnail)
    assert "raw photograph" in refusal(tmp_path / "x.nef").message
    for samples in (PHOTO, DEEP[:, :, :3]):
        (tmp_path / "x.tif").write_bytes(build.tiff(samples, 2, tags={50706: ("B", [1, 4, 0, 0])}))
        assert "raw photograph" in refusal(tmp_path / "x.tif").message


def png_header(width, height, bits=8):
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + build.chunk(b"IHDR", header) + build.chunk(b"IDAT", b"x\x9c")


LARGE_TIFF_TAGS = {tag: ("I", [40_000]) for tag in (256, 257, 278)}

LARGE = {
    "png": png_header(40_000, 40_000),
    "png16": png_header(40_000, 40_000, 16),
    "gif": b"GIF89a"
    + struct.pack("<HHBBB", 40_000, 40_000, 0, 0, 0)
    + b","
    + struct.pack("<HHHHBB", 0, 0, 40_000, 40_000, 0, 8)
    + b"\x04abcd\0;",
    "bmp": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 40000, 40000, 1, 24, *[0] * 6),
    "ppm": b"P6 40000 40000 255\n",
    "tiff": build.tiff(PHOTO, 2, tags=LARGE_TIFF_TAGS),
    "tiff16": build.tiff(DEEP[:, :, :3], 2, tags=LARGE_TIFF_TAGS),
    "float tiff": build.tiff(PHOTO.astype(np.float32), 2, tags=LARGE_TIFF_TAGS),
    "grey and alpha tiff": build.tiff(DEEP[:, :, :2], 1, (2,), tags=LARGE_TIFF_TAGS),
    "tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 40_000, 40_000, 24, 0),
}


@pytest.mark.parametrize("kind", LARGE)
def test_too_large_pictures_are_refused_from_their_header(tmp_path, kind):
    # These files do not contain their pixels: a decoder would call them damaged instead.
    (tmp_path / "bomb").write_bytes(LARGE[kind])
    error = refusal(tmp_path / "bomb")
    assert error.code == ErrorCode.TOO_LARGE
    assert "268" in error.message


def test_size_limit_covers_pictures_inside_pictures(tmp_path):
    inner = png_header(30_000, 30_000)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    (tmp_path / "bomb.ico").write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inner)
    assert refusal(tmp_path / "bomb.ico").code == ErrorCode.TOO_LARGE


@pytest.mark.parametrize("content", [build.png(PHOTO), build.png(DEEP), build.tiff(DEEP, 2), encoded("GIF")])
def test_size_limit_is_set_by_the_caller(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read_picture(path, max_pixels=12 * 17).width == 17
    error = refusal(path, max_pixels=12 * 17 - 1)
    assert error.code == ErrorCode.TOO_LARGE


def test_pillows_own_size_limit_is_restored(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    (tmp_path / "x.png").write_bytes(build.png(PHOTO))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(tmp_path / "x.png").width == 17
    assert Image.MAX_IMAGE_PIXELS == 10


def test_decompression_bomb_in_a_text_chunk_is_refused(tmp_path):
    packed = zlib.compress(b"\0" * 60_000_000, 1)
    bomb = build.chunk(b"zTXt", b"Comment\0\0" + packed)
    (tmp_path / "x.png").write_bytes(build.png(PHOTO, bomb))
    refusal(tmp_path / "x.png")


def deep_tiff(compression):
    data = np.ascontiguousarray(DEEP[:, :, :3])
    image = pyvips.Image.new_from_memory(data, 17, 12, 3, "ushort").copy(interpretation="rgb16")
    return image.tiffsave_buffer(compression=compression)


PROFILED = {"icc_profile": build.PROFILES["adobe"]}
WHOLE = {
    "png": encoded("PNG", **PROFILED),
    "png16": build.png(DEEP, build.chunk(b"tEXt", b"Comment\0hello")),
    "jpeg": encoded(
        "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", **PROFILED
    ),
    "webp": encoded("WEBP"),
    "gif": encoded("GIF"),
    "bmp": encoded("BMP"),
    "jp2": encoded("JPEG2000"),
    "avif": encoded("AVIF"),
    "tiff": encoded("TIFF", compression="tiff_lzw", **PROFILED),
    "tiff16": deep_tiff("deflate"),
    "lzw16": deep_tiff("lzw"),
    "float": build.tiff(PHOTO.astype(np.float32) / 255, 2),
    "ico": encoded("ICO", sizes=[(17, 12)]),
    "tga": encoded("TGA"),
    "ppm": encoded("PPM"),
    "psd": b"8BPS\0\x01" + b"\0" * 6 + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + b"\0" * 14 + bytes(48),
}


def read_or_refuse(path):
    """Return the picture, or None for an error; any other exception fails the test."""
    try:
        picture = read_picture(path)
        read_metadata(path)
    except NstError as error:
        return None if error.code in (ErrorCode.BAD_IMAGE, ErrorCode.TOO_LARGE) else pytest.fail(str(error))
    assert isinstance(picture, Picture)
    assert np.isfinite(picture.pixels).all()
    assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1
    return picture


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_are_read(tmp_path, kind):
    (tmp_path / "x").write_bytes(WHOLE[kind])
    assert read_or_refuse(tmp_path / "x") is not None


@pytest.mark.parametrize("kind", WHOLE)
def test_truncated_files_give_a_picture_or_an_error(tmp_path, kind):
    whole, path = WHOLE[kind], tmp_path / "x"
    for length in sorted({*range(1, 64), *range(64, len(whole), max(1, len(whole) // 40)), len(whole) - 1}):
        path.write_bytes(whole[:length])
        read_or_refuse(path)
    path.write_bytes(whole[: len(whole) // 2])
    if kind not in ("psd",):
        assert read_or_refuse(path) is None


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(WHOLE)),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    length=st.floats(0.05, 1),
)
def test_damaged_files_give_a_picture_or_an_error(tmp_path, kind, damage, length):
    content = bytearray(WHOLE[kind][: max(1, int(len(WHOLE[kind]) * length))])
    for position, value in damage:
        content[min(int(position * len(content)), len(content) - 1)] = value
    (tmp_path / "x").write_bytes(content)
    read_or_refuse(tmp_path / "x")


def test_nothing_is_printed_about_damaged_files(tmp_path, capfd):
    for kind, whole in WHOLE.items():
        path = tmp_path / kind
        path.write_bytes(whole[: len(whole) * 3 // 4])
        read_or_refuse(path)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    "name",
    [
        "plain.png",
        "with space.png",
        "bild-ä-写真-🎨.png",
        "-rf.png",
        "new\nline.png",
        "\x1b[31mred.png",
        "picture.png[page=2]",
        "%s%d.png",
        "a" * 251 + ".png",
        b"not-utf8-\xff\xfe.png",
        ".png",
    ],
)
def test_hostile_names_are_read_and_printed_safely(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))  # noqa: PTH118 - bytes have no Path
    path = os.fsdecode(path)
    for content in (build.png(PHOTO), build.png(DEEP)):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)
        assert read_picture(path).width == 17
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"broken")
    message = str(refusal(path))
    assert message.isprintable()
    message.encode("utf-8")


@pytest.mark.parametrize("name", ["zero\0byte.png", "a" * 300 + ".png", "x/" * 3000])
def test_impossible_names_are_refused(name):
    assert refusal("/tmp/" + name).code == ErrorCode.MISSING_FILE


def test_names_in_messages_are_short_and_printable():
    assert display_name("a\x1b[0m\nb") == r"a\x1b[0m\nb"
    assert len(display_name("x" * 1000)) < 200


def test_loop_of_links_is_refused(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert refusal(tmp_path / "loop.png").code == ErrorCode.MISSING_FILE


def test_concurrent_readers_do_not_interfere(tmp_path):
    (tmp_path / "x.png").write_bytes(build.png(PHOTO))
    (tmp_path / "y.png").write_bytes(build.png(DEEP))
    (tmp_path / "z.png").write_bytes(LARGE["png"])
    failures = []

    def work(name):
        for _ in range(20):
            try:
                width = read_picture(tmp_path / name).width
            except NstError as error:
                width = 17 if name == "z.png" and error.code == ErrorCode.TOO_LARGE else error
            if width != 17:
                failures.append((name, width))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("x.png", "y.png", "z.png", "x.png")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
