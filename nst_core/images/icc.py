"""ICC profiles made of tone curves and a matrix: conversion to sRGB and back, in floating point.

Nearly all profiles in photographs are of this kind (sRGB, Adobe RGB, Display P3, ProPhoto, Rec. 2020, grey
gammas). They are evaluated here because no available library is accurate to 16 bits in both directions:
Pillow's transforms have 8 bits, and the inverse of a tabulated curve was off by 262/65535 in Little CMS
2.18's floating-point pipeline and by 635/65535 in libvips 8.18 (a 256-entry gamma 2.2, dark values). For
profiles made of look-up tables (CMYK, printers, scanners) :func:`parse_profile` returns None, and
:mod:`nst_core.images.libvips` converts them.

Tag and type layouts follow ICC.1:2022, sections 7.2, 8.3, 10.6, 10.18 and 10.31. The rendering intent is
relative colorimetric; colours outside sRGB are clipped. Does not depend on files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import apply_in_blocks, linear_to_srgb, srgb_to_linear

Values: TypeAlias = npt.NDArray[Any]

# Columns: XYZ of the sRGB primaries, adapted to D50 (http://www.brucelindbloom.com, RGB/XYZ matrices).
SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)
ADOBE_RGB_TO_XYZ = np.array(  # Adobe RGB (1998), adapted to D50, from the same source
    [
        [0.6097559, 0.2052401, 0.1492240],
        [0.3111242, 0.6256560, 0.0632197],
        [0.0194811, 0.0608902, 0.7448387],
    ]
)

SRGB_TOLERANCE = 1.0 / 510.0
"""Profiles within half an 8-bit step of sRGB count as sRGB, whose many variants differ by rounding."""

CURVE_TAGS, PRIMARY_TAGS = (b"rTRC", b"gTRC", b"bTRC"), (b"rXYZ", b"gXYZ", b"bXYZ")
LUT_TAGS = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1")


class CorruptProfileError(ValueError):
    """The profile violates the rules of its format."""


@dataclass(frozen=True)
class ParametricCurve:
    """y = (a x + b)^g + e for x >= d, y = c x + f below (ICC type 'para', functions 0 to 4)."""

    g: float
    _: KW_ONLY
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def to_light(self, values: Values) -> Values:
        """Evaluate the curve."""
        curved = np.maximum(self.a * values + self.b, 0) ** self.g + self.e
        return np.where(values >= self.d, curved, self.c * values + self.f)

    def from_light(self, light: Values) -> Values:
        """Invert the curve."""
        curved = (np.maximum(light - self.e, 0) ** (1 / self.g) - self.b) / self.a
        below = (light - self.f) / self.c if self.c > 0 else np.zeros_like(light)
        return np.where(light >= self.c * self.d + self.f, curved, below)


@dataclass(frozen=True)
class TableCurve:
    """A rising curve that interpolates linearly between equally spaced samples."""

    samples: npt.NDArray[np.float64]

    def to_light(self, values: Values) -> Values:
        """Evaluate the curve."""
        return np.interp(values, np.linspace(0, 1, len(self.samples)), self.samples)

    def from_light(self, light: Values) -> Values:
        """Invert the curve; on a flat part, return the lowest value that gives ``light``."""
        rising, first = np.unique(self.samples, return_index=True)
        return np.interp(light, rising, first / (len(self.samples) - 1))


Curve: TypeAlias = ParametricCurve | TableCurve


@dataclass(frozen=True)
class IccProfile:
    """A parsed profile: one curve for grey, or three curves and the XYZ (D50) of the primaries for RGB."""

    space: Literal["grey", "rgb"]
    curves: tuple[Curve, ...]
    to_xyz: npt.NDArray[np.float64] | None = None


ADOBE_RGB = IccProfile("rgb", (ParametricCurve(563 / 256),) * 3, ADOBE_RGB_TO_XYZ)


def gamma_profile(space: Literal["grey", "rgb"], gamma: float) -> IccProfile:
    """Return a profile with the sRGB primaries and the curve light = value ** ``gamma``."""
    curve = ParametricCurve(gamma)
    return IccProfile("grey", (curve,)) if space == "grey" else IccProfile("rgb", (curve,) * 3, SRGB_TO_XYZ)


def parse_profile(data: bytes) -> IccProfile | None:
    """Parse an ICC profile's curves and matrix; return None for a valid profile of another kind.

    Raises:
        CorruptProfileError: the bytes are not a profile, or violate the rules of the format.
    """
    if len(data) < 132 or data[36:40] != b"acsp":
        raise CorruptProfileError("no ICC header")
    try:
        tags = _read_tags(data)
        space, connection = data[16:20], data[20:24]
        if connection != b"XYZ " or any(tag in tags for tag in LUT_TAGS):
            return None
        if space == b"GRAY" and b"kTRC" in tags:
            return IccProfile("grey", (_parse_curve(tags[b"kTRC"]),))
        if space == b"RGB " and all(name in tags for name in CURVE_TAGS + PRIMARY_TAGS):
            matrix = _white_to_white(np.array([_parse_xyz(tags[name]) for name in PRIMARY_TAGS]).T)
            return IccProfile("rgb", tuple(_parse_curve(tags[name]) for name in CURVE_TAGS), matrix)
    except (struct.error, OverflowError) as error:
        raise CorruptProfileError(str(error)) from None
    return None


def with_right_length(data: bytes) -> bytes:
    """Return a parsed profile with the length that its header and its tags say, without padding.

    Readers accept other lengths, the writers of PNG do not (ICC.1:2022, section 7.2.2).
    """
    length, count = struct.unpack_from(">I", data)[0], struct.unpack_from(">I", data, 128)[0]
    if length == len(data) and length % 4 == 0:
        return data
    tags = (struct.unpack_from(">II", data, 136 + 12 * index) for index in range(count))
    body = data[: max(offset + size for offset, size in tags)]
    body += b"\0" * (-len(body) % 4)
    return struct.pack(">I", len(body)) + body[4:]


def _read_tags(data: bytes) -> dict[bytes, bytes]:
    """Return the tagged elements by signature."""
    (count,) = struct.unpack_from(">I", data, 128)
    if not 0 < count <= 1000:
        raise CorruptProfileError(f"{count} tags")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if offset + size > len(data) or size < 8:
            raise CorruptProfileError("a tag reaches past the end")
        tags[name] = data[offset : offset + size]
    return tags


def _read_fixed(data: bytes, offset: int, count: int) -> tuple[float, ...]:
    """Read ``count`` numbers of type s15Fixed16 at ``offset``."""
    return tuple(number / 65536 for number in struct.unpack_from(f">{count}i", data, offset))


def _parse_xyz(tag: bytes) -> tuple[float, ...]:
    if tag[:4] != b"XYZ ":
        raise CorruptProfileError("a primary is not of type XYZ")
    return _read_fixed(tag, 8, 3)


def _white_to_white(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale XYZ so that the profile's white is sRGB's: its numbers are rounded, but greys must stay grey."""
    white = matrix.sum(axis=1)
    if np.any(white <= 0) or abs(np.linalg.det(matrix)) < 1e-6:
        raise CorruptProfileError("the primaries do not add up to white")
    scaled: npt.NDArray[np.float64] = matrix * (SRGB_TO_XYZ.sum(axis=1) / white)[:, None]
    return scaled


