"""The frames of a shot, painted one after another.

The first frame is painted as any picture is. Each later one starts from the one before, warped along the
optical flow, and is held to it where the flow can be trusted (Ruder, Dosovitskiy and Brox 2016, "Artistic
style transfer for videos": eq. 7 for the short term, eq. 8 for the long terms). So it needs only a few
evaluations. Neighbour maps are carried along the flow, and the statistics of colours are those of the first
frame, or matches and colours would flicker. Takes pictures and returns pictures; reads and writes no files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.choose import Engine
from nst_core.errors import ErrorCode, NstError
from nst_core.film.carrying import FINISHED, Painting, carry_maps, carry_painting, start_of_frame
from nst_core.film.flow import Grey, find_motion, flow_frame
from nst_core.film.model import check_frame_size
from nst_core.images.picture import Picture
from nst_core.job.finish import Finisher, finish_picture
from nst_core.job.keep_colors import network_colours
from nst_core.job.model import Job
from nst_core.job.plan import plan_painting
from nst_core.job.prepare import channels_first, job_workload, painted_box, prepare, visible_pixels
from nst_core.job.run import check_job
from nst_core.loss.neighbours import NeighbourMap
from nst_core.painting.clock import estimate_level_work
from nst_core.painting.luminance_only import start_in_grey
from nst_core.painting.noise_field import pink_noise
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import PaintingResult, PaintOptions, RunCallbacks, paint
from nst_core.painting.run_state import NoStates, RunState
from nst_core.painting.start import content_noise, has_strokes
from nst_core.painting.subject import Subject
from nst_core.planning.rate_cache import update_rate
from nst_core.planning.run_plan import RunPlan

SPANS = (1, 2, 4)
"""Frames back to which a frame is held, nearest first: J of eq. 8 in the paper's experiments."""

EVALUATIONS = {"draft": 12, "normal": 20, "fine": 40}
"""Loss evaluations of a frame after the first of a shot, by quality."""


@dataclass(frozen=True, kw_only=True)
class PaintedFrame:
    """A frame: the finished ``picture``, and from what the next frames go on.

    ``painting`` is before its colours were finished; None for a frame in which nothing is visible. ``maps``
    are the matches of its last level.
    """

    picture: Picture
    painting: Painting | None = field(repr=False)
    maps: tuple[NeighbourMap, ...] = field(default=(), repr=False)
    seconds: float = 0.0


@dataclass(frozen=True)
class _Earlier:
    """A finished frame: its content as the flow sees it, and as the network does, and its painting."""

    grey: Grey
    content: Array
    painting: Painting
    maps: tuple[NeighbourMap, ...]


class _StartFrom(NoStates):
    """Begins a run at a state, and keeps none."""

    def __init__(self, start: RunState) -> None:
        self.start: RunState | None = start


