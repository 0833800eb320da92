"""How fast an engine is here, from a few evaluations of small pictures: a second or two, once for each.

A backend comes in, a :class:`~nst_core.rates.Rate` goes out. What is evaluated has the cost of the default
objective, and no meaning.
"""

from __future__ import annotations

import time

import numpy as np

from nst_core.backends.choose import Engine
from nst_core.backends.interface import Backend
from nst_core.rates import Rate, keep, recall
from nst_core.settings import Settings
from nst_core.transfer.objective import ContentTerm, Objective, RangePenalty, StyleTerm, TotalVariation
from nst_core.vgg.layers import LAYERS

SIDES = {False: (256,), True: (256, 1024)}
"""Sides of the pictures, by whether the device works on its own: a GPU has hardly begun at 256 pixels."""

ROUNDS = {False: 1, True: 5}


def rate_of(engine: Engine) -> Rate:
    """Return the remembered rate of ``engine``, measuring it the first time."""
    known = recall(engine.name)
    if known is None:
        known = measure(engine.backend)
        keep(engine.name, known)
    return known


def measure(backend: Backend) -> Rate:
    """Time evaluations; see :data:`SIDES`."""
    points = []
    opening = 0.0
    for side in SIDES[backend.asynchronous]:
        began = time.perf_counter()
        evaluator = backend.evaluator(_objective(backend, side), side, side)
        picture = backend.upload(np.random.default_rng(0).random((3, side, side), np.float32))
        opening = time.perf_counter() - began
        for _ in range(ROUNDS[backend.asynchronous]):
            float(evaluator(picture).loss)  # the first ones choose kernels and take memory
        began = time.perf_counter()
        for _ in range(ROUNDS[backend.asynchronous]):
            loss = evaluator(picture).loss
        float(loss)
        seconds = (time.perf_counter() - began) / ROUNDS[backend.asynchronous]
        points.append((side * side / 1e6, seconds))
    backend.close()
    (small, first), (large, last) = points[0], points[-1]
    if small == large:
        return Rate(opening, 0.0, first / small)
    slope = max((last - first) / (large - small), 0.1 * last / large)
    return Rate(opening, max(0.0, first - slope * small), slope)


def _objective(backend: Backend, side: int) -> Objective:
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
