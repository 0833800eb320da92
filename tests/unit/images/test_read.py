"""Reading pictures: formats, modes, depths, alpha, colour, orientation."""

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from nst_core.errors import NstError
from nst_core.images.read import read_picture
from tests.unit.images import build

RANDOM = np.random.default_rng(7)
PHOTO = RANDOM.integers(0, 256, (9, 14, 3)).astype(np.uint8)
ALPHA = RANDOM.integers(0, 256, (9, 14)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, (9, 14, 4)).astype(np.uint16)


@pytest.fixture
def read(tmp_path):
    """Write bytes, or a Pillow image, to a file and read it; notices go to ``read.notices``."""

    def go(content, suffix=".png", **options):
        path = tmp_path / f"picture{suffix}"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path, **options)
        return read_picture(path, on_notice=go.notices.append)

    go.notices = []
    return go


def same(pixels, samples):
    full = np.float32(np.iinfo(samples.dtype).max)
    return np.array_equal(pixels, samples / full)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".tga", ".ppm", ".pcx", ".sgi", ".dib"])
def test_lossless_formats_are_read_exactly(read, suffix):
    picture = read(Image.fromarray(PHOTO), suffix)
    assert picture.pixels.dtype == np.float32
    assert same(picture.pixels, PHOTO)
    assert (picture.width, picture.height) == (14, 9)
    assert (picture.bits, picture.grey, picture.alpha, picture.profile) == (8, False, None, None)
    assert picture.source.endswith(suffix)
    assert read.notices == []


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {"quality": 95, "subsampling": 0}),
        (".webp", {"lossless": True}),
        (".jp2", {}),
        (".avif", {"quality": 95, "subsampling": "4:4:4"}),
        (".gif", {}),
    ],
)
def test_other_formats_are_read_closely(read, suffix, options):
    smooth = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None].repeat(48, 0).repeat(3, 2).copy()
    smooth[:, :, 1] = 255 - smooth[:, :, 1]
    picture = read(Image.fromarray(smooth), suffix, **options)
    assert picture.pixels.shape == smooth.shape
    assert np.abs(picture.pixels - smooth / 255).max() < 0.03


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_files_are_marked_as_grey(read, mode):
    picture = read(Image.fromarray(PHOTO).convert(mode))
    assert picture.grey
    assert np.ptp(picture.pixels, axis=2).max() == 0
    expected = np.asarray(Image.fromarray(PHOTO).convert(mode).convert("L")) / np.float32(255)
    assert np.array_equal(picture.pixels[:, :, 0], expected)


def test_palette_of_greys_is_grey_and_palette_of_colours_is_not(read):
    grey = Image.fromarray(PHOTO[:, :, 0]).convert("P")
    assert read(grey).grey
    coloured = read(Image.fromarray(PHOTO).quantize(200))
    assert not coloured.grey
    assert np.array_equal(
        coloured.pixels * 255, np.asarray(Image.fromarray(PHOTO).quantize(200).convert("RGB"))
    )


def test_rgb_file_with_grey_pixels_is_not_grey(read):
    assert not read(Image.fromarray(PHOTO[:, :, :1].repeat(3, axis=2))).grey


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tga", ".webp"])
def test_alpha_is_read_straight(read, suffix):
    samples = np.dstack([PHOTO, ALPHA])
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    picture = read(Image.fromarray(samples), suffix, **options)
    assert same(picture.pixels, PHOTO)
    assert same(picture.alpha, ALPHA)


def test_grey_with_alpha_is_read(read):
    picture = read(Image.fromarray(np.dstack([PHOTO[:, :, 0], ALPHA]), "LA"))
    assert picture.grey
    assert same(picture.pixels[:, :, 0], PHOTO[:, :, 0])
    assert same(picture.alpha, ALPHA)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_colour_of_a_png_becomes_alpha(read, depth, channels):
    samples = (DEEP[:, :, :channels] >> (8 if depth is np.uint8 else 0)).astype(depth)
    clear = build.chunk(b"tRNS", samples[2, 3].astype(">u2").tobytes())
    picture = read(build.png(samples, clear))
    expected = ~np.all(samples == samples[2, 3], axis=2)
    assert not expected[2, 3]
    assert np.array_equal(picture.alpha, expected.astype(np.float32))
    assert same(picture.pixels[:, :, :channels], samples)
    assert picture.grey == (channels == 1)


