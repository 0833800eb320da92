"""Which settings have an effect, given the others; a control without one is greyed out.

Knows names and values of the procedure's arguments, and nothing of how they are shown.
"""

from __future__ import annotations

from nst_gimp.settings.settings_table import SETTINGS


def _whole_has_colours(masks, own, outside) -> bool:
    """Whether anything goes by what ``keep-colors`` says for the whole picture."""
    return not (masks and outside == "keep" and own and all(own))


def _colours_are_matched(colors, fine, masks, own, outside) -> bool:
    by_region = bool(masks) and "match" in (own or ())
    return bool(fine) or by_region or (colors == "match" and _whole_has_colours(masks, own, outside))


def _rule_from_table(values):
    """Return the rule of a setting that has an effect for some values of another, or above 0."""
    return (lambda value: value in values) if values else (lambda value: value > 0)


RULES = {
    **{
        setting.name: ((setting.used_if[0],), _rule_from_table(setting.used_if[1]))
        for setting in SETTINGS
        if setting.used_if
    },
    "keep-colors": (("region-masks", "region-colors", "outside"), _whole_has_colours),
    "color-match": (
        ("keep-colors", "fine-style", "region-masks", "region-colors", "outside"),
        _colours_are_matched,
    ),
    "fine-layers": (("fine-style",), bool),
    "guides": (("region-masks",), bool),
    "outside": (("region-masks",), bool),
    "style-weight": (("more-styles",), bool),
    "style-crop": (("region-masks", "outside"), lambda masks, outside: not (masks and outside == "keep")),
}
"""Argument -> (the arguments that decide, whether it has an effect given their values)."""


def has_effect(config, name: str) -> bool:
    """Return whether the argument ``name`` makes a difference to the painting."""
    deciding, rule = RULES.get(name, ((), lambda: True))
    return bool(rule(*(config.get_property(each) for each in deciding)))


def bind_sensitivity(config, name: str, *widgets) -> None:
    """Keep ``widgets`` sensitive while the argument ``name`` has an effect, and grey otherwise."""

    def settle(*_args):
        for widget in widgets:
            widget.set_sensitive(has_effect(config, name))

    for each in RULES.get(name, ((), None))[0]:
        config.connect(f"notify::{each}", settle)
    settle()
