"""Writing pictures: round trips, metadata, determinism, and files that are never left incomplete."""

import io
import os
import stat
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst_core.errors import ErrorCode, NstError
from nst_core.images.encode import FORMATS
from nst_core.images.metadata import read_metadata
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable, storable, write_picture
from tests.unit.images import build

RANDOM = np.random.default_rng(5)
COLOURS = RANDOM.random((11, 16, 3)).astype(np.float32)
ALPHA = RANDOM.random((11, 16)).astype(np.float32)
GREYS = np.repeat(COLOURS[:, :, :1], 3, axis=2)
# Two strokes of colour on a ramp: like a picture, for formats that lose a little.
RAMP = np.linspace(0.1, 0.9, 64, dtype=np.float32)[None, :, None].repeat(48, 0).repeat(3, 2).copy()
RAMP[10:20, :, 0] = 0.8
Image.init()
WRITABLE = sorted(suffix for suffix, kind in FORMATS.items() if kind.name in Image.SAVE)
METADATA = {"style": "Starry Night", "seed": "7", "name": 'a"b\\ Ünïcode 写真 🎨', "empty": ""}


def refusal(function, *arguments, **options):
    with pytest.raises(NstError) as caught:
        function(*arguments, **options)
    assert caught.value.message.endswith(".")
    return caught.value


