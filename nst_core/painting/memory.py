"""The memory layout of a level: its window, and the storage of history and targets, chosen to fit.

Takes a backend, settings and a size, returns a :class:`MemoryLayout`: the window into which evaluations are
cut, how the optimiser keeps its history, how content targets are kept, and the memory that all this takes.
The estimate counts what grows with the picture: vectors of its size, targets, and what the network needs for
the pixels that it sees at a time. The layout does not change the result, apart from the rounding of half
precision, unless a level that only refines is painted tile by tile.

Half precision and files are tried before a smaller window, because a history kept in them costs only the time
to read it. With VGG-16 at 128 pixels, Tuebingen in the style of the Starry Night (``python -m
tests.bench.histories``), the losses after 20, 40 and 60 iterations are 0.211, 0.168, 0.152 with 10 pairs in
full precision; 0.212, 0.168, 0.152 with 10 in half precision, in memory or in a file; 0.214, 0.170, 0.153
with 5 in full; 0.212, 0.169, 0.153 with 5 in half; 0.217, 0.178, 0.159 with 2. Adam, which needs more memory
than L-BFGS without its history, had 0.277, 0.189, 0.179 before its warm-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nst_core.backends.interface import Backend
from nst_core.backends.tiling.evaluator import tiling_overhead
from nst_core.backends.tiling.layout import Tile, make_tiles, network_reach, window_pixels
from nst_core.contract import format_bytes
from nst_core.errors import ErrorCode, NstError
from nst_core.images.resize import fit
from nst_core.loss.layer_parts import LayerPart
from nst_core.loss.neighbours import CELL
from nst_core.loss.weights import MATCHING_LAYERS, SEARCH_UP_TO, SEARCH_WEIGHTS, loss_layers
from nst_core.optim.vectors import Storage
from nst_core.painting.memory_budget import WINDOWS, MemoryBudget
from nst_core.painting.tile_layout import painting_reach, painting_tiles
from nst_core.painting.workload import ONE_STYLE, Workload
from nst_core.settings import Settings, parse_bytes
from nst_core.system.process_limits import memory_left
from nst_core.vgg.layers import LAYERS, Layer, multiply_adds

HISTORY = 10
"""Curvature pairs of L-BFGS. 100 were no better (design notes), and each costs two pictures of memory."""

VECTOR_BYTES = 12
"""Bytes of a pixel in a vector of a picture's size: three channels in float32."""

LBFGS_VECTORS = 4.5
"""Vectors while L-BFGS evaluates: picture, candidate, their gradients, and the preconditioner's gains."""

ADAM_VECTORS = 10.0
"""Vectors when Adam has evaluated: current, best, candidate, two gradients, both moments before and after the
step, and one that is being computed."""

MASK_VECTORS = 2.5
"""Vectors if masks limit what may change: the original, the painting set into it, and the mask."""

GUIDE_VECTORS = 0.5
"""Vectors that a region's guides take, at all its layers."""

PICTURES = 1.0
"""Pictures of the level's size on the host besides the optimiser's; those of the job are counted already."""

TARGET_PICTURES = 2.0
"""Pictures of the level's size on the host while its targets are made: the content and the start."""

MOSAIC_PICTURES = 1.25
"""Pictures of the level's size on the host while it is painted tile by tile: itself, and the level before."""

START_PICTURES = 1.5
"""The same while the statistics of the start are measured: there is the halved one, too."""

FORWARD_SHARE = 0.45
"""Memory of target features in a window, as a share of that of an evaluation there. With VGG-16 and ONNX
Runtime the process grows by 0.26 and 0.67 GB at 256 x 256 and 640 x 640 pixels, which is 0.32 and 0.36."""

MASK_PICTURES = 1.5
"""Further ones then, if masks limit what may change: the original, and masks."""

HYPERCOLUMN_COPIES = 1.0
"""Temporary copies of a picture's hypercolumns while they are made and projected."""

FULL_TARGETS, HALF_TARGETS = 1 / 8, 1 / 4
"""Share of the budget for content targets in full and in half precision; beyond that they go to a file."""

SHALLOW_TIME = 1.4
"""Time of a multiply-add in the shallow layers, as a multiple of the mean: with deep layers at half size an
evaluation of 1024 x 683 pixels takes 9.0 s of processor time and the process 2.3 GB, at full size 11.3 s
and 2.5 GB (VGG-16, ONNX Runtime)."""

