"""Facts about a setting besides its type and default: where dialogs show it, what it belongs to, its words.

The command line, the GIMP plug-in and the style library ask for these facts; nothing else in the project
lists settings by name.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import Field
from pydantic.fields import FieldInfo

Group: TypeAlias = Literal["look", "method", "machine"]
Role: TypeAlias = Literal["style", "content", "loss"]
StyleRule: TypeAlias = Literal["always", "if changed", "on request", "never"]


@dataclass(frozen=True)
class Choice:
    """One value of a setting that offers a few: its name in dialogs, and what it does."""

    label: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class SettingInfo:
    """Facts about one setting.

    group: ``look`` (up front in the dialog), ``method`` or ``machine`` (behind "Advanced").
    label: its name in dialogs.
    help: a sentence about it, without its choices.
    choices: value -> :class:`Choice`, for a setting that offers a few values.
    source: the paper and equation that it comes from.
    applies_to: ``style`` and ``content``: it has no effect without one; ``loss``: it changes the value of
        the loss in some other way.
    with_style: whether it is kept with a style in the library: ``always``; ``if changed`` from its default;
        ``on request``, if the user names it; ``never``.
    from_picture: regular expression of the values that ``--settings PICTURE`` may set, since a picture that a
        stranger made decides the look of the result and nothing else. None: any, but none of the machine's.
    used_if: the name of another setting and the values of that one for which this has an effect. An empty
        tuple of values stands for anything above 0.
    """

    group: Group
    label: str
    help: str
    choices: dict[str, Choice] = field(default_factory=dict)
    source: str = ""
    applies_to: tuple[Role, ...] = ()
    with_style: StyleRule = "never"
    from_picture: str | None = None
    used_if: tuple[str, tuple[str, ...]] | None = None

    def takes_from_picture(self, value: object) -> bool:
        """Return whether a picture that nst painted may set this setting to ``value``."""
        if self.from_picture is None:
            return self.group != "machine"
        return re.fullmatch(self.from_picture, str(value)) is not None

    @property
    def description(self) -> str:
        """The help and that of each choice, as the command line prints it."""
        return " ".join([self.help, *(f"{name}: {choice.help}" for name, choice in self.choices.items())])


def setting(default: object, info: SettingInfo, **limits: Any) -> Any:
    """Declare one setting: its default, the facts about it, and pydantic's limits (``ge``, ``le``)."""
    return Field(default, description=info.description, json_schema_extra={"setting": asdict(info)}, **limits)


def info_of(declared: FieldInfo) -> SettingInfo:
    """Return the facts about a declared setting."""
    extra: Any = declared.json_schema_extra
    facts = dict(extra["setting"])
    choices = {name: Choice(**choice) for name, choice in facts.pop("choices").items()}
    return SettingInfo(choices=choices, **facts)
