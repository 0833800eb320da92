"""Text from files and servers in messages: printable and bounded, whatever it is."""

from __future__ import annotations

import pytest

from nst_core.contract import LONGEST_TEXT, format_bytes, printable
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.settings import make_settings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\x9b31m", r"\x9b31m"),
        ("\udcff", r"\udcff"),
        ("星月夜\u3000ゴッホ", "星月夜\u3000ゴッホ"),
        ("👩\u200d🎨 क्\u200dष", "👩\u200d🎨 क्\u200dष"),
    ],
)
def test_nothing_controls_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["x" * 500_000, "\x1b" * 500_000, "\U000e0001" * LONGEST_TEXT])
def test_length_is_bounded(text: str) -> None:
    assert len(printable(text)) <= LONGEST_TEXT


def test_errors_and_notices_are_printable() -> None:
    hostile = "\x1b[2J" + "y" * 500_000
    error, notice = NstError(ErrorCode.BAD_MODEL, hostile, hostile), Notice("code", hostile, hostile)
    for text in (str(error), str(error.args[0]), str(notice)):
        assert "\x1b" not in text
        assert len(text) <= 2 * LONGEST_TEXT + 1


@pytest.mark.parametrize("name", ["keep_colors", "strength", "max_memory", "style_layers", "crop", "\x1b"])
def test_long_setting_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(NstError) as caught:
        make_settings({name: "\x1b[31m" * 100_000})
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (12_345, "12 kB"), (100e6, "100 MB"), (999.7e6, "1.0 GB"), (16.04e9, "16.0 GB")],
)
def test_bytes_are_given_in_words(count: float, words: str) -> None:
    assert format_bytes(count) == words
