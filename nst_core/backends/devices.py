"""The graphics cards of this machine as the setting ``device`` names them, with names for people.

Lists what the installed libraries can use. Tries nothing out, and loads PyTorch only where it was built for a
graphics card.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nst_core.backends.choose import torch_gpu
from nst_core.vgg.graphics_cards import find_cards

WITH_DEVICE = re.compile(r"(.+) \([a-z]+(?::\d+)?\)")
"""A card's name as backends report it, with its device in brackets."""


@dataclass(frozen=True)
class ComputeDevice:
    """``device`` is a value of the setting of that name, and ``name`` what people call it."""

    device: str
    name: str


def list_cards() -> tuple[ComputeDevice, ...]:
    """Return the graphics cards, ``auto``'s favourite first; without those that a processor imitates."""
    cards = [*_torch_cards(), *(ComputeDevice(card.device, card.name) for card in find_cards().real)]
    names = [card.name for card in cards]
    return tuple(
        ComputeDevice(card.device, f"{card.name} ({card.device})") if names.count(card.name) > 1 else card
        for card in cards
    )


def name_for_people(device: str) -> str:
    """Return the name of the card if there is one.

    ``device`` is what backends report: "AMD Radeon 780M (webgpu:0)", "cuda" or "CPU".
    """
    match = WITH_DEVICE.fullmatch(device)
    if match:
        return match[1]
    if re.fullmatch(r"cuda(:\d+)?|mps|xpu(:\d+)?", device):
        names = {card.device: card.name for card in _torch_cards()}
        return names.get(device) or names.get(f"{device}:0") or device
    return device


def _torch_cards() -> list[ComputeDevice]:
    kind = torch_gpu()
    if kind is None:
        return []
    import torch

    if kind == "mps":
        return [ComputeDevice("mps", "Apple graphics processor")]
    module = torch.cuda if kind == "cuda" else torch.xpu
    return [
        ComputeDevice(f"{kind}:{index}", str(module.get_device_name(index)))
        for index in range(module.device_count())
    ]