def test_transparency_of_a_palette_becomes_alpha(read):
    paletted = Image.fromarray(PHOTO).quantize(16)
    index = np.asarray(paletted)
    picture = read(paletted, transparency=bytes([0, 128] + [255] * 14))
    assert np.array_equal(
        picture.alpha, np.select([index == 0, index == 1], [0, 128], 255).astype(np.float32) / 255
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_every_bit(read, channels):
    picture = read(build.png(DEEP[:, :, :channels]))
    colours = 1 if channels < 3 else 3
    assert picture.bits == 16
    assert picture.grey == (channels < 3)
    assert same(picture.pixels[:, :, :colours], DEEP[:, :, :colours])
    assert (picture.alpha is None) == (channels in (1, 3))
    if picture.alpha is not None:
        assert same(picture.alpha, DEEP[:, :, channels - 1])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4, 2])
def test_sixteen_bit_tiff_keeps_every_bit(read, order, planar, channels):
    extra = (2,) if channels in (2, 4) else ()
    photometric = 1 if channels < 3 else 2
    content = build.tiff(DEEP[:, :, :channels], photometric, extra, order, planar)
    if planar and channels == 2:
        # No available decoder reads these correctly; an error is better than mixed rows.
        with pytest.raises(NstError, match="rare kind"):
            read(content, ".tif")
        return
    picture = read(content, ".tif")
    colours = 1 if channels < 3 else 3
    assert picture.bits == 16
    assert same(picture.pixels[:, :, :colours], DEEP[:, :, :colours])
    assert (picture.alpha is None) == (not extra)
    if picture.alpha is not None:
        assert same(picture.alpha, DEEP[:, :, channels - 1])


@pytest.mark.parametrize("compression", ["lzw", "deflate", "packbits", "none"])
@pytest.mark.parametrize("tile", [False, True])
def test_compressed_sixteen_bit_tiff_keeps_every_bit(read, compression, tile):
    data = np.ascontiguousarray(DEEP[:, :, :3])
    image = pyvips.Image.new_from_memory(data, 14, 9, 3, "ushort").copy(interpretation="rgb16")
    predictor = "horizontal" if compression in ("lzw", "deflate") else "none"
    written = image.tiffsave_buffer(compression=compression, predictor=predictor, tile=tile)
    assert same(read(written, ".tif").pixels, data)


def test_channels_of_unknown_meaning_are_not_alpha(read):
    picture = read(build.tiff(DEEP, 2, extra=(0,)), ".tif")
    assert picture.alpha is None
    assert same(picture.pixels, DEEP[:, :, :3])


def test_premultiplied_tiff_is_divided(read):
    alpha = np.full((9, 14, 1), 0.5)
    colours = DEEP[:, :, :3] / 65535
    stored = np.rint(np.dstack([colours * alpha, alpha]) * 65535).astype(np.uint16)
    picture = read(build.tiff(stored, 2, extra=(1,)), ".tif")
    assert np.abs(picture.pixels - colours).max() < 4e-5
    assert picture.alpha == pytest.approx(0.5, abs=1e-5)


def test_white_is_zero_tiff_is_inverted(read):
    assert same(read(build.tiff(DEEP[:, :, :1], 0), ".tif").pixels[:, :, 0], 65535 - DEEP[:, :, 0])


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("channels", [1, 3])
def test_float_tiff_is_read_exactly(read, kind, channels):
    values = (DEEP[:, :, :channels] / 65535).astype(kind)
    picture = read(build.tiff(values, 1 if channels == 1 else 2), ".tif")
    assert picture.bits == 16
    assert np.array_equal(picture.pixels[:, :, :channels], values.astype(np.float32))
    assert read.notices == []


