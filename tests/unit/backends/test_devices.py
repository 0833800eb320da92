"""The list of graphics cards that the setting ``device`` can name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nst_core.backends import devices
from nst_core.backends.devices import ComputeDevice, list_cards, name_for_people
from nst_core.vgg.graphics_cards import CardSearch, GraphicsCard


def make_card(index: int, name: str, software: bool = False) -> GraphicsCard:
    return GraphicsCard(
        index=index,
        name=name,
        vendor="AMD",
        driver="",
        memory=None,
        own_memory=False,
        software=software,
        economical=False,
        largest_buffer=2**31,
    )


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[GraphicsCard]:
    """What WebGPU finds: a list to fill. PyTorch finds nothing."""
    found: list[GraphicsCard] = []
    monkeypatch.setattr(devices, "find_cards", lambda: CardSearch(tuple(found)))
    monkeypatch.setattr(devices, "torch_gpu", lambda: None)
    return found


@pytest.fixture
def two_cuda_cards(monkeypatch: pytest.MonkeyPatch, cards: list[GraphicsCard]) -> None:
    torch = pytest.importorskip("torch")
    names = ["NVIDIA RTX 4090", "NVIDIA RTX 3060"]
    cuda = SimpleNamespace(device_count=lambda: 2, get_device_name=lambda index: names[index])
    monkeypatch.setattr(devices, "torch_gpu", lambda: "cuda")
    monkeypatch.setattr(torch, "cuda", cuda)


def test_cards_have_names_and_processors_in_disguise_are_left_out(cards: list[GraphicsCard]) -> None:
    assert list_cards() == ()
    cards += [make_card(0, "Radeon RX 7800 XT"), make_card(1, "Iris Xe"), make_card(2, "llvmpipe", True)]
    assert list_cards() == (
        ComputeDevice("webgpu:0", "Radeon RX 7800 XT"),
        ComputeDevice("webgpu:1", "Iris Xe"),
    )


def test_cards_of_one_name_are_told_apart(cards: list[GraphicsCard], two_cuda_cards: None) -> None:
    cards += [make_card(0, "NVIDIA RTX 4090"), make_card(1, "Iris Xe")]
    assert list_cards() == (
        ComputeDevice("cuda:0", "NVIDIA RTX 4090 (cuda:0)"),
        ComputeDevice("cuda:1", "NVIDIA RTX 3060"),
        ComputeDevice("webgpu:0", "NVIDIA RTX 4090 (webgpu:0)"),
        ComputeDevice("webgpu:1", "Iris Xe"),
    )


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("llvmpipe (LLVM 19, 256 bits) (webgpu:1)", "llvmpipe (LLVM 19, 256 bits)"),
        ("cuda", "NVIDIA RTX 4090"),
        ("cuda:1", "NVIDIA RTX 3060"),
        ("cuda:0 and cuda:1", "cuda:0 and cuda:1"),
        ("CPU", "CPU"),
    ],
)
def test_people_read_the_name_of_the_card(device: str, name: str, two_cuda_cards: None) -> None:
    assert name_for_people(device) == name
