"""The evaluator of a level: its targets, bound to a backend, and the masks around them.

Takes a subject, a memory layout and the picture of the level before; returns what the optimiser evaluates and
starts from. The deep layers of a halved level are evaluated on the halved picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.backends.interface import Backend, Evaluation, Evaluator, Tiling
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.loss.layer_parts import LayerPart
from nst_core.loss.objective import Objective
from nst_core.loss.weights import matching_share
from nst_core.painting.clock import MATCHING_PASSES
from nst_core.painting.half_size import DeepAtHalfSize, half_window, halved, halved_pixels
from nst_core.painting.luminance_only import LuminanceEvaluator, start_in_grey
from nst_core.painting.masked import MaskedEvaluator
from nst_core.painting.matching import LevelMatching, MatchedLevel
from nst_core.painting.memory import MemoryLayout
from nst_core.painting.resample import resize_planes
from nst_core.painting.run_context import RunContext
from nst_core.painting.shrinking_tiles import ShrinkingTileEvaluator
from nst_core.painting.start import content_noise, has_strokes, start_picture
from nst_core.painting.start_colours import in_style_colours
from nst_core.painting.subject import Subject, crop_to_window, subject_at_level, target_pixels
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import Window, level_window

SHALLOW_SHARE = 0.6
"""Share of the shallow layers in the arithmetic of a halved level: 39 % of all, with 25 % for all layers on a
quarter of the pixels."""

SHARES = {LayerPart.ALL: 1.0, LayerPart.SHALLOW: SHALLOW_SHARE, LayerPart.DEEP: 1.0 - SHALLOW_SHARE}

Wrapper = MaskedEvaluator | LuminanceEvaluator
"""An evaluator that changes the picture before another evaluates it."""


def compose(wrappers: Iterable[Wrapper], picture: DeviceArray) -> DeviceArray:
    """Return the optimiser's ``picture`` (3, h, w) as the network sees it; outermost wrappers come first."""
    for wrapper in wrappers:
        picture = wrapper.compose(picture)
    return picture


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
        return compose(self.wrappers, picture)

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


Parts = Mapping[LayerPart, Objective]
"""The objective of all layers; or of the shallow ones, and of the deep ones on the halved picture."""


@dataclass(frozen=True, kw_only=True)
class LevelTargets:
    """What a level is painted towards.

    ``window`` is what is painted, and all arrays are cut to it: ``start`` (3, h, w), the picture to start
    from, the masks and the content of ``images``, and the objectives of ``parts``. ``surroundings`` is the
    content (3, H, W) around the window; None if the window is the whole level.
    """

    window: Window
    start: Array
    images: Subject
    parts: Parts
    surroundings: Array | None


def bind_evaluator(
    context: RunContext, subject: Subject, layout: MemoryLayout, previous: Array | None
) -> tuple[BestTerms, LevelView, Array]:
    """Return the evaluator of the level's window, the view of the level, and the picture to start from."""
    reporter = context.reporter
    targets = make_level_targets(context, subject, layout, previous)
    evaluator = bind_parts(context, targets.parts, targets.window.size, layout, reporter.work.evaluation)
    reporter.add_work(reporter.work.opening + reporter.work.targets)
    best_terms, wrappers = wrap(evaluator, context.backend, targets.images, targets.parts)
    return best_terms, LevelView(targets.window, wrappers, targets.surroundings), targets.start


def make_level_targets(
    context: RunContext, subject: Subject, layout: MemoryLayout, previous: Array | None
) -> LevelTargets:
    """Make the targets of the reporter's level, and the picture to start from.

    Of a level that is painted tile by tile, that picture takes memory only when the targets are made.
    """
    settings, level = context.settings, context.reporter.level
    window = level_window(subject.box, level, settings, context.backend.network.architecture)
    images = subject_at_level(subject, level, settings.style_scale)
    start = None if layout.tile_by_tile else window.cut(_starting_picture(context, images, previous))
    has_surroundings = images.content is not None and window.size != (level.height, level.width)
    surroundings = images.content.pixels if images.content and has_surroundings else None
    images = crop_to_window(images, window)
    painted = start if previous is not None else None
    parts = _make_parts(context, images, layout, _Place(window, (level.height, level.width), painted))
    images = replace(images, styles=(), regions=())  # large styles take as much memory as the painting
    if start is None:
        start = window.cut(_starting_picture(context, images, previous))
    return LevelTargets(window=window, start=start, images=images, parts=parts, surroundings=surroundings)


def _starting_picture(context: RunContext, images: Subject, previous: Array | None) -> Array:
    """Return the previous level's picture at this level's size, or the picture that the run starts from."""
    level, settings = context.reporter.level, context.settings
    if previous is not None:
        return resize_planes(previous, level.height, level.width)
    noise = content_noise(settings, styled=has_strokes(images))
    size = level.height, level.width
    begun = in_style_colours(images, settings) if noise > 0 else images
    start = start_picture(begun, size, settings.init, seed=settings.seed, noise=noise)
    return start if images.grey is None else start_in_grey(start, images.grey)