def test_floats_outside_the_range_are_clipped_with_a_notice(read):
    values = np.full((4, 4, 3), 0.25, np.float32)
    values[0, 0] = (2.0, -1.0, np.nan)
    picture = read(build.tiff(values, 2), ".tif")
    assert picture.pixels[0, 0].tolist() == [1, 0, 0]
    assert picture.pixels[1, 1, 0] == 0.25
    assert [notice.code for notice in read.notices] == ["clipped-values"]


@pytest.mark.parametrize("full", [255.0, 65535.0])
def test_floats_in_other_units_are_scaled_with_a_notice(read, full):
    values = (DEEP[:, :, :3] / 65535 * full).astype(np.float32)
    picture = read(build.tiff(values, 2), ".tif")
    assert np.abs(picture.pixels - DEEP[:, :, :3] / 65535).max() < 1e-5
    assert [notice.code for notice in read.notices] == ["clipped-values"]


def test_wide_and_signed_integers_are_scaled(read):
    wide = read(build.tiff(DEEP[:, :, :1].astype(np.uint32) * 65537, 1), ".tif")
    assert np.abs(wide.pixels[:, :, 0] - DEEP[:, :, 0] / 65535).max() < 1e-4
    signed = (DEEP[:, :, :1] // 2).astype(np.int16)
    signed[0, 0] = -5
    half = read(build.tiff(signed, 1), ".tif")
    assert half.pixels[0, 0, 0] == 0
    assert np.abs(half.pixels[1:, :, 0] - DEEP[1:, :, 0] / 65535).max() < 1e-4


def test_twelve_bit_tiff_is_scaled(read):
    samples = RANDOM.integers(0, 4096, (6, 8)).astype(np.uint16)
    pairs = samples.reshape(-1, 2).astype(np.uint32)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
    stored = packed.astype(np.uint8).reshape(6, -1, 1)
    tags = {258: ("H", [12]), 257: ("I", [6]), 256: ("I", [8])}
    picture = read(build.tiff(stored, 1, tags=tags), ".tif")
    assert np.abs(picture.pixels[:, :, 0] - samples / 4095).max() < 1e-4


@pytest.mark.parametrize("depth", [8, 16])
def test_lab_tiff_is_converted_to_srgb(read, depth):
    # L* 53.585 is the lightness of sRGB's mid grey, 128/255.
    lightness = 53.585 / 100
    lab = [round(lightness * 255), 0, 0] if depth == 8 else [round(lightness * 65535), 0, 0]
    samples = np.full((3, 4, 3), lab, np.uint8 if depth == 8 else np.uint16)
    picture = read(build.tiff(samples, 8), ".tif")
    assert picture.pixels == pytest.approx(128 / 255, abs=0.01)


def test_cmyk_without_a_profile_is_converted_with_a_notice(read):
    inks = np.array(
        [[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255]]], np.uint8
    )
    picture = read(Image.fromarray(inks, "CMYK"), ".tif")
    white, cyan, magenta, yellow, black = picture.pixels[0]
    assert white.min() > 0.99
    assert cyan[0] < 0.2 < 0.7 < cyan[2]
    assert magenta[1] < 0.2 < 0.7 < magenta[0]
    assert yellow[2] < 0.2 < 0.8 < yellow[:2].min()
    assert black.max() < 0.15
    assert picture.profile is None
    assert [notice.code for notice in read.notices] == ["profile-not-kept"]


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_with_its_profile_agrees_with_little_cms(read, suffix):
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    inks = np.full((16, 16, 4), (40, 160, 90, 20), np.uint8)
    image = Image.fromarray(inks, "CMYK")
    options = {"quality": 100} if suffix == ".jpg" else {}
    picture = read(image, suffix, icc_profile=profile, **options)
    expected = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert np.abs(picture.pixels * 255 - np.asarray(expected)).max() < 3
    assert picture.profile is None
    assert [notice.code for notice in read.notices] == ["profile-not-kept"]


def test_sixteen_bit_cmyk_is_converted(read):
    picture = read(build.tiff(np.full((3, 3, 4), (0, 0, 65535, 0), np.uint16), 5), ".tif")
    assert picture.pixels[0, 0, 2] < 0.2
    assert picture.pixels[0, 0, :2].min() > 0.8


