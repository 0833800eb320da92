"""The Python interface: :func:`stylize` paints numpy arrays.

Converts arrays to the engine's pictures and masks, runs the job with :mod:`nst_core.job.run`, and converts
the result back to an array. Reads and writes no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event
from nst_core.images.float_range import white_level
from nst_core.images.picture import Picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.run import Result, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import KeepColors, Settings, make_settings

AnyArray = npt.NDArray[Any]
FULL_SCALE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
"""White, for each integer type."""


@dataclass(frozen=True)
class Painting:
    """Return value of :func:`stylize`: ``pixels``, float32 in 0..1, and details."""

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
    init_image: AnyArray | None = None,
    on_event: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    preview_seconds: float | None = None,
) -> Painting:
    """Paint ``content`` in the style of one or several pictures.

    Args:
        content: ``(H, W)`` or ``(H, W, 1..4)``, uint8, uint16 or float in 0..1.
        styles: one such array, or several, which are blended by ``weights`` (equally if None). With
            ``regions`` the list may be empty; pixels outside all regions then stay as they are.
        settings: :class:`~nst_core.settings.Settings`, or a mapping from names to values.
        weights: one number per style.
        regions: pairs of a mask and the style to paint there. Masks are ``(H, W)``; white selects. An
            optional third value is the region's ``keep_colors``.
        selection: mask of the pixels to paint. All others stay as they are and do not influence the result.
        strength_mask: style strength of each pixel, from black (unchanged) to white (full).
        fine_style: picture whose brush strokes are used, with the composition of each of ``styles``.
        init_image: picture to start from, if ``settings.init`` is neither content, style nor noise.
        on_event: called with the plan, progress, notices, and a preview every ``preview_seconds``.
        should_stop: called often. Once it returns True, the run ends with the best picture so far.
        preview_seconds: None for no previews.

    Returns:
        The painting, with the content's channels (alpha unchanged), at the content's size or at
        ``settings.size``. A grey content gets the style's colours, and is returned with 3 or 4 channels; it
        keeps its own channels if ``keep_colors`` keeps the photo's colours or shifts the style's to them.

    Raises:
        NstError: with a code, a message and a hint.
    """
    checked_settings = settings if isinstance(settings, Settings) else make_settings(settings or {})
    style_list = [styles] if isinstance(styles, np.ndarray) else list(styles)
    style_weights = [1.0] * len(style_list) if weights is None else list(weights)
    _check_styles(style_list, style_weights, regions)
    fine = None if fine_style is None else _checked_picture(fine_style, "fine style")

    def weighted(style: AnyArray, weight: float) -> WeightedStyle:
        return WeightedStyle(_checked_picture(style, "style"), weight, fine=fine)

    job = Job(
        content=_checked_picture(content, "content"),
        styles=tuple(
            weighted(style, weight) for style, weight in zip(style_list, style_weights, strict=True)
        ),
        settings=checked_settings,
        init_image=None if init_image is None else _checked_picture(init_image, "init image"),
        regions=tuple(
            Region(as_mask(mask, "mask of a region"), (weighted(style, 1.0),), "", *keep_colors)
            for mask, style, *keep_colors in regions
        ),
        selection=None if selection is None else as_mask(selection, "selection"),
        strength_mask=None if strength_mask is None else as_mask(strength_mask, "strength mask"),
    )
    callbacks = RunCallbacks(
        on_event=on_event or (lambda _event: None),
        should_stop=should_stop or (lambda: False),
        preview_seconds=preview_seconds,
    )
    result = run_job(job, callbacks)
    channels = 1 if content.ndim == 2 else content.shape[2]
    if channels < 3 and not result.picture.grey:
        return Painting(as_array(result.picture, channels + 2), result)
    return Painting(as_array(result.picture, channels, content.ndim), result)


def _check_styles(
    styles: Sequence[AnyArray],
    weights: Sequence[float],
    regions: Sequence[tuple[AnyArray, AnyArray] | tuple[AnyArray, AnyArray, KeepColors]],
) -> None:
    """Check the styles, their weights and the ``keep_colors`` of regions.

    Raises:
        NstError: ``bad-setting``.
    """
    if not (styles or regions):
        raise NstError(ErrorCode.BAD_SETTING, "There is no style.", "Give a style, or regions with styles.")
    if len(weights) != len(styles):
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"There are {len(styles)} styles but {len(weights)} weights.",
            "Give one weight per style.",
        )
    choices = get_args(KeepColors)
    for _, _, *keep_colors in regions:
        if not set(keep_colors) <= set(choices):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"keep_colors of a region must be one of {', '.join(choices)}, not {keep_colors[0]!r}.",
            )


def _checked_picture(array: AnyArray, what: str) -> Picture:
    """Convert an array to a picture; reject floats on another scale, which would turn all white.

    Raises:
        NstError: ``bad-image``.
    """
    picture = as_picture(array, what)
    if np.issubdtype(array.dtype, np.floating) and white_level(np.atleast_3d(array)) != 1.0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has values up to {float(array.max()):g}; floats go from 0 to 1.",
            "Divide the array by its white value, such as 255.",
        )
    return picture


def as_picture(array: AnyArray, what: str) -> Picture:
    """Convert an array, in one of the forms that :func:`stylize` takes, to a :class:`Picture`.

    Raises:
        NstError: ``bad-image`` for another shape or type, or for values that are not finite.
    """
    planes = array[:, :, None] if array.ndim == 2 else array
    if planes.ndim != 3 or not 1 <= planes.shape[2] <= 4 or planes.size == 0:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has shape {array.shape}; it must be (height, width) or (height, width, 1 to 4).",
        )
    if planes.dtype in FULL_SCALE:
        values = planes.astype(np.float32) / np.float32(FULL_SCALE[planes.dtype])
    elif np.issubdtype(planes.dtype, np.floating):
        values = planes.astype(np.float32)
    else:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"The {what} has type {array.dtype}; it must be uint8, uint16 or a float type.",
        )
    if not np.isfinite(values).all():
        raise NstError(ErrorCode.BAD_IMAGE, f"The {what} contains infinite values or NaN.")
    channels = values.shape[2]
    grey = channels < 3
    colours = np.repeat(values[:, :, :1], 3, axis=2) if grey else values[:, :, :3]
    alpha = np.ascontiguousarray(np.clip(values[:, :, -1], 0.0, 1.0)) if channels in (2, 4) else None
    pixels = np.ascontiguousarray(np.clip(colours, 0.0, 1.0))
    return Picture(pixels=pixels, alpha=alpha, grey=grey, bits=16 if planes.dtype != np.uint8 else 8)


def as_mask(array: AnyArray, what: str) -> npt.NDArray[np.float32]:
    """Convert an array of uint8, uint16, floats in 0..1 or booleans to a mask, (H, W) float32 in 0..1.

    Raises:
        NstError: ``bad-image`` for another shape or type, or for values that are not finite.
    """
    values = array.astype(np.float32) if array.dtype == np.bool_ else array
    if values.ndim != 2:
        raise NstError(
            ErrorCode.BAD_IMAGE, f"The {what} has shape {array.shape}; it must be (height, width)."
        )
    return as_picture(values, what).pixels[:, :, 0].copy()


def as_array(picture: Picture, channels: int, dimensions: int = 3) -> npt.NDArray[np.float32]:
    """Convert ``picture`` to an array with 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGB + alpha) channels.

    With ``dimensions`` 2 the first channel is returned as ``(H, W)``.
    """
    colours = picture.pixels[:, :, :1] if channels < 3 else picture.pixels
    if channels in (2, 4):
        opaque = np.ones(picture.pixels.shape[:2], np.float32)
        alpha = opaque if picture.alpha is None else picture.alpha
        colours = np.concatenate([colours, alpha[:, :, None]], axis=2)
    return np.ascontiguousarray(colours[:, :, 0] if dimensions == 2 else colours)
