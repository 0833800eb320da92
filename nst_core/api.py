"""The Python interface: arrays in, arrays out, on top of :mod:`nst_core.job.run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event
from nst_core.images.picture import Picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.run import Result, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import KeepColors, Settings, make_settings

AnyArray = npt.NDArray[Any]
FullScale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


@dataclass(frozen=True)
class Painting:
    """What :func:`stylize` returns: ``pixels`` shaped like the content, float32 in 0..1, and their story."""

    pixels: npt.NDArray[np.float32]
    result: Result


def stylize(
    content: AnyArray,
    styles: AnyArray | Sequence[AnyArray],
    settings: Settings | Mapping[str, object] | None = None,
    *,
    weights: Sequence[float] | None = None,
    regions: Sequence[tuple[AnyArray, AnyArray] | tuple[AnyArray, AnyArray, KeepColors]] = (),
    selection: AnyArray | None = None,
    strength_mask: AnyArray | None = None,
    fine_style: AnyArray | None = None,
    init_picture: AnyArray | None = None,
    on_event: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    preview_seconds: float | None = None,
) -> Painting:
    """Paint ``content`` in the style of one or several pictures.

    Args:
        content: ``(H, W)`` or ``(H, W, 1..4)``, uint8, uint16 or float in 0..1.
        styles: one such array or several, blended by ``weights`` (equal where None); with ``regions`` it may
            be an empty list, and what no region covers then stays as it was.
        settings: :class:`~nst_core.settings.Settings`, or names and values to make them from.
        weights: one number a style.
        regions: pairs of a mask and the style that is painted there. Masks are ``(H, W)``, white for all. A
            third value is this region's ``keep_colors``.
        selection: mask of what is painted at all; the rest has no part in anything and stays as it was.
        strength_mask: how strongly each pixel is painted, from black, as it was, to white.
        fine_style: picture whose strokes are taken, with the composition of each of ``styles``.
        init_picture: where the painting starts, when ``settings`` has ``init`` something else than a word.
        on_event: called with a plan, progress, notices, and previews every ``preview_seconds``.
        should_stop: asked often; once it says True the best picture so far is returned.
        preview_seconds: None for no previews.

    Returns:
        The painting, with the content's channels (alpha as it was), at the content's size or
        ``settings.size``.

    Raises:
        NstError: with a code, a sentence and what to do about it.
    """
    chosen = settings if isinstance(settings, Settings) else make_settings(settings or {})
    listed = [styles] if isinstance(styles, np.ndarray) else list(styles)
    shares = [1.0] * len(listed) if weights is None else list(weights)
    if not (listed or regions):
        raise NstError(ErrorCode.BAD_SETTING, "There is no style.", "Give one, or regions that have some.")
    if len(shares) != len(listed):
        raise NstError(ErrorCode.BAD_SETTING, f"There are {len(listed)} styles and {len(shares)} weights.")
    for _, _, *word in regions:
        if not set(word) <= set(get_args(KeepColors)):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"A region's colours are one of {', '.join(get_args(KeepColors))}, not {word[0]!r}.",
            )
    fine = None if fine_style is None else _given(fine_style, "fine style")

    def weighted(style: AnyArray, share: float) -> WeightedStyle:
        return WeightedStyle(_given(style, "style"), share, None, fine)

    job = Job(
        _given(content, "content"),
        tuple(weighted(style, share) for style, share in zip(listed, shares, strict=True)),
        chosen,
        None if init_picture is None else _given(init_picture, "init picture"),
        regions=tuple(
            Region(as_mask(mask, "mask of a region"), (weighted(style, 1.0),), "", *colours)
            for mask, style, *colours in regions
        ),
        selection=None if selection is None else as_mask(selection, "selection"),
        strength_mask=None if strength_mask is None else as_mask(strength_mask, "strength mask"),
    )
    watch = RunCallbacks(
        on_event or (lambda _event: None), should_stop or (lambda: False), preview_seconds=preview_seconds
    )
    result = run_job(job, watch)
    return Painting(
        as_array(result.picture, 1 if content.ndim == 2 else content.shape[2], content.ndim), result
    )


def _given(array: AnyArray, what: str) -> Picture:
    """Make a picture of what a caller gave, floats of another range, which would all be white, refused.

    Raises:
        NstError: ``bad-image``.
    """
    picture = as_picture(array, what)
    if np.issubdtype(array.dtype, np.floating) and float(np.median(array)) > 1.0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has values up to {float(array.max()):g}; floats go from 0 to 1.",
            "Divide them by what is white.",
        )
    return picture


def as_picture(array: AnyArray, what: str) -> Picture:
    """Make a :class:`Picture` of an array as :func:`stylize` takes them.

    Raises:
        NstError: ``bad-image`` for another shape or type, or values that are not finite.
    """
    planes = array[:, :, None] if array.ndim == 2 else array
    if planes.ndim != 3 or not 1 <= planes.shape[2] <= 4 or planes.size == 0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has shape {array.shape}; it must be (height, width) or (height, width, 1 to 4).",
        )
    if planes.dtype in FullScale:
        values = planes.astype(np.float32) / np.float32(FullScale[planes.dtype])
    elif np.issubdtype(planes.dtype, np.floating):
        values = planes.astype(np.float32)
    else:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has type {array.dtype}; it must be uint8, uint16 or a float type.",
        )
    if not np.isfinite(values).all():
        raise NstError(ErrorCode.BAD_IMAGE, f"The {what} has values that are not finite numbers.")
    channels = values.shape[2]
    grey = channels < 3
    colours = np.repeat(values[:, :, :1], 3, axis=2) if grey else values[:, :, :3]
    alpha = np.ascontiguousarray(np.clip(values[:, :, -1], 0.0, 1.0)) if channels in (2, 4) else None
    pixels = np.ascontiguousarray(np.clip(colours, 0.0, 1.0))
    return Picture(pixels, alpha, grey, 16 if planes.dtype != np.uint8 else 8)


def as_mask(array: AnyArray, what: str) -> npt.NDArray[np.float32]:
    """Make a mask, (H, W) in 0..1, of an array: uint8, uint16, floats in 0..1, or booleans.

    Raises:
        NstError: ``bad-image`` for another shape or type, or values that are not finite.
    """
    values = array.astype(np.float32) if array.dtype == np.bool_ else array
    if values.ndim != 2:
        raise NstError(
            ErrorCode.BAD_IMAGE, f"The {what} has shape {array.shape}; it must be (height, width)."
        )
    return as_picture(values, what).pixels[:, :, 0].copy()


def as_array(picture: Picture, channels: int, dimensions: int = 3) -> npt.NDArray[np.float32]:
    """Give ``picture`` back with 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGB + alpha) channels."""
    colours = picture.pixels[:, :, :1] if channels < 3 else picture.pixels
    if channels in (2, 4):
        opaque = np.ones(picture.pixels.shape[:2], np.float32)
        alpha = opaque if picture.alpha is None else picture.alpha
        colours = np.concatenate([colours, alpha[:, :, None]], axis=2)
    return np.ascontiguousarray(colours[:, :, 0] if dimensions == 2 else colours)
