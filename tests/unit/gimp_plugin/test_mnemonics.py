"""Letters for labels in any language."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def mark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "gimp_plugin" / "neural-style"))
    from nst_gimp.text.mnemonics import mark

    yield mark
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


def test_free_letters_are_taken_first_at_the_beginning_of_words(mark):
    taken = {"s": 1}
    assert [mark("Brush size", taken), mark("Strength", taken), mark("Brush", taken)] == [
        "_Brush size",
        "S_trength",
        "B_rush",
    ]
    assert taken == {"s": 1, "b": 1, "t": 1, "r": 1}


def test_letter_with_the_fewest_controls_is_shared_when_none_is_free(mark):
    assert mark("ab", {"a": 2, "b": 1}) == "a_b"


def test_letters_of_buttons_are_left_to_them(mark):
    assert mark("Paint", {}, {"p", "a"}) == "Pa_int"
    assert mark("Alpha", {}, set("alph")) == "Alpha"


def test_only_plain_letters_are_pressed(mark):
    taken: dict[str, int] = {}
    assert mark("Größe", taken) == "_Größe"
    assert mark("Ähnlich", taken) == "Ä_hnlich"
    assert mark("色", taken) == "色"
    assert mark("a_b", {"a": 1, "b": 0}) == "a___b"
