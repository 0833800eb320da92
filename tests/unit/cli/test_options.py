"""Options made from the settings table, and the help of every command."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import click
import pytest

from nst_core.cli.commands import COMMANDS
from nst_core.cli.commands import nst as nst_group
from nst_core.cli.setting_options import chosen_settings, format_limits, format_value
from nst_core.errors import ErrorCode, NstError
from nst_core.settings import Crop, Settings, fields
from tests.unit.cli.conftest import Nst, Outcome, assert_refused


@pytest.fixture
def nst(nst_without_networks: Nst) -> Nst:
    """Help and options need no networks."""
    return nst_without_networks


def text_of(outcome: Outcome) -> str:
    """Return the output on one line."""
    assert outcome.code == 0
    return " ".join(outcome.out.split())


def test_every_setting_is_an_option_with_help_limits_and_default(nst: Nst) -> None:
    text = text_of(nst("stylize", "--help-all"))
    for name, field in fields().items():
        assert f"--{name.replace('_', '-')} " in text
        description = " ".join(str(field.description).split())
        assert description in text.replace("- ", "-") or description in text
        default = format_value(name, Settings())
        if default and field.annotation is not bool:
            assert f"default: {default}" in text
        assert format_limits(field) in text


def test_help_starts_with_the_look_and_only_names_the_method(nst: Nst) -> None:
    text = nst("stylize", "--help").out
    positions = [text.index(word) for word in ("Look:", "--strength", "Files and output:", "Method (")]
    assert positions == sorted(positions)
    assert "--tv-beta" in text
    assert str(fields()["tv_beta"].description).split(",")[0] not in text
    assert len(text.splitlines()) < 130


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(nst: Nst, command: str) -> None:
    outcome = nst(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: nst {command}")
    listed = nst("--help").out
    assert f"  {command} " in listed
    assert nst().out == listed


@pytest.mark.parametrize("command", COMMANDS)
def test_short_help_is_written_only_in_the_table(command: str) -> None:
    entry = COMMANDS[command]
    module = importlib.import_module(f"nst_core.cli.{entry.module}")
    assert "short_help" not in inspect.getsource(module)
    loaded = nst_group.get_command(click.Context(nst_group), command)
    assert loaded is getattr(module, entry.attribute)
    assert loaded.get_short_help_str(limit=100) == entry.short_help


@pytest.mark.parametrize("arguments", [[], ["models"], ["styles"]])
def test_short_help_is_not_cut_off(nst: Nst, arguments: list[str]) -> None:
    lines = nst(*arguments, "--help").out.partition("Commands:")[2].splitlines()
    assert len([line for line in lines if line.endswith(".")]) >= 5
    assert "..." not in "".join(lines)


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys\n"
        "from nst_core.cli import main\n"
        "sys.argv = ['nst', '--help']\n"
        "try:\n main()\nexcept SystemExit as end:\n assert not end.code\n"
        "heavy = {'numpy', 'pydantic', 'onnx', 'onnxruntime', 'torch', 'rich', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "[]"


def test_options_override_stored_settings_which_override_defaults() -> None:
    options = {"strength": "70", "seed": None, "as_json": True}
    settings = chosen_settings(options, {"tv": 1.0, "seed": 3, "strength": 1}, {"seed": 5, "strength": 2})
    assert (settings.strength, settings.seed, settings.tv) == (70.0, 5, 1.0)
    assert settings.quality == Settings().quality


def test_values_are_parsed_by_the_settings_table() -> None:
    options = {"style_crop": "1,2,30,40", "style_layers": "relu1_1:0.5,relu2_1", "size": "256"}
    settings = chosen_settings(options)
    assert settings.style_crop == Crop(1, 2, 30, 40)
    assert [tuple(pair) for pair in settings.style_layers] == [("relu1_1", 0.5), ("relu2_1", 1.0)]
    assert settings.size == 256


@pytest.mark.parametrize(
    ("options", "words"),
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
def test_bad_value_is_one_sentence(options: dict[str, str], words: str) -> None:
    with pytest.raises(NstError) as caught:
        chosen_settings(options)
    assert caught.value.code is ErrorCode.BAD_SETTING
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["stylise"], "'stylize'"),
        (["models", "lsit"], "'list'"),
        (["stylize", "a", "b", "--stregth", "3"], "'--strength'"),
        (["texture", "a", "--texturesize", "3"], "'--texture-size'"),
    ],
)
def test_unknown_word_gets_a_suggestion(nst: Nst, arguments: list[str], suggestion: str) -> None:
    assert_refused(nst(*arguments), f"Did you mean {suggestion}?")


def test_settings_command_prints_the_table(nst: Nst) -> None:
    assert nst("settings", "--json").json == Settings().model_dump(mode="json")
    assert nst("settings", "--schema").json["properties"]["strength"]["maximum"] == 100.0
    text = nst("settings").out
    assert text.index("Look:") < text.index("strength") < text.index("Method:") < text.index("Machine:")
    assert "Gatys et al. 2016" in text


def test_version_option_prints_the_version(nst: Nst) -> None:
    import nst_core

    assert nst_core.__version__ in nst("--version").out
