"""Colour arithmetic on arrays: sRGB and OKLab, luminance-only transfer, colour matching.

Takes and returns ``(height, width, 3)`` float32 RGB arrays, sRGB-encoded, nominally 0..1. Does not depend on
files or profiles. The methods are those of Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style
Transfer", section 5.

Luminance here is OKLab lightness (Ottosson 2020, https://bottosson.github.io/posts/oklab/). In OKLab, a
change of lightness at constant a, b shifts the hue least; in CIE Lab a lightened blue sky turns violet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.strips import row_strips

Values: TypeAlias = npt.NDArray[Any]
Matrix: TypeAlias = npt.NDArray[np.float64]

BLOCK_PIXELS = 1 << 18
"""Pixels per block: temporary arrays then stay in the processor's cache and add little memory."""

# From linear sRGB to the cone-like responses of OKLab, and from their cube roots to L, a, b (Ottosson 2020).
RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LMS_TO_RGB = np.linalg.inv(RGB_TO_LMS)
LAB_TO_LMS = np.linalg.inv(LMS_TO_LAB)

SMALLEST_VARIANCE = (1.0 / 255.0) ** 2
"""A colour direction whose standard deviation is below one 8-bit step is noise, which is not amplified."""

GAMUT_TOLERANCE = 0.008
"""A colour counts as outside sRGB if a channel of its linear light is further below 0 than this share of the
grey of the same lightness. Values within the tolerance are clipped, which is invisible. In OKLab the blue
corner of sRGB is concave by 0.0075: without this tolerance the largest chroma that fits would jump there."""


def srgb_to_linear(encoded: npt.ArrayLike) -> Values:
    """Decode sRGB (IEC 61966-2-1) to linear light; any shape, negative values mirrored."""
    values: Values = np.asarray(encoded)
    magnitude = np.abs(values)
    bright = ((magnitude + 0.055) / 1.055) ** 2.4
    light: Values = np.copysign(np.where(magnitude <= 0.04045, magnitude / 12.92, bright), values)
    return light


def linear_to_srgb(light: npt.ArrayLike) -> Values:
    """Encode linear light as sRGB (IEC 61966-2-1); any shape, negative values mirrored."""
    values: Values = np.asarray(light)
    magnitude = np.abs(values)
    bright = 1.055 * magnitude ** (1 / 2.4) - 0.055
    encoded: Values = np.copysign(np.where(magnitude <= 0.0031308, 12.92 * magnitude, bright), values)
    return encoded


def apply_in_blocks(function: Callable[..., Array], channels: int, *arrays: Array) -> Array:
    """Apply ``function`` to blocks of rows of ``arrays``, to keep temporary arrays small.

    ``function`` takes one ``(n, 3)`` array for each of ``arrays``, which all have the same height and width,
    and returns ``(n, channels)``. The result is ``(height, width, channels)`` float32.
    """
    height, width = arrays[0].shape[:2]
    result = np.empty((height, width, channels), np.float32)
    for band in row_strips(height, width, BLOCK_PIXELS):
        block = function(*(array[band].reshape(-1, array.shape[2]) for array in arrays))
        result[band] = block.reshape(-1, width, channels)
    return result


def lightness(pixels: Array) -> Array:
    """Return OKLab L, ``(..., 1)``, of sRGB-encoded ``(..., 3)``; values outside 0..1 are clipped."""
    lab: Array = _cone_responses(pixels) @ LMS_TO_LAB[:1].T.astype(np.float32)
    return lab


def to_oklab(pixels: Array) -> Array:
    """Return OKLab L, a, b of sRGB-encoded ``(..., 3)``; values outside 0..1 are clipped."""
    lab: Array = _cone_responses(pixels) @ LMS_TO_LAB.T.astype(np.float32)
    return lab


def _cone_responses(pixels: Array) -> Array:
    """Return the cube roots of OKLab's cone responses, ``(..., 3)``, of sRGB-encoded pixels."""
    responses: Array = np.cbrt(srgb_to_linear(np.clip(pixels, 0, 1)) @ RGB_TO_LMS.T.astype(np.float32))
    return responses


def from_oklab(light: Array, chroma: Array) -> Array:
    """Return sRGB-encoded ``(n, 3)`` in 0..1 for OKLab L ``(n, 1)`` and a, b ``(n, 2)``.

    If sRGB has no such colour, a and b are scaled towards grey at the same L and hue.
    """
    return _encode(np.clip(light, 0, 1), chroma, np.zeros_like(light))


