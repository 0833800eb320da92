"""One pyramid level: open it, then iterate.

:func:`open_level` makes the targets, binds the evaluator and starts the optimiser. :func:`iterate` runs the
optimiser and reports. Takes the picture of the level before, returns the best picture of this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.backends.interface import Backend, Evaluation, Evaluator, FeatureExtractor, Tiling
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.loss.objective import Objective
from nst_core.loss.weights import matching_share
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs, OptimizerState
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import store_factory
from nst_core.painting.clock import MATCHING_PASSES
from nst_core.painting.luminance_only import LuminanceEvaluator, start_in_grey
from nst_core.painting.masked import MaskedEvaluator
from nst_core.painting.matching import LevelMatching, MatchedLevel, Matcher
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.progress import RunEnded, RunReporter
from nst_core.painting.resample import resize_planes
from nst_core.painting.run_state import NO_STATES, RunState, StateKeeper
from nst_core.painting.shrinking_tiles import ShrinkingTileEvaluator
from nst_core.painting.start import content_noise, has_strokes, start_picture
from nst_core.painting.subject import Subject, crop_to_window, subject_at_level, target_pixels
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import Window, level_window
from nst_core.settings import Settings
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.layers import LAYERS, up_to_deepest

Wrapper = MaskedEvaluator | LuminanceEvaluator
"""An evaluator that changes the picture before another evaluates it."""


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """The objects that every step of a run uses.

    ``scratch_folder`` is for files that replace memory; None is the system's folder for temporary files.
    ``states`` keeps the state of the run. ``matcher`` remembers the matches of the level before.
    """

    backend: Backend
    extractor: FeatureExtractor
    settings: Settings
    reporter: RunReporter
    scratch_folder: Path | None = None
    states: StateKeeper = NO_STATES
    matcher: Matcher = field(default_factory=Matcher)


@dataclass(frozen=True)
class LevelView:
    """Turns the picture that the optimiser holds into a picture of the whole level.

    ``wrappers`` are the evaluators that the picture goes through, outermost first. ``surroundings`` is the
    content (3, H, W) around the window; None if the window is the whole level.
    """

    window: Window
    wrappers: tuple[Wrapper, ...]
    surroundings: Array | None

    def compose(self, picture: DeviceArray) -> DeviceArray:
        """Return ``picture`` (3, h, w) as the network sees it."""
        for wrapper in self.wrappers:
            picture = wrapper.compose(picture)
        return picture

    def whole_level(self, pixels: Array) -> Array:
        """Return ``pixels`` of the window (3, h, w) in the whole level (3, H, W)."""
        return pixels if self.surroundings is None else self.window.paste(self.surroundings, pixels)


class BestTerms:
    """The evaluate function of the optimisers, which keeps the terms of the lowest loss for reports.

    The optimisers hold the picture of the lowest loss. The terms of a rejected step would not add up to the
    loss that is reported with them. Nothing here waits for the device.
    """

    def __init__(self, evaluator: Evaluator, names: list[str]) -> None:
        self.evaluator, self.names = evaluator, names
        self.loss: DeviceArray = None
        self.terms: DeviceArray = None

    def __call__(self, picture: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """Return (loss, gradient) at ``picture``."""
        evaluation: Evaluation = self.evaluator(picture)
        if self.loss is None:
            self.loss, self.terms = evaluation.loss + 0.0, evaluation.terms + 0.0
        else:
            xp = array_namespace(evaluation.terms)
            better = evaluation.loss <= self.loss
            self.loss = xp.where(better, evaluation.loss, self.loss)
            self.terms = xp.where(better, evaluation.terms, self.terms)
        return evaluation.loss, evaluation.gradient

    def by_name(self, backend: Backend) -> dict[str, float]:
        """Return the terms of the lowest loss by name, waiting for the device."""
        return dict(zip(self.names, map(float, backend.download(self.terms)), strict=True))


@dataclass(frozen=True)
class OpenLevel:
    """A level that is ready to be iterated, from ``start`` on."""

    start: RunState
    optimizer: Lbfgs | Adam
    best_terms: BestTerms
    view: LevelView


def paint_level(context: RunContext, subject: Subject, layout: MemoryLayout, start: RunState) -> Array | None:
    """Paint the reporter's level, going on from the state ``start``.

    Returns the best picture (3, height, width), or None if the run ended before the first step.

    Raises:
        NstError: ``diverged`` if the loss is not a finite number, ``out-of-memory``.
    """
    try:
        level = open_level(context, subject, layout, start)
    except RunEnded:
        return None
    return iterate(context, level)


def open_level(context: RunContext, subject: Subject, layout: MemoryLayout, start: RunState) -> OpenLevel:
    """Make the level's targets, bind the evaluator, and start the optimiser with a first evaluation.

    The pictures of which the targets are made are freed before the optimiser takes memory.

    Raises:
        RunEnded: the run ended before the first evaluation was finished.
        NstError: ``diverged``, ``out-of-memory``.
    """
    context.matcher.maps, context.matcher.kept = list(start.maps), start.kept
    best_terms, view, first = _bind_evaluator(context, subject, layout, start.previous)
    if start.picture is not None and start.picture.shape == first.shape:
        first = start.picture
    else:
        start = replace(start, picture=None, iteration=0)
    picture = context.backend.upload(first)
    del first  # the host's copy is not needed during the first evaluation
    wave = math.inf if subject.content is not None else _longest_style_wave(context)
    optimizer = _start_optimizer(context, best_terms, picture, layout, start.iteration, wave)
    context.reporter.add_work(context.reporter.work.evaluation)
    return OpenLevel(replace(start, picture=None), optimizer, best_terms, view)


def iterate(context: RunContext, level: OpenLevel) -> Array | None:
    """Run the level's iterations, or fewer if the run ends, and return the best picture.

    Returns None if the run ended before the first step.

    Raises:
        NstError: ``diverged``, ``out-of-memory``.
    """
    backend, reporter = context.backend, context.reporter
    iterations = reporter.level.iterations
    picture: DeviceArray = None
    try:
        for iteration in range(min(level.start.iteration, iterations - 1) + 1, iterations + 1):
            state = _step(level.optimizer, reporter)
            picture = state.picture
            reporter.add_work(reporter.work.evaluation)
            reporter.iteration = iteration
            last = iteration == iterations
            if last or reporter.is_report_due(asynchronous=backend.asynchronous):
                _report(context, level, state)
            if reporter.is_preview_due(last=last):
                _send_preview(context, level.view, picture)
            if reporter.ended:
                break
            if not last and context.states.is_due():
                _keep_state(context, level, picture)
    except RunEnded:
        if picture is None:
            return None
    except Exception as error:
        if picture is None or not is_out_of_memory(error):
            raise
        reporter.out_of_memory = True
    if (reporter.stopped or reporter.out_of_memory) and not reporter.is_finished:
        _keep_state(context, level, picture)
    return level.view.whole_level(backend.download(level.view.compose(picture)))


def _keep_state(context: RunContext, level: OpenLevel, picture: DeviceArray) -> None:
    """Keep the optimiser's ``picture`` as the state of the run."""
    pixels = context.backend.download(picture)
    context.states.keep(replace(level.start, iteration=context.reporter.iteration, picture=pixels))