def file_names(path):
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_lossless_formats_survive_a_round_trip(tmp_path, suffix, bits, grey, alpha):
    full = 2**bits - 1
    picture = Picture(GREYS if grey else COLOURS, alpha, grey=grey, bits=bits)
    write_picture(picture, tmp_path / f"x{suffix}")
    back = read_picture(tmp_path / f"x{suffix}")
    assert (back.bits, back.grey, back.profile) == (bits, grey, None)
    assert np.abs(back.pixels - picture.pixels).max() <= 0.5001 / full
    if alpha is None:
        assert back.alpha is None
    else:
        assert np.abs(back.alpha - alpha).max() <= 0.5001 / full
    # The pixels that were read are whole steps, so another round trip changes nothing.
    write_picture(back, tmp_path / f"y{suffix}")
    again = read_picture(tmp_path / f"y{suffix}")
    assert np.array_equal(again.pixels, back.pixels)
    assert (tmp_path / f"x{suffix}").read_bytes() == (tmp_path / f"y{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_every_format_survives_a_round_trip_closely(tmp_path, suffix, alpha, grey):
    pixels = RAMP[:, :, 1:2].repeat(3, axis=2) if grey else RAMP
    cover = np.ones(RAMP.shape[:2], np.float32)
    cover[30:40] = 0
    notices = []
    picture = Picture(pixels, cover if alpha else None, grey=grey)
    write_picture(picture, tmp_path / f"x{suffix}", on_notice=notices.append)
    back = read_picture(tmp_path / f"x{suffix}")
    has_alpha = FORMATS[suffix].alpha
    expected = pixels if not alpha or has_alpha else np.where(cover[:, :, None] > 0, pixels, 1)
    visible = cover > 0 if alpha and has_alpha else np.ones_like(cover, bool)
    # WebP halves the resolution of colour, and GIF has a palette.
    largest, mean = {".webp": (0.15, 0.008), ".gif": (0.1, 0.016)}.get(suffix, (0.05, 0.005))
    assert np.abs(back.pixels - expected)[visible].max() < largest
    assert np.abs(back.pixels - expected)[visible].mean() < mean
    if not alpha and suffix not in (".qoi", ".avif", ".webp"):
        assert back.grey == grey
    if alpha and has_alpha:
        assert np.array_equal(back.alpha > 0.5, cover > 0.5)
    assert [notice.code for notice in notices] == (["no-alpha"] if alpha and not has_alpha else [])


def test_common_formats_can_be_written():
    assert {".png", ".tif", ".jpg", ".webp", ".avif", ".jp2", ".bmp", ".gif", ".ppm", ".tga"} <= set(WRITABLE)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("name", build.PROFILES)
def test_profiles_are_restored(tmp_path, bits, suffix, name):
    # Device values near the middle, which all of these spaces share with sRGB.
    full = 2**bits - 1
    device = RANDOM.integers(full * 9 // 20, full * 11 // 20, (40, 50, 3))
    source = build.png(device.astype(np.uint8 if bits == 8 else np.uint16))
    (tmp_path / "plain.png").write_bytes(source)
    plain = read_picture(tmp_path / "plain.png")
    content = build.tiff(
        device.astype(np.uint8 if bits == 8 else np.uint16),
        2,
        tags={34675: ("B", list(build.PROFILES[name]))},
    )
    (tmp_path / "in.tif").write_bytes(content)
    picture = read_picture(tmp_path / "in.tif")
    assert picture.profile == build.PROFILES[name]
    assert (np.abs(picture.pixels - plain.pixels).max() > 0.01) == (name != "srgb")
    write_picture(picture, tmp_path / f"out{suffix}")
    written = Image.open(tmp_path / f"out{suffix}")
    assert written.info["icc_profile"] == build.PROFILES[name]
    assert np.abs(read_picture(tmp_path / f"out{suffix}").pixels - picture.pixels).max() < 1e-4 * 257 / (
        bits * 2
    )
    stored = read_without_profile(tmp_path / f"out{suffix}")
    assert np.abs(stored - device).max() < (1 if bits == 8 else 2)


def read_without_profile(path):
    """Return the samples as the file stores them."""
    from nst_core.images import libvips

    file_type = "png" if path.suffix == ".png" else "tiff"
    image = libvips.open_header(path.read_bytes(), file_type)
    return libvips.decode(image, extra_is_alpha=True).samples.astype(float)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_profiles_are_kept_in_lossy_formats(tmp_path, suffix):
    picture = Picture(RAMP, profile=build.PROFILES["adobe"])
    write_picture(picture, tmp_path / f"x{suffix}")
    back = read_picture(tmp_path / f"x{suffix}")
    assert back.profile == build.PROFILES["adobe"]
    assert np.abs(back.pixels - RAMP).mean() < 0.01


def test_colours_outside_the_profile_are_clipped(tmp_path):
    small = build.rgb_profile(build.gamma_curve(2.2), [(0.5, 0.33), (0.3, 0.5), (0.2, 0.15)])
    picture = Picture(np.full((2, 2, 3), (1, 0, 0), np.float32), profile=small)
    write_picture(picture, tmp_path / "x.png")
    stored = read_without_profile(tmp_path / "x.png")[0, 0]
    assert stored.tolist() == [255, 0, 0]


def test_grey_profiles_are_restored(tmp_path):
    profile = build.grey_profile(build.gamma_curve(1.8))
    picture = Picture(GREYS, grey=True, bits=16, profile=profile)
    write_picture(picture, tmp_path / "x.tif")
    back = read_picture(tmp_path / "x.tif")
    assert (back.grey, back.profile) == (True, profile)
    assert np.abs(back.pixels - GREYS).max() < 1e-4


@pytest.mark.parametrize(("grey", "name"), [(True, "adobe"), (False, None)])
def test_profiles_of_another_kind_are_left_out(tmp_path, grey, name):
    profile = build.PROFILES[name] if name else build.grey_profile(build.gamma_curve(1.8))
    write_picture(Picture(GREYS, grey=grey, profile=profile), tmp_path / "x.png")
    assert "icc_profile" not in Image.open(tmp_path / "x.png").info
    assert np.abs(read_picture(tmp_path / "x.png").pixels - GREYS).max() < 0.0021
    broken = Picture(COLOURS, profile=b"broken" * 100)
    write_picture(broken, tmp_path / "y.png")
    assert "icc_profile" not in Image.open(tmp_path / "y.png").info


def test_formats_without_profiles_get_srgb(tmp_path):
    write_picture(Picture(COLOURS, profile=build.PROFILES["prophoto"]), tmp_path / "x.bmp")
    assert np.abs(read_picture(tmp_path / "x.bmp").pixels - COLOURS).max() < 0.0021


def test_little_cms_sees_the_same_colours(tmp_path):
    flat = np.full((4, 4, 3), (0.5, 0.4, 0.3), np.float32)
    write_picture(Picture(flat, profile=build.PROFILES["adobe"]), tmp_path / "x.png")
    image = Image.open(tmp_path / "x.png")
    embedded = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    displayed = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), renderingIntent=1)
    assert np.abs(np.asarray(displayed) / 255 - flat).max() < 0.008