SMALLEST_HINT = 64
"""Long side, in pixels, below which no smaller size is suggested."""

STORAGE_SHARE: dict[Storage, float] = {"full": 1.0, "half": 0.5, "file": 0.0}
"""Memory of a stored vector, as a share of one in full precision."""


@dataclass(frozen=True, kw_only=True)
class MemoryLayout:
    """The layout of a level in memory.

    ``window`` is the largest side computed at a time, None for the whole picture, and ``tiles`` their number.
    If it is ``tile_by_tile``, each tile is painted to its end on its own (see
    :mod:`nst_core.painting.tile_by_tile`); otherwise every evaluation goes through all tiles.
    ``work`` is the time of an evaluation as a multiple of an untiled one with all layers at full size,
    ``depth`` the part of it that is due to layers, ``margin_factor`` the pixels computed for each pixel of
    the picture. The optimiser keeps ``history`` pairs in ``storage``, content targets are kept in
    ``targets``. ``machine`` and ``device`` are bytes in addition to those in use, and ``device_left`` is what
    they leave of the budget of a device with its own memory, ``machine_left`` of that of the machine.
    """

    window: int | None
    tiles: int
    work: float
    depth: float
    margin_factor: float
    history: int
    storage: Storage
    targets: Storage
    machine: int
    device: int
    device_left: int = 0
    machine_left: int = 0
    tile_by_tile: bool = False


def choose_memory_layout(
    backend: Backend,
    settings: Settings,
    height: int,
    width: int,
    budget: MemoryBudget,
    workload: Workload = ONE_STYLE,
) -> MemoryLayout:
    """Choose the largest window and the plainest storage that fit into ``budget``.

    Raises:
        NstError: ``out-of-memory`` if nothing fits, with a size that would.
    """
    request = _LayoutRequest(
        backend=backend, settings=settings, height=height, width=width, budget=budget, workload=workload
    )
    layout = request.first_fit()
    if layout is None:
        raise _too_large(request)
    return layout


