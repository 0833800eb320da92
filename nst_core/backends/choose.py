"""Choice of engine and device: those that the user asked for, or the best available, never silently less.

``auto`` chooses torch if it can use a GPU, then a graphics card of ONNX Runtime's, WebGPU's among them if
:mod:`nst_core.backends.card_check` trusts it, then the CPU. Frameworks are imported only here and in the
backends, and only if they will be used.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nst_core.backends.interface import Backend, FeatureExtractor
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.events import Notice, OnNotice
from nst_core.settings import Settings
from nst_core.system.threads import discard_thread_count, thread_count
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import DEVICE, find_device
from nst_core.vgg.store import ModelStore

TORCH_DEVICES = ("cpu", "cuda", "mps", "xpu")
ONNX_DEVICES = ("cpu", "cuda", "directml", "coreml", "openvino", "webgpu")


@dataclass(frozen=True)
class Engine:
    """A network opened on a device: a backend that optimises and an extractor of target features."""

    network: Network
    backend: Backend
    extractor: FeatureExtractor

    @property
    def name(self) -> str:
        """Engine, device, card, network, and threads if limited: equal names have equal speed."""
        backend = self.backend
        words = [backend.engine, backend.device, backend.hardware, self.network.architecture]
        words = [word for word in words if word]
        threads = 0 if self.backend.limits.own_memory else thread_count()
        return " ".join([*words, f"{threads} threads"] if threads else words)

    def close(self) -> None:
        """Release the device's memory, and end the processes that share its work."""
        self.backend.end()


def torch_installed() -> bool:
    """Return whether torch can be imported, without importing it."""
    return importlib.util.find_spec("torch") is not None


def torch_gpu(on_notice: OnNotice = lambda _notice: None) -> str | None:
    """Return the kind of GPU that torch can use ("cuda", "mps", "xpu"), or None.

    Imports torch, which takes seconds, unless its version says that it was built only for the CPU.
    ``on_notice`` hears of a card that is too old for it.
    """
    if not torch_installed() or importlib.metadata.version("torch").endswith("+cpu"):
        return None
    import torch

    if torch.cuda.is_available():
        from nst_core.backends.pytorch.devices import unsupported_card

        reason = unsupported_card(torch.device("cuda", 0))
        if reason is None:
            return "cuda"
        on_notice(Notice("no-device", f"PyTorch does not use the graphics card: {reason}."))
    if torch.backends.mps.is_available():
        return "mps"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return None


def choose(engine: str, device: str, gpu: str | None) -> tuple[Literal["torch", "onnx"], str]:
    """Return (engine, device) for the settings of these names; ``gpu`` is the kind that torch can use.

    Raises:
        NstError: ``bad-setting`` for an unknown device, or for several with the ONNX engine.
    """
    if len(device.split(",")) > 1 or device.endswith(":all"):
        if engine == "onnx":
            raise NstError(
                ErrorCode.BAD_SETTING,
                "Only the torch engine can use several devices for one picture.",
                "Name one device, or use --engine torch.",
            )
        for name in device.split(","):
            choose("torch", name.removesuffix(":all"), gpu)
        return "torch", device
    kind = device.partition(":")[0]
    kinds = {"torch": TORCH_DEVICES, "onnx": ONNX_DEVICES}.get(engine, TORCH_DEVICES + ONNX_DEVICES)
    if kind != "auto" and kind not in kinds:
        options = ", ".join(("auto", *dict.fromkeys(kinds)))
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"device must be one of {options}, not {device!r}.{nearest(kind, kinds)}",
        )
    if engine == "torch":
        return "torch", (gpu or "cpu") if kind == "auto" else device
    if engine == "auto" and gpu is not None and kind in ("auto", gpu):
        return "torch", gpu if kind == "auto" else device
    return "onnx", device


