"""The worker's commands: read raw pixel files, run or plan a job, and write raw pixel files.

Imported only when a request needs it, because it loads the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import psutil

from nst_core.api import as_array, as_picture
from nst_core.array_types import Array
from nst_core.backends.choose import open_engine
from nst_core.backends.devices import name_for_people
from nst_core.backends.tiling.style_memory import StyleMemory, memory_for_series
from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError
from nst_core.events import Event, Notice, Plan, Preview, Progress
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize
from nst_core.job.checkpoint import Checkpoint
from nst_core.job.live_previews import LivePreviews
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.plan import plan_painting
from nst_core.job.prepare import picture_bytes
from nst_core.job.run import Result, check_job, run_job
from nst_core.painting.progress import LARGEST_PREVIEW_SIDE
from nst_core.painting.run import RunCallbacks
from nst_core.painting.windows import BoundingBox
from nst_core.planning.run_plan import plan_event
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from nst_core.worker.live_setting import LiveSetting
from nst_core.worker.protocol import Pixels, PreviewRequest, Request, StylePixels, check_job_directory

FRESH_BYTES = psutil.Process().memory_info().rss
"""Memory of a process before its first job; plans are for a fresh process."""


class SendEvent(Protocol):
    """Writes one event."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write ``event`` with ``fields``."""
        ...


def check_inside(path: Path, directory: Path) -> Path:
    """Return the resolved ``path``, which must be in the job directory.

    Raises:
        NstError: ``protocol``.
    """
    try:
        resolved = path.resolve()
    except (OSError, ValueError, RuntimeError):  # no possible name, or a link to itself
        resolved = Path()
    if directory not in resolved.parents:
        raise NstError(ErrorCode.PROTOCOL, f"{path} is not in the job directory.")
    return resolved


def read_pixels(pixels: Pixels, directory: Path) -> Array:
    """Read a raw file into (height, width, channels).

    Raises:
        NstError: ``protocol`` if the file is missing, or its length does not match its size.
    """
    path = check_inside(pixels.path, directory)
    shape = (pixels.height, pixels.width, pixels.channels)
    try:
        values = np.fromfile(path, dtype="<f4")
    except OSError as error:
        raise NstError(ErrorCode.PROTOCOL, f"{path.name} cannot be read: {error.strerror}.") from None
    if values.size != shape[0] * shape[1] * shape[2]:
        raise NstError(ErrorCode.PROTOCOL, f"{path.name} does not have the size that the request gives.")
    return np.nan_to_num(values.astype(np.float32, copy=False), posinf=1.0, neginf=0.0).reshape(shape)


def read_mask(pixels: Pixels, directory: Path) -> Array:
    """Read a raw file of one channel into (height, width) in 0..1.

    Raises:
        NstError: ``protocol`` as for :func:`read_pixels`, or for several channels.
    """
    if pixels.channels != 1:
        raise NstError(ErrorCode.PROTOCOL, f"The mask {pixels.path.name} has {pixels.channels} channels.")
    return np.clip(read_pixels(pixels, directory)[:, :, 0], 0.0, 1.0)