def _parse_curve(tag: bytes) -> Curve:
    kind = tag[:4]
    if kind == b"para":
        return _parse_parametric(tag)
    if kind != b"curv":
        raise CorruptProfileError("a tone curve has an unknown type")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return ParametricCurve(1.0)
    if count == 1:
        return _check_curve(ParametricCurve(struct.unpack_from(">H", tag, 12)[0] / 256))
    if len(tag) < 12 + 2 * count:
        raise CorruptProfileError("a tone curve is cut short")
    samples = np.frombuffer(tag, ">u2", count, 12).astype(np.float64) / 65535
    if samples[-1] <= samples[0]:
        raise CorruptProfileError("a tone curve does not rise")
    return TableCurve(np.maximum.accumulate(samples))


def _parse_parametric(tag: bytes) -> ParametricCurve:
    (function,) = struct.unpack_from(">H", tag, 8)
    if function > 4:
        raise CorruptProfileError("a tone curve has an unknown function")
    numbers = _read_fixed(tag, 12, (1, 3, 4, 5, 7)[function])
    g, a, b, c = (*numbers, 1.0, 0.0, 0.0)[:4] if len(numbers) > 1 else (*numbers, 1.0, 0.0, 0.0)
    if function == 0:
        return _check_curve(ParametricCurve(g))
    if a <= 0:
        raise CorruptProfileError("a tone curve does not rise")
    if function == 1:
        return _check_curve(ParametricCurve(g, a=a, b=b, d=-b / a))
    if function == 2:
        return _check_curve(ParametricCurve(g, a=a, b=b, d=-b / a, e=c, f=c))
    return _check_curve(ParametricCurve(g, **dict(zip("abcdef", numbers[1:], strict=False))))


