"""Nodes, buffers and copies of one evaluation on WebGPU, counted by ONNX Runtime's profiler.

``python -m tests.bench.webgpu_dispatches [--size 512] [--software]``

Prints a table for Gram matrices and moments: nodes that each provider runs (each is
at least one dispatch; the profiler does not tell how many), and megabytes that they read and write. The
picture and the results are all that is copied. ``--software`` uses SwiftShader, for sizes around 24.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from nst_core.backends.onnx_runtime import backend as backend_module
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.loss.objective import Objective
from nst_core.vgg import sessions
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import Session
from tests import software_card
from tests.bench.gpu_check.pictures import make_objective, open_network

EVALUATIONS = 2


def count_nodes(network: Network, objective: Objective, side: int) -> list[str]:
    """Evaluate on WebGPU and return the cells of a row: nodes by provider, and megabytes, an evaluation."""
    opened: list[InferenceSession] = []
    with tempfile.TemporaryDirectory() as folder:

        def configured(configure: Any) -> Any:
            def with_profile(options: SessionOptions) -> None:
                configure(options)
                options.enable_profiling = True
                options.profile_file_prefix = str(Path(folder) / "profile")

            return with_profile

        def open_profiled(
            graph: Any, device: Any, on_notice: Any, configure: Any = lambda _: None
        ) -> Session:
            session = sessions.open_session(graph, device, on_notice, configured(configure))
            opened.append(session.runtime)
            return session

        with patch.object(backend_module, "open_session", open_profiled):
            backend = OnnxBackend(network, device="webgpu")
            if backend.runtime_device.kind != "webgpu":
                raise SystemExit("There is no device for WebGPU; --software uses SwiftShader.")
            evaluate = backend.evaluator(objective, side, side)
            at = np.random.default_rng(0).random((3, side, side), np.float32)
            for _ in range(EVALUATIONS):
                evaluate(at)
        nodes = [
            event["args"]
            for runtime in opened
            for event in json.loads(Path(runtime.end_profiling()).read_text("utf-8"))
            if event.get("cat") == "Node" and "provider" in event["args"]
        ]
    providers = Counter(node["provider"].removesuffix("ExecutionProvider") for node in nodes)
    sums = [
        sum(int(node[part]) for node in nodes) / EVALUATIONS / 1e6
        for part in ("activation_size", "parameter_size", "output_size")
    ]
    counted = ", ".join(f"{name} {count / EVALUATIONS:g}" for name, count in sorted(providers.items()))
    return [counted, *(f"{megabytes:.3g}" for megabytes in sums)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--software", action="store_true")
    options = parser.parse_args()
    side = options.size
    network = open_network()
    print("| objective | nodes | MB of features read | of constants | written |\n|---|---|---|---|---|")
    with software_card.in_this_process() if options.software else contextlib.nullcontext():
        for name, statistic in (("Gram matrices", "gram"), ("moments", "moments")):
            objective = make_objective(network, side, side, statistic)
            print("|", " | ".join([name, *count_nodes(network, objective, side)]), "|", flush=True)
    print(f"Copied: {12 * side**2 / 1e6:.3g} MB up and as much down an evaluation.")


if __name__ == "__main__":
    main()
