import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst_core.images import icc
from tests.unit.images import build


def parsed(data):
    profile = icc.parse_profile(data)
    assert profile is not None
    return profile


def grid(steps=17):
    axis = np.linspace(0, 1, steps)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(steps, -1, 3)


@pytest.mark.parametrize("name", build.PROFILES)
def test_to_srgb_agrees_with_little_cms(name):
    samples = np.rint(grid() * 255).astype(np.uint8)
    ours = icc.to_srgb(parsed(build.PROFILES[name]), samples)
    source = ImageCms.ImageCmsProfile(io.BytesIO(build.PROFILES[name]))
    theirs = ImageCms.profileToProfile(
        Image.fromarray(samples), source, ImageCms.createProfile("sRGB"), renderingIntent=1, outputMode="RGB"
    )
    # Little CMS computes in 8 bits here, which costs a few steps at the steep dark end of sRGB.
    difference = np.abs(ours * 255 - np.asarray(theirs))
    assert difference.max() < 3
    assert difference.mean() < 0.35


@pytest.mark.parametrize("name", build.PROFILES)
def test_sixteen_bits_survive_a_round_trip(name):
    profile = parsed(build.PROFILES[name])
    greys = np.repeat(np.arange(65536, dtype=np.uint16).reshape(256, 256, 1), 3, axis=2)
    random = np.random.default_rng(1).integers(0, 65536, (128, 512, 3)).astype(np.uint16)
    samples = np.concatenate([greys.reshape(128, 512, 3), random])
    pixels = icc.to_srgb(profile, samples)
    # Only colours inside sRGB survive; clipped light is exactly 0 or 1.
    light = np.stack([c.to_light(samples[:, :, i] / 65535) for i, c in enumerate(profile.curves)], axis=-1)
    light = light @ (icc.XYZ_TO_SRGB @ profile.to_xyz).T
    shown = np.all((light >= 0) & (light <= 1), axis=2)
    back = np.rint(icc.from_srgb(profile, pixels) * 65535)
    assert shown.mean() > 0.25
    assert np.abs(back - samples)[shown].max() < 2


def test_greys_stay_grey_and_white_stays_white():
    for name, data in build.PROFILES.items():
        ramp = np.repeat(np.linspace(0, 1, 257, dtype=np.float32)[None, :, None], 3, axis=2)
        pixels = icc.to_srgb(parsed(data), ramp)
        assert np.ptp(pixels, axis=2).max() < 1e-5, name
        assert pixels[0, 0].max() == 0
        assert pixels[0, -1].min() > 1 - 1e-6


def test_known_adobe_rgb_colour_is_converted():
    # (128, 200, 60) in Adobe RGB (1998), converted to sRGB by both definitions in double precision.
    light = (np.array([128, 200, 60]) / 255) ** (563 / 256)
    expected = np.linalg.inv(build.matrix()) @ build.matrix(build.ADOBE) @ light
    expected = 1.055 * np.clip(expected, 0, 1) ** (1 / 2.4) - 0.055
    got = icc.to_srgb(parsed(build.PROFILES["adobe"]), np.array([[[128, 200, 60]]], np.uint8))[0, 0]
    assert expected.min() > 0.04
    assert np.abs(got - expected).max() < 2e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_all_sample_types_give_the_same_colours(dtype):
    profile = parsed(build.PROFILES["adobe"])
    values = np.random.default_rng(2).integers(0, 256, (3, 5, 3))
    full = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    samples = (values / 255 * full).astype(dtype)
    expected = icc.to_srgb(profile, (values / 255).astype(np.float32))
    assert np.abs(icc.to_srgb(profile, samples) - expected).max() < 1e-5


def test_only_srgb_is_recognised_as_srgb():
    assert icc.is_srgb(parsed(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()))
    table = np.linspace(0, 1, 1024)
    table = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    assert icc.is_srgb(parsed(build.rgb_profile(build.table_curve(table))))
    assert icc.is_srgb(parsed(build.grey_profile(build.SRGB_CURVE)))
    other_profiles = [data for name, data in build.PROFILES.items() if name != "srgb"]
    for data in [
        *other_profiles,
        build.grey_profile(build.gamma_curve(1.8)),
        build.rgb_profile(build.gamma_curve(2.2)),
    ]:
        assert not icc.is_srgb(parsed(data))


