"""ONNX Runtime sessions on the requested device, with a notice if the CPU has to be used instead.

Takes a graph and the name of a device, and returns a session and the device that it runs on. If a
requested or expected device is not available, ``on_notice`` receives a notice and the CPU is used. Does not
know what the model computes.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import onnxruntime

from nst_core.errors import ErrorCode, NstError, first_line, nearest
from nst_core.events import Notice, OnNotice
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.system.threads import thread_count
from nst_core.vgg import graphics_cards
from nst_core.vgg.graph import Graph

Configure: TypeAlias = Callable[[onnxruntime.SessionOptions], None]

DEVICE = re.compile(r"([a-z]+)(?::(\d{1,3}))?")

CPU = "CPUExecutionProvider"

PROVIDERS: Mapping[str, str] = {
    # Name of a device -> its execution provider.
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
}

AUTOMATIC = ("cuda", "directml")
"""The devices that "auto" tries, in this order, if the installed ONNX Runtime supports them. CoreML must be
requested: it compiles a network again for every picture size, and may compute in half precision."""

CUDA_OPTIONS = {
    # Target features are computed once and used throughout the run, so use full float32, not TF32.
    "use_tf32": "0",
    # An exhaustive search tries every algorithm for each picture size, but here each size runs only once.
    "cudnn_conv_algo_search": "HEURISTIC",
    # Grow by the needed amount, not to the next power of two.
    "arena_extend_strategy": "kSameAsRequested",
}


@dataclass(frozen=True)
class Device:
    """A device: ``kind`` is "cpu" or a key of ``PROVIDERS``; ``requested`` means that the user named it."""

    kind: str
    index: int = 0
    requested: bool = False

    @property
    def words(self) -> str:
        """The name of the device for people."""
        return "CPU" if self.kind == "cpu" else f"{self.kind}:{self.index}"


@dataclass(frozen=True)
class Session:
    """An open session and the device that it runs on."""

    runtime: onnxruntime.InferenceSession = field(repr=False)
    device: Device


def find_device(name: str) -> Device:
    """Return the device for a name: auto, cpu, cuda, cuda:1, directml, coreml, webgpu, webgpu:1.

    Raises:
        NstError: ``no-device`` for any other name.
    """
    match = DEVICE.fullmatch(name)
    kinds = ("auto", "cpu", *PROVIDERS)
    if match is None or match[1] not in kinds or (match[2] and match[1] not in PROVIDERS):
        raise NstError(
            ErrorCode.NO_DEVICE,
            f"ONNX Runtime has no device {name!r}.{nearest(name, kinds)}",
            f"Use {', '.join(kinds[:-1])} or {kinds[-1]}; a number selects one of several, as in cuda:1.",
        )
    if match[1] != "auto":
        return Device(match[1], int(match[2] or 0), requested=True)
    available = onnxruntime.get_available_providers()
    kind = next((kind for kind in AUTOMATIC if PROVIDERS[kind] in available), "cpu")
    return Device(kind)


def session_options() -> onnxruntime.SessionOptions:
    """Return session options for pictures of changing size.

    Without an arena and without memory patterns, which are stored for every size, memory returns to the
    system after each run. Measured with VGG-16 to relu5_1 on two cores: this is not slower at 512 x 512 and
    1024 x 1024, and holds 0.07 GB after a run at 1024 x 1024; the arena holds 1.0 GB.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = graphics_cards.FATAL  # errors are raised as exceptions, too
    return options


