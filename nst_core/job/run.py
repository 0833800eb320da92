"""Run a job: open the engine, prepare the pictures, paint, and finish the result.

Called by the Python interface, the command line, and the worker that GIMP starts; calls
:mod:`nst_core.painting`. Colour, transparency and grey are handled in this package, so that painting gets
only RGB arrays. Reads and writes no picture files.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nst_core.backends.choose import Engine, open_engine
from nst_core.backends.tiling.style_memory import StyleMemory
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, OnEvent, Preview
from nst_core.images.picture import Picture
from nst_core.job.checkpoint import Checkpoint
from nst_core.job.fine_style import combine_fine_styles
from nst_core.job.finish import Finisher, finish_picture
from nst_core.job.identity import run_identity
from nst_core.job.keep_colors import content_colour_share, network_colours
from nst_core.job.likeness import likeness_notice
from nst_core.job.live_previews import LivePreviews
from nst_core.job.model import BUILT_IN_STARTS, Job
from nst_core.job.plan import plan_painting
from nst_core.job.prepare import channels_first, painted_box, prepare, styles_follow_content, visible_pixels
from nst_core.painting.pyramid import Level, check_size
from nst_core.painting.run import (
    LossSample,
    PaintingResult,
    PaintOptions,
    RunCallbacks,
    evaluate_terms,
    paint,
)
from nst_core.painting.run_state import NO_STATES
from nst_core.planning.rate_cache import update_rate
from nst_core.planning.run_plan import RunPlan, plan_event
from nst_core.settings import Settings
from nst_core.system.resource_errors import translate_resource_errors
from nst_core.vgg.layers import check_known_layers
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a run: the picture, and everything that is needed to repeat the run.

    ``unfinished`` says that the run was stopped, or memory ran out, so that it may go on later.
    """

    picture: Picture
    settings: Settings
    seed: int
    model: str
    model_sha256: str
    engine: str
    device: str
    levels: tuple[Level, ...]
    loss: float
    terms: Mapping[str, float]
    curve: tuple[LossSample, ...]
    seconds: float
    stopped: bool
    unfinished: bool = False
    notices: tuple[Notice, ...] = ()


def check_job(job: Job, network_layers: tuple[str, ...]) -> None:
    """Check what would fail later: layers, the starting picture, and the styles' weights.

    Raises:
        NstError: ``unknown-layer`` or ``bad-setting``.
    """
    settings = job.settings
    for layers in (settings.content_layers, settings.style_layers, settings.fine_layers):
        check_known_layers([layer for layer, _ in layers], network_layers)
    if settings.init not in BUILT_IN_STARTS and job.init_image is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"init must be content, style, noise or the path of a picture, not {settings.init!r}.",
        )
    for styles in (job.styles, *(region.styles for region in job.regions)):
        weights = [style.weight for style in styles]
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"Style weights must be finite numbers, 0 or more, not {', '.join(map(str, weights))}.",
            )
        if styles and not any(weights):
            raise NstError(
                ErrorCode.BAD_SETTING,
                "All styles have weight 0.",
                "Give at least one style a positive weight.",
            )


@translate_resource_errors()
def run_job(
    job: Job,
    callbacks: RunCallbacks | None = None,
    store: ModelStore | None = None,
    live: LivePreviews | None = None,
    checkpoint: Checkpoint | None = None,
    styles: StyleMemory | None = None,
) -> Result:
    """Run a job. Reports one plan, then progress, previews and notices to ``callbacks``.

    With ``live``, ``color_layout`` may change until the run ends; the result's settings have the last value.

    With ``checkpoint``, the state of the run is kept there, and the run may go on from one. The caller
    removes it when it has the result. ``styles`` remembers what is computed of the styles, for the next
    pictures of a series.

    Raises:
        NstError: the job cannot be done. No files are left behind, apart from the checkpoint.
    """
    callbacks = callbacks or RunCallbacks()
    notices = _NoticeLog(callbacks.on_event)
    time_limit = _TimeLimit(job.settings.time_limit, time.perf_counter())
    if styles_follow_content(job):
        styles = None
    engine = open_engine(job.settings, store or ModelStore(), notices.add)
    try:
        check_job(job, engine.network.layers)
        subject = prepare(job)
        plan = plan_painting(job, engine, painted_box(job))
        if checkpoint is not None:
            checkpoint.begin(run_identity(job, engine.network), plan.levels, notices.add)
        callbacks.on_event(plan_event(plan, job.settings, engine))
        planned_engine = engine.name
        callbacks = replace(callbacks, on_event=notices.on_event)
        combined = combine_fine_styles(
            job, plan.levels[-1], engine, callbacks, time_limit.left_for_fine_styles(plan), styles
        )
        if combined is not job:
            subject = prepare(combined)
        finisher = Finisher(job, subject)
        painted = paint(
            subject,
            combined.settings,
            plan.levels,
            engine,
            _finish_previews(callbacks, finisher, live),
            PaintOptions(
                states=checkpoint or NO_STATES,
                full_size=plan.full_size,
                rate=plan.rate,
                time_limit=time_limit.left(plan),
                styles=styles,
            ),
        )
    finally:
        color_layout = job.settings.color_layout if live is None else live.end(job.settings.color_layout)
        engine.close()
    if engine.name == planned_engine:  # the processor may have taken the place of a device
        update_rate(engine.name, painted.work, painted.painting_seconds)
    picture = finish_picture(finisher, painted, color_layout)
    likeness = None if painted.stopped else likeness_notice(finisher, picture)
    if likeness is not None:
        notices.add(likeness)
    if live is not None:
        job = replace(job, settings=job.settings.model_copy(update={"color_layout": color_layout}))
    return _make_result(picture, job, engine, plan.levels, painted, tuple(notices.notices))