def test_colours_painted_on_a_grey_picture_are_written_as_their_luminance(tmp_path):
    write_picture(Picture(COLOURS, grey=True), tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").mode == "L"
    from nst_core.images.colour import luminance

    assert np.abs(read_picture(tmp_path / "x.png").pixels[:, :, 0] - luminance(COLOURS)).max() < 0.0021
    write_picture(replace(Picture(COLOURS, grey=True), grey=False), tmp_path / "y.png")
    assert Image.open(tmp_path / "y.png").mode == "RGB"


def test_values_are_rounded_and_clipped(tmp_path):
    row = np.array([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 1.0, 7.0], np.float32)
    write_picture(Picture(row[None, :, None].repeat(3, 2)), tmp_path / "x.png")
    assert np.asarray(Image.open(tmp_path / "x.png"))[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused(tmp_path, value):
    spoilt = COLOURS.copy()
    spoilt[3, 3, 1] = value
    assert refusal(write_picture, Picture(spoilt), tmp_path / "x.png").code == ErrorCode.INTERNAL
    assert file_names(tmp_path) == []


def test_jpeg_keeps_full_colour_and_quality(tmp_path):
    write_picture(Picture(RAMP), tmp_path / "x.jpg")
    image = Image.open(tmp_path / "x.jpg")
    assert all(component[1:3] == (1, 1) for component in image.layer)
    assert max(max(table) for table in image.quantization.values()) < 20


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [None, ALPHA])
@pytest.mark.parametrize("grey", [False, True])
def test_metadata_is_read_back(tmp_path, suffix, bits, alpha, grey):
    path = tmp_path / f"x{suffix}"
    write_picture(Picture(GREYS if grey else COLOURS, alpha, grey=grey, bits=bits), path, metadata=METADATA)
    assert read_metadata(path) == METADATA
    assert list(read_metadata(path)) == list(METADATA)
    assert read_picture(path).width == 16


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_file_without_metadata_gives_an_empty_dictionary(tmp_path, suffix):
    write_picture(Picture(COLOURS), tmp_path / f"x{suffix}")
    assert read_metadata(tmp_path / f"x{suffix}") == {}


def test_comments_of_other_programs_are_not_metadata(tmp_path):
    exif = Image.Exif()
    exif[270] = '{"shape": [1, 2, 3]}'
    exif[0x8769] = {0x9286: b"ASCII\0\0\0a holiday"}
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "x.jpg", exif=exif)
    assert read_metadata(tmp_path / "x.jpg") == {}
    exif[0x8769] = {0x9286: b"ASCII\0\0\0nst settings: [1, 2"}
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "x.jpg", exif=exif)
    assert read_metadata(tmp_path / "x.jpg") == {}


def test_too_long_metadata_is_left_out_with_a_notice(tmp_path):
    notices = []
    long_metadata = {"words": "x" * 100_000}
    write_picture(Picture(COLOURS), tmp_path / "x.jpg", metadata=long_metadata, on_notice=notices.append)
    assert [notice.code for notice in notices] == ["no-metadata"]
    assert read_picture(tmp_path / "x.jpg").width == 16
    write_picture(Picture(COLOURS), tmp_path / "x.png", metadata=long_metadata)
    assert read_metadata(tmp_path / "x.png") == long_metadata