def _bind_evaluator(
    context: RunContext, subject: Subject, layout: MemoryLayout, previous: Array | None
) -> tuple[BestTerms, LevelView, Array]:
    """Return the evaluator of the level's window, the view of the level, and the picture to start from."""
    backend, settings, reporter = context.backend, context.settings, context.reporter
    level = reporter.level
    window = level_window(subject.box, level, settings, backend.network.architecture)
    images = subject_at_level(subject, level, settings.style_scale)
    start = window.cut(_starting_picture(context, images, previous))
    has_surroundings = images.content is not None and window.size != (level.height, level.width)
    surroundings = images.content.pixels if images.content and has_surroundings else None
    images = crop_to_window(images, window)
    painted = start if previous is not None else None
    objective = _make_targets(context, images, layout, (window, painted))
    images = replace(images, styles=(), regions=())  # large styles take as much memory as the painting
    reporter.add_work(reporter.work.opening + reporter.work.targets)
    evaluator = ShrinkingTileEvaluator(
        backend,
        objective,
        window.size,
        Tiling(
            layout.window or max(window.size),
            lambda done: reporter.on_tile(done * reporter.work.evaluation),
            layout.device_left,
        ),
        reporter.callbacks.on_event,
    )
    wrappers = _wrap(evaluator, backend, images)
    best_terms = BestTerms(wrappers[0] if wrappers else evaluator, [term.name for term in objective.terms])
    return best_terms, LevelView(window, wrappers, surroundings), start


def _starting_picture(context: RunContext, images: Subject, previous: Array | None) -> Array:
    """Return the previous level's picture at this level's size, or the picture that the run starts from."""
    level, settings = context.reporter.level, context.settings
    if previous is not None:
        return resize_planes(previous, level.height, level.width)
    start = start_picture(
        images,
        (level.height, level.width),
        settings.init,
        seed=settings.seed,
        noise=content_noise(settings, styled=has_strokes(images)),
    )
    return start if images.grey is None else start_in_grey(start, images.grey)


