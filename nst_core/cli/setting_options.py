"""Options made from the settings table.

Takes names of settings in :mod:`nst_core.settings` and returns click options, then the settings that the user
chose. Defaults, limits and help texts come from the table, which also checks the values.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Union, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from nst_core.cli.options import Command, GroupedOption, bundle_options
from nst_core.settings import Settings, fields, info_of, make_settings, with_underscores

LARGE_LIMIT = 1e9
"""Upper limits from here on are not worth mentioning."""


@dataclass(frozen=True)
class SettingOptions:
    """Settings given as options, by name, and the file of ``--settings``."""

    values: Mapping[str, object] = field(default_factory=dict)
    file: str | None = None


class SettingType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The value of a setting as text; the settings table parses and checks it."""

    def __init__(self, setting: FieldInfo) -> None:
        annotation = setting.annotation
        self.choices = get_args(annotation) if get_origin(annotation) is Literal else ()
        self.name = {float: "number", int: "integer"}.get(annotation, "text")  # type: ignore[arg-type]
        if get_origin(annotation) in (tuple, Union, types.UnionType):
            self.name = "x,y,w,h" if type(None) in get_args(annotation) else "layer[:weight],..."

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Return the choices, or the kind of value."""
        return f"[{'|'.join(self.choices)}]" if self.choices else self.name.upper()

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 -- click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the choices that complete a word."""
        return [CompletionItem(choice) for choice in self.choices if choice.startswith(incomplete)]


def format_limits(setting: FieldInfo) -> str:
    """Return the limits of a number: ``0 to 100`` or ``0 or more``; an empty string for other settings."""
    lower = next((limit.ge for limit in setting.metadata if hasattr(limit, "ge")), None)
    upper = next((limit.le for limit in setting.metadata if hasattr(limit, "le")), None)
    if lower is None or upper is None:
        return ""
    if upper >= LARGE_LIMIT:
        return f"{lower:g} or more"
    return f"{lower:g} to {upper:g}" if upper < 10_000 else f"{lower:g} to {upper:,.0f}"


def format_notes(setting: FieldInfo, default: str) -> str:
    """Return limits and default in brackets, or an empty string if there are none."""
    notes = [note for note in (format_limits(setting), f"default: {default}" if default else "") if note]
    return f"[{'; '.join(notes)}]" if notes else ""


def format_value(name: str, settings: Settings) -> str:
    """Return the value of the setting ``name`` as it is written on the command line."""
    value = settings.model_dump(mode="json", include={name})[name]
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting_options(
    names: Iterable[str], defaults: Mapping[str, object] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for each setting in ``names``, passed as ``settings``.

    The argument is a :class:`SettingOptions`, which includes the file of ``--settings`` if the command has
    that option. ``defaults`` holds the command's own defaults, shown in the help.
    """
    names = list(names)
    default_settings = make_settings(defaults or {})

    def decorate(command: Command) -> Command:
        command = bundle_options(command, "settings", _bundle_settings, [*names, "settings_file"])
        for name in reversed(names):
            command = _setting_option(name, default_settings)(command)
        return command

    return decorate


def _bundle_settings(*, settings_file: str | None = None, **values: object) -> SettingOptions:
    return SettingOptions({name: value for name, value in values.items() if value is not None}, settings_file)


def _setting_option(name: str, defaults: Settings) -> Callable[[Command], Command]:
    setting = fields()[name]
    option = name.replace("_", "-")
    if setting.annotation is bool:
        return click.option(
            f"--{option}/--no-{option}",
            name,
            cls=GroupedOption,
            section=info_of(setting).group,
            default=None,
            help=setting.description,
        )
    return click.option(
        f"--{option}",
        name,
        cls=GroupedOption,
        section=info_of(setting).group,
        type=SettingType(setting),
        default=None,
        help=f"{setting.description} {format_notes(setting, format_value(name, defaults))}".rstrip(),
    )


def chosen_settings(
    options: Mapping[str, object],
    defaults: Mapping[str, object] | None = None,
    stored: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of a run: ``options`` override ``stored`` settings, which override ``defaults``.

    Raises:
        NstError: ``bad-setting``.
    """
    given = {name: value for name, value in options.items() if name in fields() and value is not None}
    return make_settings({**with_underscores(defaults or {}), **with_underscores(stored or {}), **given})