@dataclass(frozen=True, kw_only=True)
class _LayoutRequest:
    """The arguments of :func:`choose_memory_layout`, and the layouts among which it chooses."""

    backend: Backend
    settings: Settings
    height: int
    width: int
    budget: MemoryBudget
    workload: Workload

    def first_fit(self) -> MemoryLayout | None:
        """Return the best layout that fits into the budget."""
        machine, device = self.budget.machine, self.budget.device
        for layout in self.layouts():
            if layout.machine <= machine and (device is None or layout.device <= device):
                left = 0 if device is None else int(device - layout.device)
                return replace(layout, device_left=left, machine_left=int(machine - layout.machine))
        return None

    def layouts(self) -> Iterable[MemoryLayout]:
        """Yield all layouts, best first."""
        layers = self._shallow() if self.workload.halved else loss_layers(self.settings)
        reach = network_reach(layers, self.backend.network.architecture)
        whole = max(self.height, self.width)
        limits, pixels = self.backend.limits, self.height * self.width
        windows = [
            window
            for window in WINDOWS
            if reach.smallest_window <= window < whole and window * window <= limits.most_pixels
        ]
        if pixels <= min(limits.whole_pixels, limits.most_pixels) or not windows:
            windows = [whole, *windows]
        # Several devices share the tiles of an evaluation.
        tile_by_tile = self.workload.refines and limits.devices == 1
        for window, storage, history in self._combinations(windows):
            if window != whole and tile_by_tile:
                break
            tiles = make_tiles(self.height, self.width, window, reach)
            layout = self._layout(tiles, storage, history)
            yield layout if window == whole else replace(layout, window=window)
        if tile_by_tile:
            yield from (self._tile_by_tile(window) for window in windows if window != whole)

    def _combinations(self, windows: Sequence[int]) -> list[tuple[int, Storage, int]]:
        """Return (window, storage of the history, its length), best first."""
        if self.settings.optimizer == "adam":
            return [(window, "full", 0) for window in windows]
        storages: list[Storage] = ["full", "half"]
        last_resort: list[tuple[Storage, int]] = []
        if self.backend.limits.holds_vectors:
            last_resort = [("half", 5), ("half", 2)]
        else:
            storages.append("file")
        return [
            *((window, storage, HISTORY) for window in windows for storage in storages),
            *((windows[-1], storage, history) for storage, history in last_resort),
        ]

    def _tile_by_tile(self, window: int) -> MemoryLayout:
        """Estimate the memory of painting tiles in windows of at most ``window``, one after another."""
        limits, workload, pixels = self.backend.limits, self.workload, self.height * self.width
        reach = painting_reach(self.settings, self.backend.network.architecture, halved=workload.halved)
        tiles = painting_tiles((self.height, self.width), window, reach)
        largest = max(window_pixels([tile]) for tile in tiles)
        targets, target_bytes = self._targets()
        history = 0 if self.settings.optimizer == "adam" else HISTORY
        vectors = self._vectors("full", history) * VECTOR_BYTES * largest
        network = limits.fixed_bytes + limits.bytes_per_pixel * largest
        features = self._feature_bytes(self._target_layers()) * largest  # a tile's own, in full precision
        host = (MOSAIC_PICTURES + MASK_PICTURES * workload.masked) * VECTOR_BYTES * pixels + features
        style_pictures = workload.styles * self.settings.style_scale**2
        pictures_for_targets = max(START_PICTURES, 1.0 + style_pictures)
        host_for_targets = pictures_for_targets * VECTOR_BYTES * pixels
        host_for_targets += self._matching_bytes(style_pictures, targets)
        device = vectors if limits.holds_vectors else 0.0
        host += 0.0 if limits.holds_vectors else vectors
        if self.budget.device is None:
            host, host_for_targets = host + network, host_for_targets + FORWARD_SHARE * network
        else:
            device += network
        return MemoryLayout(
            window=window,
            tiles=len(tiles),
            work=self._depth() * window_pixels(tiles) / pixels,
            depth=self._depth(),
            margin_factor=window_pixels(tiles) / pixels,
            history=history,
            storage="full",
            targets=targets,
            machine=round(target_bytes + max(host, host_for_targets)),
            device=round(device),
            tile_by_tile=True,
        )

    def _vectors(self, storage: Storage, history: int) -> float:
        """Return the vectors that the optimiser and masks hold, of what is painted at a time."""
        workload = self.workload
        if self.settings.optimizer == "adam":
            vectors = ADAM_VECTORS
        else:
            vectors = LBFGS_VECTORS + 2 * history * STORAGE_SHARE[storage]
        return vectors + (MASK_VECTORS + GUIDE_VECTORS * workload.regions) * workload.masked

    def _layout(self, tiles: Sequence[Tile], storage: Storage, history: int) -> MemoryLayout:
        """Estimate the memory of the picture in ``tiles``, with a history of that storage and length."""
        limits, workload, pixels = self.backend.limits, self.workload, self.height * self.width
        targets, target_bytes = self._targets()
        if storage == "file":
            targets, target_bytes = "file", 0.0
        vectors = self._vectors(storage, history)
        bytes_per_pixel = limits.tile_bytes_per_pixel if len(tiles) > 1 else limits.bytes_per_pixel
        network = limits.fixed_bytes + bytes_per_pixel * max(window_pixels([tile]) for tile in tiles)
        host, device = PICTURES * VECTOR_BYTES * pixels, 0.0
        # While targets are made, the optimiser has nothing yet, but the scaled styles are in memory.
        style_pictures = workload.styles * self.settings.style_scale**2
        host_for_targets = (TARGET_PICTURES + style_pictures) * VECTOR_BYTES * pixels
        host_for_targets += self._matching_bytes(style_pictures, targets)
        if limits.holds_vectors:
            device += vectors * VECTOR_BYTES * pixels
        else:
            host += vectors * VECTOR_BYTES * pixels
        if self.budget.device is None:
            host, host_for_targets = host + network, host_for_targets + network
        else:
            device += network
        return MemoryLayout(
            window=None,
            tiles=len(tiles),
            work=self._depth() * tiling_overhead(tiles, pixels) / (limits.devices if len(tiles) > 1 else 1),
            depth=self._depth(),
            margin_factor=window_pixels(tiles) / pixels,
            history=history,
            storage=storage,
            targets=targets,
            machine=round(target_bytes + max(host, host_for_targets)),
            device=round(device),
        )

    def _shallow(self) -> list[str]:
        """Return the layers that a halved level computes at full size."""
        return [layer for layer in loss_layers(self.settings) if LayerPart.SHALLOW.has(layer)]

    def _depth(self) -> float:
        """Return the time of an evaluation as a multiple of that with all layers at full size."""
        if not self.workload.halved:
            return 1.0
        architecture = self.backend.network.architecture
        shallow = multiply_adds(self._shallow(), architecture)
        return SHALLOW_TIME * shallow / multiply_adds(loss_layers(self.settings), architecture) + 0.25

    def _matching_bytes(self, style_pictures: float, storage: Storage) -> float:
        """Return the memory of seeking matches: the styles' features, and hypercolumns where they are sought.

        ``style_pictures`` is the area of all styles as a multiple of the level's.
        """
        if not self.workload.seeks_matches(self.settings):
            return 0.0
        pixels = self.height * self.width
        searched = max(self.height, self.width) <= SEARCH_UP_TO
        features = self._feature_bytes({**MATCHING_LAYERS, **(SEARCH_WEIGHTS if searched else {})})
        kept = features * STORAGE_SHARE[storage] * style_pictures
        if not searched:
            return kept * pixels
        channels = sum(layer.channels for layer in self._table(SEARCH_WEIGHTS))
        hypercolumns = 4.0 / CELL**2 * channels
        return (kept + hypercolumns * (1.0 + style_pictures + HYPERCOLUMN_COPIES)) * pixels

    def _feature_bytes(self, names: Iterable[str]) -> float:
        """Return the bytes of features at the layers ``names`` for each pixel, in full precision."""
        return sum(4.0 * layer.channels / layer.stride**2 for layer in self._table(names))

    def _table(self, names: Iterable[str]) -> list[Layer]:
        """Return the rows of the network's table for ``names``, without unknown ones."""
        table = {layer.name: layer for layer in LAYERS[self.backend.network.architecture]}
        return [table[name] for name in names if name in table]

    def _target_layers(self) -> list[str]:
        """Return the layer of each target that is kept at every position."""
        names = [pair.layer for pair in self.settings.content_layers]
        return [*names, *MATCHING_LAYERS] if self.workload.seeks_matches(self.settings) else names

    def _targets(self) -> tuple[Storage, float]:
        """Return how content targets are kept, and their bytes."""
        full = self._feature_bytes(self._target_layers()) * self.height * self.width
        if full <= FULL_TARGETS * self.budget.machine:
            return "full", full
        return ("half", full / 2) if full / 2 <= HALF_TARGETS * self.budget.machine else ("file", 0.0)


