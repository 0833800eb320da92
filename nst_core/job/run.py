"""One job from pictures to a picture: opens the network and the engine, prepares, paints, puts back.

Between the callers (the Python interface, the command line, the worker that GIMP starts) and the method
(:mod:`nst_core.transfer`). Colour, transparency and grey are dealt with here, so that the method sees only
RGB arrays; files and wording are the callers'.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import psutil

from nst_core.array_types import Array
from nst_core.backends.choose import Engine, open_engine
from nst_core.errors import ErrorCode, NstError, translate_resource_errors
from nst_core.events import Event, Notice, OnEvent, Plan, Preview
from nst_core.images.picture import Picture
from nst_core.images.resize import resize_picture
from nst_core.job.fine_style import with_fine_styles
from nst_core.job.keep_colors import content_colour_share, network_colours, restore_colours
from nst_core.job.model import BUILT_IN_STARTS, Job
from nst_core.job.prepare import (
    channels_first,
    fine_style_sizes,
    job_workload,
    painted_box,
    painted_size,
    picture_bytes,
    prepare,
    result_size,
    visible_pixels,
)
from nst_core.painting.masked import blend_by_mask
from nst_core.painting.pyramid import Level, check_size
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import (
    LossSample,
    PaintingResult,
    RunCallbacks,
    as_rows,
    evaluate_terms,
    paint,
)
from nst_core.painting.start import resize_mask, resize_planes
from nst_core.painting.subject import Subject
from nst_core.painting.upsample import upsample_change
from nst_core.planning.rate_cache import remember
from nst_core.planning.run_plan import RunPlan, plan_event, plan_run
from nst_core.settings import Settings
from nst_core.vgg.layers import check_known_layers
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True)
class Result:
    """What came out, and all that is needed to do it again."""

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
    notices: tuple[Notice, ...] = ()


@translate_resource_errors()
def plan_job(job: Job, engine: Engine) -> Plan:
    """Say what a job will do, before doing it.

    Raises:
        NstError: ``too-small``, ``out-of-memory``.
    """
    held = psutil.Process().memory_info().rss + picture_bytes(job)  # they are read, and yet to be prepared
    return plan_event(_planned(job, engine, held), job.settings, engine)


def _planned(job: Job, engine: Engine, held: int | None = None) -> RunPlan:
    part, demand, fine = painted_box(job), job_workload(job), fine_style_sizes(job)
    return plan_run(*painted_size(job), job.settings, engine, part, demand, fine, held, result_size(job))


def check_job(job: Job, network_layers: tuple[str, ...]) -> None:
    """Refuse what would fail later: unknown layers, a starting picture that was not read, empty weights.

    Raises:
        NstError: ``unknown-layer`` or ``bad-setting``.
    """
    settings = job.settings
    check_known_layers([layer for layer, _ in settings.content_layers], network_layers)
    check_known_layers([layer for layer, _ in settings.style_layers], network_layers)
    check_known_layers([layer for layer, _ in settings.fine_layers], network_layers)
    if settings.init not in BUILT_IN_STARTS and job.own is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"init must be content, style, noise or the path of a picture, not {settings.init!r}.",
        )
    for styles in (job.styles, *(region.styles for region in job.regions)):
        weights = [style.weight for style in styles]
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"Weights of styles are finite numbers, 0 or more, not {', '.join(map(str, weights))}.",
            )
        if styles and not any(weights):
            raise NstError(
                ErrorCode.BAD_SETTING, "All styles have weight 0.", "Give at least one a positive weight."
            )


@translate_resource_errors()
def run_job(job: Job, watch: RunCallbacks | None = None, store: ModelStore | None = None) -> Result:
    """Do a job: one plan event, progress, previews and notices as ``watch`` asks, and the result.

    Raises:
        NstError: whatever keeps it from being done; nothing is left behind.
    """
    watch = watch or RunCallbacks()
    notices: list[Notice] = []

    def notify(notice: Notice) -> None:
        if notice not in notices:
            notices.append(notice)
            watch.on_event(notice)

    began = time.perf_counter()
    engine = open_engine(job.settings, store or ModelStore(), notify)
    try:
        check_job(job, engine.network.layers)
        subject = prepare(job)
        plan = _planned(job, engine)
        levels = plan.levels
        watch.on_event(plan_event(plan, job.settings, engine))
        told = replace(watch, on_event=_noticing(watch.on_event, notify))

        def left() -> float | None:
            """Seconds that there are for painting."""
            limit = job.settings.time_limit
            return max(0.0, limit - (time.perf_counter() - began) - plan.carry) if limit else None

        before = left()
        if before is not None:
            before *= plan.before / (plan.before + plan.painting)
        ready = with_fine_styles(job, levels[-1], engine, told, before)
        if ready is not job:
            subject = prepare(ready)
        told = _finishing(told, job, subject.changes)
        painted = paint(
            subject,
            ready.settings,
            levels,
            engine.backend,
            engine.extractor,
            told,
            full=plan.full,
            rate=plan.rate,
            limit=left(),
        )
    finally:
        engine.close()
    remember(engine.name, painted.work, painted.worked)
    return Result(
        finish(job, subject, painted),
        job.settings,
        job.settings.seed,
        engine.network.name,
        engine.network.sha256,
        engine.backend.engine,
        engine.backend.device,
        levels,
        painted.loss,
        painted.terms,
        painted.curve,
        painted.seconds,
        painted.stopped,
        tuple(notices),
    )


def evaluate_job(picture: Picture, job: Job, store: ModelStore | None = None) -> dict[str, float]:
    """Return the value of each term of the job's objective, by name, at any picture, at its own size."""
    return evaluate_jobs(picture, job, [job.settings], store)[0]


