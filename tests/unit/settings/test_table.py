"""The table of settings: its facts agree with its types, and what derives from it agrees with it."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import pytest

from nst_core.settings import (
    Settings,
    fields,
    is_style_setting,
    make_settings,
    names_applying_to,
    setting_infos,
)

INFOS = setting_infos()


@pytest.mark.parametrize("name", INFOS)
def test_choices_are_those_of_the_type(name: str) -> None:
    annotation = fields()[name].annotation
    values = get_args(annotation) if get_origin(annotation) is Literal else ()
    assert tuple(INFOS[name].choices) == values
    assert all(choice.label and choice.help.endswith(".") for choice in INFOS[name].choices.values())


@pytest.mark.parametrize("name", INFOS)
def test_description_has_the_help_and_every_choice(name: str) -> None:
    info, description = INFOS[name], str(fields()[name].description)
    assert description.startswith(info.help)
    assert all(f"{value}: {choice.help}" in description for value, choice in info.choices.items())


@pytest.mark.parametrize("name", [name for name, info in INFOS.items() if info.used_if])
def test_used_if_names_a_setting_and_possible_values(name: str) -> None:
    used_if = INFOS[name].used_if
    assert used_if
    other, values = used_if
    for value in values:
        make_settings({other: value})
    if not values:
        assert isinstance(getattr(Settings(), other), float)


def test_roles_say_what_a_setting_needs() -> None:
    style, content = set(names_applying_to("style")), set(names_applying_to("content"))
    assert style - content == {"style_scale", "beta", "style_layers", "style_loss", "style_crop"}
    assert content - style == {"alpha", "content_layers", "structure"}
    colours = {"keep_colors", "color_match", "color_layout", "series_colors"}
    both = {"strength", "guides", "fine_layers", "matching", *colours}
    assert style & content == both


def test_settings_without_a_role_do_not_change_the_loss() -> None:
    rest = set(INFOS) - set(names_applying_to("style", "content", "loss"))
    assert rest == {
        *("quality", "size", "seed", "init", "loss", "coarsest", "optimizer", "iterations"),
        *("finish", "time_limit", "max_memory", "max_device_memory"),
    }


def test_a_style_holds_neither_the_machine_nor_paths() -> None:
    refused = {name for name in INFOS if not is_style_setting(name)}
    assert refused == {"init", *(name for name, info in INFOS.items() if info.group == "machine")}


def test_one_word_may_have_different_labels_in_two_settings() -> None:
    labels = {
        (name, value): choice.label for name, info in INFOS.items() for value, choice in info.choices.items()
    }
    assert labels["keep_colors", "none"] == "Style colours"
    assert len(labels) == sum(len(info.choices) for info in INFOS.values())
