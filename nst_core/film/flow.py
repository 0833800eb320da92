"""Optical flow between two frames, what can be trusted of it, and pictures moved along it.

The flow is that of Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", from OpenCV. Masks of
trust are those of Ruder, Dosovitskiy and Brox 2016, "Artistic style transfer for videos", eq. 4 and 5. Takes
and returns arrays; does not depend on paintings or files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array
from nst_core.images.colour import luminance

Grey = npt.NDArray[np.uint8]

SMALLEST_SIDE = 64
"""Short side, in pixels, below which frames are enlarged first: the search needs several scales."""

CONSISTENCY, CONSISTENCY_SLACK = 0.01, 0.5
"""Eq. 4: share of the squared flow, and squared pixels, by which forward and backward flow may differ."""

NEIGHBOURS = np.ones((5, 5), np.uint8)
"""The pixels that limit a moved one. Over eleven frames with an object that passes, noise of a deviation of
0.12 over a photograph keeps 0.91, 0.95 and 0.98 of its contrast with 3 x 3, 5 x 5 and 7 x 7; with 7 x 7 a few
dots are left at the edge of the object."""

BOUNDARY, BOUNDARY_SLACK = 0.01, 0.002
"""Eq. 5: share of the squared flow, and a constant, above which the flow's squared gradient is a boundary."""


def flow_frame(pixels: Array) -> Grey:
    """Return ``pixels`` (h, w, 3) in 0..1 as the search for the flow takes them: (h, w) grey bytes."""
    grey: Grey = np.round(np.clip(luminance(pixels), 0.0, 1.0) * 255.0).astype(np.uint8)
    return grey


def optical_flow(first: Grey, second: Grey) -> Array:
    """Return the flow (h, w, 2): the pixel of ``first`` at (x, y) is at (x, y) + flow in ``second``."""
    height, width = first.shape
    factor = -(-SMALLEST_SIDE // min(height, width))
    if factor > 1:
        size = width * factor, height * factor
        first, second = (
            np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            for grey in (first, second)
        )
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.asarray(search.calc(first, second, np.zeros((*first.shape, 2), np.float32)), np.float32)
    if factor > 1:
        flow = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        flow /= np.float32(factor)
    return flow


def positions(flow: Array) -> tuple[Array, Array]:
    """Return the columns and the rows (h, w) to which ``flow`` leads."""
    height, width, _ = flow.shape
    columns = np.arange(width, dtype=np.float32) + flow[:, :, 0]
    rows = np.arange(height, dtype=np.float32)[:, None] + flow[:, :, 1]
    return columns, rows


def warp(pixels: Array, backward: Array) -> Array:
    """Return ``pixels`` (channels, h, w) of the frame before, moved to this one along its ``backward`` flow.

    Pixels from outside are those of the nearest edge. Details of less than four pixels lose contrast; see
    :func:`move`.
    """
    return _resample(pixels, backward, cv2.INTER_CUBIC)


def _resample(pixels: Array, flow: Array, kernel: int) -> Array:
    columns, rows = positions(flow)
    planes = [
        cv2.remap(np.ascontiguousarray(plane), columns, rows, kernel, borderMode=cv2.BORDER_REPLICATE)
        for plane in pixels
    ]
    return np.stack(planes).astype(np.float32, copy=False)


def trust(forward: Array, backward: Array) -> npt.NDArray[np.bool_]:
    """Return where the ``backward`` flow (h, w, 2) of a frame to an earlier one can be trusted, (h, w).

    Not where it leaves the frame, where the ``forward`` flow of the earlier frame does not lead back (eq. 4),
    and not at boundaries of motion (eq. 5).
    """
    height, width, _ = backward.shape
    columns, rows = positions(backward)
    inside = (columns >= -0.5) & (columns <= width - 0.5) & (rows >= -0.5) & (rows <= height - 0.5)
    returning = warp(np.ascontiguousarray(forward.transpose(2, 0, 1)), backward).transpose(1, 2, 0)
    length = squared_length(returning) + squared_length(backward)
    consistent = squared_length(returning + backward) <= CONSISTENCY * length + CONSISTENCY_SLACK
    steady = squared_gradient(backward) <= BOUNDARY * squared_length(backward) + BOUNDARY_SLACK
    return np.asarray(inside & consistent & steady)


def squared_length(flow: Array) -> Array:
    """Return the squared length (h, w) of a flow (h, w, 2)."""
    return np.asarray(np.square(flow).sum(axis=2))


def squared_gradient(flow: Array) -> Array:
    """Return |grad u|^2 + |grad v|^2 (h, w) of a flow (h, w, 2), by central differences."""
    down, across = (np.asarray(np.gradient(flow, axis=axis), np.float32) for axis in (0, 1))
    return squared_length(down) + squared_length(across)


@dataclass(frozen=True)
class Motion:
    """How a frame came from an earlier one.

    ``backward`` (h, w, 2) leads from the frame to the earlier one, and is ``trusted`` (h, w) where that is
    set. ``forward`` leads from the earlier frame to this one, and is trusted where ``forward_trusted`` is.
    """

    backward: Array
    trusted: npt.NDArray[np.bool_]
    forward: Array
    forward_trusted: npt.NDArray[np.bool_]


def find_motion(before: Grey, after: Grey) -> Motion:
    """Return the motion from the frame ``before`` to the frame ``after``, both of one size."""
    backward, forward = optical_flow(after, before), optical_flow(before, after)
    return Motion(backward, trust(forward, backward), forward, trust(backward, forward))


def move(pixels: Array, motion: Motion) -> Array:
    """Return ``pixels`` (channels, h, w) of the earlier frame, moved along ``motion``, with their detail.

    Interpolation blurs, and the blur of many frames adds up. What a picture loses there and back is about
    twice what it loses on the way there, so half of it is added first (Kim, Liu, Llamas and Rossignac 2005,
    "FlowFixer: Using BFECC for fluid simulation"). More than half would amplify some details with each frame.
    Where the motion does not lead back, nothing is added. No pixel becomes lighter or darker than all those
    around the place it comes from (the limiter of Selle et al. 2008, "An unconditionally stable MacCormack
    method"): at the edge of an object that passes, each frame would add to what the kernel overshoots.
    """
    there_and_back = _resample(
        _resample(pixels, motion.backward, cv2.INTER_LANCZOS4), motion.forward, cv2.INTER_LANCZOS4
    )
    lost = (pixels - there_and_back) * motion.forward_trusted
    moved = _resample(pixels + np.float32(0.5) * lost, motion.backward, cv2.INTER_LANCZOS4)
    darkest = _resample(_extremes(pixels, cv2.erode), motion.backward, cv2.INTER_NEAREST)
    lightest = _resample(_extremes(pixels, cv2.dilate), motion.backward, cv2.INTER_NEAREST)
    return np.asarray(np.clip(moved, darkest, lightest))


def _extremes(pixels: Array, extreme: Callable[..., object]) -> Array:
    """Return the least (``cv2.erode``) or the greatest (``cv2.dilate``) value around each pixel."""
    return np.stack(
        [np.asarray(extreme(np.ascontiguousarray(plane), NEIGHBOURS), np.float32) for plane in pixels]
    )