def luminance(pixels: Array) -> Array:
    """Return the grey of the same lightness: ``(height, width)`` float32, sRGB-encoded, 0..1.

    A grey pixel keeps its own value. With this value in all three channels, a picture is grey and has the
    same OKLab lightness.
    """
    grey = apply_in_blocks(lambda block: linear_to_srgb(lightness(block) ** 3).astype(np.float32), 1, pixels)
    return np.clip(grey[:, :, 0], 0, 1)


def keep_luminance(painted: Array, content: Array) -> Array:
    """Combine the luminance of ``painted`` with the colours of ``content`` (Gatys et al. 2017, section 5.2).

    Both are ``(height, width, 3)`` in 0..1 and of the same size. OKLab L comes from ``painted``, a and b come
    from ``content``. If sRGB has no such colour, a and b are scaled towards grey at the same L and hue.
    """
    if painted.shape != content.shape:
        raise ValueError(f"painted is {painted.shape}, content is {content.shape}")
    return apply_in_blocks(_recolour, 3, painted, content)


def _recolour(painted: Array, content: Array) -> Array:
    """Compute :func:`keep_luminance` for ``(n, 3)`` blocks."""
    light, lab = np.clip(lightness(painted), 0, 1), to_oklab(content)
    # Darkening a colour by scaling its light scales L, a and b alike and stays in gamut.
    darkened = light / np.maximum(lab[:, :1], np.float32(1e-6))
    return _encode(light, lab[:, 1:], np.where(darkened < 1, darkened, np.float32(0)))


def _encode(light: Array, chroma: Array, inside: Array) -> Array:
    """Compute :func:`from_oklab`; sRGB can show the share ``inside`` ``(n, 1)`` of each chroma."""
    colours = _from_lab(light, chroma)
    outside = np.flatnonzero(~_in_gamut(colours, light))
    if outside.size:
        colours[outside] = _reduce_chroma(light[outside], chroma[outside], inside[outside])
    return linear_to_srgb(np.clip(colours, 0, 1)).astype(np.float32)


def _from_lab(light: Array, chroma: Array) -> Array:
    """Return linear RGB, ``(n, 3)``, for OKLab L ``(n, 1)`` and a, b ``(n, 2)``, without clipping."""
    cones = light * LAB_TO_LMS[:, 0].astype(np.float32) + chroma @ LAB_TO_LMS[:, 1:].T.astype(np.float32)
    rgb: Array = cones**3 @ LMS_TO_RGB.T.astype(np.float32)
    return rgb


def _in_gamut(colours: Array, light: Array) -> npt.NDArray[np.bool_]:
    """Return whether sRGB contains the linear ``colours``, ``(n, 3)``, of OKLab L ``light``, ``(n, 1)``."""
    darkest = -GAMUT_TOLERANCE * light**3 - 1e-7
    fits: npt.NDArray[np.bool_] = np.all((colours >= darkest) & (colours <= 1 + 1e-5), axis=1)
    return fits


def _reduce_chroma(light: Array, chroma: Array, inside: Array) -> Array:
    """Return linear colours of OKLab L ``light`` with as much of ``chroma`` as sRGB can show.

    The share of chroma is bisected between ``inside``, which sRGB can show, and 1. 14 steps leave an error
    below 1e-4.
    """
    outside: Array = np.ones_like(light)
    for _ in range(14):
        middle: Array = (inside + outside) * np.float32(0.5)
        fits = _in_gamut(_from_lab(light, chroma * middle), light)[:, None]
        inside = np.where(fits, middle, inside)
        outside = np.where(fits, outside, middle)
    return _from_lab(light, chroma * inside)


def match_luminance(
    style: Array, content: Array, *, style_alpha: Array | None = None, content_alpha: Array | None = None
) -> Array:
    """Return ``style`` in grey, with its luminance matched to the content's mean and standard deviation.

    Gatys et al. 2017, section 5.2: L' = sigma_C / sigma_S (L - mu_S) + mu_C, on :func:`luminance`. The
    alphas, ``(height, width)``, weight the pixels in the statistics. The result is ``(height, width, 3)``
    with three equal channels. It is not clipped, so that the statistics hold. The deviation of a flat style
    does not change.
    """
    source, target = luminance(style), luminance(content)
    source_mean, source_deviation = _mean_and_deviation(source, style_alpha)
    target_mean, target_deviation = _mean_and_deviation(target, content_alpha)
    gain = target_deviation / source_deviation if source_deviation**2 > SMALLEST_VARIANCE else 1.0
    matched = (source - np.float32(source_mean)) * np.float32(gain) + np.float32(target_mean)
    return np.repeat(matched[:, :, None], 3, axis=2)


