"""The speed of an engine on this machine, measured once by a few iterations on small pictures.

Takes an engine, returns a :class:`~nst_core.painting.clock.Rate`. The evaluated objective costs as much as
the default one but has no meaning; the time includes the optimiser's own arithmetic. On a CPU a megapixel
takes as long at 384 pixels as at 1024, and in tiles as untiled (``python -m tests.bench.plans --rates``), so
two sizes are enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.backends.choose import Engine
from nst_core.backends.interface import Backend
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm, TotalVariation
from nst_core.loss.statistics.base import StyleTarget
from nst_core.loss.statistics.wasserstein import WASSERSTEIN
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.painting.clock import Rate
from nst_core.painting.memory import HISTORY
from nst_core.painting.memory_budget import MemoryBudget
from nst_core.painting.regions import PreparedImage
from nst_core.painting.shrinking_tiles import as_device_error
from nst_core.painting.upsample import upsample_change
from nst_core.planning.rate_cache import load_rate, store_rate
from nst_core.settings import Settings
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.layers import LAYERS

SIDES = {False: (128, 384), True: (256, 1024)}
"""Sides of the pictures, by whether the device is a GPU with its own memory: 256 pixels hardly load one."""

SMALLEST = 64
"""Side, in pixels, of the smallest picture whose speed means anything."""

ROUNDS, WARM_UP = {False: 1, True: 5}, {False: 0, True: 5}
"""Timed iterations, and untimed ones before them, by the same: a GPU chooses kernels and allocates memory in
the first iterations. The time of the very first evaluation counts for opening a level."""

TRIES = (3, 2)
"""Number of timings on the small and on the large picture. The shortest counts, because other programs only
add time."""

STEEPEST = 2.0
"""Largest time of a pixel of the small picture, as a multiple of one of the large, if the CPU computes."""

UPSAMPLE_TO = 1024
"""Side of the picture to which a change is upsampled, from a quarter of it."""


def measure_rate(engine: Engine, budget: MemoryBudget | None = None) -> Rate:
    """Return the remembered rate of ``engine``. The first time, measure it, if possible within ``budget``."""
    rate = load_rate(engine.name)
    if rate is None:
        rate = measure(engine, budget)
        store_rate(engine.name, rate)
    return rate


def measure(engine: Engine, budget: MemoryBudget | None = None) -> Rate:
    """Time the opening of a level, iterations, target features, roots and upsampling; see :data:`SIDES`.

    If the pictures do not fit, or memory runs out, use pictures of half the side: paintings may still fit in
    tiles. If a device has not even the memory for the smallest, the processor takes its place.
    """
    backend = engine.backend
    sides = SIDES[_is_fast(backend)]
    while sides[0] > SMALLEST and not _fits(backend, sides[1], budget):
        sides = sides[0] // 2, sides[1] // 2
    while True:
        try:
            return _measure_at(engine, sides)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if sides[0] <= SMALLEST:
                if not backend.use_cpu(as_device_error(error, backend.device)):
                    raise
                sides = SIDES[False]
                continue
        backend.close()
        sides = sides[0] // 2, sides[1] // 2


def _is_fast(backend: Backend) -> bool:
    """Return whether a graphics card of some size computes."""
    return backend.asynchronous or backend.limits.own_memory


def _fits(backend: Backend, side: int, budget: MemoryBudget | None) -> bool:
    if budget is None:
        return True
    needed = backend.limits.fixed_bytes + backend.limits.bytes_per_pixel * side * side
    return needed <= (budget.machine if budget.device is None else budget.device)


def _measure_at(engine: Engine, sides: tuple[int, int]) -> Rate:
    backend = engine.backend
    openings, points = [], []
    for side, tries in zip(sides, TRIES, strict=True):
        opening, seconds = _time_iteration(backend, side, tries)
        openings.append(opening)
        points.append((side * side / 1e6, seconds))
    backend.close()
    (small, small_seconds), (large, large_seconds) = points
    if not backend.asynchronous:
        small_seconds = min(small_seconds, STEEPEST * large_seconds * small / large)
    slope = max((large_seconds - small_seconds) / (large - small), 0.1 * large_seconds / large)
    return Rate(
        start=max(0.0, openings[0] - openings[-1]),
        level=openings[-1],
        evaluation=max(0.0, small_seconds - slope * small),
        megapixel=slope,
        features=_time_features(engine, sides[-1]),
        roots=_time_roots(backend),
        upsample=_time_upsampling(),
    )


def _time_iteration(backend: Backend, side: int, tries: int) -> tuple[float, float]:
    """Return the seconds of opening a level, and of one iteration of its optimiser."""
    rounds, warm_up = ROUNDS[_is_fast(backend)], WARM_UP[_is_fast(backend)]
    started = time.perf_counter()
    evaluator = backend.evaluator(default_objective(backend, side), side, side)
    picture = backend.upload(_random_picture(side))
    opening = time.perf_counter() - started

    def evaluate(at: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        evaluation = evaluator(at)
        return evaluation.loss, evaluation.gradient

    optimizer = Lbfgs(evaluate, picture, history=HISTORY, precondition=inverse_frequency(picture))
    float(optimizer.loss)
    ready = time.perf_counter() - started
    for _ in range(warm_up):
        float(optimizer.iterate().loss)
    times = [
        _seconds(lambda: [optimizer.iterate() for _ in range(rounds)][-1].loss, float) for _ in range(tries)
    ]
    iteration = min(times) / rounds
    if backend.asynchronous:  # a GPU chooses kernels and records its work in the first evaluation
        opening = max(opening, ready - iteration)
    return opening, iteration


def _time_features(engine: Engine, side: int) -> float:
    """Return the seconds of the target features of a million pixels."""
    layers = [name for name, _ in Settings().style_layers]
    picture = _random_picture(side)
    if _is_fast(engine.backend) or engine.backend.hardware:  # a card compiles its shaders first
        engine.extractor.features(picture, layers)
    return _seconds(lambda: engine.extractor.features(picture, layers)) / (side * side / 1e6)


def _time_roots(backend: Backend) -> float:
    """Return the seconds of the matrix square roots of a Wasserstein distance at all style layers."""
    table = {layer.name: layer for layer in LAYERS[backend.network.architecture]}
    channels = [table[name].channels for name, _ in Settings().style_layers]

    def compute_distances() -> float:
        values = []
        for count in channels:
            numbers = _random_picture(count)[0]
            second, mean = backend.upload(numbers @ numbers.T / count), backend.upload(numbers[0])
            root, one = (
                backend.upload(np.eye(count, dtype=np.float32)),
                backend.upload(np.ones((), np.float32)),
            )
            target = StyleTarget(second, mean, (root, one, one))
            values.append(WASSERSTEIN.distance(second, mean, target).value)
        xp = array_namespace(values[0])
        return float(xp.sum(xp.stack(values)))

    if backend.asynchronous:
        compute_distances()
    return _seconds(compute_distances)


def _time_upsampling() -> float:
    """Return the seconds of upsampling a change to a million pixels."""
    small, large = (PreparedImage(_random_picture(side)) for side in (UPSAMPLE_TO // 4, UPSAMPLE_TO))
    size = UPSAMPLE_TO, UPSAMPLE_TO
    return _seconds(lambda: upsample_change(small.pixels * 0.5, small, large, size)) / (UPSAMPLE_TO**2 / 1e6)


def _seconds(work: Callable[[], object], wait: Callable[..., object] = lambda result: result) -> float:
    """Return the seconds that ``work`` takes; ``wait`` waits for its result."""
    started = time.perf_counter()
    wait(work())
    return time.perf_counter() - started


def _random_picture(side: int) -> Array:
    return np.random.default_rng(0).random((3, side, side), np.float32)


def default_objective(backend: Backend, side: int) -> Objective:
    """Return an objective with the default layers, and zeros as targets."""
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
