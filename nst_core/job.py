"""One job from pictures to a picture: opens the network and the engine, prepares, paints, puts back.

Between the callers (the Python interface, the command line, the worker that GIMP starts) and the method
(:mod:`nst_core.transfer`). Colour, transparency and grey are dealt with here, so that the method sees only
RGB arrays; files and wording are the callers'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nst_core.backends.choose import Engine, open_engine
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Plan, PlannedLevel, Preview
from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import keep_luminance, luminance, match_colors, match_luminance
from nst_core.images.picture import Picture
from nst_core.images.resize import crop, fit, resize_picture
from nst_core.rates import expected_seconds, remember
from nst_core.settings import Settings
from nst_core.transfer.plan import Level, check_size, make_levels
from nst_core.transfer.regions import Seen
from nst_core.transfer.run import (
    Painted,
    Sample,
    Subject,
    Watch,
    as_rows,
    carried,
    evaluate_picture,
    paint,
)
from nst_core.transfer.start import resized
from nst_core.vgg.layers import check_layers
from nst_core.vgg.store import ModelStore

Array = npt.NDArray[np.float32]

BUILT_IN_STARTS = ("content", "style", "noise")


@dataclass(frozen=True)
class WeightedStyle:
    """A style picture and its share in a blend of several."""

    picture: Picture
    weight: float = 1.0


@dataclass(frozen=True)
class Job:
    """What to paint.

    Without ``content`` a texture of the styles, ``texture_size`` (height, width); without ``styles`` a
    reconstruction of the content. ``own`` is the starting picture where ``settings.init`` is a path, read by
    the caller. ``keep_size``: the result has the content's size whatever size it was painted at.
    """

    content: Picture | None
    styles: tuple[WeightedStyle, ...]
    settings: Settings
    own: Picture | None = None
    texture_size: tuple[int, int] = (512, 512)
    keep_size: bool = False


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
    curve: tuple[Sample, ...]
    seconds: float
    stopped: bool
    notices: tuple[Notice, ...] = ()


def prepare(job: Job) -> Subject:
    """Bring a job's pictures into the form that the network sees, ``(3, h, w)``.

    Transparent pixels are filled from what is visible around them and given no weight; colours are matched
    as ``keep_colors`` asks; on a grey content everything is grey.

    Raises:
        NstError: ``bad-image`` (nothing visible, crop outside), ``too-small``.
    """
    settings, content = job.settings, job.content
    if content is None and not job.styles:
        raise NstError(ErrorCode.BAD_SETTING, "There is neither a content picture nor a style.", "Give one.")
    seen_content = None
    filled = None
    if content is not None:
        check_size(content.height, content.width, "The content picture")
        filled = _visible(content, "content picture")
        if content.grey or settings.keep_colors == "luminance":
            filled = _grey(filled)
        seen_content = Seen(_channels_first(filled), content.alpha)
    styles = []
    for style in job.styles:
        picture = crop(style.picture, settings.style_crop) if settings.style_crop else style.picture
        check_size(picture.height, picture.width, "The style picture")
        pixels = _visible(picture, "style picture")
        if filled is not None and content is not None:
            if content.grey or settings.keep_colors == "luminance":
                pixels = match_luminance(pixels, filled) if settings.keep_colors != "none" else _grey(pixels)
            elif settings.keep_colors == "match":
                pixels = match_colors(pixels, filled, style_alpha=picture.alpha, content_alpha=content.alpha)
        styles.append(Seen(_channels_first(pixels), picture.alpha, style.weight))
    own = _channels_first(_visible(job.own, "starting picture")) if job.own is not None else None
    return Subject(seen_content, tuple(styles), own)


def painted_size(job: Job) -> tuple[int, int]:
    """Return (height, width) of the painting: the content's, or what ``settings.size`` asks for."""
    height, width = (job.content.height, job.content.width) if job.content else job.texture_size
    if job.settings.size:
        if job.keep_size and job.settings.size >= max(height, width):
            return height, width
        return fit(height, width, job.settings.size)
    return height, width


def plan_job(job: Job, engine: Engine) -> Plan:
    """Say what a job will do, before doing it."""
    levels = planned(make_levels(*painted_size(job), job.settings))
    height, width = levels[-1].height, levels[-1].width
    return Plan(
        levels,
        engine.backend.engine,
        engine.backend.device,
        engine.network.name,
        engine.network.sha256,
        job.settings.seed,
        expected_seconds(engine.name, levels),
        engine.backend.bytes_per_pixel * height * width,
    )


def planned(levels: tuple[Level, ...]) -> tuple[PlannedLevel, ...]:
    """Describe levels for whoever watches."""
    return tuple(PlannedLevel(level.width, level.height, level.iterations) for level in levels)


