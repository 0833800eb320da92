"""The list of graphics cards: names, order, and what is missing if there are none."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from types import SimpleNamespace

import onnxruntime
import pytest

from nst_core.system import vulkan
from nst_core.system.vulkan import Kind, NoVulkanLoader, VulkanDevice, vulkan_devices
from nst_core.vgg import graphics_cards
from nst_core.vgg.graphics_cards import NoWebGpu, find_card, find_cards


def make_device(name: str, kind: Kind, number: int = 1, free: int | None = None) -> VulkanDevice:
    return VulkanDevice(
        name=name,
        kind=kind,
        vendor_id=0x1002,
        device_id=number,
        driver="radv Mesa 25.0",
        memory=8 * 2**30,
        free_memory=free,
        largest_buffer=2**32 - 4,
    )


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[VulkanDevice]:
    """What Vulkan finds: a list to fill."""
    found: list[VulkanDevice] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(graphics_cards, "register", lambda: None)
    monkeypatch.setattr(graphics_cards, "vulkan_devices", lambda: tuple(found))
    return found


def test_cards_are_in_the_order_in_which_webgpu_prefers_them(devices: list[VulkanDevice]) -> None:
    devices += [
        make_device("llvmpipe", "software"),
        make_device("Radeon 780M", "integrated"),
        make_device("Radeon RX 7600", "discrete"),
    ]
    search = find_cards()
    assert [card.name for card in search.cards] == ["Radeon RX 7600", "Radeon 780M", "llvmpipe"]
    assert [card.device for card in search.real] == ["webgpu:0", "webgpu:1"]
    assert [card.economical for card in search.real] == [False, True]
    assert [card.own_memory for card in search.real] == [True, False]
    assert search.cards[0].vendor == "AMD"
    assert search.cards[0].identity.startswith("Radeon RX 7600, radv Mesa 25.0, onnxruntime ")


def test_a_card_that_is_not_there_is_an_error_that_names_the_others(devices: list[VulkanDevice]) -> None:
    devices.append(make_device("Radeon RX 7600", "discrete"))
    with pytest.raises(NoWebGpu, match=r"no card webgpu:1, only webgpu:0"):
        find_card(1)


def test_free_memory_is_the_drivers_or_all_of_it(devices: list[VulkanDevice]) -> None:
    devices += [make_device("new", "discrete", 1, free=3 * 2**30), make_device("old", "discrete", 2)]
    assert [graphics_cards.free_memory(card) for card in find_cards().cards] == [3 * 2**30, 8 * 2**30]


class Options:
    """Session options that keep what they are given."""

    def add_provider_for_devices(self, devices: list[object], options: dict[str, str]) -> None:
        self.devices, self.options = devices, options


@pytest.mark.parametrize(
    ("index", "preference", "first"),
    [(0, "high-performance", None), (1, "high-performance", "0x1002:0x2"), (2, "low-power", "0x1002:0x3")],
)
def test_every_card_can_be_chosen(
    devices: list[VulkanDevice],
    index: int,
    preference: str,
    first: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices += [
        make_device("one", "discrete", 1),
        make_device("two", "discrete", 2),
        make_device("three", "integrated", 3),
    ]
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(graphics_cards, "_plugin_devices", lambda: ["a device"])
    options = Options()
    graphics_cards.add_provider(options, index)
    assert options.options == {"powerPreference": preference, "preferredLayout": "NCHW"}
    assert os.environ.get(graphics_cards.SELECT_DEVICE) == first


def test_without_devices_the_driver_is_missing(devices: list[VulkanDevice]) -> None:
    assert devices == []
    assert (find_cards().missing, find_cards().cards) == ("driver", ())


def test_without_a_loader_it_is_missing(devices: list[VulkanDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[VulkanDevice, ...]:
        raise NoVulkanLoader

    monkeypatch.setattr(graphics_cards, "vulkan_devices", fail)
    assert find_cards().missing == "loader"
    assert "libvulkan.so.1" in find_cards().reason


def test_the_vulkan_loader_is_looked_for_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulkan, "LOADER", "libno-such-library.so.1")
    with pytest.raises(NoVulkanLoader):
        vulkan_devices()


def test_structures_have_the_sizes_of_the_vulkan_headers() -> None:
    sizes = {
        vulkan._Properties: 840,
        vulkan._Driver: 536,
        vulkan._Allocations: 32,
        vulkan._Buffers: 24,
        vulkan._Memory: 536,
        vulkan._Budget: 272,
    }
    assert {structure: ctypes.sizeof(structure) for structure in sizes} == sizes
    # VkPhysicalDeviceLimits starts at 296, and maxStorageBufferRange is its eighth number.
    assert vulkan._Properties.largest_storage_range.offset == 16 + 296 + 28


def test_without_the_package_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    graphics_cards.register.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert find_cards().missing == "package"


def test_an_old_onnx_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(graphics_cards.PACKAGE)
    graphics_cards.register.cache_clear()
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library", raising=False)
    search = find_cards()
    assert search.missing == "runtime"
    assert "1.24.4 or newer" in search.reason


def test_windows_cards_are_the_fastest_and_the_most_economical(monkeypatch: pytest.MonkeyPatch) -> None:
    def adapter(description: str, order: int, vendor: int, discrete: str) -> SimpleNamespace:
        metadata = {
            "Description": description,
            "DxgiHighPerformanceIndex": str(order),
            "DxgiVideoMemory": "12010 MB",
            "Discrete": discrete,
        }
        hardware = SimpleNamespace(
            vendor_id=vendor,
            device_id=0x2504,
            vendor="",
            type=onnxruntime.OrtHardwareDeviceType.GPU,
            metadata=metadata,
        )
        return SimpleNamespace(device=hardware)

    monkeypatch.setattr(graphics_cards, "_windows_driver", lambda *_numbers: "32.0.15.6094")
    adapters = [
        adapter("Intel(R)  UHD Graphics", 1, 0x8086, "0"),
        adapter("NVIDIA RTX 3060", 0, 0x10DE, "1"),
    ]
    fast, economical = graphics_cards._direct3d_cards(adapters)
    assert (fast.name, fast.vendor, fast.memory) == ("NVIDIA RTX 3060", "NVIDIA", 12010 * 2**20)
    assert (economical.name, economical.memory) == ("Intel(R) UHD Graphics", None)
    assert [card.economical for card in (fast, economical)] == [False, True]
    assert not fast.software
    (software,) = graphics_cards._direct3d_cards([adapter("Microsoft Basic Render Driver", 0, 0x1414, "0")])
    assert software.software
