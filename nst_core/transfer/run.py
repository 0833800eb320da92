"""A run: pictures and settings in, the painted picture out, level by level.

The stages are the design's: levels -> for each level: targets -> minimise -> picture. This module strings
them together and tells whoever watches; it knows neither files nor frameworks nor who is watching.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from nst_core.backends.interface import Backend, DeviceArray, Evaluation, Evaluator, FeatureExtractor
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent, Preview, Progress
from nst_core.settings import Settings
from nst_core.transfer.adam import Adam
from nst_core.transfer.kept import Keeping
from nst_core.transfer.lbfgs import Lbfgs
from nst_core.transfer.objective import Objective
from nst_core.transfer.plan import Level
from nst_core.transfer.precondition import inverse_frequency
from nst_core.transfer.regions import Seen, StyleRegion
from nst_core.transfer.start import first_picture, nudge, resized, resized_change, resized_mask
from nst_core.transfer.targets import make_objective

Array = npt.NDArray[np.float32]

HISTORY = 10
"""Curvature pairs of L-BFGS; 100 were no better (design notes), and each costs two pictures of memory."""


@dataclass(frozen=True)
class Subject:
    """What is painted: the pictures of a run at their own sizes, ``(3, h, w)`` in 0..1.

    Without ``content`` a texture of the styles is painted, without ``styles`` the content is reconstructed.
    ``own`` is the starting picture where the settings' ``init`` names one. ``regions``, where there are any,
    say which style goes where; ``strength`` (h, w) scales the style by place, and ``changes`` (h, w) in 0..1
    says which pixels may change at all. All masks are of the content's size.
    """

    content: Seen | None
    styles: tuple[Seen, ...]
    own: Array | None = None
    regions: tuple[StyleRegion, ...] = ()
    strength: Array | None = None
    changes: Array | None = None


@dataclass(frozen=True)
class Watch:
    """Who is told what, and how often; times in seconds."""

    on_event: OnEvent = lambda _event: None
    should_stop: Callable[[], bool] = lambda: False
    progress_seconds: float = 0.25
    preview_seconds: float | None = None
    frames_every: int = 0


@dataclass(frozen=True)
class Sample:
    """One point of the loss curve: level (from 0), evaluation within it, loss, seconds since the start."""

    level: int
    iteration: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Painted:
    """What came out: ``pixels`` (3, height, width) at the last level's size, as the optimizer left them."""

    pixels: Array
    loss: float
    terms: dict[str, float]
    curve: tuple[Sample, ...]
    seconds: float
    stopped: bool


@dataclass
class _Clock:
    """Work done and left, in pixels evaluated; one rate for all levels, from what the last one took."""

    levels: tuple[Level, ...]
    began: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    told: float = -math.inf
    shown: float = -math.inf

    def work(self, level: Level) -> float:
        return float(level.height * level.width)

    @property
    def total(self) -> float:
        return sum(self.work(level) * level.iterations for level in self.levels)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began