def _check_curve(curve: ParametricCurve) -> ParametricCurve:
    """Return ``curve`` if it rises and can be inverted, or raise :class:`CorruptProfileError`."""
    darkest, brightest = curve.to_light(np.array([0.0, 1.0]))
    if not (0.05 <= curve.g <= 20 and curve.c >= 0 and brightest > darkest):
        raise CorruptProfileError("a tone curve does not rise")
    return curve


def is_srgb(profile: IccProfile) -> bool:
    """Return whether the profile differs from sRGB by at most :data:`SRGB_TOLERANCE` everywhere."""
    steps = np.linspace(0, 1, 65)
    if profile.to_xyz is None:
        return bool(
            np.all(np.abs(linear_to_srgb(profile.curves[0].to_light(steps)) - steps) <= SRGB_TOLERANCE)
        )
    coarse = steps[::8]
    grid = np.stack(np.meshgrid(coarse, coarse, coarse, indexing="ij"), axis=-1).reshape(-1, 3)
    ramps = np.repeat(steps[:, None], 3, axis=1)
    probes = np.concatenate([grid, ramps])
    light = np.stack([curve.to_light(probes[:, i]) for i, curve in enumerate(profile.curves)], axis=1)
    shown = linear_to_srgb(np.clip(light @ (XYZ_TO_SRGB @ profile.to_xyz).T, 0, 1))
    return bool(np.all(np.abs(shown - probes) <= SRGB_TOLERANCE))


def to_srgb(profile: IccProfile, samples: Values) -> Array:
    """Convert samples in the profile's colours to sRGB.

    ``samples`` is ``(height, width, channels)`` in uint8, uint16 or float 0..1, with 1 channel for grey and 3
    for RGB. Returns ``(height, width, 3)`` float32 in 0..1.
    """
    lookups = [_lookup(curve, samples.dtype) for curve in profile.curves]
    matrix = None if profile.to_xyz is None else (XYZ_TO_SRGB @ profile.to_xyz).T.astype(np.float32)

    def convert(block: Values) -> Array:
        light = np.stack([lookup(block[:, i]) for i, lookup in enumerate(lookups)], axis=1)
        if matrix is not None:
            light = light @ matrix
        display: Array = linear_to_srgb(np.clip(light, 0, 1)).astype(np.float32)
        return display if matrix is not None else np.repeat(display, 3, axis=1)

    return apply_in_blocks(convert, 3, samples)


def _lookup(curve: Curve, dtype: np.dtype[Any]) -> Callable[[Values], Array]:
    """Return the curve as a function of samples; integers are looked up in a table of all their values."""
    if dtype.kind != "u":
        return lambda values: curve.to_light(values).astype(np.float32)
    maximum = np.iinfo(dtype).max
    table = curve.to_light(np.arange(maximum + 1) / maximum).astype(np.float32)
    return lambda values: table[values]


def from_srgb(profile: IccProfile, pixels: Array) -> Array:
    """Convert sRGB to the profile's colours: the inverse of :func:`to_srgb`, clipped to 0..1.

    ``pixels`` is ``(height, width, 3)`` for RGB and ``(height, width, 1)`` for grey; the result has the same
    shape.
    """
    matrix = None
    if profile.to_xyz is not None:
        matrix = (np.linalg.inv(profile.to_xyz) @ SRGB_TO_XYZ).T.astype(np.float32)

    def convert(block: Array) -> Array:
        light = srgb_to_linear(np.clip(block, 0, 1))
        if matrix is not None:
            light = np.clip(light @ matrix, 0, 1)
        values = [curve.from_light(light[:, i]) for i, curve in enumerate(profile.curves)]
        clipped: Array = np.clip(np.stack(values, axis=1), 0, 1).astype(np.float32)
        return clipped

    return apply_in_blocks(convert, pixels.shape[2], pixels)