@translate_resource_errors()
def evaluate_jobs(
    picture: Picture, job: Job, variants: Sequence[Settings], store: ModelStore | None = None
) -> list[dict[str, float]]:
    """Do :func:`evaluate_job` for each of ``variants`` of its settings, which differ in the loss alone.

    The picture is seen as a painting is while it is painted: grey where only light and dark are.
    """
    engine = open_engine(job.settings, store or ModelStore(), lambda _notice: None)
    try:
        check_job(job, engine.network.layers)
        check_size(picture.height, picture.width, "The picture")
        seen = network_colours(visible_pixels(picture, "picture"), content_colour_share(job))
        ready = with_fine_styles(job, Level(picture.height, picture.width, 0), engine, RunCallbacks())
        pixels, crop = channels_first(seen), ready.settings.style_crop
        found = []
        for variant in variants:
            settings = variant.model_copy(update={"style_crop": crop})  # a style that was combined is cut
            subject = prepare(replace(ready, settings=settings))
            found.append(evaluate_terms(pixels, subject, settings, engine.backend, engine.extractor))
        return found
    finally:
        engine.close()


def finish(job: Job, subject: Subject, painted: PaintingResult) -> Picture:
    """Turn painted pixels into the result: size, colours, transparency and grey as the content had them."""
    pixels, content = painted.pixels, job.content
    if content is None:
        first = job.styles[0].picture
        return Picture(as_rows(pixels), bits=first.bits, grey=all(style.picture.grey for style in job.styles))
    height, width = pixels.shape[1:]
    if job.keep_size and (height, width) != (content.height, content.width):
        assert subject.content is not None  # noqa: S101 -- made from job.content
        low = PreparedImage(resize_planes(subject.content.pixels, height, width))
        full = Level(content.height, content.width, 0)
        pixels = upsample_change(np.clip(pixels, 0.0, 1.0), low, subject.content, full)
        height, width = content.height, content.width
    base = (
        content
        if (height, width) == (content.height, content.width)
        else resize_picture(content, height, width)
    )
    rows = restore_colours(as_rows(pixels), base, content_colour_share(job))
    return replace(base, pixels=_kept(rows, base, subject.changes))


def _kept(rows: Array, base: Picture, changes: Array | None) -> Array:
    """Put the content back where it is to stay as it was."""
    if changes is None:
        return rows
    shown = resize_mask(changes, base.height, base.width)
    assert shown is not None  # noqa: S101 -- made from changes
    return blend_by_mask(rows, base.pixels, shown)


def _noticing(on_event: OnEvent, notify: Callable[[Notice], None]) -> OnEvent:
    """Have what a run notices told once, and recorded."""

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            notify(event)
        else:
            on_event(event)

    return tell


def _finishing(watch: RunCallbacks, job: Job, changes: Array | None) -> RunCallbacks:
    """Previews in the result's colours and with what is kept, where they are not the painting's own."""
    content, inner, share = job.content, watch.on_event, content_colour_share(job)
    if content is None or (share is None and changes is None):
        return watch

    def on_event(event: Event) -> None:
        if isinstance(event, Preview):
            height, width = event.picture.shape[:2]
            base = resize_picture(content, height, width)
            event = replace(event, picture=_kept(restore_colours(event.picture, base, share), base, changes))
        inner(event)

    return replace(watch, on_event=on_event)