@pytest.mark.parametrize(
    "curve",
    [
        build.parametric_curve(0, 2.2),
        build.parametric_curve(1, 2.4, 0.9, 0.1),
        build.parametric_curve(2, 2.0, 0.8, 0.1, 0.05),
        build.SRGB_CURVE,
        build.parametric_curve(4, 2.4, 0.9, 0.08, 0.07, 0.05, 0.01, 0.005),
        build.gamma_curve(1.8),
        b"curv\0\0\0\0\0\0\0\0",
        build.table_curve(np.linspace(0, 1, 33) ** 2.2),
    ],
)
def test_curves_are_inverted(curve):
    grey = parsed(build.grey_profile(curve)).curves[0]
    values = np.linspace(0, 1, 4001)
    light = grey.to_light(values)
    assert np.all(np.diff(light) >= 0)
    rising = np.flatnonzero(np.diff(light, append=2.0) > 1e-9)
    assert np.abs(grey.from_light(light)[rising] - values[rising]).max() < 1e-6


def test_flat_start_of_a_curve_means_black():
    samples = np.concatenate([np.zeros(10), np.linspace(0, 1, 246)])
    curve = parsed(build.grey_profile(build.table_curve(samples))).curves[0]
    assert curve.from_light(np.array([0.0]))[0] == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"x" * 131,
        b"x" * 4000,
        build.PROFILES["adobe"][:131],
        build.PROFILES["adobe"][:300],
        build.PROFILES["adobe"][:-3],
        build.rgb_profile(build.gamma_curve(0.0)),
        build.rgb_profile(build.parametric_curve(9, 1.0)),
        build.rgb_profile(build.parametric_curve(3, 2.4)),
        build.rgb_profile(build.parametric_curve(1, 2.4, -1.0, 0.1)),
        build.rgb_profile(build.table_curve(np.linspace(1, 0, 50))),
        build.rgb_profile(b"what\0\0\0\0\0\0\0\0"),
        build.rgb_profile(b"curv\0\0\0\0" + struct.pack(">I", 2**31) + b"\0" * 8),
        build.profile(
            {
                name: b"XYZ \0\0\0\0" + build.fixed(0.3, 0.3, 0.3)
                if b"XYZ" in name
                else build.gamma_curve(2.2)
                for name in icc.CURVE_TAGS + icc.PRIMARY_TAGS
            }
        ),
        build.PROFILES["adobe"][:132]
        + build.PROFILES["adobe"][132:].replace(b"XYZ \0\0\0\0", b"xyz \0\0\0\0"),
    ],
)
def test_corrupt_profiles_are_refused(broken):
    with pytest.raises(icc.CorruptProfileError):
        icc.parse_profile(broken)


def test_random_damage_never_raises_another_exception():
    random = np.random.default_rng(3)
    for data in build.PROFILES.values():
        for _ in range(150):
            damaged = bytearray(data[: random.integers(100, len(data) + 1)])
            for _ in range(random.integers(1, 8)):
                damaged[random.integers(0, len(damaged))] = random.integers(0, 256)
            try:
                profile = icc.parse_profile(bytes(damaged))
            except icc.CorruptProfileError:
                continue
            if profile is not None:
                channels = len(profile.curves)
                pixels = icc.to_srgb(profile, np.full((1, 1, channels), 99, np.uint8))
                assert np.isfinite(pixels).all()


def test_profiles_of_other_kinds_give_none():
    assert icc.parse_profile(build.profile({}, space=b"CMYK", connection=b"Lab ")) is None
    tables = build.profile({b"A2B0": b"mft2" + b"\0" * 60})
    assert icc.parse_profile(tables) is None
    assert icc.parse_profile(build.profile({b"kTRC": build.gamma_curve(2.2)}, b"GRAY", b"Lab ")) is None


def test_grey_profile_is_applied_and_inverted():
    profile = parsed(build.grey_profile(build.gamma_curve(1.0)))
    pixels = icc.to_srgb(profile, np.array([[[0.2140411]]], np.float32))
    assert pixels.shape == (1, 1, 3)
    assert pixels == pytest.approx(0.5, abs=1e-5)
    assert icc.from_srgb(profile, pixels[:, :, :1]) == pytest.approx(0.2140411, abs=1e-6)
