"""One pyramid level: open it, then iterate.

:func:`open_level` makes the targets, binds the evaluator and starts the optimiser. :func:`iterate` runs the
optimiser and reports. Takes the picture of the level before, returns the best picture of this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from nst_core.array_types import Array, DeviceArray
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.optim.adam import Adam
from nst_core.optim.lbfgs import Lbfgs, OptimizerState
from nst_core.optim.preconditioner import inverse_frequency, with_freedom
from nst_core.optim.vectors import store_factory
from nst_core.painting.level_evaluator import BestTerms, LevelView, bind_evaluator
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.progress import RunEnded, RunReporter
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import Anchor
from nst_core.painting.resample import resize_mask
from nst_core.painting.run_context import RunContext
from nst_core.painting.run_state import RunState
from nst_core.painting.subject import Subject
from nst_core.painting.windows import Window
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.layers import LAYERS, up_to_deepest

ANCHOR_STIFFNESS = 1000.0
"""Curvature of the loss at a pixel that is held to an earlier frame, relative to that of the other terms.

Without it what comes into view at the edge of a pan stays a photograph, because all steps are as short as
the held pixels need. Tuebingen as the Starry Night, ``python -m tests.bench.film`` with ``--side 96
--kinds pan --frames 7``: the judge's distance of the style is 0.744, 0.784, 0.725 and 0.671 with 0, 30, 300
and 1000, the flicker 14, 18, 7 and 4 times 1e-5.
"""


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
    best_terms, view, first = bind_evaluator(context, subject, layout, start.previous)
    if start.picture is not None and start.picture.shape == first.shape:
        first = start.picture
    else:
        start = replace(start, picture=None, iteration=0)
    picture = context.backend.upload(first)
    del first  # the host's copy is not needed during the first evaluation
    wave = math.inf if subject.content is not None else _longest_style_wave(context)
    freedom = pixel_freedom(subject.anchor, context.reporter.level)
    precondition = make_preconditioner(context, picture, view.window, freedom, longest_wave=wave)
    optimizer = start_optimizer(context, best_terms, picture, layout, start.iteration, precondition)
    adopt_curvature(context, optimizer, context.curvature.enlarged(*picture.shape[1:]))
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
            state = take_step(level.optimizer, reporter)
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
    if isinstance(level.optimizer, Lbfgs) and not reporter.ended:
        context.curvature.keep(level.optimizer, backend)
    return level.view.whole_level(backend.download(level.view.compose(picture)))


def _keep_state(context: RunContext, level: OpenLevel, picture: DeviceArray) -> None:
    """Keep the optimiser's ``picture`` as the state of the run."""
    pixels = context.backend.download(picture)
    context.states.keep(replace(level.start, iteration=context.reporter.iteration, picture=pixels))


def _longest_style_wave(context: RunContext) -> float:
    """Return the longest wave, in pixels, that the style layers see: the deepest one's receptive field."""
    names = [layer for layer, _ in context.settings.style_layers]
    return up_to_deepest(names, LAYERS[context.backend.network.architecture])[-1].receptive_field


def pixel_freedom(anchor: Anchor | None, level: Level) -> Array | None:
    """Return how freely each pixel of a level moves, (height, width), if a frame is held to ``anchor``."""
    mask = None if anchor is None else resize_mask(anchor.mask, level.height, level.width)
    if mask is None:
        return None
    return np.asarray(1.0 / np.sqrt(1.0 + np.float32(ANCHOR_STIFFNESS) * mask), np.float32)


def make_preconditioner(
    context: RunContext,
    picture: DeviceArray,
    window: Window,
    freedom: Array | None,
    *,
    longest_wave: float = math.inf,
) -> Callable[[DeviceArray], DeviceArray]:
    """Return the preconditioner of ``picture`` (3, h, w), the ``window`` of what ``freedom`` is about."""
    precondition = inverse_frequency(picture, longest_wave=longest_wave)
    if freedom is None:
        return precondition
    return with_freedom(precondition, context.backend.upload(window.cut(freedom)))


def start_optimizer(
    context: RunContext,
    evaluate: BestTerms,
    start: DeviceArray,
    layout: MemoryLayout,
    done: int,
    precondition: Callable[[DeviceArray], DeviceArray],
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
            precondition=precondition,
            make_store=store_factory(layout.storage, context.scratch_folder),
        )
    check_loss(float(optimizer.loss))
    return optimizer


def adopt_curvature(
    context: RunContext, optimizer: Lbfgs | Adam, pairs: Iterable[tuple[Array, Array]]
) -> None:
    """Let the optimiser begin with curvature ``pairs`` of the level before; Adam has no use for them."""
    if isinstance(optimizer, Lbfgs):
        for s, y in pairs:
            optimizer.adopt([(context.backend.upload(s), context.backend.upload(y))])


def take_step(optimizer: Lbfgs | Adam, reporter: RunReporter) -> OptimizerState:
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
    check_loss(loss)
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


def check_loss(loss: float) -> None:
    """Check that the ``loss`` is a number.

    Raises:
        NstError: ``diverged``.
    """
    if not math.isfinite(loss):
        raise NstError(
            ErrorCode.DIVERGED,
            "The optimisation diverged: the loss is not a finite number.",
            "Lower alpha, beta or the layer weights, or check the network with 'nst models verify'.",
        )
