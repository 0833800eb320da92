"""Memory that a device of ONNX Runtime has, and that evaluations on it need.

Takes a device and a network's architecture, returns the backend's limits. Does not open sessions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nst_core.backends.interface import BackendLimits
from nst_core.system.free_memory import available_memory
from nst_core.system.nvidia import nvidia_free_bytes
from nst_core.vgg.graphics_cards import GraphicsCard, NoWebGpu, find_card, free_memory
from nst_core.vgg.layers import Architecture
from nst_core.vgg.sessions import Device

BYTES_PER_PIXEL: Mapping[Architecture, int] = {"vgg16": 3000, "vgg19": 3300}
TILE_BYTES_PER_PIXEL: Mapping[Architecture, int] = {"vgg16": 2750, "vgg19": 3050}
"""Peak memory for each pixel computed at a time, untiled and in tiles, on the CPU. VGG-16 with ``python -m
tests.bench.memory``: 1.17, 1.94, 2.90 and 3.92 GB in tiles of 0.20, 0.50, 0.92 and 1.18 megapixels; 1.01 and
2.76 GB for 0.26 and 1.00 untiled, and for the latter up to 3.6 within a run (``tests.bench.sizes``). VGG-19
has two more layers, in its third and fourth block."""

FIXED_BYTES: Mapping[Architecture, int] = {"vgg16": 620_000_000, "vgg19": 740_000_000}
"""The same at 0 pixels: sessions, and kernels transformed for both directions."""

WIDEST_FEATURES = 256
"""Bytes for each pixel of the largest tensor of a graph: 64 channels at full resolution."""

UNKNOWN_MEMORY = 2**31
"""Bytes that a card of its own memory is taken to have if its driver does not tell."""


DIRECTML_MEMORY = 2**32
"""The same for DirectML, whose cards all have this much: Windows moves what does not fit into the machine's
memory without an error, and computes many times slower."""


def find_device_card(device: Device) -> GraphicsCard | None:
    """Return the card behind a device of WebGPU; None for other devices, and if it cannot be told."""
    if device.kind != "webgpu":
        return None
    try:
        return find_card(device.index)
    except NoWebGpu:
        return None


def device_limits(device: Device, card: GraphicsCard | None, architecture: Architecture) -> BackendLimits:
    """Return the memory that ``device`` has and needs."""
    return BackendLimits(
        own_memory=device.kind != "cpu" and (card is None or card.own_memory),
        holds_vectors=False,  # every provider takes its inputs from the host
        bytes_per_pixel=BYTES_PER_PIXEL[architecture],
        tile_bytes_per_pixel=TILE_BYTES_PER_PIXEL[architecture],
        fixed_bytes=FIXED_BYTES[architecture],
        most_pixels=math.inf if card is None else card.largest_buffer / WIDEST_FEATURES,
    )


def device_free_bytes(device: Device, card: GraphicsCard | None) -> int:
    """Return the free memory of ``device``, which ONNX Runtime does not report; of some cards a guess."""
    if device.kind == "cpu" or (card is not None and not card.own_memory):
        return available_memory()
    if device.kind == "webgpu":
        return (card and free_memory(card)) or UNKNOWN_MEMORY
    if device.kind == "cuda":
        return nvidia_free_bytes(device.index) or UNKNOWN_MEMORY
    return DIRECTML_MEMORY if device.kind == "directml" else available_memory()
