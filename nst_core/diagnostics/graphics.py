"""The graphics cards: which WebGPU can use, or what this machine lacks, in one sentence with its remedy.

Takes the search of :mod:`nst_core.vgg.graphics_cards` and facts about the system, and returns a
:class:`Graphics`. Raises no errors and changes nothing. Imports ONNX Runtime, which may be missing, only
where it is needed.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.contract import format_bytes
from nst_core.diagnostics.installation import Installation, installer_command

if TYPE_CHECKING:
    from nst_core.vgg.graphics_cards import CardSearch, GraphicsCard

KERNEL_CARDS = Path("/sys/class/drm")
"""Where Linux lists the graphics cards that it has a driver of its own for."""

OLDEST_PYTHON = (3, 11)
"""The oldest Python for which there is a plug-in package."""

PACKAGES: Mapping[str, str] = {
    # ID or ID_LIKE in /etc/os-release -> the command that installs Vulkan and Mesa's drivers.
    "debian": "sudo apt install libvulkan1 mesa-vulkan-drivers",
    "ubuntu": "sudo apt install libvulkan1 mesa-vulkan-drivers",
    "fedora": "sudo dnf install vulkan-loader mesa-vulkan-drivers",
    "rhel": "sudo dnf install vulkan-loader mesa-vulkan-drivers",
    "arch": "sudo pacman -S vulkan-icd-loader vulkan-radeon vulkan-intel",
    "opensuse": "sudo zypper install libvulkan1 libvulkan_radeon libvulkan_intel",
    "suse": "sudo zypper install libvulkan1 libvulkan_radeon libvulkan_intel",
}

BY_HAND = (
    "install the Vulkan loader (libvulkan.so.1) and the Vulkan driver of the card (Mesa's for AMD and Intel) "
    "from the system's packages"
)

NVIDIA = "NVIDIA"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card that WebGPU can use. ``memory`` is its own, in bytes, or None; ``driver`` may be empty."""

    device: str
    name: str
    driver: str
    memory: int | None
    software: bool


@dataclass(frozen=True)
class Graphics:
    """The cards, a sentence about them without its full stop, and what to do about it; "" if nothing.

    ``expected`` says that the machine has a card, so that not using it is a problem.
    """

    cards: tuple[Card, ...] = ()
    message: str = ""
    cure: str = ""
    expected: bool = False

    @property
    def usable(self) -> bool:
        """Whether there is a card that is not the processor in disguise."""
        return not all(card.software for card in self.cards)

    @property
    def sentence(self) -> str:
        """The message and the remedy, as one sentence."""
        return f"{self.message}; {self.cure}." if self.cure else f"{self.message}."


@dataclass(frozen=True)
class Machine:
    """Where the cards are looked for: ``sys.platform``, the words of os-release, the makers of the cards.

    ``makers`` is None where the system does not tell which cards there are.
    """

    system: str
    distributions: tuple[str, ...] = ()
    makers: tuple[str, ...] | None = None


def this_machine() -> Machine:
    """Return the facts about this machine."""
    if sys.platform != "linux":
        return Machine(sys.platform)
    return Machine(sys.platform, _distributions(), find_makers(KERNEL_CARDS))


def find_makers(folder: Path) -> tuple[str, ...] | None:
    """Return the makers of the cards that Linux lists in ``folder``; None if it lists nothing there."""
    try:
        # card0-HDMI-A-1 is an output of card0.
        entries = sorted(path for path in folder.glob("card*") if path.name[4:].isdigit())
    except OSError:
        entries = []
    from nst_core.vgg.graphics_cards import VENDORS

    makers = []
    for entry in entries:
        try:
            number = int((entry / "device" / "vendor").read_text("ascii"), 16)
        except (OSError, ValueError):  # a display without a card, as virtual machines have
            continue
        makers.append(VENDORS.get(number, f"{number:#06x}"))
    return tuple(makers) or None


def describe_graphics(search: CardSearch, machine: Machine, installation: Installation) -> Graphics:
    """Return what a ``search`` on a ``machine`` means for its user."""
    cards = tuple(_card(card) for card in search.cards)
    if search.real:
        return Graphics(cards, _usable(search.real))
    expected = machine.makers is not None
    if search.missing in ("package", "runtime"):
        return Graphics(cards, *_without_package(search, installation), expected)
    if cards:
        message = (
            f"WebGPU finds no graphics card, only {cards[0].name}, which computes on the processor and is "
            "used on request only"
        )
    elif search.missing == "loader":
        message = "No graphics card can be used, because the Vulkan loader (libvulkan.so.1) is missing"
    else:
        message = "No graphics card can be used, because no driver offers one to WebGPU"
    return Graphics(cards, message, driver_cure(machine), expected)


def driver_cure(machine: Machine) -> str:
    """Return what to install so that WebGPU finds a card, as a clause."""
    if machine.system == "win32":
        return "install the newest driver for the card from AMD, Intel, NVIDIA or Qualcomm"
    if machine.system == "darwin":
        return "it needs a Mac with an Apple processor and macOS 14, where nothing has to be installed"
    commands = [PACKAGES[name] for name in machine.distributions if name in PACKAGES]
    cure = f"run `{commands[0]}`" if commands else BY_HAND
    makers = machine.makers
    if makers is None:
        return f"if the machine has a card, {cure}, and for an NVIDIA card NVIDIA's own driver"
    if set(makers) == {NVIDIA}:
        return f"install NVIDIA's own driver, and {cure}"
    return f"{cure}, and for the NVIDIA card NVIDIA's own driver" if NVIDIA in makers else cure


def _usable(cards: Sequence[GraphicsCard]) -> str:
    if len(cards) == 1:
        return f"WebGPU can use the {_words(cards[0])}: --device webgpu"
    choices = ", ".join(f"{card.device} is the {_words(card)}" for card in cards)
    return f"WebGPU can use {len(cards)} graphics cards: {choices}"


def _words(card: GraphicsCard) -> str:
    memory = f"{format_bytes(card.memory)} of its own memory" if card.memory and card.own_memory else ""
    facts = ", ".join(filter(None, (card.driver, memory)))
    return f"{card.name} ({facts})" if facts else card.name


def _card(card: GraphicsCard) -> Card:
    memory = card.memory if card.own_memory else None
    return Card(device=card.device, name=card.name, driver=card.driver, memory=memory, software=card.software)


def _without_package(search: CardSearch, installation: Installation) -> tuple[str, str]:
    """Return the message and the remedy if ONNX Runtime cannot have WebGPU."""
    message = f"Without WebGPU, the engine cannot use graphics cards of all makers: {search.reason}"
    if sys.version_info < OLDEST_PYTHON:
        words = ".".join(map(str, OLDEST_PYTHON))
        if installation.by_installer:
            return message, f"it needs Python {words}: {_command('update --python own')}"
        return message, f"it needs Python {words} or newer"
    if installation.by_installer:
        return message, _command("update")
    from nst_core.vgg.graphics_cards import OLDEST_RUNTIME

    packages = f"'onnxruntime>={OLDEST_RUNTIME}' onnxruntime-ep-webgpu"
    return message, f"run `python -m pip install {packages}`"


def _command(command: str) -> str:
    """Return the clause that says how to run the installer's ``command``."""
    sentence = installer_command(command)
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _distributions() -> tuple[str, ...]:
    """Return the names of this Linux and of those that it is like, the nearest first."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ()
    return (release.get("ID", ""), *release.get("ID_LIKE", "").split())
