"""Options come from the table of settings, and help shows them so that people find them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nst_core.cli.commands import COMMANDS
from nst_core.cli.options import chosen_settings, limits, value_text
from nst_core.errors import ErrorCode, NstError
from nst_core.settings import Crop, Settings, fields
from tests.unit.cli.conftest import Nst, Outcome, assert_refused


def words_of(outcome: Outcome) -> str:
    assert outcome.code == 0
    return " ".join(outcome.out.split())


def test_every_setting_is_an_option_with_the_tables_help_limits_and_default(nst: Nst) -> None:
    text = words_of(nst("stylize", "--help-all"))
    for name, field in fields().items():
        assert f"--{name.replace('_', '-')} " in text
        start = " ".join(str(field.description).split())
        assert start in text.replace("- ", "-") or start in text
        if default := value_text(name, Settings()):
            assert f"default {default}" in text
        assert limits(field) in text


def test_short_help_begins_with_the_look_and_only_names_the_method(nst: Nst) -> None:
    text = nst("stylize", "--help").out
    places = [text.index(word) for word in ("Look:", "--strength", "Files and output:", "Method (")]
    assert places == sorted(places)
    assert "--tv-beta" in text
    assert str(fields()["tv_beta"].description).split(",")[0] not in text
    assert len(text.splitlines()) < 110


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(nst: Nst, command: str) -> None:
    outcome = nst(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: nst {command}")
    listed = nst("--help").out
    assert f"  {command} " in listed
    assert nst().out == listed


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from nst_core.cli import main\n"
        "sys.argv = ['nst', '--help']\n"
        "try:\n main()\nexcept SystemExit as left:\n assert not left.code\n"
        "heavy = {'numpy', 'pydantic', 'onnx', 'onnxruntime', 'torch', 'rich', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_options_go_before_stored_settings_and_those_before_a_commands_defaults() -> None:
    given = {"strength": "70", "seed": None, "as_json": True}
    settings = chosen_settings(given, {"tv": 1.0, "seed": 3, "strength": 1}, {"seed": 5, "strength": 2})
    assert (settings.strength, settings.seed, settings.tv) == (70.0, 5, 1.0)
    assert settings.quality == Settings().quality


def test_values_are_read_by_the_table() -> None:
    given = {"style_crop": "1,2,30,40", "style_layers": "relu1_1:0.5,relu2_1", "size": "256"}
    settings = chosen_settings(given)
    assert settings.style_crop == Crop(1, 2, 30, 40)
    assert [tuple(pair) for pair in settings.style_layers] == [("relu1_1", 0.5), ("relu2_1", 1.0)]
    assert settings.size == 256


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strength": "nan"}, "strength must be a finite number"),
        ({"strength": "inf"}, "strength must be"),
        ({"strength": "100.5"}, "strength must be 100 or less"),
        ({"size": "-1"}, "size must be 0 or more"),
        ({"iterations": "2.5"}, "iterations"),
        ({"quality": "drift"}, "Did you mean 'draft'?"),
        ({"content_layers": "conf4_2"}, "Did you mean 'conv4_2'?"),
        ({"style_layers": "relu1_1:-1"}, "not negative"),
        ({"style_crop": "1,2,3"}, "four whole numbers"),
    ],
)
def test_wrong_values_are_one_sentence(given: dict[str, str], words: str) -> None:
    with pytest.raises(NstError) as caught:
        chosen_settings(given)
    assert caught.value.code is ErrorCode.BAD_SETTING
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["stylise"], "'stylize'"),
        (["models", "lsit"], "'list'"),
        (["stylize", "a", "b", "--stregth", "3"], "'--strength'"),
        (["texture", "a", "--texturesize", "3"], "'--texture-size'"),
    ],
)
def test_unknown_words_get_the_nearest(nst: Nst, arguments: list[str], nearest: str) -> None:
    assert_refused(nst(*arguments), f"Did you mean {nearest}?")


def test_settings_prints_the_table(nst: Nst) -> None:
    assert nst("settings", "--json").json == Settings().model_dump(mode="json")
    assert nst("settings", "--schema").json["properties"]["strength"]["maximum"] == 100.0
    text = nst("settings").out
    assert text.index("Look:") < text.index("strength") < text.index("Method:") < text.index("Machine:")
    assert "Gatys et al. 2016" in text


def test_version(nst: Nst) -> None:
    import nst_core

    assert nst_core.__version__ in nst("--version").out
