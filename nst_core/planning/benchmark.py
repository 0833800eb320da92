"""How fast an engine is here, from a few iterations on small pictures: seconds, once for each engine.

An engine comes in, a :class:`~nst_core.painting.clock.Rate` goes out. What is evaluated has the cost of the
default objective, and no meaning; the optimizer's own arithmetic is in what is timed. On a processor a
megapixel takes as long at 384 pixels as at 1024, and in tiles as in the whole (``python -m
tests.bench.plans --rates``), so two sizes tell all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from array_api_compat import array_namespace

from nst_core.array_types import DeviceArray
from nst_core.backends.choose import Engine
from nst_core.backends.interface import Backend
from nst_core.errors import is_out_of_memory
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm, TotalVariation
from nst_core.loss.style_statistics import StyleTarget, distance
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.painting.clock import Rate
from nst_core.painting.memory import HISTORY, MemoryBudget
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.upsample import upsample_change
from nst_core.planning.rate_cache import keep, recall
from nst_core.settings import Settings
from nst_core.vgg.layers import LAYERS

SIDES = {False: (256, 512), True: (256, 1024)}
"""Sides of the pictures, by whether the device works on its own: a GPU has hardly begun at 256 pixels."""

SMALLEST = 64
"""Side, in pixels, of the smallest picture that says anything of the speed."""

ROUNDS, UNSEEN = {False: 1, True: 5}, {False: 0, True: 5}
"""Iterations that are timed, and before them those that are not, beside the optimizer's first evaluation: a
GPU chooses kernels and takes memory in them."""

TRIES = (3, 2)
"""How often that is timed on the small picture and on the large one. The shortest time counts: other programs
only ever add to it."""

STEEPEST = 2.0
"""What a pixel of the small picture takes at most, against one of the large, where the processor computes."""

CARRIED_TO = 1024
"""Side of the picture that a change is carried to, from a quarter of it."""


def measure_rate(engine: Engine, room: MemoryBudget | None = None) -> Rate:
    """Return the remembered rate of ``engine``, measuring it the first time, within ``room`` where it can."""
    known = recall(engine.name)
    if known is None:
        known = measure(engine, room)
        keep(engine.name, known)
    return known


def measure(engine: Engine, room: MemoryBudget | None = None) -> Rate:
    """Time openings, iterations, target features, roots and carrying; see :data:`SIDES`.

    Where memory does not hold them, or ends, on pictures of half the sides: what is painted may still fit, in
    tiles.
    """
    sides = SIDES[engine.backend.asynchronous]
    while sides[0] > SMALLEST and not _fits(engine.backend, sides[1], room):
        sides = sides[0] // 2, sides[1] // 2
    while True:
        try:
            return _measured(engine, sides)
        except Exception as error:
            if not is_out_of_memory(error) or sides[0] <= SMALLEST:
                raise
        engine.backend.close()
        sides = sides[0] // 2, sides[1] // 2


def _fits(backend: Backend, side: int, room: MemoryBudget | None) -> bool:
    if room is None:
        return True
    needed = backend.limits.fixed_bytes + backend.limits.bytes_per_pixel * side * side
    return needed <= (room.machine if room.device is None else room.device)


def _measured(engine: Engine, sides: tuple[int, int]) -> Rate:
    backend = engine.backend
    openings, points = [], []
    for side, tries in zip(sides, TRIES, strict=True):
        opening, seconds = _iteration(backend, side, tries)
        openings.append(opening)
        points.append((side * side / 1e6, seconds))
    backend.close()
    (small, first), (large, last) = points
    if not backend.asynchronous:
        first = min(first, STEEPEST * last * small / large)
    slope = max((last - first) / (large - small), 0.1 * last / large)
    return Rate(
        start=max(0.0, openings[0] - openings[-1]),
        level=openings[-1],
        evaluation=max(0.0, first - slope * small),
        megapixel=slope,
        features=_features(engine, sides[-1]),
        roots=_roots(backend),
        carry=_carry(),
    )


def _iteration(backend: Backend, side: int, tries: int) -> tuple[float, float]:
    """Return the seconds that a level takes to begin, and an iteration of its optimizer."""
    rounds, unseen = ROUNDS[backend.asynchronous], UNSEEN[backend.asynchronous]
    began = time.perf_counter()
    evaluator = backend.evaluator(default_objective(backend, side), side, side)
    picture = backend.upload(_picture(side))
    opening = time.perf_counter() - began

    def evaluate(at: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        found = evaluator(at)
        return found.loss, found.gradient

    optimizer = Lbfgs(evaluate, picture, history=HISTORY, precondition=inverse_frequency(picture))
    for _ in range(unseen):
        float(optimizer.iterate().loss)
    times = [
        _timed(lambda: [optimizer.iterate() for _ in range(rounds)][-1].loss, float) for _ in range(tries)
    ]
    return opening, min(times) / rounds


def _features(engine: Engine, side: int) -> float:
    """Return the seconds that the target features of a million pixels take."""
    layers = [name for name, _ in Settings().style_layers]
    picture = _picture(side)
    if engine.backend.asynchronous:
        engine.extractor.features(picture, layers)
    return _timed(lambda: engine.extractor.features(picture, layers)) / (side * side / 1e6)


def _roots(backend: Backend) -> float:
    """Return the seconds of the matrices' roots in a Wasserstein distance at all style layers."""
    channels = [_channels(backend)[name] for name, _ in Settings().style_layers]

    def once() -> float:
        values = []
        for count in channels:
            numbers = _picture(count)[0]
            second, mean = backend.upload(numbers @ numbers.T / count), backend.upload(numbers[0])
            root = backend.upload(np.eye(count, dtype=np.float32))
            values.append(distance("wasserstein", second, mean, StyleTarget(second, mean, root))[0])
        xp = array_namespace(values[0])
        return float(xp.sum(xp.stack(values)))

    if backend.asynchronous:
        once()
    return _timed(once)


def _carry() -> float:
    """Return the seconds of carrying a change to a million pixels."""
    small, large = (PreparedImage(_picture(side)) for side in (CARRIED_TO // 4, CARRIED_TO))
    level = Level(CARRIED_TO, CARRIED_TO, 0)
    return _timed(lambda: upsample_change(small.pixels * 0.5, small, large, level)) / (CARRIED_TO**2 / 1e6)


def _timed(work: Callable[[], object], settle: Callable[..., object] = lambda found: found) -> float:
    """Return the seconds that ``work`` takes, ``settle`` waiting for what it returns."""
    began = time.perf_counter()
    settle(work())
    return time.perf_counter() - began


def _picture(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).random((3, side, side), np.float32)


def _channels(backend: Backend) -> dict[str, int]:
    return {layer.name: layer.channels for layer in LAYERS[backend.network.architecture]}


def default_objective(backend: Backend, side: int) -> Objective:
    """Make an objective with the default layers and targets of nothing."""
    table = {layer.name: layer for layer in LAYERS[backend.network.architecture]}
    settings = Settings()
    contents, styles = [], []
    for name, _ in settings.content_layers:
        layer = table[name]
        shape = (layer.channels, side // layer.stride, side // layer.stride)
        contents.append(ContentTerm(name, 1.0, np.zeros(shape, np.float32)))
    for name, _ in settings.style_layers:
        channels = table[name].channels
        styles.append(StyleTerm(name, 1.0, np.zeros((channels, channels), np.float32)))
    return Objective(tuple(contents), tuple(styles), (RangePenalty(1.0), TotalVariation(1.0)))
