"""From names and values to checked :class:`Settings`, with one plain sentence for a wrong one."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nst_core.contract import printable
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.settings.metadata import Role, SettingInfo, info_of
from nst_core.settings.table import Settings

LONGEST_NAME = 60
"""Characters that messages show of the name of an unknown setting."""


def describe_setting_error(error: ErrorDetails, names: Iterable[str]) -> str:
    """Turn one of pydantic's errors into a sentence about one setting; ``names`` are those that exist."""
    name = printable(str(error["loc"][0]), LONGEST_NAME) if error["loc"] else ""
    option, context = name.replace("_", "-"), error.get("ctx", {})
    value = reprlib.repr(error["input"])
    match error["type"]:
        case "extra_forbidden":
            suggestion = nearest(option, [word.replace("_", "-") for word in names])
            return f"There is no setting {option!r}.{suggestion}"
        case "greater_than_equal":
            return f"{option} must be {context['ge']:g} or more, not {value}."
        case "less_than_equal":
            return f"{option} must be {context['le']:g} or less, not {value}."
        case "literal_error":
            choices = str(context["expected"])
            words = re.findall(r"'(.*?)'", choices)
            return f"{option} must be {choices}, not {value}.{nearest(value, words)}"
        case "finite_number":
            return f"{option} must be a finite number, not {value}."
        case "value_error":
            reason = str(context["error"])
            return f"{option}: {reason}" if reason.endswith("?") else f"{option}: {reason}."
        case _:
            return f"{option}: {error['msg'].lower()} (value: {value})."


def with_underscores(values: Mapping[str, object]) -> dict[str, object]:
    """Return ``values`` with the dashes in their names replaced, as the table spells them."""
    return {name.replace("-", "_"): value for name, value in values.items()}


def make_settings(values: Mapping[str, object]) -> Settings:
    """Validate ``values`` (names with dashes or underscores) into :class:`Settings`.

    Raises:
        NstError: ``bad-setting``, naming the first wrong setting and its possible values.
    """
    try:
        return Settings.model_validate(with_underscores(values))
    except ValidationError as error:
        sentence = describe_setting_error(error.errors()[0], Settings.model_fields)
        raise NstError(ErrorCode.BAD_SETTING, sentence) from None


def fields() -> Mapping[str, FieldInfo]:
    """Return the declared settings by name, in the order in which dialogs show them."""
    return Settings.model_fields


def setting_infos() -> dict[str, SettingInfo]:
    """Return the facts about each setting by name, in the same order."""
    return {name: info_of(declared) for name, declared in fields().items()}


def names_applying_to(*roles: Role) -> tuple[str, ...]:
    """Return the names of the settings that apply to one of ``roles``, in the same order."""
    return tuple(name for name, info in setting_infos().items() if set(roles) & set(info.applies_to))


def is_style_setting(name: str) -> bool:
    """Return whether a style in the library may hold the setting ``name``."""
    return setting_infos()[name].with_style != "never"