def test_ycbcr_is_converted(read):
    smooth = np.asarray(Image.linear_gradient("L").resize((32, 32)))
    colours = Image.fromarray(np.dstack([smooth, smooth[::-1], smooth.T]))
    picture = read(colours.convert("YCbCr"), ".tif", compression="jpeg", quality=95)
    assert np.abs(picture.pixels - np.asarray(colours) / 255).max() < 0.02


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("name", ["adobe", "prophoto"])
def test_profiles_are_applied_and_kept(read, suffix, name):
    flat = np.full((16, 16, 3), (150, 120, 90), np.uint8)
    options = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}.get(suffix, {})
    profile = build.PROFILES[name]
    picture = read(Image.fromarray(flat), suffix, icc_profile=profile, **options)
    expected = ImageCms.profileToProfile(
        Image.fromarray(flat),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
        outputMode="RGB",
    )
    assert np.abs(picture.pixels * 255 - np.asarray(expected)).max() < 2
    assert np.abs(picture.pixels * 255 - flat).max() > 3
    assert picture.profile == profile
    assert read.notices == []


def test_srgb_profile_changes_nothing(read):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(Image.fromarray(PHOTO), icc_profile=profile)
    assert same(picture.pixels, PHOTO)
    assert picture.profile == profile


def test_profile_on_sixteen_bits_makes_no_bands(read):
    ramp = np.repeat(np.arange(16384, 16384 + 4096, dtype=np.uint16)[None, :, None], 3, axis=2)
    embedded = build.chunk(b"iCCP", b"x\0\0" + zlib.compress(build.PROFILES["prophoto"]))
    picture = read(build.png(ramp, embedded))
    assert len(np.unique(picture.pixels[0, :, 1])) == 4096


def test_large_profile_in_a_png_is_read(read):
    # Two megabytes, like printer profiles: more than Pillow unpacks by default.
    large = build.PROFILES["adobe"] + RANDOM.integers(0, 256, 2_000_000).astype(np.uint8).tobytes()
    large = struct.pack(">I", len(large)) + large[4:]
    assert read(Image.fromarray(PHOTO), icc_profile=large).profile == large


def test_grey_profile_is_applied_and_kept(read):
    grey = Image.fromarray(np.full((4, 4), 128, np.uint8))
    profile = build.grey_profile(build.gamma_curve(1.0))
    picture = read(grey, ".tif", icc_profile=profile)
    assert picture.grey
    assert picture.profile == profile
    assert picture.pixels == pytest.approx(0.7366, abs=2e-3)  # the sRGB value of half the light


def test_grey_picture_with_an_rgb_profile_is_converted(read):
    picture = read(Image.fromarray(np.full((4, 4), 128, np.uint8)), icc_profile=build.PROFILES["linear"])
    assert picture.grey
    assert picture.pixels == pytest.approx(0.7366, abs=2e-3)
    assert picture.profile is None


@pytest.mark.parametrize(
    "profile",
    [
        b"x" * 500,
        build.PROFILES["adobe"][:200],
        build.grey_profile(build.gamma_curve(2.2)),
        build.profile({b"A2B0": b"mft2" + b"\0" * 60}),
        bytes(pyvips.Operation.call("profile_load", "cmyk")),
    ],
)
def test_bad_profiles_are_ignored_with_a_notice(read, profile):
    picture = read(Image.fromarray(PHOTO), ".tif", icc_profile=profile)
    assert same(picture.pixels, PHOTO)
    assert picture.profile is None
    assert [notice.code for notice in read.notices] == ["bad-profile"]