@pytest.mark.parametrize("suffix", WRITABLE)
def test_same_picture_gives_the_same_bytes(tmp_path, suffix):
    picture = Picture(
        RAMP, np.full(RAMP.shape[:2], 0.75, np.float32), bits=16, profile=build.PROFILES["adobe"]
    )
    for name in ("a", "b"):
        write_picture(picture, tmp_path / f"{name}{suffix}", metadata=METADATA)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_existing_file_is_replaced_only_with_force(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"precious")
    for action in (lambda: check_writable(path), lambda: write_picture(Picture(COLOURS), path)):
        error = refusal(action)
        assert error.code == ErrorCode.OUTPUT_EXISTS
    assert path.read_bytes() == b"precious"
    check_writable(path, force=True)
    assert path.read_bytes() == b"precious"
    write_picture(Picture(COLOURS), path, force=True)
    assert read_picture(path).width == 16
    assert file_names(tmp_path) == ["x.png"]


def test_file_created_during_writing_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    fsync = os.fsync

    def create_the_file(descriptor):
        fsync(descriptor)
        if os.fstat(descriptor).st_size > 1:
            path.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", create_the_file)
    assert refusal(write_picture, Picture(COLOURS), path).code == ErrorCode.OUTPUT_EXISTS
    assert path.read_bytes() == b"theirs"
    assert file_names(tmp_path) == ["x.png"]


def test_check_writable_leaves_no_file(tmp_path):
    check_writable(tmp_path / "x.png")
    assert file_names(tmp_path) == []


def test_links_are_followed_and_permissions_are_kept(tmp_path):
    target = tmp_path / "target.png"
    target.write_bytes(b"old")
    target.chmod(0o640)
    (tmp_path / "link.png").symlink_to(target)
    write_picture(Picture(COLOURS), tmp_path / "link.png", force=True)
    assert (tmp_path / "link.png").is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert read_picture(target).width == 16


def test_new_files_have_ordinary_permissions(tmp_path):
    before = os.umask(0o022)
    try:
        write_picture(Picture(COLOURS), tmp_path / "x.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.png").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["x.xyz", "x", "x.pgn", "x.svg", ".png", "x.pdf", "x.eps"])
def test_unknown_suffix_is_refused(tmp_path, name):
    for error in (
        refusal(check_writable, tmp_path / name),
        refusal(write_picture, Picture(COLOURS), tmp_path / name),
    ):
        assert error.code == ErrorCode.UNWRITABLE_OUTPUT
        assert ".png" in error.hint
        assert ".tif" in error.hint
    assert file_names(tmp_path) == []


def test_upper_case_suffix_is_accepted(tmp_path):
    write_picture(Picture(COLOURS), tmp_path / "X.JPG")
    assert Image.open(tmp_path / "X.JPG").format == "JPEG"


def test_missing_folder_is_refused(tmp_path):
    error = refusal(check_writable, tmp_path / "no" / "x.png")
    assert error.code == ErrorCode.UNWRITABLE_OUTPUT
    assert "folder" in error.message
    (tmp_path / "file").write_bytes(b"x")
    assert refusal(check_writable, tmp_path / "file" / "x.png").code == ErrorCode.UNWRITABLE_OUTPUT
    (tmp_path / "folder.png").mkdir()
    assert refusal(check_writable, tmp_path / "folder.png", force=True).code == ErrorCode.UNWRITABLE_OUTPUT


def test_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(check_writable, tmp_path / "pipe.png", force=True).code == ErrorCode.UNWRITABLE_OUTPUT


@pytest.mark.parametrize("name", ["a\0b.png", "a" * 300 + ".png"])
def test_impossible_names_are_not_written(tmp_path, name):
    path = os.fspath(tmp_path) + "/" + name
    assert refusal(check_writable, path).code == ErrorCode.UNWRITABLE_OUTPUT
    assert refusal(write_picture, Picture(COLOURS), path).code == ErrorCode.UNWRITABLE_OUTPUT
    assert file_names(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["a" * 251 + ".png", "new\nline.png", "bild-ä-写真-🎨.png", "-x.png", "x[1].png"]
)
def test_unusual_names_are_written(tmp_path, name):
    write_picture(Picture(COLOURS), tmp_path / name)
    assert read_picture(tmp_path / name).width == 16


