"""A result of the strip in words: its caption, its tooltip, and a line about it."""

from __future__ import annotations

from nst_gimp.process.result_store import PAINTING
from nst_gimp.settings import arguments, how_long
from nst_gimp.text.words import _, format_estimate
from nst_gimp.ui import look_page, widgets

CAPTION = ("strength", "style-scale")
"""The settings in a caption."""

NOT_SHOWN = (*how_long.DEFAULTS, "seed")
"""Settings that do not decide what a result looks like; its size is shown anyway."""


def caption(facts) -> str:
    """Return the settings that are tried most, as numbers: "60 · 0.5"."""
    return " · ".join(f"{facts.values.get(name, 0.0):g}" for name in CAPTION)


def legend() -> str:
    """Return what the numbers of the captions are."""
    return " · ".join(_(arguments.BY_NAME[name].label) for name in CAPTION)


def kind(facts) -> str:
    """Return what a result is: "Painting, 1024 px, 5 min"."""
    parts = [_("Painting") if facts.kind == PAINTING else _("Trial")]
    if facts.side:
        parts.append(_("{side} px").format(side=facts.side))
    if facts.seconds:
        parts.append(format_estimate(facts.seconds))
    return ", ".join(parts)


def summary(facts) -> str:
    """Return one line about a result: what it is, its style, and the settings of its caption."""
    settings = ", ".join(_setting_texts(facts, CAPTION))
    return f"{kind(facts)}: {facts.title}, {settings}"


def tooltip(facts) -> str:
    """Return all about a result that decides what it looks like, one fact on each line."""
    return "\n".join([facts.title, kind(facts), *_setting_texts(facts, _shown_settings(facts.values))])


def _shown_settings(values: dict) -> list:
    """Return the settings of the first page, and those others that are not at their defaults."""
    changed = [
        name
        for name, setting in arguments.BY_NAME.items()
        if name not in NOT_SHOWN and values.get(name, setting.default) not in ("", setting.default)
    ]
    return list(dict.fromkeys([*look_page.SETTINGS, *changed]))


def _setting_texts(facts, names) -> list:
    values = arguments.keep_valid({name: facts.values.get(name) for name in names})
    return [widgets.setting_text(name, value) for name, value in values.items()]