def _make_targets(
    context: RunContext, images: Subject, layout: MemoryLayout, place: tuple[Window, Array | None]
) -> Objective:
    """Make the level's objective, checking for a stop between the tiles of its pictures.

    ``place`` is the window and the picture of the level before in it, if there is one.
    """
    reporter, level = context.reporter, context.reporter.level
    window, painted = place
    matching = None
    if images.content is not None:
        size = level.height, level.width
        matched = MatchedLevel(content=images.content.pixels, painted=painted, window=window, size=size)
        matching = LevelMatching(context.matcher, matched, reporter.matching_share())
    passes = MATCHING_PASSES if matching_share(context.settings) > 0 else 1.0
    pixels = passes * target_pixels(images) * layout.margin_factor
    features = TiledFeatures(
        context.extractor,
        context.backend.network.architecture,
        layout.window or max(window.size),
        layout.targets,
        context.scratch_folder,
        lambda pixels_done: reporter.on_tile(reporter.work.targets * min(1.0, pixels_done / pixels)),
    )
    return make_objective(
        features,
        images,
        context.settings,
        on_notice=reporter.callbacks.on_event,
        level_size=(level.height, level.width),
        matching=matching,
    )


def _wrap(evaluator: Evaluator, backend: Backend, images: Subject) -> tuple[Wrapper, ...]:
    """Wrap ``evaluator`` as the masks of ``images`` require; returns the wrappers, outermost first."""
    wrappers: tuple[Wrapper, ...] = ()
    if images.grey is not None:
        wrappers = (LuminanceEvaluator(evaluator, backend, images.grey),)
    if images.content is not None and images.changes is not None:
        inner = wrappers[0] if wrappers else evaluator
        wrappers = (MaskedEvaluator(inner, backend, images.content.pixels, images.changes), *wrappers)
    return wrappers


def _longest_style_wave(context: RunContext) -> float:
    """Return the longest wave, in pixels, that the style layers see: the deepest one's receptive field."""
    names = [layer for layer, _ in context.settings.style_layers]
    return up_to_deepest(names, LAYERS[context.backend.network.architecture])[-1].receptive_field


def _start_optimizer(
    context: RunContext,
    evaluate: BestTerms,
    start: DeviceArray,
    layout: MemoryLayout,
    done: int,
    longest_wave: float,
) -> Lbfgs | Adam:
    """Start the optimiser; ``done`` of the level's evaluations are behind it."""
    iterations = context.reporter.level.iterations
    optimizer: Lbfgs | Adam
    if context.settings.optimizer == "adam":
        optimizer = Adam(evaluate, start, iterations=iterations)
        optimizer.count = done
    else:
        optimizer = Lbfgs(
            evaluate,
            start,
            history=min(layout.history, iterations),
            precondition=inverse_frequency(start, longest_wave=longest_wave),
            make_store=store_factory(layout.storage, context.scratch_folder),
        )
    _check_loss(float(optimizer.loss))
    return optimizer


def _step(optimizer: Lbfgs | Adam, reporter: RunReporter) -> OptimizerState:
    """Take a step. If memory runs out even in the smallest tiles, shorten the history and try again."""
    while True:
        try:
            return optimizer.iterate()
        except Exception as error:
            if not is_out_of_memory(error) or not optimizer.shorten_history():
                raise
        reporter.callbacks.on_event(
            Notice(
                "shorter-history",
                "Memory ran out. Painting continues with a shorter optimiser history, "
                "so the result may be slightly less refined.",
            )
        )


def _report(context: RunContext, level: OpenLevel, state: OptimizerState) -> None:
    """Report the loss, restart an optimiser that is stuck, and check for a stop."""
    loss = float(state.loss)
    _check_loss(loss)
    context.reporter.report(loss, level.best_terms.by_name(context.backend))
    if level.optimizer.stuck:
        level.optimizer.restart()
    context.reporter.check_stop()


def _send_preview(context: RunContext, view: LevelView, picture: DeviceArray) -> None:
    composed = view.compose(picture)
    if view.surroundings is None:
        context.reporter.send_preview(composed, context.backend.download)
    else:
        whole = view.whole_level(context.backend.download(composed))
        context.reporter.send_preview(whole, np.asarray)


def _check_loss(loss: float) -> None:
    if not math.isfinite(loss):
        raise NstError(
            ErrorCode.DIVERGED,
            "The optimisation diverged: the loss is not a finite number.",
            "Lower alpha, beta or the layer weights, or check the network with 'nst models verify'.",
        )
