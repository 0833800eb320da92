"""The entries of the dialog's menu of devices."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).resolve().parents[3] / "gimp_plugin" / "neural-style"
CARDS = [("webgpu:0", "AMD Radeon RX 7800 XT"), ("webgpu:1", "Intel Iris Xe")]
CUDA = [("cuda:0", "NVIDIA RTX 4090"), ("cuda:1", "NVIDIA RTX 3060")]


@pytest.fixture
def device_words(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("LANGUAGE", "en")
    from nst_gimp.text import device_words

    return device_words


@pytest.mark.parametrize(
    ("cards", "chosen", "devices", "shown"),
    [
        ([], "auto", ["auto", "cpu"], "auto"),
        (CARDS, "auto", ["auto", "webgpu:0", "webgpu:1", "cpu"], "auto"),
        (CARDS, "webgpu", ["auto", "webgpu:0", "webgpu:1", "cpu"], "webgpu:0"),
        (CUDA, "cpu", ["auto", "cuda:0", "cuda:1", "cuda:all", "cpu"], "cpu"),
        (CARDS, "cuda:0,cuda:1", ["auto", "webgpu:0", "webgpu:1", "cpu", "cuda:0,cuda:1"], "cuda:0,cuda:1"),
        ([], "webgpu:1", ["auto", "cpu", "webgpu:1"], "webgpu:1"),
    ],
)
def test_menu_has_every_card_and_what_is_set(
    device_words: ModuleType, cards: list, chosen: str, devices: list[str], shown: str
) -> None:
    entries = device_words.choices(cards, chosen)
    assert [device for device, _label in entries] == devices
    assert device_words.canonical(chosen, cards) == shown
    assert dict(cards).items() <= dict(entries).items()


@pytest.mark.parametrize(
    ("event", "cards"),
    [
        ({"cards": [{"device": "webgpu:0", "name": "Card", "more": 1}]}, [("webgpu:0", "Card")]),
        (
            {
                "cards": [
                    {"device": "webgpu:0"},
                    {"device": 1, "name": "x"},
                    "card",
                    {"device": "", "name": ""},
                ]
            },
            [],
        ),
        ({"cards": "none"}, []),
        ({}, []),
    ],
)
def test_answers_of_other_engines_are_read_with_care(
    device_words: ModuleType, event: dict, cards: list
) -> None:
    assert device_words.read_cards(event) == cards
