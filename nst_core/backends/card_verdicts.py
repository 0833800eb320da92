"""What has been found about graphics cards, remembered in the file of rates.

:mod:`nst_core.backends.card_check` finds it. A verdict holds for a card with its driver and libraries, and
for an architecture of the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from nst_core.backends.machine_file import load_entries, store_entry
from nst_core.vgg.graphics_cards import GraphicsCard
from nst_core.vgg.network import Network


@dataclass(frozen=True)
class Verdict:
    """Whether a card is trusted, and if not, why: a clause whose subject is the card.

    ``half`` says that it computes the network faster in half precision, and well enough.
    """

    trusted: bool
    reason: str = ""
    half: bool = False


def remembered_verdict(card: GraphicsCard, network: Network) -> Verdict | None:
    """Return the verdict about a card, or None if it has not been checked with this driver and network."""
    entry = load_entries().get(_entry_name(card, network))
    if not isinstance(entry, dict) or not isinstance(entry.get("trusted"), bool):
        return None
    return Verdict(entry["trusted"], str(entry.get("reason", "")), entry.get("half") is True)


def remember_verdict(card: GraphicsCard, network: Network, verdict: Verdict) -> None:
    """Remember the verdict about a card."""
    store_entry(_entry_name(card, network), asdict(verdict))


def _entry_name(card: GraphicsCard, network: Network) -> str:
    return f"check of {card.device} {card.identity}, {network.architecture}"
