"""ONNX Runtime sessions on the device that was asked for, and no surprises about which that is.

Comes in: an ONNX model and the name of a device. Goes out: a session, and the device in words. A device that
was asked for, or that ought to be there, and is not, is told through ``on_notice``; the CPU steps in. Does
not know what the model computes.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import onnx
import onnxruntime

from nst_core.errors import ErrorCode, NstError, first_line, is_framework_oom, nearest
from nst_core.events import Notice

OnNotice: TypeAlias = Callable[[Notice], None]
Configure: TypeAlias = Callable[[onnxruntime.SessionOptions], None]

DEVICE = re.compile(r"([a-z]+)(?::(\d{1,3}))?")

CPU = "CPUExecutionProvider"

PROVIDERS: Mapping[str, str] = {
    # A device's name -> the execution provider that drives it.
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
}

AUTOMATIC = ("cuda", "directml")
"""What "auto" takes where the installed ONNX Runtime has it, in this order. CoreML must be asked for: it
compiles a network anew for every size of picture, and computes in half precision where it sees fit."""

CUDA_OPTIONS = {
    # Target features are computed once and matched ever after: full float32, not TF32.
    "use_tf32": "0",
    # An exhaustive search tries every algorithm anew for each size of picture; here each size runs once.
    "cudnn_conv_algo_search": "HEURISTIC",
    # Grow by what is needed, not to the next power of two.
    "arena_extend_strategy": "kSameAsRequested",
}


@dataclass(frozen=True)
class Device:
    """A device: ``kind`` is "cpu" or a key of ``PROVIDERS``; ``asked`` says that the user named it."""

    kind: str
    index: int = 0
    asked: bool = False

    @property
    def words(self) -> str:
        """The device as people read it."""
        return "CPU" if self.kind == "cpu" else f"{self.kind}:{self.index}"


@dataclass(frozen=True)
class Session:
    """An open session, and the device that it really runs on."""

    runtime: onnxruntime.InferenceSession = field(repr=False)
    device: Device


def find_device(name: str) -> Device:
    """Read the name of a device: auto, cpu, cuda, cuda:1, directml, coreml.

    Raises:
        NstError: ``no-device`` for a name that is none of these.
    """
    match = DEVICE.fullmatch(name)
    kinds = ("auto", "cpu", *PROVIDERS)
    if match is None or match[1] not in kinds or (match[2] and match[1] not in PROVIDERS):
        raise NstError(
            ErrorCode.NO_DEVICE,
            f"ONNX Runtime drives no device {name!r}.{nearest(name, kinds)}",
            f"Devices are {', '.join(kinds)}; a number picks one of several, as in cuda:1.",
        )
    if match[1] != "auto":
        return Device(match[1], int(match[2] or 0), asked=True)
    available = onnxruntime.get_available_providers()
    kind = next((kind for kind in AUTOMATIC if PROVIDERS[kind] in available), "cpu")
    return Device(kind)


def session_options() -> onnxruntime.SessionOptions:
    """Options for pictures of changing size.

    Without an arena and without memory patterns, which are remembered for every size, memory goes back to
    the system after each run. Measured with VGG-16 to relu5_1 on two cores: no slower at 512 x 512 and
    1024 x 1024, while the arena holds 1.0 GB after a run at 1024 x 1024, and this 0.07 GB.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # what fails is raised, and told in words; the rest is no news
    return options


def thread_count() -> int:
    """Return how many threads OMP_NUM_THREADS allows, 0 (as many as there are cores) where it says nothing.

    ONNX Runtime's usual builds do not look at it; but it is what people, schedulers and Ray set where
    several programs share a machine, and what torch heeds.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() else 0


def open_session(
    model: onnx.ModelProto,
    device: Device,
    on_notice: OnNotice = lambda _notice: None,
    configure: Configure = lambda _options: None,
) -> Session:
    """Open ``model`` on ``device``, or on the CPU, saying so, where that does not work.

    ``configure`` may change the session's options.

    Raises:
        NstError: ``no-engine`` when not even the CPU can run the model; ``out-of-memory``.
    """
    content = model.SerializeToString()
    if device.kind != "cpu":
        try:
            return Session(open_on(content, device, configure), device)
        except ProviderMissing as error:
            why = "was asked for but" if device.asked else "should be there but"
            sentence = f"The network runs on the CPU because {device.words} {why} cannot be used: {error}."
            on_notice(Notice("no-device", sentence))
    try:
        return Session(open_on(content, Device("cpu"), configure), Device("cpu"))
    except ProviderMissing as error:
        raise NstError(
            ErrorCode.NO_ENGINE,
            f"ONNX Runtime cannot run the network: {error}.",
            "Install ONNX Runtime again; `nst doctor` shows what is there.",
        ) from None


class ProviderMissing(Exception):  # noqa: N818 - a state of the machine
    """An execution provider is not there or did not start; the text is a clause saying why."""


def open_on(
    content: bytes, device: Device, configure: Configure = lambda _options: None
) -> onnxruntime.InferenceSession:
    """Open a serialised model on exactly this device.

    Raises:
        ProviderMissing: the device's provider did not take it.
        NstError: ``out-of-memory``.
    """
    provider = CPU if device.kind == "cpu" else PROVIDERS[device.kind]
    if provider not in onnxruntime.get_available_providers():
        raise ProviderMissing(f"the installed ONNX Runtime was built without {provider}")
    if device.kind == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        # CUDA's libraries may lie in the wheels of torch or of NVIDIA, where the loader does not look.
        # What it finds wrong it prints to stdout, which may be a protocol's.
        with contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls(cuda=True, cudnn=True, msvc=False)
    chosen: list[tuple[str, dict[str, str]]] = [(provider, provider_options(device))]
    if device.kind != "cpu":
        chosen.append((CPU, {}))
    options = session_options()
    configure(options)
    try:
        # Its own way of falling back prints to stdout and goes on in silence; so it is turned off.
        session = onnxruntime.InferenceSession(content, options, providers=chosen, enable_fallback=0)
    except Exception as error:  # every provider raises its own
        if device.kind == "cpu" and is_framework_oom(error):  # where it is a GPU's, the CPU steps in
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                "There is not enough memory to open the network.",
                "Close other programs, or paint at a smaller size.",
            ) from None
        raise ProviderMissing(first_line(error)) from None
    if session.get_providers()[0] != provider:
        raise ProviderMissing(f"{provider} did not start; its driver or libraries are missing or too old")
    return session


def provider_options(device: Device) -> dict[str, str]:
    """Options of the device's execution provider."""
    if device.kind == "cuda":
        return {"device_id": str(device.index), **CUDA_OPTIONS}
    if device.kind == "directml":
        return {"device_id": str(device.index)}
    return {}


def run_options(device: Device) -> onnxruntime.RunOptions:
    """Options of one run: on a GPU, memory that the run needed is given back after it."""
    options = onnxruntime.RunOptions()
    if device.kind == "cuda":
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device.index}")
    return options