@dataclass
class _NoticeLog:
    """Reports each notice once, and keeps it for the result."""

    report: OnEvent
    notices: list[Notice] = field(default_factory=list)

    def add(self, notice: Notice) -> None:
        """Report and keep ``notice``, unless it was reported before."""
        if notice not in self.notices:
            self.notices.append(notice)
            self.report(notice)

    def on_event(self, event: Event) -> None:
        """Add a notice; report any other event."""
        if isinstance(event, Notice):
            self.add(event)
        else:
            self.report(event)


@dataclass(frozen=True)
class _TimeLimit:
    """The time limit of a run that started at ``started``; ``seconds`` is 0 if there is none."""

    seconds: float
    started: float

    def left(self, plan: RunPlan) -> float | None:
        """Return the seconds left for painting, before the final upsampling; None without a limit."""
        if not self.seconds:
            return None
        return max(0.0, self.seconds - (time.perf_counter() - self.started) - plan.upsample_seconds)

    def left_for_fine_styles(self, plan: RunPlan) -> float | None:
        """Return the share of the seconds left that combining fine styles may take; None without a limit."""
        left = self.left(plan)
        if left is None:
            return None
        return left * plan.fine_style_seconds / (plan.fine_style_seconds + plan.painting_seconds)


def _make_result(
    picture: Picture,
    job: Job,
    engine: Engine,
    levels: tuple[Level, ...],
    painted: PaintingResult,
    notices: tuple[Notice, ...],
) -> Result:
    return Result(
        picture=picture,
        settings=job.settings,
        seed=job.settings.seed,
        model=engine.network.name,
        model_sha256=engine.network.sha256,
        engine=engine.backend.engine,
        device=engine.backend.device,
        levels=levels,
        loss=painted.loss,
        terms=painted.terms,
        curve=painted.curve,
        seconds=painted.seconds,
        stopped=painted.stopped,
        unfinished=painted.stopped or painted.out_of_memory,
        notices=notices,
    )


def evaluate_job(picture: Picture, job: Job, store: ModelStore | None = None) -> dict[str, float]:
    """Return the value of each term of the job's objective, by name, for any picture at its own size."""
    return evaluate_jobs(picture, job, [job.settings], store)[0]


@translate_resource_errors()
def evaluate_jobs(
    picture: Picture, job: Job, variants: Sequence[Settings], store: ModelStore | None = None
) -> list[dict[str, float]]:
    """Do :func:`evaluate_job` for each of ``variants`` of the job's settings, which differ only in the loss.

    The network gets the picture as it gets a painting: grey where only the luminance is painted.
    """
    engine = open_engine(job.settings, store or ModelStore(), lambda _notice: None)
    try:
        check_job(job, engine.network.layers)
        check_size(picture.height, picture.width, "The picture")
        visible = network_colours(visible_pixels(picture, "picture"), content_colour_share(job))
        pixels = channels_first(visible)
        level = Level(picture.height, picture.width, 0)
        combined = combine_fine_styles(job, level, engine, RunCallbacks())
        style_crop = combined.settings.style_crop  # combined styles are cropped already
        terms = []
        for variant in variants:
            settings = variant.model_copy(update={"style_crop": style_crop})
            subject = prepare(replace(combined, settings=settings))
            terms.append(evaluate_terms(pixels, subject, settings, engine))
        return terms
    finally:
        engine.close()


def _finish_previews(callbacks: RunCallbacks, finisher: Finisher, live: LivePreviews | None) -> RunCallbacks:
    """Return callbacks whose previews have the result's colours and unchanged pixels."""
    color_layout = finisher.job.settings.color_layout
    if live is not None:
        live.begin(finisher.finish_preview, callbacks.on_event)
        return replace(callbacks, on_event=lambda event: live.on_event(event, color_layout))

    def on_event(event: Event) -> None:
        if isinstance(event, Preview):
            event = finisher.finish_preview(event, color_layout)
        callbacks.on_event(event)

    return replace(callbacks, on_event=on_event)