def _mean_and_deviation(values: Array, weights: Array | None) -> tuple[float, float]:
    """Return the mean and standard deviation of ``(height, width)`` values, in double precision."""
    if weights is None or float(weights.sum(dtype=np.float64)) <= 0:
        return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    mass = float(weights.sum(dtype=np.float64))
    mean = float((values * weights).sum(dtype=np.float64)) / mass
    squares: Array = np.square(values - np.float32(mean)) * weights
    return mean, math.sqrt(float(squares.sum(dtype=np.float64)) / mass)


def match_colors(
    style: Array,
    content: Array,
    mode: Literal["pca", "cholesky"] = "pca",
    *,
    style_alpha: Array | None = None,
    content_alpha: Array | None = None,
) -> Array:
    """Match the style's colours to the content's mean and covariance with one linear map.

    Gatys et al. 2017, section 5.1: x' = A x + b with A Sigma_S A^T = Sigma_C and b = mu_C - A mu_S:

    - ``pca`` (image analogies): A = Sigma_C^1/2 Sigma_S^-1/2, which changes colours least;
    - ``cholesky``: A = L_C L_S^-1, with Sigma = L L^T.

    ``pca`` was chosen as the default by eye: on two photographs and three paintings the two hardly differ,
    and ``pca`` keeps slightly more contrast between colours.

    Directions in which the style varies by less than one 8-bit step are not amplified, so grey and
    single-colour styles stay as they are. A grey content gives exactly grey. The alphas, ``(height, width)``,
    weight the pixels in the statistics. The result has the style's shape and is not clipped.
    """
    source_mean, source_covariance = _moments(style, style_alpha)
    target_mean, target_covariance = _moments(content, content_alpha)
    transform = _transform(source_covariance, target_covariance, mode)
    offset = target_mean - transform @ source_mean
    matrix, shift = transform.T.astype(np.float32), offset.astype(np.float32)
    return apply_in_blocks(lambda block: block @ matrix + shift, 3, style)


def _moments(pixels: Array, weights: Array | None) -> tuple[Matrix, Matrix]:
    """Return the mean ``(3,)`` and covariance ``(3, 3)`` of all pixels, in double precision, by blocks."""
    height, width = pixels.shape[:2]
    total, first, second = 0.0, np.zeros(3), np.zeros((3, 3))
    # Sum around mid grey: it is close enough to any mean to avoid cancellation in double precision.
    for band in row_strips(height, width, BLOCK_PIXELS):
        block = pixels[band].reshape(-1, 3).astype(np.float64) - 0.5
        weight = np.ones(len(block)) if weights is None else weights[band].ravel()
        weighted = block * weight[:, None].astype(np.float64)
        total += weight.sum()
        first += weighted.sum(axis=0)
        second += weighted.T @ block
    if total <= 0:
        return np.full(3, 0.5), np.zeros((3, 3))
    mean = first / total
    return mean + 0.5, second / total - np.outer(mean, mean)


def _transform(source: Matrix, target: Matrix, mode: str) -> Matrix:
    """Return the ``(3, 3)`` map A from the ``source`` covariance to the ``target`` covariance."""
    values, vectors = np.linalg.eigh(source)
    values = np.maximum(values, SMALLEST_VARIANCE)
    if mode == "pca":
        symmetric: Matrix = square_root(target) @ (vectors / np.sqrt(values)) @ vectors.T
        return symmetric
    if mode == "cholesky":
        factor: Matrix = _lower(target) @ np.linalg.inv(_lower((vectors * values) @ vectors.T))
        return factor
    raise ValueError(f"mode must be 'pca' or 'cholesky', not {mode!r}")


def square_root(covariance: Matrix) -> Matrix:
    """Return the symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    root: Matrix = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _lower(covariance: Matrix) -> Matrix:
    """Return the Cholesky factor of a matrix that may be singular; columns without a pivot are zero."""
    rest, factor = covariance.copy(), np.zeros((3, 3))
    smallest = 1e-12 * max(float(np.trace(covariance)), 1e-12)
    for column in range(3):
        if rest[column, column] > smallest:
            factor[column:, column] = rest[column:, column] / np.sqrt(rest[column, column])
            rest -= np.outer(factor[:, column], factor[:, column])
    return factor
