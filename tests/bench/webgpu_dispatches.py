"""Nodes, buffers, memory and copies of one evaluation on WebGPU.

``python -m tests.bench.webgpu_dispatches [--size 512] [--deepest relu5_1] [--reckon] [--software]``

Prints a table for Gram matrices, moments and Wasserstein distances, and for Gram matrices in tiles. ONNX
Runtime's profiler counts the nodes that each provider runs (each is at least one dispatch; the profiler does
not tell how many), and the megabytes that they read and write. The memory that sessions hold on the card is
reckoned from the sizes of all tensors (``tests/bench/webgpu_memory.py``); memory taken is what the card's
driver tells, where it does. Nothing but the picture and the results is copied in an untiled evaluation;
tiles, and Wasserstein distances, whose roots the processor computes, copy their other inputs and sums too.

``--reckon`` opens sessions and evaluates nothing: memory at any size, on any device. ``--software`` uses
SwiftShader, for evaluations at sizes around 24; ``--deepest relu2_1`` leaves out terms of deeper layers,
whose shaders take it minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from onnxruntime import SessionOptions

from nst_core.backends.interface import Evaluator, Tiling
from nst_core.backends.onnx_runtime import backend as backend_module
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.onnx_runtime.tile_graphs import WindowShape
from nst_core.backends.onnx_runtime.tiles import OnnxTileWorker
from nst_core.backends.tiling.evaluator import TiledEvaluator
from nst_core.backends.tiling.layout import network_reach
from nst_core.loss.objective import Objective
from nst_core.vgg import sessions
from nst_core.vgg.graphics_cards import free_memory
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import Session
from tests import software_card
from tests.bench.gpu_check.pictures import make_objective, open_network
from tests.bench.webgpu_memory import Held, held_by, held_together

EVALUATIONS = 2

STATISTICS = {"gram": "Gram matrices", "moments": "moments", "wasserstein": "Wasserstein distances"}

HEADINGS = (
    "objective",
    "nodes",
    "MB of features read",
    "of constants",
    "written",
    "MB copied up",
    "down",
    "MB held: constants",
    "features",
    "inputs",
    "outputs",
    "MB taken, by the driver",
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An evaluation: ``nodes`` by provider; bytes that they read and write, and that are copied; ``held``.

    ``taken`` is by how much the card's free memory has shrunk, None if its driver does not tell. Sessions
    that have evaluated nothing only have ``held``.
    """

    held: Held
    nodes: Mapping[str, float] = field(default_factory=dict)
    features_read: float = 0.0
    constants_read: float = 0.0
    written: float = 0.0
    copied_up: float = 0.0
    copied_down: float = 0.0
    taken: int | None = None

    @property
    def cells(self) -> list[str]:
        """The cells of a row, below all headings but the first."""
        counted = [self.features_read, self.constants_read, self.written, self.copied_up, self.copied_down]
        return [
            ", ".join(f"{name} {count:g}" for name, count in sorted(self.nodes.items())) or "not evaluated",
            *(_megabytes(size) if self.nodes else "" for size in counted),
            *map(_megabytes, self.held),
            "not told" if self.taken is None else _megabytes(self.taken),
        ]


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.3g}"


@dataclass
class Observer:
    """Lets sessions write the graphs that they execute, and profiles when they close, into ``folder``."""

    folder: Path
    opened: int = 0

    def open_session(
        self, graph: Any, device: Any, on_notice: Any, configure: Any = lambda _: None
    ) -> Session:
        """Open a session, in place of the backend's own function."""
        name = f"session{self.opened}"
        self.opened += 1

        def configure_observed(options: SessionOptions) -> None:
            configure(options)
            options.enable_profiling = True
            options.profile_file_prefix = str(self.folder / f"{name}-profile")
            options.optimized_model_filepath = str(self.folder / f"{name}.onnx")

        return sessions.open_session(graph, device, on_notice, configure_observed)

    def held(self) -> list[Held]:
        """Return what each session holds."""
        return [held_by(onnx.load(self.folder / f"session{index}.onnx")) for index in range(self.opened)]

    def events(self) -> list[list[dict[str, Any]]]:
        """Return the events of each session, all of which must have been closed."""
        profiles = (next(self.folder.glob(f"session{index}-profile*")) for index in range(self.opened))
        return [json.loads(profile.read_text("utf-8")) for profile in profiles]


@contextlib.contextmanager
def _observed() -> Iterator[Observer]:
    with tempfile.TemporaryDirectory() as folder:
        observer = Observer(Path(folder))
        with patch.object(backend_module, "open_session", observer.open_session):
            yield observer


