"""Noise that is placed by picture: an endless field for each seed, of which a picture gets the upper left.

The noise at a pixel depends on the seed and on the pixel's row and column, not on the size of the picture. So
two photographs of a series start from the same noise wherever both have pixels: a sky begins with the same
strokes in a wide picture and in a tall one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array

BLOCK = 128
"""Side, in pixels, of the blocks in which the field is drawn."""

KERNEL = 256
"""Side, in pixels, of the filter that makes white noise pink."""

LONGEST_WAVE = 64
"""Longest wave of the pink noise in pixels, a quarter of the long side at which a default run starts: longer
ones would be tints, not seeds of strokes."""

STRIP = 256
"""Rows of pink noise computed at a time."""


def white_noise(height: int, width: int, seed: int) -> Array:
    """Return (3, height, width) Gaussian white noise with mean 0 and standard deviation 1."""
    return _white(slice(0, height), slice(0, width), seed)


def pink_noise(height: int, width: int, seed: int) -> Array:
    """Return (3, height, width) noise whose amplitudes fall as 1/f, with mean 0 and standard deviation 1.

    Both are those of the whole field; those of a picture differ a little.
    """
    noise = np.empty((3, height, width), np.float32)
    for top in range(0, height, STRIP):
        for left in range(0, width, STRIP):
            block = _pink_block(top, left, seed)
            part = noise[:, top : top + STRIP, left : left + STRIP]
            part[:] = block[:, : part.shape[1], : part.shape[2]]
    return noise


def _white(rows: slice, columns: slice, seed: int) -> Array:
    """Return white noise at ``rows`` and ``columns`` of the field."""
    noise = np.empty((3, rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for down in range(rows.start // BLOCK, -(-rows.stop // BLOCK)):
        for across in range(columns.start // BLOCK, -(-columns.stop // BLOCK)):
            random = np.random.default_rng((seed, down, across))
            block = random.standard_normal((3, BLOCK, BLOCK), np.float32)
            into_rows, from_rows = _overlap(rows, down)
            into_columns, from_columns = _overlap(columns, across)
            noise[:, into_rows, into_columns] = block[:, from_rows, from_columns]
    return noise


def _overlap(wanted: slice, block: int) -> tuple[slice, slice]:
    """Return where the block of that number lies within ``wanted``, and which part of the block that is."""
    first, last = max(wanted.start, block * BLOCK), min(wanted.stop, (block + 1) * BLOCK)
    start = block * BLOCK
    return slice(first - wanted.start, last - wanted.start), slice(first - start, last - start)


def _pink_block(top: int, left: int, seed: int) -> Array:
    """Return the (3, STRIP, STRIP) pink noise from row ``top`` and column ``left`` on.

    Every block is the same convolution of the field, without wrapping around.
    """
    side = STRIP + KERNEL
    white = _white(slice(top, top + side), slice(left, left + side), seed)
    filtered = np.fft.irfft2(np.fft.rfft2(white) * _gains(side), s=(side, side))
    return np.asarray(filtered[:, KERNEL - 1 : -1, KERNEL - 1 : -1], dtype=np.float32)


@lru_cache(maxsize=1)
def _gains(side: int) -> npt.NDArray[np.complex128]:
    """Return the Fourier transform, at ``side`` x ``side``, of the filter, whose energy is 1."""
    down, across = np.fft.fftfreq(KERNEL)[:, None], np.fft.rfftfreq(KERNEL)[None, :]
    gains = 1.0 / np.maximum(np.hypot(down, across), 1.0 / LONGEST_WAVE)
    gains[0, 0] = 0.0
    kernel = np.fft.fftshift(np.fft.irfft2(gains, s=(KERNEL, KERNEL)))
    kernel /= np.sqrt(np.square(kernel).sum())
    return np.asarray(np.fft.rfft2(kernel, s=(side, side)))
