"""The graphics cards that WebGPU can compute on, through ONNX Runtime's plug-in package.

:func:`find_cards` lists them, or says what is missing; :func:`add_provider` puts one into the options of a
session. The package ``onnxruntime-ep-webgpu`` is optional: without it there are no cards, and nothing else
changes.

WebGPU (Dawn) chooses the card itself: the fastest, or on request the most economical one. On Linux it sees
the cards in Vulkan's order, which the loader can change. One process computes on one card at a time.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import onnxruntime

from nst_core.errors import first_line
from nst_core.system.vulkan import Kind, NoVulkanLoader, VulkanDevice, vulkan_devices

PACKAGE = "onnxruntime_ep_webgpu"

PROVIDER = "WebGpuExecutionProvider"

OLDEST_RUNTIME = "1.24.4"
"""The oldest ONNX Runtime that the plug-in package works with."""

ALLOW_SOFTWARE = "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER"
"""Environment variable of the package: without it, cards are found only where the kernel lists them under
/sys/class/drm, not in a container. It is the card's kind that says whether it is a real one."""

SELECT_DEVICE = "VK_LOADER_DEVICE_SELECT"
"""Environment variable of the Vulkan loader: the device that it lists first."""

UNKNOWN_BUFFER = 2**31
"""Largest buffer in bytes where the system does not tell: Direct3D's, and less than Metal's."""

QUALCOMM_BUFFER = 2**28
"""The same on Qualcomm's cards under Direct3D, by Dawn's own table."""

FATAL = 4
"""ONNX Runtime's level of messages on stderr that leaves out errors."""

LAYOUT = "NCHW"
"""Layout of convolutions. In the plug-in's own, NHWC, the gradient graph of VGG-16 gets 49 transpositions:
319 nodes for 270, and on SwiftShader a process of 0.86 GB for 0.59 at 48 x 48 pixels."""

VENDORS: Mapping[int, str] = {
    0x1002: "AMD",
    0x10DE: "NVIDIA",
    0x8086: "Intel",
    0x106B: "Apple",
    0x5143: "Qualcomm",
    0x4D4F4351: "Qualcomm",
    0x13B5: "Arm",
    0x1414: "Microsoft",
    0x1AE0: "Google",
    0x10005: "Mesa",
}
"""Names of vendors by their PCI or Khronos numbers."""

FASTEST_FIRST: tuple[Kind, ...] = ("discrete", "integrated", "virtual", "other", "software")
"""Kinds of devices in the order in which WebGPU prefers them."""

Missing = Literal["", "package", "runtime", "loader", "driver"]
"""What WebGPU lacks: the plug-in package, a newer ONNX Runtime, the Vulkan loader, a driver with a device."""


class NoWebGpu(Exception):  # noqa: N818 - a state of the machine
    """WebGPU cannot be used; ``missing`` is the reason, and the text a clause with it."""

    def __init__(self, missing: Missing, reason: str) -> None:
        self.missing: Missing = missing
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class GraphicsCard:
    """A card that WebGPU can compute on.

    ``index`` is the number in its device, as in webgpu:1. ``driver`` is a name or a version, or "".
    ``memory`` is in bytes, None if unknown; ``own_memory`` says that it is not the machine's. ``software``
    means that the processor computes for it. ``economical`` cards are the ones that WebGPU has to be asked
    for. ``largest_buffer`` is the most bytes that one tensor can have.
    """

    index: int
    name: str
    vendor: str
    driver: str
    memory: int | None
    own_memory: bool
    software: bool
    economical: bool
    largest_buffer: int
    number: str = ""

    @property
    def device(self) -> str:
        """The name of the device in settings."""
        return f"webgpu:{self.index}"

    @property
    def identity(self) -> str:
        """Name, driver, and versions of the libraries between: what was measured holds for these."""
        versions = f"onnxruntime {onnxruntime.__version__}, webgpu {_package_version()}"
        return ", ".join(filter(None, (self.name, self.driver, versions)))


@dataclass(frozen=True)
class CardSearch:
    """The cards, fastest first, or what is ``missing``, and the ``reason``: a clause for people."""

    cards: tuple[GraphicsCard, ...]
    missing: Missing = ""
    reason: str = ""

    @property
    def real(self) -> tuple[GraphicsCard, ...]:
        """The cards that are not the processor in disguise."""
        return tuple(card for card in self.cards if not card.software)


def find_cards() -> CardSearch:
    """Return the cards that WebGPU can compute on; never raises."""
    try:
        register()
        return CardSearch(_list_cards())
    except NoWebGpu as error:
        return CardSearch((), error.missing, str(error))


def find_card(index: int) -> GraphicsCard:
    """Return the card of a number.

    Raises:
        NoWebGpu: WebGPU cannot be used, or there is no such card.
    """
    register()
    cards = _list_cards()
    if index >= len(cards):
        present = ", ".join(card.device for card in cards)
        raise NoWebGpu("driver", f"there is no card webgpu:{index}, only {present}")
    return cards[index]


def free_memory(card: GraphicsCard) -> int | None:
    """Return the bytes that are free of a card's own memory; all of it if the driver does not tell."""
    if sys.platform == "linux":
        for device in vulkan_devices():
            if _number(device) == card.number and device.free_memory is not None:
                return device.free_memory
    return card.memory


def add_provider(options: onnxruntime.SessionOptions, index: int) -> None:
    """Let a session compute on the card of a number.

    Raises:
        NoWebGpu: WebGPU cannot be used, or there is no such card.
    """
    card = find_card(index)
    if card.index and card.number:
        os.environ[SELECT_DEVICE] = card.number
    preference = "low-power" if card.economical else "high-performance"
    options.add_provider_for_devices(
        _plugin_devices()[:1], {"powerPreference": preference, "preferredLayout": LAYOUT}
    )