def paint(
    subject: Subject,
    settings: Settings,
    levels: tuple[Level, ...],
    backend: Backend,
    extractor: FeatureExtractor,
    watch: Watch,
) -> Painted:
    """Paint ``subject`` through all ``levels`` and return the best picture of the last.

    Where ``watch.should_stop`` says so the run ends at once with the best picture so far, brought to
    full size by adding its change of the content, so that the content's edges stay sharp.

    Raises:
        NstError: ``diverged`` where the first loss is not a number, ``out-of-memory``.
    """
    clock = _Clock(levels)
    curve: list[Sample] = []
    picture: Array | None = None
    stopped = False
    loss, terms = math.nan, dict[str, float]()
    for index, level in enumerate(levels):
        seen = at_level(subject, level, settings)
        if picture is None:
            start = first_picture(
                settings.init,
                seen.content,
                list(seen.styles),
                subject.own,
                level.height,
                level.width,
                settings.seed,
                nudge(settings, styled=bool(seen.styles or seen.regions)),
            )
        else:
            start = resized(picture, level.height, level.width)
        with _memory(level):
            objective = _objective(extractor, seen, settings, watch.on_event)
            evaluator = backend.evaluator(objective, level.height, level.width)
            keeping = _keeping(evaluator, backend, seen)
            names = [term.name for term in objective.terms]
            best = _Best(keeping or evaluator)
            optimizer = _optimizer(settings, best, backend.upload(start), level.iterations)
            for iteration in range(1, level.iterations + 1):
                held = optimizer.iterate()
                clock.done += clock.work(level)
                last = iteration == level.iterations
                if last or _due(clock, watch, backend):
                    loss = float(held.loss)
                    if not math.isfinite(loss):
                        raise _diverged()
                    terms = dict(zip(names, map(float, backend.download(best.terms)), strict=True))
                    curve.append(Sample(index, iteration, loss, clock.seconds))
                    watch.on_event(_progress(index, iteration, level, clock, loss, terms))
                    if optimizer.stuck:
                        optimizer.restart()
                    stopped = watch.should_stop()
                if _frame_due(clock, watch, iteration, last=last or stopped):
                    shown = keeping.composed(held.picture) if keeping else held.picture
                    watch.on_event(Preview(index, iteration, as_rows(backend.download(shown))))
                if stopped:
                    break
            picture = backend.download(keeping.composed(held.picture) if keeping else held.picture)
        if stopped:
            picture = carried(picture, seen.content, subject.content, levels[-1])
            break
    assert picture is not None  # noqa: S101 -- there is always a level
    return Painted(picture, loss, terms, tuple(curve), clock.seconds, stopped)


def at_level(subject: Subject, level: Level, settings: Settings) -> Subject:
    """Resize the original pictures of ``subject`` to ``level``; strokes keep their share of it."""
    content = subject.content
    if content is not None:
        content = Seen(
            resized(content.pixels, level.height, level.width),
            resized_mask(content.alpha, level.height, level.width),
        )
    styles = tuple(_style_at(style, level, settings) for style in subject.styles)
    regions = tuple(
        StyleRegion(
            tuple(_style_at(style, level, settings) for style in region.styles),
            resized_mask(region.mask, level.height, level.width),
            region.name,
        )
        for region in subject.regions
    )
    strength, changes = (
        resized_mask(mask, level.height, level.width) for mask in (subject.strength, subject.changes)
    )
    return Subject(content, styles, subject.own, regions, strength, changes)


def _style_at(style: Seen, level: Level, settings: Settings) -> Seen:
    height, width = style_size(style.pixels.shape[1:], level, settings.style_scale)
    return Seen(
        resized(style.pixels, height, width),
        resized_mask(style.alpha, height, width),
        style.weight,
        resized_mask(style.part, height, width),
    )


def style_size(style: tuple[int, ...], level: Level, scale: float) -> tuple[int, int]:
    """Return (height, width) of a style picture such that its area is ``scale``^2 times the level's.

    Areas rather than sides: a tall style on a wide content then has strokes of the same size as a wide one.
    The short side never falls below the 16 pixels that relu5_1 needs.
    """
    factor = scale * math.sqrt(level.height * level.width / (style[0] * style[1]))
    factor = max(factor, 16.0 / min(style))
    return max(16, round(style[0] * factor)), max(16, round(style[1] * factor))


def carried(picture: Array, content: Seen | None, full: Seen | None, level: Level) -> Array:
    """Bring ``picture`` to ``level`` by its change of the content, or by itself where there is no content."""
    height, width = level.height, level.width
    if picture.shape[1:] == (height, width):
        return picture
    if content is None or full is None:
        return resized(picture, height, width)
    change = resized_change(picture - content.pixels, height, width)
    return np.asarray(np.clip(resized(full.pixels, height, width) + change, 0.0, 1.0), dtype=np.float32)


def as_rows(pixels: Array) -> Array:
    """Turn (3, h, w) into (h, w, 3), clipped to 0..1, as events and files have it."""
    return np.ascontiguousarray(np.clip(pixels, 0.0, 1.0).transpose(1, 2, 0))