def _too_large(request: _LayoutRequest) -> NstError:
    """Return the error for a picture that does not fit, with a size that does, if there is one."""
    budget, settings, height, width = request.budget, request.settings, request.height, request.width
    *_, smallest = request.layouts()
    short_of_device = budget.device is not None and smallest.device > budget.device
    needed = smallest.device if short_of_device else smallest.machine
    free = budget.device if short_of_device and budget.device is not None else budget.machine
    where = request.backend.device if short_of_device else "this machine"
    # Memory grows with the pixels and starts above zero, so no larger size can fit.
    side, fits = round(max(height, width) * math.sqrt(max(0.0, free) / needed)), None
    while fits is None and side > SMALLEST_HINT:
        side = max(SMALLEST_HINT, int(side * 0.95) // 16 * 16)
        smaller_height, smaller_width = fit(height, width, side)
        fits = replace(request, height=smaller_height, width=smaller_width).first_fit()
    name = "max_device_memory" if short_of_device else "max_memory"
    remedies = [] if fits is None else [f"paint at --size {side} or smaller"]
    if parse_bytes(getattr(settings, name)):
        remedies.append(f"allow more with --{name.replace('_', '-')}")
    own_limit = memory_left()
    limited = not short_of_device and own_limit is not None and own_limit < needed
    hint = ", or ".join([*remedies, "raise the limit on its memory" if limited else "close other programs"])
    return NstError(
        ErrorCode.OUT_OF_MEMORY,
        f"Painting {width} x {height} pixels needs about {format_bytes(needed)} of memory on {where}, "
        f"but only {format_bytes(max(0.0, free))} may be used.",
        f"{hint[0].upper()}{hint[1:]}.",
    )
