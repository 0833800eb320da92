"""How much of a level is computed and kept at a time, from the memory that there is.

A backend, settings and a size come in; a :class:`MemoryLayout` goes out: the window that evaluations are cut
into, how the optimizer keeps its history, how content targets are kept, and what all this takes. What
counts is what grows with the picture: vectors of its size, targets, and what the network needs for the
pixels that it sees at a time. The answer to "how does the picture come out" does not depend on the plan, but
for the rounding of half precision.

Half precision and files come before a smaller window: kept so, a history costs nothing but its reading. With
VGG-16 at 128 pixels, Tuebingen in the style of the Starry Night (``python -m tests.bench.histories``), the
losses after 20, 40 and 60 iterations are 0.211, 0.168, 0.152 with 10 pairs in full precision, 0.212, 0.168,
0.152 with 10 in half precision, in memory or in a file, 0.214, 0.170, 0.153 with 5 in full, 0.212, 0.169,
0.153 with 5 in half, 0.217, 0.178, 0.159 with 2; Adam, which needs more than L-BFGS without its history, has
0.277, 0.189, 0.179.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import psutil

from nst_core.backends.interface import Backend
from nst_core.backends.tiling.evaluator import tiling_overhead
from nst_core.backends.tiling.layout import Tile, make_tiles, network_reach, window_pixels
from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import fit
from nst_core.optim.vectors import Storage
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings, parse_bytes
from nst_core.system.free_memory import available_memory
from nst_core.vgg.layers import LAYERS, Architecture

HISTORY = 10
"""Curvature pairs of L-BFGS; 100 were no better (design notes), and each costs two pictures of memory."""

VECTOR_BYTES = 12
"""A pixel of a vector of a picture's size: three channels in float32."""

LBFGS_VECTORS = 4.5
"""Vectors while L-BFGS evaluates: picture, candidate, their gradients, and the preconditioner's gains."""

ADAM_VECTORS = 10.0
"""Vectors when Adam has evaluated: current, best, candidate, two gradients, both moments before and after the
step, and one that is being made."""

KEPT_VECTORS = 2.5
"""Vectors where masks say what may change: the original, the painting set into it, and what may."""

GUIDE_VECTORS = 0.5
"""Vectors that the guides of a region are, at all its layers."""

PICTURES = 1.0
"""Pictures of the level's size on the host beside the optimizer, those of the job counted already."""

TARGET_PICTURES = 2.0
"""Pictures of the level's size on the host while its targets are made: the content and the start."""

WINDOWS = (2048, 1536, 1280, 1024, 896, 768, 704, 640, 576, 512, 448, 384, 320, 256)
"""Sides of windows, in pixels, from the one that wastes least on margins."""

MACHINE_SHARE, DEVICE_SHARE = 0.8, 0.9
"""Of what is free, where nobody says how much may be used: other programs live in the rest."""

FULL_TARGETS, HALF_TARGETS = 1 / 8, 1 / 4
"""Share of the room that content targets may take in full and in half precision, else they go to a file."""

SMALLEST_HINT = 64
"""Long side, in pixels, below which no smaller size is proposed."""

KEEPS: dict[Storage, float] = {"full": 1.0, "half": 0.5, "file": 0.0}
"""Share of a vector's memory that a kept one takes."""


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes that may be taken. ``device`` is None where the device computes in the machine's memory."""

    machine: float
    device: float | None


@dataclass(frozen=True)
class MemoryLayout:
    """How a level is held.

    ``window`` is None where evaluations see the picture as a whole; ``work`` is the arithmetic of one as a
    multiple of that, ``margins`` the pixels seen for each pixel of the picture. ``machine`` and ``device``
    are the bytes that it will take beside what is taken.
    """

    window: int | None
    tiles: int
    work: float
    margins: float
    history: int
    storage: Storage
    targets: Storage
    machine: int
    device: int


def memory_budget(backend: Backend, settings: Settings, held: float | None = None) -> MemoryBudget:
    """Measure what is free, and keep within what ``settings`` allow.

    ``max_memory`` is for the whole process, with what it holds already. ``held`` is what the process will
    hold when the painting begins, where it is another one or has not read everything yet.
    """
    allowed = parse_bytes(settings.max_memory)
    now = psutil.Process().memory_info().rss
    held = now if held is None else held
    free = available_memory() + now - held
    machine = MACHINE_SHARE * free
    if allowed:
        machine = min(machine, allowed - held)
    if not backend.limits.own_memory:
        return MemoryBudget(min(machine, MACHINE_SHARE * (backend.free_bytes() + now - held)), None)
    device = DEVICE_SHARE * backend.free_bytes()
    allowed = parse_bytes(settings.max_device_memory)
    return MemoryBudget(machine, min(device, allowed) if allowed else device)


def choose_memory_layout(
    backend: Backend,
    settings: Settings,
    height: int,
    width: int,
    room: MemoryBudget,
    demand: Workload = ONE_STYLE,
) -> MemoryLayout:
    """Choose the largest window and the plainest way to keep things that fit into ``room``.

    Raises:
        NstError: ``out-of-memory`` where nothing fits, with the size that would.
    """
    plan = _first_that_fits(backend, settings, height, width, room, demand)
    if plan is None:
        raise _too_large(backend, settings, height, width, room, demand)
    return plan


def _first_that_fits(
    backend: Backend, settings: Settings, height: int, width: int, room: MemoryBudget, demand: Workload
) -> MemoryLayout | None:
    for plan in _plans(backend, settings, height, width, room, demand):
        if plan.machine <= room.machine and (room.device is None or plan.device <= room.device):
            return plan
    return None


