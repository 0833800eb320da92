"""The worker's command ``film``: a folder of frames, painted one after another and held together.

Reads raw frames, and writes each painted one as soon as it is finished. Imported only when a request needs
it, and only if OpenCV is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from nst_core.api import as_array, as_picture
from nst_core.backends.choose import Engine, open_engine
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Preview, Progress
from nst_core.film.clock import FilmClock, FrameSeconds
from nst_core.film.painter import PaintedFrame, ShotPainter, check_film_job, is_invisible, later_seconds
from nst_core.film.shots import shot_starts
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, shrink_to
from nst_core.job.model import Job
from nst_core.job.plan import plan_painting
from nst_core.job.prepare import channels_first, picture_bytes
from nst_core.job.run import check_job
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import RunCallbacks, as_rows
from nst_core.painting.upsample import upsample_change
from nst_core.planning.run_plan import RunPlan, plan_event
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from nst_core.worker.commands import (
    FRESH_BYTES,
    SendEvent,
    blank_job,
    check_inside,
    plan_fields,
    read_job,
    read_pixels,
    write_pixels,
    write_preview,
)
from nst_core.worker.protocol import Frames, Pixels, PreviewRequest, Request, check_job_directory


def plan_film(request: Request) -> dict[str, object]:
    """Do the command ``plan`` for frames, and return the plan event's fields. Reads no pixels.

    The plan is that of the first frame, with the seconds of all of them, as if they were one shot.

    Raises:
        NstError: the request is invalid, or cannot be painted.
    """
    frames = _check_frames(request)
    job = blank_job(request, _painted_size(frames, request))
    job = _without_size(job)
    engine = open_engine(job.settings, ModelStore(), lambda _notice: None)
    try:
        check_film_job(job)
        check_job(job, engine.network.layers)
        run_plan = plan_painting(job, engine, None, FRESH_BYTES + 2 * picture_bytes(job))
        return _plan_fields(run_plan, job, engine, [number == 0 for number in range(frames.count)])
    finally:
        engine.close()


def _painted_size(frames: Frames, request: Request) -> Pixels:
    """Return a frame of the size at which it is painted: that of ``frames``, or the setting ``size``."""
    size, height, width = make_settings(request.settings).size, frames.height, frames.width
    if 0 < size < max(height, width):
        height, width = fit(height, width, size)
    return frames.frame(0).model_copy(update={"height": height, "width": width})


def _plan_fields(plan: RunPlan, job: Job, engine: Engine, starts: list[bool]) -> dict[str, object]:
    seconds = _frame_seconds(plan, job, engine).of(len(starts), sum(starts))
    fields = plan_fields(plan_event(plan, job.settings, engine))
    return fields | {"seconds": seconds, "frames": len(starts), "shots": sum(starts)}


def _frame_seconds(plan: RunPlan, job: Job, engine: Engine) -> FrameSeconds:
    return FrameSeconds(plan.seconds, later_seconds(plan, job, engine))


def _check_frames(request: Request) -> Frames:
    if request.frames is None or not request.styles:
        raise NstError(ErrorCode.PROTOCOL, "The request has no frames or no style.")
    return request.frames


def _without_size(job: Job) -> Job:
    """Return a job whose content is painted at its own size, however long it takes."""
    settings = job.settings.model_copy(update={"size": 0, "time_limit": 0.0})
    return replace(job, settings=settings)


def paint_film(request: Request, send: SendEvent, should_stop: Callable[[], bool]) -> dict[str, object]:
    """Do the command ``film``, write the painted frames, and return the done event's fields.

    Raises:
        NstError: a frame cannot be read or painted; ``cancelled`` if it is stopped within the first one.
    """
    frames = _check_frames(request)
    directory = check_job_directory(request.job_directory)
    if request.result is None:
        raise NstError(ErrorCode.PROTOCOL, "The request has no path for the result.")
    folder = check_inside(request.result, directory)
    if not folder.is_dir():
        raise NstError(ErrorCode.PROTOCOL, f"{folder.name} is not a folder.")
    job = read_job(request.model_copy(update={"content": frames.frame(0)}))
    reader = _FrameReader(frames, directory, job.settings.size)
    job = _without_size(job)
    job = replace(job, content=reader.at_size(reader.frame(0)))
    engine = open_engine(job.settings, ModelStore(), lambda notice: send("notice", **asdict(notice)))
    try:
        run = _FilmRun(job, engine, reader, send)
        if request.preview is not None:
            run.preview = request.preview, check_inside(request.preview.path, directory)
        return run.paint(folder, should_stop)
    finally:
        engine.close()


class _FrameReader:
    """Reads frames, at their own size and at the one at which they are painted."""

    def __init__(self, frames: Frames, directory: Path, size: int) -> None:
        self.frames, self.directory, self.size = frames, directory, size

    def frame(self, number: int) -> Picture:
        """Return a frame; one without transparency has no alpha."""
        picture = as_picture(read_pixels(self.frames.frame(number), self.directory), "frame")
        if picture.alpha is not None and float(picture.alpha.min()) >= 1.0:
            picture = replace(picture, alpha=None)
        return picture

    def at_size(self, picture: Picture) -> Picture:
        """Return a frame at the size at which it is painted."""
        return shrink_to(picture, self.size)

    def all_at_size(self) -> Iterator[Picture]:
        """Yield all frames at that size."""
        for number in range(self.frames.count):
            yield self.at_size(self.frame(number))


class _FilmRun:
    """Paints frames in order, and reports the progress of the whole film."""

    def __init__(self, job: Job, engine: Engine, reader: _FrameReader, send: SendEvent) -> None:
        self.job, self.engine, self.reader, self.send = job, engine, reader, send
        self.preview: tuple[PreviewRequest, Path] | None = None
        self.number = 0
        self.notices: set[str] = set()

    def paint(self, folder: Path, should_stop: Callable[[], bool]) -> dict[str, object]:
        """Paint all frames, or those until ``should_stop()``, into ``folder``."""
        check_film_job(self.job)
        starts = list(shot_starts(self.reader.all_at_size()))
        callbacks = RunCallbacks(on_event=self._on_event, should_stop=should_stop)
        plan = plan_painting(self.job, self.engine, None)
        self.send("plan", **_plan_fields(plan, self.job, self.engine, starts))
        self.starts, self.seconds = starts, _frame_seconds(plan, self.job, self.engine)
        self.clock = FilmClock(self.seconds.of(len(starts), sum(starts)))
        painter: ShotPainter | None = None
        while self.number < len(starts) and not should_stop():
            full = self.reader.frame(self.number)
            content = self.reader.at_size(full)
            if starts[self.number]:
                painter = None
            if painter is None and not is_invisible(content):
                painter = ShotPainter(replace(self.job, content=content), self.engine, callbacks)
            try:
                painted = PaintedFrame(picture=content, painting=None)
                if painter is not None:
                    painted = painter.paint(content)
            except NstError as error:
                if error.code is ErrorCode.CANCELLED and self.number > 0:
                    break
                raise
            self._finish(enlarge(painted.picture, content, full), folder)
        if self.number == 0:
            raise NstError(ErrorCode.CANCELLED, "Stopped before the first frame.")
        return self._done()

    def _finish(self, picture: Picture, folder: Path) -> None:
        """Write a painted frame, and show it."""
        frames = self.reader.frames
        pixels = as_array(picture, frames.channels).astype("<f4", copy=False)
        write_pixels(pixels, folder / frames.frame(self.number).path.name)
        self.number += 1
        self.send("frame", number=self.number, frames=frames.count)
        if self.preview is not None:
            wanted, path = self.preview
            shown = Preview(level=1, iteration=self.number, picture=picture.pixels)
            height, width = write_preview(shown, wanted.max_side, path)
            self.send("preview", path=str(path), width=width, height=height, level=1, iteration=self.number)

    def _on_event(self, event: Event) -> None:
        """Report progress as that of the film, and each notice once."""
        if isinstance(event, Progress):
            before, after = (
                self.seconds.of(count, sum(self.starts[:count])) for count in (self.number, self.number + 1)
            )
            done = before + event.fraction * (after - before)
            event = self.clock.of_film(event, done)
            if event.seconds_left is None:
                event = replace(event, seconds_left=self.clock.total - done)
            self.send("progress", **asdict(event), frame=self.number + 1, frames=self.reader.frames.count)
        elif isinstance(event, Notice) and str(event) not in self.notices:
            self.notices.add(str(event))
            self.send("notice", **asdict(event))

    def _done(self) -> dict[str, object]:
        frames, network = self.reader.frames, self.engine.network
        return {
            "frames": self.number,
            "width": frames.width,
            "height": frames.height,
            "channels": frames.channels,
            "seed": self.job.settings.seed,
            "model": network.name,
            "model_sha256": network.sha256,
            "seconds": self.clock.passed,
            "stopped": self.number < frames.count,
            "settings": self.job.settings.model_dump(mode="json"),
        }


def enlarge(painted: Picture, content: Picture, full: Picture) -> Picture:
    """Return ``painted``, which has the size of ``content``, at the size of ``full`` and with its alpha."""
    if (painted.height, painted.width) == (full.height, full.width):
        return painted
    small, large = (PreparedImage(channels_first(picture.pixels)) for picture in (content, full))
    pixels = upsample_change(channels_first(painted.pixels), small, large, (full.height, full.width))
    return replace(full, pixels=np.ascontiguousarray(as_rows(pixels)))
