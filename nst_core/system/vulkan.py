"""The graphics devices that Vulkan offers on this machine, and what each of them can do.

Asks the system's Vulkan loader, as the engine that computes on a device will, through the few functions of
Vulkan 1.1 that describe devices. Starts no computation. Used on Linux; Windows and macOS compute through
Direct3D and Metal.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_uint8, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Literal

LOADER = "libvulkan.so.1"
"""The loader of Vulkan's drivers. Debian has it in libvulkan1, Fedora in vulkan-loader."""

VERSION = (1 << 22) | (3 << 12)
"""Vulkan 1.3, in which a driver names itself and its largest buffer."""

Kind = Literal["other", "integrated", "discrete", "virtual", "software"]

KINDS: tuple[Kind, ...] = ("other", "integrated", "discrete", "virtual", "software")
"""Kinds of devices, by Vulkan's numbers."""

DEVICE_LOCAL = 1
"""The flag of a heap that is the device's own memory."""


class NoVulkanLoader(Exception):  # noqa: N818 - a state of the machine
    """There is no Vulkan loader on this machine."""


@dataclass(frozen=True, kw_only=True)
class VulkanDevice:
    """A device; sizes are in bytes.

    ``memory`` is its own memory, and ``free_memory`` what is free of it, None if the driver does not tell.
    ``largest_buffer`` is the most that a computation can see at once. ``driver`` is a name and a version.
    """

    name: str
    kind: Kind
    vendor_id: int
    device_id: int
    driver: str
    memory: int
    free_memory: int | None
    largest_buffer: int


class _Application(Structure):
    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("name", c_char_p),
        ("version", c_uint32),
        ("engine", c_char_p),
        ("engine_version", c_uint32),
        ("api_version", c_uint32),
    )


class _InstanceInfo(Structure):
    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("flags", c_uint32),
        ("application", POINTER(_Application)),
        ("layer_count", c_uint32),
        ("layers", c_void_p),
        ("extension_count", c_uint32),
        ("extensions", c_void_p),
    )


class _Driver(Structure):
    """VkPhysicalDeviceDriverProperties."""

    number = 1000196000
    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("id", c_uint32),
        ("name", c_char * 256),
        ("info", c_char * 256),
        ("conformance", c_uint8 * 4),
    )


class _Allocations(Structure):
    """VkPhysicalDeviceMaintenance3Properties."""

    number = 1000168000
    _fields_ = (("type", c_uint32), ("next", c_void_p), ("descriptors", c_uint32), ("largest", c_uint64))


class _Buffers(Structure):
    """VkPhysicalDeviceMaintenance4Properties."""

    number = 1000413001
    _fields_ = (("type", c_uint32), ("next", c_void_p), ("largest", c_uint64))


class _Properties(Structure):
    """VkPhysicalDeviceProperties2; of the limits, only the start has names here."""

    number = 1000059001
    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("api_version", c_uint32),
        ("driver_version", c_uint32),
        ("vendor_id", c_uint32),
        ("device_id", c_uint32),
        ("kind", c_uint32),
        ("name", c_char * 256),
        ("pipeline_cache", c_uint8 * 16),
        ("first_limits", c_uint64 * 3),
        ("largest_uniform_range", c_uint32),
        ("largest_storage_range", c_uint32),
        ("more_limits", c_uint64 * 59),
        ("sparse", c_uint32 * 5),
    )


class _MemoryType(Structure):
    _fields_ = (("flags", c_uint32), ("heap", c_uint32))


class _Heap(Structure):
    _fields_ = (("size", c_uint64), ("flags", c_uint32))


class _Budget(Structure):
    """VkPhysicalDeviceMemoryBudgetPropertiesEXT."""

    number = 1000237000
    _fields_ = (("type", c_uint32), ("next", c_void_p), ("budget", c_uint64 * 16), ("usage", c_uint64 * 16))


class _Memory(Structure):
    """VkPhysicalDeviceMemoryProperties2."""

    number = 1000059006
    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("type_count", c_uint32),
        ("types", _MemoryType * 32),
        ("heap_count", c_uint32),
        ("heaps", _Heap * 16),
    )


def vulkan_devices() -> tuple[VulkanDevice, ...]:
    """Return the devices, in the loader's order; none if no driver can be used.

    Raises:
        NoVulkanLoader: there is no loader.
    """
    try:
        loader = ctypes.CDLL(LOADER)
    except OSError:
        raise NoVulkanLoader from None
    with _instance(loader) as instance:
        return tuple(_describe(loader, handle) for handle in _handles(loader, instance))


@contextmanager
def _instance(loader: ctypes.CDLL) -> Iterator[c_void_p | None]:
    """Open a Vulkan instance; None if the loader finds no driver."""
    application = _Application(api_version=VERSION)
    info = _InstanceInfo(type=1, application=ctypes.pointer(application))
    instance = c_void_p()
    if loader.vkCreateInstance(byref(info), None, byref(instance)):
        yield None
        return
    try:
        yield instance
    finally:
        loader.vkDestroyInstance(instance, None)


def _handles(loader: ctypes.CDLL, instance: c_void_p | None) -> list[c_void_p]:
    count = c_uint32()
    if instance is None or loader.vkEnumeratePhysicalDevices(instance, byref(count), None) or not count.value:
        return []
    handles = (c_void_p * count.value)()
    if loader.vkEnumeratePhysicalDevices(instance, byref(count), handles) < 0:
        return []
    return [c_void_p(handle) for handle in handles[: count.value]]


def _describe(loader: ctypes.CDLL, handle: c_void_p) -> VulkanDevice:
    driver, allocations, buffers, budget = _Driver(), _Allocations(), _Buffers(), _Budget()
    properties, memory = _Properties(), _Memory()
    _chain(properties, driver, allocations, buffers)
    _chain(memory, budget)
    loader.vkGetPhysicalDeviceProperties2(handle, byref(properties))
    loader.vkGetPhysicalDeviceMemoryProperties2(handle, byref(memory))
    own = [index for index in range(memory.heap_count) if memory.heaps[index].flags & DEVICE_LOCAL]
    free = sum(max(0, budget.budget[index] - budget.usage[index]) for index in own)
    limits = (properties.largest_storage_range, buffers.largest or allocations.largest)
    return VulkanDevice(
        name=_text(properties.name),
        kind=KINDS[properties.kind] if properties.kind < len(KINDS) else "other",
        vendor_id=properties.vendor_id,
        device_id=properties.device_id,
        driver=f"{_text(driver.name)} {_text(driver.info)}".strip() or f"{properties.driver_version:#x}",
        memory=sum(memory.heaps[index].size for index in own),
        free_memory=free if any(budget.budget) else None,
        largest_buffer=min(limit for limit in limits if limit),
    )


def _chain(first: _Properties | _Memory, *rest: _Driver | _Allocations | _Buffers | _Budget) -> None:
    """Set the type numbers of structures, and let each point to the next."""
    chain = (first, *rest)
    for structure, following in zip(chain, (*chain[1:], None), strict=True):
        structure.type = structure.number
        structure.next = ctypes.addressof(following) if following is not None else None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace").strip()