def _plans(
    backend: Backend, settings: Settings, height: int, width: int, room: MemoryBudget, demand: Workload
) -> Iterable[MemoryLayout]:
    """All ways to hold a level, the best first."""
    layers = [pair.layer for pair in (*settings.content_layers, *settings.style_layers)]
    reach = network_reach(layers, backend.network.architecture)
    whole = max(height, width)
    smaller = [window for window in WINDOWS if reach.smallest_window <= window < whole]
    windows = [whole, *smaller] if height * width <= backend.limits.whole_pixels or not smaller else smaller
    for window, way in _ways(backend, settings, windows):
        tiles = make_tiles(height, width, window, reach)
        plan = _plan(backend, settings, height * width, tiles, way, room, demand)
        yield plan if window == whole else replace(plan, window=window)


def _ways(
    backend: Backend, settings: Settings, windows: Sequence[int]
) -> list[tuple[int, tuple[Storage, int]]]:
    """Return windows with ways to keep a history, its storage and its length, the best first."""
    if settings.optimizer == "adam":
        return [(window, ("full", 0)) for window in windows]
    plain: list[tuple[Storage, int]] = [("full", HISTORY), ("half", HISTORY)]
    scarce: list[tuple[Storage, int]] = []
    if backend.limits.holds_vectors:
        scarce = [("half", 5), ("half", 2)]
    else:
        plain.append(("file", HISTORY))
    return [
        *((window, way) for window in windows for way in plain),
        *((windows[-1], way) for way in scarce),
    ]


def _plan(
    backend: Backend,
    settings: Settings,
    pixels: int,
    tiles: Sequence[Tile],
    way: tuple[Storage, int],
    room: MemoryBudget,
    demand: Workload,
) -> MemoryLayout:
    """Reckon what it takes to hold ``pixels`` in ``tiles``, and the history in a way."""
    storage, history = way
    targets, target_bytes = _targets(settings, backend.network.architecture, pixels, room.machine)
    if storage == "file":
        targets, target_bytes = "file", 0.0
    vectors = ADAM_VECTORS if settings.optimizer == "adam" else LBFGS_VECTORS + 2 * history * KEEPS[storage]
    vectors += (KEPT_VECTORS + GUIDE_VECTORS * demand.groups) * demand.masked
    each = backend.limits.tile_bytes_per_pixel if len(tiles) > 1 else backend.limits.bytes_per_pixel
    computed = backend.limits.fixed_bytes + each * max(window_pixels([tile]) for tile in tiles)
    host, device = PICTURES * VECTOR_BYTES * pixels, 0.0
    # Before the optimizer has anything, the styles are there, as large as their strokes ask.
    targeted = (TARGET_PICTURES + demand.styles * settings.style_scale**2) * VECTOR_BYTES * pixels
    if backend.limits.holds_vectors:
        device += vectors * VECTOR_BYTES * pixels
    else:
        host += vectors * VECTOR_BYTES * pixels
    if room.device is None:
        host, targeted = host + computed, targeted + computed
    else:
        device += computed
    return MemoryLayout(
        None,
        len(tiles),
        tiling_overhead(tiles, pixels) / (backend.limits.devices if len(tiles) > 1 else 1),
        window_pixels(tiles) / pixels,
        history,
        storage,
        targets,
        round(target_bytes + max(host, targeted)),
        round(device),
    )


def _targets(
    settings: Settings, architecture: Architecture, pixels: int, room: float
) -> tuple[Storage, float]:
    """Return how content targets are kept, and what that takes."""
    table = {layer.name: layer for layer in LAYERS[architecture]}
    found = (table[pair.layer] for pair in settings.content_layers if pair.layer in table)
    full = sum(4.0 * layer.channels / layer.stride**2 for layer in found) * pixels
    if full <= FULL_TARGETS * room:
        return "full", full
    return ("half", full / 2) if full / 2 <= HALF_TARGETS * room else ("file", 0.0)


def _too_large(
    backend: Backend, settings: Settings, height: int, width: int, room: MemoryBudget, demand: Workload
) -> NstError:
    """Make the error that names a size that fits, where there is one."""
    *_, smallest = _plans(backend, settings, height, width, room, demand)
    short_of_device = room.device is not None and smallest.device > room.device
    needed = smallest.device if short_of_device else smallest.machine
    free = room.device if short_of_device and room.device is not None else room.machine
    where = backend.device if short_of_device else "this machine"
    # What is needed grows with the pixels, and begins above nothing: no larger one fits.
    side, fits = round(max(height, width) * math.sqrt(max(0.0, free) / needed)), None
    while fits is None and side > SMALLEST_HINT:
        side = max(SMALLEST_HINT, int(side * 0.95) // 16 * 16)
        fits = _first_that_fits(backend, settings, *fit(height, width, side), room, demand)
    name = "max_device_memory" if short_of_device else "max_memory"
    ways = [] if fits is None else [f"paint at --size {side} or smaller"]
    ways += [f"allow more with --{name.replace('_', '-')}"] if parse_bytes(getattr(settings, name)) else []
    hint = ", or ".join([*ways, "close other programs"])
    return NstError(
        ErrorCode.OUT_OF_MEMORY,
        f"Painting {width} x {height} pixels takes about {needed / 1e9:.1f} GB of memory on {where}; "
        f"{max(0.0, free) / 1e9:.1f} GB may be used.",
        f"{hint[0].upper()}{hint[1:]}.",
    )