def check_job(job: Job, network_layers: tuple[str, ...]) -> None:
    """Refuse what would fail later: unknown layers, a starting picture that was not read, empty weights.

    Raises:
        NstError: ``unknown-layer`` or ``bad-setting``.
    """
    settings = job.settings
    check_layers([layer for layer, _ in settings.content_layers], network_layers)
    check_layers([layer for layer, _ in settings.style_layers], network_layers)
    if settings.init not in BUILT_IN_STARTS and job.own is None:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"init must be content, style, noise or the path of a picture, not {settings.init!r}.",
        )
    if job.styles and sum(style.weight for style in job.styles) <= 0:
        raise NstError(
            ErrorCode.BAD_SETTING, "All styles have weight 0.", "Give at least one a positive weight."
        )


def run_job(job: Job, watch: Watch | None = None, store: ModelStore | None = None) -> Result:
    """Do a job: one plan event, progress, previews and notices as ``watch`` asks, and the result.

    Raises:
        NstError: whatever keeps it from being done; nothing is left behind.
    """
    watch = watch or Watch()
    notices: list[Notice] = []

    def notify(notice: Notice) -> None:
        notices.append(notice)
        watch.on_event(notice)

    engine = open_engine(job.settings, store or ModelStore(), notify)
    try:
        check_job(job, engine.network.layers)
        subject = prepare(job)
        levels = make_levels(*painted_size(job), job.settings)
        engine.check_memory(levels[-1].height, levels[-1].width)
        watch.on_event(plan_job(job, engine))
        painted = paint(
            subject, job.settings, levels, engine.backend, engine.extractor, _finishing(watch, job)
        )
    finally:
        engine.close()
    if not painted.stopped:
        remember(engine.name, planned(levels), painted.seconds)
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
    engine = open_engine(job.settings, store or ModelStore(), lambda _notice: None)
    try:
        check_job(job, engine.network.layers)
        check_size(picture.height, picture.width, "The picture")
        engine.check_memory(picture.height, picture.width)
        pixels = _channels_first(_visible(picture, "picture"))
        return evaluate_picture(pixels, prepare(job), job.settings, engine.backend, engine.extractor)
    finally:
        engine.close()


def finish(job: Job, subject: Subject, painted: Painted) -> Picture:
    """Turn painted pixels into the result: size, colours, transparency and grey as the content had them."""
    pixels, content = painted.pixels, job.content
    if content is None:
        first = job.styles[0].picture
        return Picture(as_rows(pixels), bits=first.bits, grey=all(style.picture.grey for style in job.styles))
    height, width = pixels.shape[1:]
    if job.keep_size and (height, width) != (content.height, content.width):
        assert subject.content is not None  # noqa: S101 -- made from job.content
        low = Seen(resized(subject.content.pixels, height, width))
        full = Level(content.height, content.width, 0)
        pixels = carried(np.clip(pixels, 0.0, 1.0), low, subject.content, full)
        height, width = content.height, content.width
    base = (
        content
        if (height, width) == (content.height, content.width)
        else resize_picture(content, height, width)
    )
    rows = _recoloured(as_rows(pixels), base, job.settings)
    return replace(base, pixels=rows)


def _recoloured(rows: Array, base: Picture, settings: Settings) -> Array:
    if base.grey:
        return _grey(rows)
    if settings.keep_colors == "luminance":
        return keep_luminance(rows, np.clip(base.pixels, 0.0, 1.0))
    return rows


def _finishing(watch: Watch, job: Job) -> Watch:
    """Previews in the result's colours, where they are not the painting's own."""
    content, inner = job.content, watch.on_event
    if content is None or not (content.grey or job.settings.keep_colors == "luminance"):
        return watch

    def on_event(event: Event) -> None:
        if isinstance(event, Preview):
            height, width = event.picture.shape[:2]
            base = resize_picture(content, height, width)
            event = replace(event, picture=_recoloured(event.picture, base, job.settings))
        inner(event)

    return replace(watch, on_event=on_event)


def _visible(picture: Picture, what: str) -> Array:
    """Return the picture's pixels with what is transparent filled in from around it."""
    if picture.alpha is None:
        return picture.pixels
    if float(picture.alpha.max()) <= 0.0:
        raise NstError(
            ErrorCode.BAD_IMAGE, f"The {what} is wholly transparent.", "Use one with something to see on it."
        )
    return fill_transparent(picture.pixels, picture.alpha)


def _grey(pixels: Array) -> Array:
    return np.repeat(luminance(pixels)[:, :, None], 3, axis=2)


def _channels_first(rows: Array) -> Array:
    return np.ascontiguousarray(rows.transpose(2, 0, 1), dtype=np.float32)
