"""Gather what ``python -m tests.bench.gpu --carried FOLDER`` needs on a machine without internet.

``python -m tests.bench.gpu_check.carry FOLDER [--python 3.12] [--without LIBRARY ...]``, on a machine with
internet and VGG-16 in its model store. Fetches wheels for Linux on x86-64 of the libraries that a bare
machine with PyTorch lacks, and writes VGG-16 in half precision: 76 MB, or 48 MB ``--without onnxruntime``
where there is one. ONNX Runtime for CUDA is too large to carry (256 MB).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from nst_core.vgg.store import ModelStore

LIBRARIES = (
    "annotated-types",
    "array-api-compat",
    "cffi",
    "click",
    "filelock",
    "onnxruntime",
    "onnxruntime-ep-webgpu",
    "platformdirs",
    "pycparser",
    "pydantic",
    "pydantic-core",
    "pyvips",
    "pyvips-binary",
    "typing-inspection",
)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def fetch_wheels(folder: Path, python: str, names: list[str]) -> None:
    """Fetch the wheels of ``names`` in the versions that are installed here, for ``python``."""
    pip = [sys.executable, "-m", "pip"]
    frozen = subprocess.run([*pip, "freeze", "--all"], capture_output=True, text=True, check=True).stdout
    pins = [
        line for line in frozen.splitlines() if line.partition("==")[0].replace("_", "-").lower() in names
    ]
    built = [pin for pin in pins if pin.startswith("pyvips==")]  # has no wheel
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command = [*pip, "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", python]
    command += ["--implementation", "cp", *platforms, "-d", str(folder)]
    subprocess.run([*command, *(pin for pin in pins if pin not in built)], check=True)
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(folder), *built], check=True)


def write_half(folder: Path) -> None:
    """Write VGG-16 of the model store in half precision, which the store reads as well."""
    model = onnx.load(str(ModelStore().root / "vgg16.onnx"))
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.size > 8:
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), tensor.name))
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "vgg16.onnx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.12", help="of that machine (%(default)s)")
    parser.add_argument("--without", nargs="+", default=[], choices=LIBRARIES, metavar="LIBRARY")
    options = parser.parse_args()
    wheels = options.folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    fetch_wheels(wheels, options.python, [name for name in LIBRARIES if name not in options.without])
    write_half(options.folder / "models")
    size = sum(path.stat().st_size for path in options.folder.rglob("*") if path.is_file())
    print(f"{options.folder}: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
