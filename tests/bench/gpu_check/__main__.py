"""One part in this process: ``python -m tests.bench.gpu_check PART --device cuda [--small]``; prints JSON."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import site
import sys
from dataclasses import asdict

if "NST_BENCH_SITE" in os.environ:  # carried libraries; those of the machine win
    site.addsitedir(os.environ["NST_BENCH_SITE"])

from tests.bench.gpu_check import choices, exactness, runs, speed
from tests.bench.gpu_check.pictures import Place

PARTS = {
    work.__name__: work
    for work in (
        *(exactness.parity, exactness.recording, exactness.onnx, exactness.webgpu),
        *(speed.card, speed.evaluations, speed.kernels),
        *(runs.default_1024, runs.megapixels_12, runs.megapixels_24, runs.one, runs.processes),
        *(runs.stop, runs.memory_ends, runs.same_bits, runs.one_with_search, runs.host),
        *(choices.search, choices.random_vgg19, choices.wasserstein),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        found = PARTS[options.part](Place(options.device, options.small))
    print(
        json.dumps(
            {"left_out": found} if isinstance(found, str) else {"rows": [asdict(row) for row in found]}
        )
    )


if __name__ == "__main__":
    main()