def write_pixels(values: npt.NDArray[Any], path: Path) -> None:
    """Write a raw file under a temporary name, then rename it.

    Raises:
        NstError: ``disk-full`` or ``unwritable-output``.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(np.ascontiguousarray(values).data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        code = ErrorCode.DISK_FULL if error.errno in DISK_FULL_ERRNOS else ErrorCode.UNWRITABLE_OUTPUT
        raise NstError(
            code, f"{path.name} cannot be written: {error.strerror}.", "Free some space for temporary files."
        ) from None


def read_job(request: Request) -> Job:
    """Read the pixels of a request and return its job.

    Raises:
        NstError: ``protocol``, ``bad-image`` or ``bad-setting``.
    """
    directory = check_job_directory(request.job_directory)
    content = _check_content(request)

    def style(pixels: StylePixels) -> WeightedStyle:
        picture = as_picture(read_pixels(pixels, directory), "style")
        fine = as_picture(read_pixels(pixels.fine, directory), "fine style") if pixels.fine else None
        return WeightedStyle(picture, pixels.weight, mask=mask(pixels.mask), fine=fine)

    def mask(pixels: Pixels | None) -> Array | None:
        return None if pixels is None else read_mask(pixels, directory)

    return Job(
        content=as_picture(read_pixels(content, directory), "layer"),
        styles=tuple(map(style, request.styles)),
        settings=make_settings(request.settings),
        keep_size=True,
        keep_grey=True,
        regions=tuple(
            Region(
                read_mask(region.mask, directory),
                tuple(map(style, region.styles)),
                region.name,
                region.keep_colors,
            )
            for region in request.regions
        ),
        selection=mask(request.selection),
        strength_mask=mask(request.strength_mask),
    )


def _check_content(request: Request) -> Pixels:
    """Return the content of a request, which must also have a style.

    Raises:
        NstError: ``protocol``.
    """
    if request.content is None or not (request.styles or request.regions):
        raise NstError(ErrorCode.PROTOCOL, "The request has no content or no style.")
    return request.content


def blank_picture(pixels: Pixels) -> Picture:
    """Return a black picture of the size of ``pixels``, for plans, which depend only on sizes."""
    return Picture(np.broadcast_to(np.float32(0.0), (pixels.height, pixels.width, 3)))


def blank_styles(styles: Sequence[StylePixels]) -> tuple[WeightedStyle, ...]:
    """Return black styles of the sizes of ``styles``."""
    return tuple(
        WeightedStyle(
            blank_picture(style), style.weight, fine=blank_picture(style.fine) if style.fine else None
        )
        for style in styles
    )


def requested_box(request: Request, content: Pixels) -> BoundingBox | None:
    """Return the box of the content that is painted, according to the request; None is all of it."""
    size = content.height, content.width
    boxes = [region.mask.covered for region in request.regions if _size(region.mask) == size]
    given_boxes = [box for box in boxes if box is not None]
    if request.styles or not given_boxes or len(given_boxes) < len(request.regions):
        return None
    left, top, right, bottom = zip(*given_boxes, strict=True)
    return BoundingBox((min(top), max(bottom)), (min(left), max(right)), size)


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.height, pixels.width


def blank_job(request: Request, content: Pixels) -> Job:
    """Return the job of a request with black pictures, of the size of ``content``, for plans."""
    blank_mask = np.broadcast_to(np.float32(0.0), _size(content))
    return Job(
        content=blank_picture(content),
        styles=blank_styles(request.styles),
        settings=make_settings(request.settings),
        keep_size=True,
        regions=tuple(Region(blank_mask, blank_styles(region.styles)) for region in request.regions),
        selection=blank_mask if request.selection else None,
        strength_mask=blank_mask if request.strength_mask else None,
    )


def plan(request: Request) -> dict[str, object]:
    """Do the ``plan`` command and return the plan event's fields.

    Reads no pixels, because callers plan often; the request says what regions cover.
    """
    content = _check_content(request)
    job = blank_job(request, content)
    engine = open_engine(job.settings, ModelStore(), lambda _notice: None)
    try:
        check_job(job, engine.network.layers)
        held_bytes = FRESH_BYTES + 2 * picture_bytes(job)  # once as read, once as prepared
        run_plan = plan_painting(job, engine, requested_box(request, content), held_bytes)
        return plan_fields(plan_event(run_plan, job.settings, engine))
    finally:
        engine.close()


def stylize(
    request: Request,
    send: SendEvent,
    should_stop: Callable[[], bool],
    color_layout: LiveSetting,
    checkpoint: Checkpoint | None = None,
) -> dict[str, object]:
    """Do the ``stylize`` command, write the result's pixels, and return the done event's fields.

    ``color_layout`` has the values that the caller sets during the run, and ``checkpoint`` its state.
    """
    directory = check_job_directory(request.job_directory)
    if request.content is None or request.result is None:
        raise NstError(ErrorCode.PROTOCOL, "The request has no content, or no path for the result.")
    result_path = check_inside(request.result, directory)
    preview_path = check_inside(request.preview.path, directory) if request.preview else None
    job = read_job(request)
    callbacks = RunCallbacks(
        on_event=_event_sender(send, request.preview, preview_path),
        should_stop=should_stop,
        preview_seconds=request.preview.seconds if request.preview else None,
    )
    live = LivePreviews(request.preview.max_side if request.preview else LARGEST_PREVIEW_SIDE)
    with color_layout.followed_by(live.change_color_layout):
        result = run_job(job, callbacks, live=live, checkpoint=checkpoint, styles=_style_memory())
    channels = request.content.channels
    write_pixels(as_array(result.picture, channels).astype("<f4", copy=False), result_path)
    if checkpoint is not None:
        checkpoint.remove()
    return _done_fields(result, channels)


@cache
def _style_memory() -> StyleMemory:
    """Return what this process remembers of styles: trials come one after another, mostly with the same."""
    return memory_for_series(replaces=True)


def _event_sender(
    send: SendEvent, preview: PreviewRequest | None, preview_path: Path | None
) -> Callable[[Event], None]:
    """Return a callback that sends a run's events; previews go to ``preview_path`` first."""

    def on_event(event: Event) -> None:
        if isinstance(event, Plan):
            send("plan", **plan_fields(event))
        elif isinstance(event, Progress):
            send("progress", **asdict(event))
        elif isinstance(event, Notice):
            send("notice", **asdict(event))
        elif preview and preview_path:
            height, width = write_preview(event, preview.max_side, preview_path)
            send(
                "preview",
                path=str(preview_path),
                width=width,
                height=height,
                level=event.level,
                iteration=event.iteration,
                **({} if event.color_layout is None else {"color_layout": event.color_layout}),
            )

    return on_event


def plan_fields(event: Plan) -> dict[str, object]:
    """Return the fields of a plan event, with the device's name for people."""
    return asdict(event) | {"device": name_for_people(event.device)}


def _done_fields(result: Result, channels: int) -> dict[str, object]:
    return {
        "width": result.picture.width,
        "height": result.picture.height,
        "channels": channels,
        "seed": result.seed,
        "model": result.model,
        "model_sha256": result.model_sha256,
        "engine": result.engine,
        "device": name_for_people(result.device),
        "loss": result.loss,
        "seconds": result.seconds,
        "stopped": result.stopped,
        "settings": result.settings.model_dump(mode="json"),
    }


def write_preview(preview: Preview, max_side: int, path: Path) -> tuple[int, int]:
    """Write a preview as 8-bit RGB with sides of ``max_side`` pixels at most; return its (height, width)."""
    height, width = preview.picture.shape[:2]
    picture = preview.picture
    if max(height, width) > max_side:
        height, width = fit(height, width, max_side)
        picture = np.clip(resize(picture, height, width), 0.0, 1.0)
    write_pixels((picture * 255.0 + 0.5).astype(np.uint8), path)
    return height, width