@dataclass(frozen=True)
class _Place:
    """The ``window`` of a level of ``size`` (height, width), for the layers of ``part``.

    ``painted`` (3, h, w) is the picture of the level before in the window, if there is one.
    """

    window: Window
    size: tuple[int, int]
    painted: Array | None
    part: LayerPart = LayerPart.ALL

    @property
    def share(self) -> float:
        """Share of the work of both sizes that this one has, about."""
        return SHARES[self.part]

    def half(self) -> _Place:
        """Return the deep part of the place, at half its size."""
        painted = None if self.painted is None else halved_pixels(self.painted)
        size = self.size[0] // 2, self.size[1] // 2
        return _Place(half_window(self.window), size, painted, LayerPart.DEEP)


def _make_parts(context: RunContext, images: Subject, layout: MemoryLayout, place: _Place) -> Parts:
    """Make the objectives of ``place``: one, or those of both sizes."""
    if not context.reporter.level.halved:
        return {LayerPart.ALL: _make_targets(context, images, layout, place)}
    # The matches are sought at half size first, and enlarged for the shallow layers.
    deep = _make_targets(context, halved(images), layout, place.half())
    shallow = _make_targets(context, images, layout, replace(place, part=LayerPart.SHALLOW))
    return {LayerPart.SHALLOW: shallow, LayerPart.DEEP: deep}


def bind_parts(
    context: RunContext, parts: Parts, size: tuple[int, int], layout: MemoryLayout, work: float
) -> Evaluator:
    """Bind objectives for pictures of ``size``, and count the ``work`` of an evaluation's tiles."""
    if LayerPart.ALL in parts:
        return _bind(context, LayerPart.ALL, parts[LayerPart.ALL], size, layout, work)
    half = size[0] // 2, size[1] // 2
    return DeepAtHalfSize(
        _bind(context, LayerPart.SHALLOW, parts[LayerPart.SHALLOW], size, layout, work),
        _bind(context, LayerPart.DEEP, parts[LayerPart.DEEP], half, layout, work),
    )


def _bind(
    context: RunContext,
    part: LayerPart,
    objective: Objective,
    size: tuple[int, int],
    layout: MemoryLayout,
    work: float,
) -> Evaluator:
    """Bind the objective of a part of the layers."""
    before = SHALLOW_SHARE if part is LayerPart.DEEP else 0.0
    tiling = Tiling(
        layout.window or max(size),
        lambda done: context.reporter.on_tile((before + done * SHARES[part]) * work),
        layout.device_left if part is LayerPart.ALL else layout.device_left // 2,
    )
    return ShrinkingTileEvaluator(
        context.backend, objective, size, tiling, context.reporter.callbacks.on_event
    )


def _make_targets(context: RunContext, images: Subject, layout: MemoryLayout, place: _Place) -> Objective:
    """Make the objective of ``place``, checking for a stop between the tiles of its pictures."""
    reporter, part = context.reporter, place.part
    matching = None
    if images.content is not None:
        matched = MatchedLevel(
            content=images.content.pixels,
            painted=place.painted,
            window=place.window,
            size=place.size,
            enlarge=part is LayerPart.SHALLOW,
            part=part,
        )
        matching = LevelMatching(context.matcher, matched, reporter.level.matching)
    passes = MATCHING_PASSES if matching_share(context.settings) > 0 else 1.0
    pixels = passes * target_pixels(images) * layout.margin_factor
    before = 0.0 if part is not LayerPart.SHALLOW else 1.0 - SHALLOW_SHARE

    def on_tile(pixels_done: float) -> None:
        share = before + place.share * min(1.0, pixels_done / pixels)
        reporter.on_tile(reporter.work.targets * share)

    features = features_of(context, layout, place.window.size, on_tile)
    features.styles = context.remembered_styles()
    return make_objective(
        features,
        images,
        context.settings,
        on_notice=reporter.callbacks.on_event,
        matching=matching,
        part=part,
    )


def features_of(
    context: RunContext, layout: MemoryLayout, size: tuple[int, int], on_tile: Callable[[float], None]
) -> TiledFeatures:
    """Return the extractor for pictures of about ``size``; ``on_tile`` is told the pixels done."""
    return TiledFeatures(
        context.extractor,
        context.backend.network.architecture,
        layout.window or max(size),
        layout.targets,
        context.scratch_folder,
        on_tile,
    )


def wrap(
    evaluator: Evaluator, backend: Backend, images: Subject, parts: Parts
) -> tuple[BestTerms, tuple[Wrapper, ...]]:
    """Wrap the ``evaluator`` of ``parts`` as the masks of ``images`` require.

    Returns what the optimiser evaluates, and the wrappers, outermost first.
    """
    wrappers: tuple[Wrapper, ...] = ()
    if images.grey is not None:
        wrappers = (LuminanceEvaluator(evaluator, backend, images.grey),)
    if images.content is not None and images.changes is not None:
        inner = wrappers[0] if wrappers else evaluator
        wrappers = (MaskedEvaluator(inner, backend, images.content.pixels, images.changes), *wrappers)
    names = [term.name for objective in parts.values() for term in objective.terms]
    return BestTerms(wrappers[0] if wrappers else evaluator, names), wrappers
