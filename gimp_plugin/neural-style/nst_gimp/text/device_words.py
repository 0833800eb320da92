"""The devices that can compute, as a menu shows them.

Takes the engine's event ``devices`` and the device that is set. Does not depend on GIMP or the dialog.
"""

from __future__ import annotations

from nst_gimp.text.words import _

AUTOMATIC, PROCESSOR, ALL_CUDA = "auto", "cpu", "cuda:all"


def read_cards(event: dict) -> list:
    """Return the (device, name) of each card in the engine's event; what cannot be read is left out."""
    cards = event.get("cards")
    found = []
    for card in cards if isinstance(cards, list) else []:
        device, name = (card.get(key) for key in ("device", "name")) if isinstance(card, dict) else ("", "")
        if isinstance(device, str) and isinstance(name, str) and device and name:
            found.append((device, name))
    return found


def choices(cards, chosen: str) -> list:
    """Return the (device, label) of each entry of the menu; ``chosen`` is always among them."""
    entries = [(AUTOMATIC, _("Automatic")), *cards]
    if sum(device.startswith("cuda:") for device, _name in cards) > 1:
        entries.append((ALL_CUDA, _("All NVIDIA cards together")))
    entries.append((PROCESSOR, _("Processor")))
    device = canonical(chosen, cards)
    if device not in dict(entries):
        entries.append((device, device))
    return entries


def canonical(chosen: str, cards) -> str:
    """Return a device as the list of cards names it: "webgpu" is "webgpu:0"."""
    first = f"{chosen}:0"
    return first if first in dict(cards) else chosen
