"""ICC profiles made of tone curves and a matrix: pixels to sRGB and back, in floating point.

Nearly every profile found in photographs is of this kind (sRGB, Adobe RGB, Display P3, ProPhoto,
Rec. 2020, grey gammas). They are evaluated here because no library at hand does it to 16 bits both ways:
Pillow's transforms are 8 bit, and the inverse of a tabulated curve was off by 262/65535 in Little CMS 2.18's
floating-point pipeline and by 635/65535 through libvips 8.18 (a 256-entry gamma 2.2, dark values). Profiles
made of look-up tables (CMYK, printers, scanners) are :mod:`nst_core.images.libvips`' work; for those
:func:`parse_profile` returns None.

Tag and type layouts are those of ICC.1:2022, sections 7.2, 8.3, 10.6, 10.18 and 10.31. Rendering is relative
colorimetric; colours that sRGB does not have are clipped. Nothing here knows of files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import by_blocks, linear_to_srgb, srgb_to_linear

Values: TypeAlias = npt.NDArray[Any]

# Columns: the XYZ of sRGB's primaries, adapted to D50 (http://www.brucelindbloom.com, RGB/XYZ matrices).
SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)
ADOBE_RGB_TO_XYZ = np.array(  # the same source; Adobe RGB (1998), D50-adapted
    [
        [0.6097559, 0.2052401, 0.1492240],
        [0.3111242, 0.6256560, 0.0632197],
        [0.0194811, 0.0608902, 0.7448387],
    ]
)

SAME = 1.0 / 510.0
"""Profiles within half an 8-bit step of sRGB are sRGB: the many variants of it differ by rounding."""

CURVE_TAGS, PRIMARY_TAGS = (b"rTRC", b"gTRC", b"bTRC"), (b"rXYZ", b"gXYZ", b"bXYZ")
LUT_TAGS = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1")


class CorruptProfileError(ValueError):
    """The profile breaks the format's own rules."""


@dataclass(frozen=True)
class ParametricCurve:
    """y = (a x + b)^g + e from x = d on, y = c x + f below (ICC type 'para', function 4 and its kin)."""

    g: float
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
    """A rising curve through equally spaced samples, joined by straight lines."""

    samples: npt.NDArray[np.float64]

    def to_light(self, values: Values) -> Values:
        """Evaluate the curve."""
        return np.interp(values, np.linspace(0, 1, len(self.samples)), self.samples)

    def from_light(self, light: Values) -> Values:
        """Invert the curve; where it is level, the lowest value that gives ``light``."""
        rising, first = np.unique(self.samples, return_index=True)
        return np.interp(light, rising, first / (len(self.samples) - 1))


Curve: TypeAlias = ParametricCurve | TableCurve


@dataclass(frozen=True)
class Profile:
    """What a profile says: for grey one curve, for RGB three and the XYZ (D50) of the primaries."""

    space: Literal["grey", "rgb"]
    curves: tuple[Curve, ...]
    to_xyz: npt.NDArray[np.float64] | None = None


ADOBE_RGB = Profile("rgb", (ParametricCurve(563 / 256),) * 3, ADOBE_RGB_TO_XYZ)


def gamma_profile(space: Literal["grey", "rgb"], gamma: float) -> Profile:
    """Return sRGB's primaries with the curve light = value ** ``gamma``."""
    curve = ParametricCurve(gamma)
    return Profile("grey", (curve,)) if space == "grey" else Profile("rgb", (curve,) * 3, SRGB_TO_XYZ)


def parse_profile(data: bytes) -> Profile | None:
    """Read an ICC profile's curves and matrix; None when it is of another, valid, kind.

    Raises:
        CorruptProfileError: the bytes are no profile, or one that breaks the rules.
    """
    if len(data) < 132 or data[36:40] != b"acsp":
        raise CorruptProfileError("no ICC header")
    try:
        tags = _tags(data)
        space, connection = data[16:20], data[20:24]
        if connection != b"XYZ " or any(tag in tags for tag in LUT_TAGS):
            return None
        if space == b"GRAY" and b"kTRC" in tags:
            return Profile("grey", (_curve(tags[b"kTRC"]),))
        if space == b"RGB " and all(name in tags for name in CURVE_TAGS + PRIMARY_TAGS):
            matrix = _white_to_white(np.array([_xyz(tags[name]) for name in PRIMARY_TAGS]).T)
            return Profile("rgb", tuple(_curve(tags[name]) for name in CURVE_TAGS), matrix)
    except (struct.error, OverflowError) as error:
        raise CorruptProfileError(str(error)) from None
    return None


def _tags(data: bytes) -> dict[bytes, bytes]:
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


def _fixed(data: bytes, offset: int, count: int) -> tuple[float, ...]:
    """Read ``count`` numbers of type s15Fixed16 at ``offset``."""
    return tuple(number / 65536 for number in struct.unpack_from(f">{count}i", data, offset))


def _xyz(tag: bytes) -> tuple[float, ...]:
    if tag[:4] != b"XYZ ":
        raise CorruptProfileError("a primary is not of type XYZ")
    return _fixed(tag, 8, 3)