def test_folder_without_permission_is_refused(tmp_path_factory, as_nobody):
    locked = tmp_path_factory.mktemp("locked")
    locked.chmod(0o555)
    with as_nobody():
        error = refusal(check_writable, locked / "x.png")
        write_error = refusal(write_picture, Picture(COLOURS), locked / "x.png")
    locked.chmod(0o755)
    assert error.code == write_error.code == ErrorCode.UNWRITABLE_OUTPUT
    assert file_names(locked) == []


BIG = Picture(RANDOM.random((300, 300, 3)).astype(np.float32), bits=16)


def test_full_disk_keeps_the_previous_file(small_disk):
    write_picture(Picture(COLOURS), small_disk / "before.png")
    before = (small_disk / "before.png").read_bytes()
    for name in ("new.png", "before.png"):
        error = refusal(write_picture, BIG, small_disk / name, force=True)
        assert error.code == ErrorCode.DISK_FULL
    assert (small_disk / "before.png").read_bytes() == before
    assert file_names(small_disk) == ["before.png"]


def test_file_size_limit_is_reported_as_a_full_disk(tmp_path, limited_file_size):
    assert refusal(write_picture, BIG, tmp_path / "x.png").code == ErrorCode.DISK_FULL
    assert file_names(tmp_path) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError(5, "Input/output error")])
def test_interruption_leaves_no_file(tmp_path, monkeypatch, interruption):
    def fail(self, target):
        raise interruption

    monkeypatch.setattr(Path, "replace", fail)
    monkeypatch.setattr(Path, "hardlink_to", fail)
    with pytest.raises((KeyboardInterrupt, NstError)):
        write_picture(Picture(COLOURS), tmp_path / "x.png")
    assert file_names(tmp_path) == []


def test_picture_too_large_for_the_format_is_refused(tmp_path):
    wide = Picture(np.zeros((1, 16_384, 3), np.float32))
    for action in (
        lambda: check_writable(tmp_path / "x.webp", size=(1, 16_384)),
        lambda: write_picture(wide, tmp_path / "x.webp"),
    ):
        assert refusal(action).code == ErrorCode.TOO_LARGE
    write_picture(wide, tmp_path / "x.png")
    check_writable(tmp_path / "y.webp", size=(16_383, 1))
    assert file_names(tmp_path) == ["x.png"]


def other_length(profile: bytes, length: int) -> bytes:
    return struct.pack(">I", length) + profile[4:]


ADOBE = build.PROFILES["adobe"]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize(
    "profile",
    [ADOBE + b"\0" * 7, other_length(ADOBE, len(ADOBE) - 40), other_length(ADOBE, 1_000_000)],
    ids=["padded", "too short a length", "too great a length"],
)
def test_profile_of_a_wrong_length_is_mended(tmp_path: Path, profile: bytes, suffix: str) -> None:
    Image.new("RGB", (20, 12), (200, 40, 30)).save(tmp_path / "photo.jpg", quality=95, icc_profile=profile)
    picture, notices = read_picture(tmp_path / "photo.jpg"), []
    write_picture(picture, tmp_path / f"a{suffix}", on_notice=notices.append)
    assert not notices
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.info["icc_profile"] == ADOBE
    assert np.abs(read_picture(tmp_path / f"a{suffix}").pixels - picture.pixels).max() < 0.03


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_profile_that_the_writer_refuses_is_told_before_painting(tmp_path: Path, suffix: str) -> None:
    """The colours are then those of sRGB, and the file is written all the same."""
    unknown_class = ADOBE[:12] + b"none" + ADOBE[16:]
    Image.new("RGB", (20, 12), (200, 40, 30)).save(tmp_path / "photo.jpg", icc_profile=unknown_class)
    picture, told, notices = read_picture(tmp_path / "photo.jpg"), [], []
    fitting = storable(picture, tmp_path / f"a{suffix}", told.append)
    assert [notice.code for notice in told] == ["profile-not-kept"]
    for number, content in enumerate((fitting, picture)):
        write_picture(content, tmp_path / f"{number}{suffix}", on_notice=notices.append)
        assert np.abs(read_picture(tmp_path / f"{number}{suffix}").pixels - picture.pixels).max() < 0.01
    assert notices == told