def open_engine(settings: Settings, store: ModelStore, on_notice: OnNotice) -> Engine:
    """Open the network and the engine that ``settings`` name.

    Raises:
        NstError: ``no-model``, ``bad-model``, ``no-engine``, ``no-device``, ``bad-setting``.
    """
    about_threads = discard_thread_count()
    if about_threads is not None:
        on_notice(about_threads)
    network = store.resolve(settings.model, on_notice)
    needs_torch = settings.engine == "torch" or "," in settings.device or settings.device.endswith(":all")
    if needs_torch and not torch_installed():
        raise NstError(
            ErrorCode.NO_ENGINE,
            "The torch engine is not installed.",
            "Use --engine onnx, or install torch in the environment of nst.",
        )
    engine, device = choose(
        settings.engine, settings.device, torch_gpu(on_notice) if settings.engine != "onnx" else None
    )
    backend: Backend
    extractor: FeatureExtractor
    if engine == "torch":
        devices = _device_names(device)
        check_torch_devices(devices)
        if len(devices) > 1:
            from nst_core.backends.pytorch.multi_gpu import DistributedBackend

            backend = extractor = DistributedBackend(
                network, devices=devices, pooling=settings.pooling, padding=settings.padding
            )
        else:
            from nst_core.backends.pytorch.backend import TorchBackend

            backend = extractor = TorchBackend(
                network,
                device=devices[0],
                pooling=settings.pooling,
                padding=settings.padding,
                on_notice=on_notice,
            )
        if devices[0] != "cpu":
            return Engine(network, backend, extractor)
        device = devices[0]
    else:
        from nst_core.backends.onnx_runtime.backend import OnnxBackend

        if device == "auto" and find_device("auto").kind == "cpu":
            device = _trusted_card_or_cpu(network, on_notice)
        backend = OnnxBackend(
            network, device=device, pooling=settings.pooling, padding=settings.padding, on_notice=on_notice
        )
    extractor = OnnxFeatures(
        network,
        device="cpu" if device == "auto" else device,
        pooling=settings.pooling,
        padding=settings.padding,
        on_notice=on_notice,
    )
    return Engine(network, backend, extractor)


def _trusted_card_or_cpu(network: Network, on_notice: OnNotice) -> str:
    """Return the device that ``auto`` takes if ONNX Runtime was built for the CPU alone."""
    from nst_core.backends.card_check import find_trusted_card

    card = find_trusted_card(network, on_notice)
    return "cpu" if card is None else card.device


def check_torch_devices(devices: Sequence[str]) -> None:
    """Check that torch can compute on each of ``devices``.

    Raises:
        NstError: ``bad-setting`` for a name that is not a device, or is repeated; ``no-device``.
    """
    import torch

    from nst_core.backends.pytorch.devices import unsupported_card

    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if hasattr(torch, "xpu"):
        counts["xpu"] = torch.xpu.device_count()
    checked = set[tuple[str, int]]()
    for name in devices:
        match = DEVICE.fullmatch(name)
        if match is None:
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"There is no device {name!r}.",
                "Devices have names like cuda or cuda:1.",
            )
        kind, index = match[1], int(match[2] or 0)
        if kind == "cpu":
            continue
        if index >= counts.get(kind, 0):
            raise NstError(
                ErrorCode.NO_DEVICE,
                f"PyTorch cannot use {name} on this machine.",
                "`nst doctor` shows the available devices; without --device, nst uses the best one.",
            )
        reason = unsupported_card(torch.device(kind, index))
        if reason is not None:
            raise NstError(
                ErrorCode.NO_DEVICE,
                f"PyTorch cannot use {name}: {reason}.",
                "Paint with --engine onnx, or install a PyTorch that supports the card.",
            )
        if (kind, index) in checked:
            raise NstError(
                ErrorCode.BAD_SETTING, f"The device {name} is named twice.", "Name each device once."
            )
        checked.add((kind, index))


def _device_names(device: str) -> list[str]:
    """Return the devices that ``device`` names: "cuda:all" stands for all that torch finds."""
    if not device.endswith(":all"):
        return device.split(",")
    import torch

    kind = device.removesuffix(":all")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    return [f"{kind}:{index}" for index in range(count)] if count > 1 else [kind]