def _objective(
    extractor: FeatureExtractor, seen: Subject, settings: Settings, on_event: OnEvent
) -> Objective:
    return make_objective(
        extractor,
        seen.content,
        seen.styles,
        settings,
        regions=seen.regions,
        strength=seen.strength,
        on_notice=on_event,
    )


def _keeping(evaluator: Evaluator, backend: Backend, seen: Subject) -> Keeping | None:
    if seen.content is None or seen.changes is None:
        return None
    return Keeping(evaluator, backend, seen.content.pixels, seen.changes)


class _Best:
    """The evaluate function of the optimizers; remembers the terms of the lowest loss for reports.

    The optimizers hold the picture of the lowest loss: the terms of a step that was rejected would not add
    up to what is reported beside them. Nothing here waits for the device.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.loss: DeviceArray = None
        self.terms: DeviceArray = None

    def __call__(self, picture: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        evaluation: Evaluation = self.evaluator(picture)
        if self.loss is None:
            self.loss, self.terms = evaluation.loss + 0.0, evaluation.terms + 0.0
        else:
            xp = array_namespace(evaluation.terms)
            better = evaluation.loss <= self.loss
            self.loss = xp.where(better, evaluation.loss, self.loss)
            self.terms = xp.where(better, evaluation.terms, self.terms)
        return evaluation.loss, evaluation.gradient


def _optimizer(settings: Settings, evaluate: _Best, start: DeviceArray, iterations: int) -> Lbfgs | Adam:
    optimizer: Lbfgs | Adam
    if settings.optimizer == "adam":
        optimizer = Adam(evaluate, start, iterations=iterations)
    else:
        optimizer = Lbfgs(evaluate, start, history=HISTORY, precondition=inverse_frequency(start))
    if not math.isfinite(float(optimizer.loss)):
        raise _diverged()
    return optimizer


def _diverged() -> NstError:
    return NstError(
        ErrorCode.DIVERGED,
        "The loss is not a finite number.",
        "Lower alpha, beta and the layer weights, or verify the model with 'nst models verify'.",
    )


def _due(clock: _Clock, watch: Watch, backend: Backend) -> bool:
    """Whether to look at the loss: each time where that costs nothing, else at intervals."""
    now = clock.seconds
    if backend.asynchronous and now - clock.told < watch.progress_seconds:
        return False
    clock.told = now
    return True


def _frame_due(clock: _Clock, watch: Watch, iteration: int, *, last: bool) -> bool:
    if watch.frames_every:
        return last or iteration % watch.frames_every == 0
    if watch.preview_seconds is None:
        return False
    if last or clock.seconds - clock.shown >= watch.preview_seconds:
        clock.shown = clock.seconds
        return True
    return False


def _progress(
    index: int, iteration: int, level: Level, clock: _Clock, loss: float, terms: dict[str, float]
) -> Progress:
    fraction = min(1.0, clock.done / clock.total)
    seconds = clock.seconds
    left = seconds * (1.0 - fraction) / fraction if fraction > 0.005 else None
    return Progress(
        index + 1, len(clock.levels), iteration, level.iterations, fraction, loss, seconds, left, terms
    )


@contextmanager
def _memory(level: Level) -> Iterator[None]:
    """Turn whatever a framework says when memory ends into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                f"There is not enough memory to paint at {level.width} x {level.height} pixels.",
                f"Paint at a smaller size: --size {max(level.width, level.height) // 2}.",
            ) from error
        raise


def evaluate_picture(
    picture: Array, subject: Subject, settings: Settings, backend: Backend, extractor: FeatureExtractor
) -> dict[str, float]:
    """Return the value of each term, by name, at ``picture`` (3, h, w), targets made at its size."""
    level = Level(picture.shape[1], picture.shape[2], 0)
    seen = at_level(subject, level, settings)
    with _memory(level):
        objective = _objective(extractor, seen, settings, lambda _notice: None)
        evaluation = backend.evaluator(objective, level.height, level.width)(backend.upload(picture))
        values: Sequence[float] = [float(value) for value in backend.download(evaluation.terms)]
    return dict(zip((term.name for term in objective.terms), values, strict=True))
