"""The worker's commands: raw pixel files in, a job, raw pixel files out. Imported once a request needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import psutil

from nst_core.api import as_array, as_picture
from nst_core.array_types import Array
from nst_core.backends.choose import open_engine
from nst_core.errors import DISK_FULL_ERRNOS, ErrorCode, NstError
from nst_core.events import Event, Notice, Plan, Preview, Progress
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.prepare import fine_style_sizes, job_workload, painted_size, picture_bytes, result_size
from nst_core.job.run import check_job, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.painting.windows import BoundingBox
from nst_core.planning.run_plan import plan_event, plan_run
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from nst_core.worker.protocol import Pixels, PreviewRequest, Request, StylePixels, checked_directory

FRESH_BYTES = psutil.Process().memory_info().rss
"""What an engine's process holds before its first job: plans are for a process that has done nothing yet."""


class Send(Protocol):
    """Writes one event."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write ``event`` with ``fields``."""
        ...


def inside(path: Path, directory: Path) -> Path:
    """Return ``path`` if it lies in the job directory.

    Raises:
        NstError: ``protocol`` where it does not.
    """
    resolved = path.resolve()
    if directory not in resolved.parents:
        raise NstError(ErrorCode.PROTOCOL, f"{path} is not in the job directory.")
    return resolved


def read_pixels(pixels: Pixels, directory: Path) -> Array:
    """Read a raw file into (height, width, channels).

    Raises:
        NstError: ``protocol`` where it is missing or not as long as its size says.
    """
    path = inside(pixels.path, directory)
    shape = (pixels.height, pixels.width, pixels.channels)
    try:
        values = np.fromfile(path, dtype="<f4")
    except OSError as error:
        raise NstError(ErrorCode.PROTOCOL, f"{path.name} cannot be read: {error.strerror}.") from None
    if values.size != shape[0] * shape[1] * shape[2]:
        raise NstError(ErrorCode.PROTOCOL, f"{path.name} does not have the size that the request says.")
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
    """Write a raw file under a temporary name and rename it.

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
    """Make the job of a request, pixels read.

    Raises:
        NstError: ``protocol``, ``bad-image`` or ``bad-setting``.
    """
    directory = checked_directory(request.job_directory)
    if request.content is None or not (request.styles or request.regions):
        raise NstError(ErrorCode.PROTOCOL, "The request has no content or no style.")

    def style(pixels: StylePixels) -> WeightedStyle:
        picture = as_picture(read_pixels(pixels, directory), "style")
        fine = as_picture(read_pixels(pixels.fine, directory), "fine style") if pixels.fine else None
        return WeightedStyle(picture, pixels.weight, mask(pixels.part), fine)

    def mask(pixels: Pixels | None) -> Array | None:
        return None if pixels is None else read_mask(pixels, directory)

    return Job(
        as_picture(read_pixels(request.content, directory), "layer"),
        tuple(map(style, request.styles)),
        make_settings(request.settings),
        keep_size=True,
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


def unread(pixels: Pixels) -> Picture:
    """Return a picture of that size without its pixels: a plan depends on sizes alone."""
    return Picture(np.broadcast_to(np.float32(0.0), (pixels.height, pixels.width, 3)))


def unread_styles(styles: Sequence[StylePixels]) -> tuple[WeightedStyle, ...]:
    """Return styles of those sizes; see :func:`unread`."""
    return tuple(
        WeightedStyle(unread(style), style.weight, fine=unread(style.fine) if style.fine else None)
        for style in styles
    )


def told_part(request: Request, content: Pixels) -> BoundingBox | None:
    """Return the box of what is painted, as far as the request says it; None is all of it."""
    size = content.height, content.width
    boxes = [region.mask.covered for region in request.regions if _size(region.mask) == size]
    known = [box for box in boxes if box is not None]
    if request.styles or not known or len(known) < len(request.regions):
        return None
    left, top, right, bottom = zip(*known, strict=True)
    return BoundingBox((min(top), max(bottom)), (min(left), max(right)), size)


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.height, pixels.width


def plan(request: Request) -> dict[str, object]:
    """Answer the ``plan`` command: the plan event's fields.

    No pixels are read, for it is asked often: what regions cover is what the request says of it.
    """
    if request.content is None or not (request.styles or request.regions):
        raise NstError(ErrorCode.PROTOCOL, "The request has no content or no style.")
    nothing = np.broadcast_to(np.float32(0.0), (request.content.height, request.content.width))
    job = Job(
        unread(request.content),
        unread_styles(request.styles),
        make_settings(request.settings),
        keep_size=True,
        regions=tuple(Region(nothing, unread_styles(region.styles)) for region in request.regions),
        selection=nothing if request.selection else None,
        strength_mask=nothing if request.strength_mask else None,
    )
    engine = open_engine(job.settings, ModelStore(), lambda _notice: None)
    try:
        check_job(job, engine.network.layers)
        held = FRESH_BYTES + 2 * picture_bytes(job)  # once as they are read, once as they are painted
        sizes, demand, fine = painted_size(job), job_workload(job), fine_style_sizes(job)
        part = told_part(request, request.content)
        planned = plan_run(*sizes, job.settings, engine, part, demand, fine, held, result_size(job))
        return asdict(plan_event(planned, job.settings, engine))
    finally:
        engine.close()


def stylize(request: Request, send: Send, should_stop: Callable[[], bool]) -> dict[str, object]:
    """Do the ``stylize`` command, write the result's pixels, and return the done event's fields."""
    directory = checked_directory(request.job_directory)
    if request.content is None or request.result is None:
        raise NstError(ErrorCode.PROTOCOL, "The request names no content or no file for the result.")
    result_path = inside(request.result, directory)
    job = read_job(request)
    preview = request.preview
    preview_path = inside(preview.path, directory) if preview else None

    def on_event(event: Event) -> None:
        if isinstance(event, Plan):
            send("plan", **asdict(event))
        elif isinstance(event, Progress):
            send("progress", **asdict(event))
        elif isinstance(event, Notice):
            send("notice", **asdict(event))
        elif preview and preview_path:
            height, width = send_preview(event, preview, preview_path)
            send(
                "preview",
                path=str(preview_path),
                width=width,
                height=height,
                level=event.level,
                iteration=event.iteration,
            )

    watch = RunCallbacks(on_event, should_stop, preview_seconds=preview.seconds if preview else None)
    result = run_job(job, watch)
    channels = request.content.channels
    write_pixels(as_array(result.picture, channels).astype("<f4", copy=False), result_path)
    return {
        "width": result.picture.width,
        "height": result.picture.height,
        "channels": channels,
        "seed": result.seed,
        "model": result.model,
        "model_sha256": result.model_sha256,
        "engine": result.engine,
        "device": result.device,
        "loss": result.loss,
        "seconds": result.seconds,
        "stopped": result.stopped,
        "settings": result.settings.model_dump(mode="json"),
    }


def send_preview(event: Preview, preview: PreviewRequest, path: Path) -> tuple[int, int]:
    """Write a preview as 8-bit RGB no larger than was asked for; return its (height, width)."""
    height, width = event.picture.shape[:2]
    picture = event.picture
    if max(height, width) > preview.max_side:
        height, width = fit(height, width, preview.max_side)
        picture = np.clip(resize(picture, height, width), 0.0, 1.0)
    write_pixels((picture * 255.0 + 0.5).astype(np.uint8), path)
    return height, width