def open_session(
    graph: Graph,
    device: Device,
    on_notice: OnNotice = lambda _notice: None,
    configure: Configure = lambda _options: None,
) -> Session:
    """Open ``graph`` on ``device``; if that fails, send a notice and open it on the CPU.

    ``configure`` may change the session's options.

    Raises:
        NstError: ``no-engine`` if the CPU cannot run the model either; ``out-of-memory``.
    """
    content = graph.model.SerializeToString()
    constants = {name: onnxruntime.OrtValue.ortvalue_from_numpy(a) for name, a in graph.constants.items()}

    def configure_with_constants(options: onnxruntime.SessionOptions) -> None:
        if constants:
            options.add_external_initializers(list(constants), list(constants.values()))
        configure(options)

    if device.kind != "cpu":
        try:
            return Session(open_on_device(content, device, configure_with_constants), device)
        except ProviderUnavailable as error:
            adjective = "requested" if device.requested else "expected"
            sentence = (
                f"The network runs on the CPU because the {adjective} device {device.words} "
                f"cannot be used: {error}."
            )
            on_notice(Notice("no-device", sentence))
    try:
        cpu = Device("cpu")
        return Session(open_on_device(content, cpu, configure_with_constants), cpu)
    except ProviderUnavailable as error:
        raise NstError(
            ErrorCode.NO_ENGINE,
            f"ONNX Runtime cannot run the network: {error}.",
            "Reinstall ONNX Runtime. `nst doctor` shows what is installed.",
        ) from None


class ProviderUnavailable(Exception):  # noqa: N818 - a state of the machine
    """An execution provider is missing or did not start; the text is a clause with the reason."""


def open_on_device(
    content: bytes, device: Device, configure: Configure = lambda _options: None
) -> onnxruntime.InferenceSession:
    """Open a serialised model on exactly this device.

    Raises:
        ProviderUnavailable: the device's provider did not accept the model.
        NstError: ``out-of-memory``.
    """
    provider = CPU if device.kind == "cpu" else PROVIDERS[device.kind]
    options = session_options()
    configure(options)
    providers = _choose_providers(device, provider, options)
    try:
        # ONNX Runtime's own fallback prints to stdout and continues silently, so it is turned off.
        session = onnxruntime.InferenceSession(content, options, providers=providers, enable_fallback=0)
    except Exception as error:  # every provider raises its own exceptions
        if device.kind == "cpu" and is_out_of_memory(error):  # a full GPU falls back to the CPU
            raise NstError(
                ErrorCode.OUT_OF_MEMORY,
                "There is not enough memory to open the network.",
                "Close other programs, or paint at a smaller size.",
            ) from None
        raise ProviderUnavailable(first_line(error)) from None
    if session.get_providers()[0] != provider:
        raise ProviderUnavailable(f"{provider} did not start; its driver or libraries are missing or too old")
    return session


def _choose_providers(
    device: Device, provider: str, options: onnxruntime.SessionOptions
) -> list[tuple[str, dict[str, str]]] | None:
    """Return the providers of a session on ``device``; None if they are in its ``options``.

    Raises:
        ProviderUnavailable: ``provider`` is not installed.
    """
    if device.kind == "webgpu" and not graphics_cards.built_in():
        try:
            graphics_cards.add_provider(options, device.index)
        except graphics_cards.NoWebGpu as error:
            raise ProviderUnavailable(str(error)) from None
        return None
    if provider not in onnxruntime.get_available_providers():
        raise ProviderUnavailable(f"the installed ONNX Runtime was built without {provider}")
    if device.kind == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        # CUDA's libraries may be in the wheels of torch or NVIDIA, where the loader does not look.
        # Problems are printed to stdout, which may carry a protocol.
        with contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls(cuda=True, cudnn=True, msvc=False)
    chosen = [(provider, provider_options(device))]
    return chosen if device.kind == "cpu" else [*chosen, (CPU, {})]


def provider_options(device: Device) -> dict[str, str]:
    """Return the options of the device's execution provider."""
    if device.kind == "cuda":
        return {"device_id": str(device.index), **CUDA_OPTIONS}
    if device.kind == "directml":
        return {"device_id": str(device.index)}
    return {}


def run_options(device: Device) -> onnxruntime.RunOptions:
    """Return the options of one run: on a GPU, the run frees its memory afterwards."""
    options = onnxruntime.RunOptions()
    if device.kind == "cuda":
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device.index}")
    return options