def measure(
    network: Network, objective: Objective, side: int, window: int | None = None, *, reckon: bool = False
) -> Measured:
    """Evaluate pictures of ``side``, in tiles of at most ``window``, or only ``reckon`` the memory."""
    with _observed() as observer:
        worker, taken = _use(network, objective, side, window, evaluations=0 if reckon else EVALUATIONS)
        held, profiles = observer.held(), observer.events()
    together = held_together(held) if worker is None or worker.keep else max(held, key=lambda one: one.total)
    if reckon:
        return Measured(held=together)
    runs = [sum(event.get("name") == "model_run" for event in events) for events in profiles]
    if worker is None:
        up = 12 * side**2
        down = up + 4 * len(objective.terms)
    else:
        up = sum(count * one.inputs for count, one in zip(runs, held, strict=True)) // EVALUATIONS
        down = sum(count * one.outputs for count, one in zip(runs, held, strict=True)) // EVALUATIONS
    nodes = [
        event["args"]
        for events in profiles
        for event in events
        if event.get("cat") == "Node" and "provider" in event["args"]
    ]
    features, constants, written = (
        sum(int(node[part]) for node in nodes) / EVALUATIONS
        for part in ("activation_size", "parameter_size", "output_size")
    )
    providers = Counter(node["provider"].removesuffix("ExecutionProvider") for node in nodes)
    return Measured(
        held=together,
        nodes={name: count / EVALUATIONS for name, count in providers.items()},
        features_read=features,
        constants_read=constants,
        written=written,
        copied_up=up,
        copied_down=down,
        taken=taken,
    )


def _use(
    network: Network, objective: Objective, side: int, window: int | None, *, evaluations: int
) -> tuple[OnnxTileWorker | None, int | None]:
    """Open sessions, use them and close them; return the worker on tiles, and the card's memory taken."""
    backend = OnnxBackend(network, device="webgpu")
    if backend.runtime_device.kind != "webgpu":
        raise SystemExit("There is no device for WebGPU; --software uses SwiftShader.")
    before = _free(backend)
    evaluate = backend.evaluator(objective, side, side, Tiling(window) if window else None)
    at = np.random.default_rng(0).random((3, side, side), np.float32)
    for _ in range(evaluations):
        evaluate(at)
    worker = _worker_of(evaluate)
    if worker and not evaluations:
        _open_windows(backend, worker, evaluate)
    after = _free(backend)
    backend.end()
    return worker, before - after if before and after and before > after else None


def _free(backend: OnnxBackend) -> int | None:
    return backend.card and free_memory(backend.card)


def _worker_of(evaluate: Evaluator) -> OnnxTileWorker | None:
    if isinstance(evaluate, TiledEvaluator) and isinstance(evaluate.worker, OnnxTileWorker):
        return evaluate.worker
    return None


def _open_windows(backend: OnnxBackend, worker: OnnxTileWorker, evaluate: Evaluator) -> None:
    """Open the sessions of both passes for the largest window."""
    height, width = evaluate.tiles[0].size
    worker.sessions.get(WindowShape("sums", backend.shape(worker.style_form, height, width)))
    worker.sessions.get(WindowShape("gradient", backend.shape(worker.form, height, width)))


def tile_window(objective: Objective, network: Network, side: int) -> int | None:
    """Return the side of windows for tiles of a picture of ``side``; None if it is too small to be cut."""
    window = max(network_reach(objective.layers, network.architecture).smallest_window, 3 * side // 4)
    return window if window < side else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--deepest", default="relu5_1", help="layer of a term (%(default)s)")
    parser.add_argument("--reckon", action="store_true", help="evaluate nothing")
    parser.add_argument("--software", action="store_true", help="on SwiftShader")
    options = parser.parse_args()
    side, network = options.size, open_network()
    print("|", " | ".join(HEADINGS), "|\n" + "|---" * len(HEADINGS) + "|")
    with software_card.in_this_process() if options.software else contextlib.nullcontext():
        for statistic, name in STATISTICS.items():
            objective = make_objective(network, side, side, statistic, deepest=options.deepest)
            row = measure(network, objective, side, reckon=options.reckon)
            print("|", " | ".join([name, *row.cells]), "|", flush=True)
        objective = make_objective(network, side, side, deepest=options.deepest)
        window = tile_window(objective, network, side)
        if window is None:
            raise SystemExit(f"A picture of {side} x {side} pixels is too small to be cut into tiles.")
        row = measure(network, objective, side, window, reckon=options.reckon)
        print("|", " | ".join(["Gram matrices, tiles", *row.cells]), "|", flush=True)


if __name__ == "__main__":
    main()