class ShotPainter:
    """Paints the frames of one shot, in order.

    ``job`` has the styles, masks and settings of all frames; its content is the shot's first frame. All
    frames have one size, at which they are painted.
    """

    def __init__(self, job: Job, engine: Engine, callbacks: RunCallbacks | None = None) -> None:
        """Prepare the styles and plan the first frame.

        Raises:
            NstError: the job cannot be painted.
        """
        check_film_job(job)
        check_job(job, engine.network.layers)
        self.job, self.engine = job, engine
        self.callbacks = callbacks or RunCallbacks()
        self.subject = prepare(job)
        self.plan: RunPlan = plan_painting(job, engine, painted_box(job))
        self.finisher = Finisher(job, self.subject)
        self.earlier: deque[_Earlier] = deque(maxlen=max(SPANS))

    @cached_property
    def _noise(self) -> Array:
        """The noise that a first frame starts from, without its content."""
        assert self.subject.content is not None  # noqa: S101 -- checked by check_film_job
        deviation = content_noise(self.job.settings, styled=has_strokes(self.subject))
        height, width = self.subject.content.pixels.shape[1:]
        return np.float32(deviation) * pink_noise(height, width, self.job.settings.seed)

    def paint(self, content: Picture) -> PaintedFrame:
        """Paint the next frame.

        Raises:
            NstError: ``bad-image`` for another size than the first frame's; or it cannot be painted.
        """
        if is_invisible(content):
            self.earlier.clear()
            return PaintedFrame(picture=content, painting=None)
        subject, grey = self._subject(content), flow_frame(visible_pixels(content, "frame"))
        if not self.earlier:
            painted = self._run(subject, self.plan, PaintOptions(rate=self.plan.rate))
            # Only now: what later frames take would be compared with the speed that was planned with, again.
            update_rate(self.engine.name, painted.work, painted.painting_seconds)
            evaluations = np.full(grey.shape, np.float32(FINISHED))
        else:
            painted, evaluations = self._paint_later(subject, grey)
        finisher = Finisher(replace(self.job, content=content), subject, self.finisher)
        picture = finish_picture(finisher, painted, self.job.settings.color_layout)
        frame = PaintedFrame(
            picture=picture,
            painting=Painting(painted.pixels, evaluations),
            maps=painted.maps,
            seconds=painted.seconds,
        )
        self._remember(subject, grey, frame)
        return frame

    def go_on_from(self, content: Picture, frame: PaintedFrame) -> None:
        """Take the next frame as painted by an earlier run."""
        if frame.painting is None:
            self.earlier.clear()
            return
        self._remember(self._subject(content), flow_frame(visible_pixels(content, "frame")), frame)

    def _subject(self, content: Picture) -> Subject:
        first = self.job.content
        assert first is not None  # noqa: S101 -- checked by check_film_job
        check_frame_size("A frame", content, first)
        pixels = network_colours(visible_pixels(content, "frame"), self.subject.grey)
        return replace(self.subject, content=PreparedImage(channels_first(pixels), content.alpha))

    def _remember(self, subject: Subject, grey: Grey, frame: PaintedFrame) -> None:
        assert subject.content is not None  # noqa: S101 -- made from a frame
        assert frame.painting is not None  # noqa: S101 -- callers check
        self.earlier.append(_Earlier(grey, subject.content.pixels, frame.painting, frame.maps))

    def _paint_later(self, subject: Subject, grey: Grey) -> tuple[PaintingResult, Array]:
        """Paint a frame after others; returns it, and how many evaluations each pixel has had."""
        assert subject.content is not None  # noqa: S101 -- made from a frame
        spans = [span for span in SPANS if span <= len(self.earlier)]
        motions = [find_motion(self.earlier[-span].grey, grey) for span in spans]
        last = self.earlier[-1]
        carried = carry_painting(motions, [self.earlier[-span].painting for span in spans])
        before = last.content, last.painting.pixels
        start = start_of_frame(carried, motions[0], before, subject.content.pixels, self._noise)
        if subject.grey is not None:
            start = start_in_grey(start, subject.grey)
        plan = later_plan(self.plan, self.job)
        maps, kept = carry_maps(last.maps, motions[0], plan.levels[-1])
        state = RunState(level=len(plan.levels) - 1, previous=start, maps=maps, kept=kept)
        options = PaintOptions(states=_StartFrom(state), rate=plan.rate)
        painted = self._run(replace(subject, anchor=carried.anchor), plan, options)
        done = np.where(carried.known, carried.painting.evaluations, np.float32(0.0))
        return painted, np.minimum(done + np.float32(plan.levels[-1].iterations), np.float32(FINISHED))

    def _run(self, subject: Subject, plan: RunPlan, options: PaintOptions) -> PaintingResult:
        options = replace(options, full_size=plan.full_size)
        painted = paint(subject, self.job.settings, plan.levels, self.engine, self.callbacks, options)
        if painted.stopped:
            raise NstError(ErrorCode.CANCELLED, "Stopped within a frame.")
        return painted


def check_film_job(job: Job) -> None:
    """Check that frames can be held to each other with the job's settings.

    Raises:
        NstError: ``bad-setting``.
    """
    if job.content is None or not job.all_styles:
        raise NstError(ErrorCode.BAD_SETTING, "A film needs frames and a style.", "Give both.")
    if job.settings.loss == "paper":
        raise NstError(
            ErrorCode.BAD_SETTING,
            "With the paper's loss nothing holds the frames of a film together.",
            "Use --loss relative.",
        )


def later_plan(plan: RunPlan, job: Job) -> RunPlan:
    """Return the plan of a frame after the first: the last level alone counts, with a few evaluations."""
    evaluations = min(EVALUATIONS[job.settings.quality], plan.levels[-1].iterations)
    last = replace(plan.levels[-1], iterations=evaluations)
    return replace(plan, levels=(*plan.levels[:-1], last))


def later_seconds(plan: RunPlan, job: Job, engine: Engine) -> float:
    """Return the seconds that a frame after the first of a shot is expected to take."""
    later, architecture = later_plan(plan, job), engine.network.architecture
    works = estimate_level_work(
        later.levels, plan.layouts, job.settings, architecture, plan.rate, job_workload(job)
    )
    return works[-1].total


def paint_frames(
    job: Job, shots: Iterable[Iterable[Picture]], engine: Engine, callbacks: RunCallbacks | None = None
) -> Iterator[PaintedFrame]:
    """Paint ``shots``, each a sequence of frames, in the styles of ``job``, whose content is ignored.

    Each frame is painted when it is asked for.

    Raises:
        NstError: a frame cannot be painted.
    """
    for shot in shots:
        painter: ShotPainter | None = None
        for frame in shot:
            if painter is None and is_invisible(frame):
                yield PaintedFrame(picture=frame, painting=None)
                continue
            painter = painter or ShotPainter(replace(job, content=frame), engine, callbacks)
            yield painter.paint(frame)


def is_invisible(picture: Picture) -> bool:
    """Return whether nothing of ``picture`` can be seen."""
    return picture.alpha is not None and float(picture.alpha.max()) <= 0.0