def test_bad_profile_of_cmyk_is_ignored_with_a_notice(read):
    image = Image.fromarray(np.full((2, 2, 4), (255, 0, 0, 0), np.uint8), "CMYK")
    picture = read(image, ".tif", icc_profile=bytes(pyvips.Operation.call("profile_load", "cmyk"))[:3000])
    assert picture.pixels[0, 0, 0] < 0.2
    assert [notice.code for notice in read.notices] == ["bad-profile"]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_look_up_table_profiles_are_applied_with_a_notice(read, depth):
    # The table holds the sRGB primaries with straight curves, so the result equals that of the linear
    # profile.
    values = RANDOM.integers(20, 256, (6, 7, 3))
    full = 1 if depth is np.float32 else np.iinfo(depth).max
    samples = (values / 255 * full).astype(depth)
    tag = {34675: ("B", list(build.lookup_profile()))}
    picture = read(build.tiff(samples, 2, tags=tag), ".tif")
    light = values / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(picture.pixels - expected).max() < 0.01
    assert picture.profile is None
    assert picture.bits == (8 if depth is np.uint8 else 16)
    assert [notice.code for notice in read.notices] == ["profile-not-kept"]
    assert "test" in read.notices[0].message


def test_gamma_of_a_png_is_applied(read):
    flat = np.full((3, 3, 3), 128, np.uint8)
    for gamma, expected in ((1.0, 0.7366), (1 / 1.8, 0.5745), (1 / 2.2, 128 / 255)):
        picture = read(build.png(flat, build.chunk(b"gAMA", struct.pack(">I", round(gamma * 100000)))))
        assert picture.pixels == pytest.approx(expected, abs=3e-3)
    deep = read(build.png(flat.astype(np.uint16) * 257, build.chunk(b"gAMA", struct.pack(">I", 100000))))
    assert deep.pixels == pytest.approx(0.7366, abs=2e-3)


def test_adobe_rgb_mark_in_exif_is_applied(read):
    flat = Image.fromarray(np.full((8, 8, 3), (60, 180, 60), np.uint8))
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 0xFFFF, 0xA005: {1: "R03"}}
    marked = read(flat, ".jpg", exif=exif, quality=100, subsampling=0)
    plain = read(flat, ".jpg", quality=100, subsampling=0)
    assert marked.pixels[0, 0, 0] < plain.pixels[0, 0, 0] - 0.1
    assert marked.profile is None


ORIENTED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [".jpg", ".png", ".tif", ".webp", "png16", "tiff16"])
def test_exif_orientation_is_applied(read, orientation, kind):
    exif = Image.Exif()
    exif[0x112] = orientation
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (250, 40, 40)
    upright[8:, :16] = (40, 250, 40)
    upright[:8, 16:] = (40, 40, 250)
    expected = ORIENTED[orientation](upright)
    if kind == "png16":
        block = exif.tobytes().removeprefix(b"Exif\0\0")
        picture = read(build.png(upright.astype(np.uint16) * 257, build.chunk(b"eXIf", block)))
    elif kind == "tiff16":
        tags = {274: ("H", [orientation])}
        picture = read(build.tiff(upright.astype(np.uint16) * 257, 2, tags=tags), ".tif")
    else:
        options = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}.get(kind, {})
        picture = read(Image.fromarray(upright), kind, exif=exif, **options)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels * 255 - expected).max() < 8
    assert picture.pixels.flags.c_contiguous


def test_exif_orientation_turns_alpha_too(read):
    samples = np.dstack([PHOTO, ALPHA])
    exif = Image.Exif()
    exif[0x112] = 6
    picture = read(Image.fromarray(samples), exif=exif)
    assert same(picture.alpha, np.rot90(ALPHA, -1))


def test_damaged_exif_is_ignored(read):
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    assert read(Image.fromarray(PHOTO), exif=exif).width == 14
    assert read(Image.fromarray(PHOTO), ".jpg", exif=exif).width == 14


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_first_frame_of_an_animation_is_read(read, suffix):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    options = {"lossless": True} if suffix == ".webp" else {}
    picture = read(frames[0], suffix, save_all=True, append_images=frames[1:], **options)
    assert picture.pixels.shape == (6, 8, 3)
    assert np.abs(picture.pixels - np.array([1, 0, 0])).max() < 0.01


def test_largest_picture_of_an_icon_is_read(read):
    picture = read(Image.new("RGBA", (64, 64), (10, 200, 30, 255)), ".ico")
    assert (picture.width, picture.height) == (64, 64)