def _white_to_white(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale XYZ so that the profile's white is sRGB's: its numbers are rounded, and greys must stay grey."""
    white = matrix.sum(axis=1)
    if np.any(white <= 0) or abs(np.linalg.det(matrix)) < 1e-6:
        raise CorruptProfileError("the primaries give no white")
    scaled: npt.NDArray[np.float64] = matrix * (SRGB_TO_XYZ.sum(axis=1) / white)[:, None]
    return scaled


def _curve(tag: bytes) -> Curve:
    kind = tag[:4]
    if kind == b"para":
        return _parametric(tag)
    if kind != b"curv":
        raise CorruptProfileError("a tone curve of an unknown type")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return ParametricCurve(1.0)
    if count == 1:
        return _checked(ParametricCurve(struct.unpack_from(">H", tag, 12)[0] / 256))
    if len(tag) < 12 + 2 * count:
        raise CorruptProfileError("a tone curve is cut short")
    samples = np.frombuffer(tag, ">u2", count, 12).astype(np.float64) / 65535
    if samples[-1] <= samples[0]:
        raise CorruptProfileError("a tone curve does not rise")
    return TableCurve(np.maximum.accumulate(samples))


def _parametric(tag: bytes) -> ParametricCurve:
    (function,) = struct.unpack_from(">H", tag, 8)
    if function > 4:
        raise CorruptProfileError("a tone curve of an unknown function")
    numbers = _fixed(tag, 12, (1, 3, 4, 5, 7)[function])
    g, a, b, c = (*numbers, 1.0, 0.0, 0.0)[:4] if len(numbers) > 1 else (*numbers, 1.0, 0.0, 0.0)
    if function == 0:
        return _checked(ParametricCurve(g))
    if a <= 0:
        raise CorruptProfileError("a tone curve does not rise")
    if function == 1:
        return _checked(ParametricCurve(g, a, b, d=-b / a))
    if function == 2:
        return _checked(ParametricCurve(g, a, b, d=-b / a, e=c, f=c))
    return _checked(ParametricCurve(*numbers))


def _checked(curve: ParametricCurve) -> ParametricCurve:
    darkest, brightest = curve.to_light(np.array([0.0, 1.0]))
    if not (0.05 <= curve.g <= 20 and curve.c >= 0 and brightest > darkest):
        raise CorruptProfileError("a tone curve does not rise")
    return curve


def is_srgb(profile: Profile) -> bool:
    """Whether the profile differs from sRGB by no more than :data:`SAME` anywhere."""
    steps = np.linspace(0, 1, 65)
    if profile.to_xyz is None:
        return bool(np.all(np.abs(linear_to_srgb(profile.curves[0].to_light(steps)) - steps) <= SAME))
    coarse = steps[::8]
    grid = np.stack(np.meshgrid(coarse, coarse, coarse, indexing="ij"), axis=-1).reshape(-1, 3)
    ramps = np.repeat(steps[:, None], 3, axis=1)
    probes = np.concatenate([grid, ramps])
    light = np.stack([curve.to_light(probes[:, i]) for i, curve in enumerate(profile.curves)], axis=1)
    shown = linear_to_srgb(np.clip(light @ (XYZ_TO_SRGB @ profile.to_xyz).T, 0, 1))
    return bool(np.all(np.abs(shown - probes) <= SAME))


def to_srgb(profile: Profile, samples: Values) -> Array:
    """Convert samples in the profile's colours to sRGB.

    ``samples`` is ``(height, width, channels)``, 1 channel for grey, 3 for RGB: uint8, uint16 or float 0..1.
    Returns ``(height, width, 3)`` float32 in 0..1.
    """
    lookups = [_lookup(curve, samples.dtype) for curve in profile.curves]
    matrix = None if profile.to_xyz is None else (XYZ_TO_SRGB @ profile.to_xyz).T.astype(np.float32)

    def convert(block: Values) -> Array:
        light = np.stack([lookup(block[:, i]) for i, lookup in enumerate(lookups)], axis=1)
        if matrix is not None:
            light = light @ matrix
        display: Array = linear_to_srgb(np.clip(light, 0, 1)).astype(np.float32)
        return display if matrix is not None else np.repeat(display, 3, axis=1)

    return by_blocks(convert, 3, samples)


def _lookup(curve: Curve, kind: np.dtype[Any]) -> Callable[[Values], Array]:
    """Return the curve as a function of samples; whole numbers are looked up in a table of every value."""
    if kind.kind != "u":
        return lambda values: curve.to_light(values).astype(np.float32)
    levels = np.iinfo(kind).max
    table = curve.to_light(np.arange(levels + 1) / levels).astype(np.float32)
    return lambda values: table[values]


def from_srgb(profile: Profile, pixels: Array) -> Array:
    """Convert sRGB to the profile's colours: the inverse of :func:`to_srgb`, clipped to 0..1.

    ``pixels`` is ``(height, width, 3)`` for RGB, ``(height, width, 1)`` for grey; the result has its shape.
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

    return by_blocks(convert, pixels.shape[2], pixels)