def built_in() -> bool:
    """Return whether this ONNX Runtime has WebGPU of its own, as the package onnxruntime-webgpu does."""
    return importlib.util.find_spec(PACKAGE) is None and PROVIDER in onnxruntime.get_available_providers()


@cache
def register() -> None:
    """Make the plug-in known to ONNX Runtime, once in a process.

    Raises:
        NoWebGpu: the package is missing, or does not work with this ONNX Runtime.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise NoWebGpu("package", "the package onnxruntime-ep-webgpu is not installed")
    import onnxruntime_ep_webgpu

    os.environ.setdefault(ALLOW_SOFTWARE, "1")
    # What the plug-in has to say, it says on stderr: what is wrong is raised, and the rest is for developers.
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        onnxruntime.register_execution_provider_library(PROVIDER, onnxruntime_ep_webgpu.get_library_path())
    except Exception as error:  # an old ONNX Runtime has no such function, or the plug-in refuses it
        reason = (
            f"the package onnxruntime-ep-webgpu needs ONNX Runtime {OLDEST_RUNTIME} or newer, and this is "
            f"{onnxruntime.__version__} ({first_line(error)})"
        )
        raise NoWebGpu("runtime", reason) from None


def _plugin_devices() -> list[onnxruntime.OrtEpDevice]:
    """Return ONNX Runtime's devices of the plug-in."""
    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == PROVIDER]


def _list_cards() -> tuple[GraphicsCard, ...]:
    if sys.platform == "linux":
        return _vulkan_cards()
    cards = tuple(_apple_cards() if sys.platform == "darwin" else _direct3d_cards(_plugin_devices()))
    if not cards:
        raise NoWebGpu("driver", "no graphics driver offers a device")
    return cards


def _vulkan_cards() -> tuple[GraphicsCard, ...]:
    """Return Vulkan's devices as cards, in the order in which WebGPU prefers them."""
    try:
        devices = sorted(vulkan_devices(), key=lambda device: FASTEST_FIRST.index(device.kind))
    except NoVulkanLoader:
        raise NoWebGpu("loader", "there is no Vulkan loader (libvulkan.so.1)") from None
    if not devices:
        raise NoWebGpu("driver", "no graphics driver offers a Vulkan device")
    return tuple(
        GraphicsCard(
            index=index,
            name=device.name,
            vendor=VENDORS.get(device.vendor_id, f"{device.vendor_id:#06x}"),
            driver=device.driver,
            memory=device.memory or None,
            own_memory=device.kind == "discrete",
            software=device.kind == "software",
            economical=device.kind == "integrated",
            largest_buffer=device.largest_buffer,
            number=_number(device),
        )
        for index, device in enumerate(devices)
    )


def _number(device: VulkanDevice) -> str:
    return f"{device.vendor_id:#x}:{device.device_id:#x}"


def _direct3d_cards(devices: Iterable[onnxruntime.OrtEpDevice]) -> Iterable[GraphicsCard]:
    """Yield the fastest and the most economical of Windows' cards: WebGPU can be asked for these two."""
    hardware = [device.device for device in devices]
    found = sorted(hardware, key=lambda item: int(item.metadata.get("DxgiHighPerformanceIndex", "99")))
    for index, item in enumerate(found[:2]):
        vendor = VENDORS.get(item.vendor_id, item.vendor)
        megabytes = item.metadata.get("DxgiVideoMemory", "").partition(" ")[0]
        discrete = item.metadata.get("Discrete") == "1"
        yield GraphicsCard(
            index=index,
            # ONNX Runtime replaces characters such as a trademark sign with spaces.
            name=" ".join(item.metadata.get("Description", "").split()) or f"{vendor} graphics card",
            vendor=vendor,
            driver=_windows_driver(item.vendor_id, item.device_id),
            memory=int(megabytes) * 2**20 if megabytes.isdigit() and discrete else None,
            own_memory=discrete,
            software=vendor == "Microsoft" or item.type != onnxruntime.OrtHardwareDeviceType.GPU,
            economical=index > 0,
            largest_buffer=QUALCOMM_BUFFER if vendor == "Qualcomm" else UNKNOWN_BUFFER,
        )


def _windows_driver(vendor_id: int, device_id: int) -> str:
    """Return the version of the driver of a display adapter, from Windows' registry; "" if unknown."""
    if sys.platform != "win32":
        return ""
    import winreg

    adapters = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
    wanted = f"ven_{vendor_id:04x}&dev_{device_id:04x}"
    for number in range(32):
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{adapters}\{number:04}") as key:
                if wanted in winreg.QueryValueEx(key, "MatchingDeviceId")[0].lower():
                    return str(winreg.QueryValueEx(key, "DriverVersion")[0])
        except OSError:
            continue
    return ""


def _apple_cards() -> Iterable[GraphicsCard]:
    """Yield the graphics part of Apple's processor, which shares the machine's memory."""
    name = subprocess.run(
        ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
    ).stdout.strip()
    yield GraphicsCard(
        index=0,
        name=name or "Apple graphics",
        vendor="Apple",
        driver=f"macOS {platform.mac_ver()[0]}",
        memory=None,
        own_memory=False,
        software=False,
        economical=False,
        largest_buffer=UNKNOWN_BUFFER,
    )


def _package_version() -> str:
    try:
        return importlib.metadata.version("onnxruntime-ep-webgpu")
    except importlib.metadata.PackageNotFoundError:
        return ""
