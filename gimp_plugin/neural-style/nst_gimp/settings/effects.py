"""Rules that say which settings have an effect, given the others. A control without an effect is greyed out.

Knows the names and values of the procedure's arguments. ``bind_sensitivity`` takes any widgets.
"""

from __future__ import annotations

from nst_gimp.settings.settings_table import SETTINGS
from nst_gimp.text.words import _, mark


def _uses_global_colors(masks, region_colors, outside) -> bool:
    """Return whether the global ``keep-colors`` applies to any part of the picture."""
    return not (masks and outside == "keep" and region_colors and all(region_colors))


def _matches_colors(colors, fine, masks, region_colors, outside) -> bool:
    """Return whether the style's colours are shifted towards the photo's anywhere."""
    by_region = bool(masks) and "match" in (region_colors or ())
    return (
        bool(fine) or by_region or (colors == "match" and _uses_global_colors(masks, region_colors, outside))
    )


def _color_modes(colors, masks, region_colors, outside) -> list:
    """Return the values of ``keep-colors`` of all parts of the picture."""
    regions = [own or colors for own in (region_colors or [""] * len(masks or ()))] if masks else []
    background = [] if masks and outside == "keep" else [colors]
    return regions + background


def _paints_colors(colors, masks, region_colors, outside) -> bool:
    """Return whether any part of the picture gets the style's colours, or ones like them."""
    return any(value != "luminance" for value in _color_modes(colors, masks, region_colors, outside))


def _paints_style_colors(colors, masks, region_colors, outside) -> bool:
    """Return whether any part of the picture gets the style's colours as they are."""
    return "none" in _color_modes(colors, masks, region_colors, outside)


def _rule_from_table(values):
    """Return the rule of a setting that has an effect for some values of another, or above 0."""
    return (lambda value: value in values) if values else (lambda value: value > 0)


RULES = {
    **{
        setting.name: ((setting.used_if[0],), _rule_from_table(setting.used_if[1]))
        for setting in SETTINGS
        if setting.used_if
    },
    "keep-colors": (("region-masks", "region-colors", "outside"), _uses_global_colors),
    "color-layout": (("keep-colors", "region-masks", "region-colors", "outside"), _paints_colors),
    "series-colors": (("keep-colors", "region-masks", "region-colors", "outside"), _paints_style_colors),
    "color-match": (
        ("keep-colors", "fine-style", "region-masks", "region-colors", "outside"),
        _matches_colors,
    ),
    "fine-layers": (("fine-style",), bool),
    "guides": (("region-masks",), bool),
    "outside": (("region-masks",), bool),
    "style-weight": (("more-styles",), bool),
    "style-crop": (("region-masks", "outside"), lambda masks, outside: not (masks and outside == "keep")),
}
"""Argument -> (other arguments, rule). The rule takes their values and returns whether the argument has an
effect."""


def has_effect(config, name: str) -> bool:
    """Return whether the argument ``name`` has an effect on the result."""
    others, rule = RULES.get(name, ((), lambda: True))
    return bool(rule(*(_value(config, other) for other in others)))


def _value(config, name: str):
    """Return the value of an argument; None if the procedure does not have it."""
    try:
        return config.get_property(name)
    except TypeError:  # that of animations has no regions
        return None


LABELS = {
    **{setting.name: setting.label for setting in SETTINGS},
    "fine-style": mark("Strokes from"),
    "more-styles": mark("Blend"),
    "outside": mark("Outside the regions"),
    "region-colors": mark("Region colours"),
    "region-masks": mark("Regions"),
}


def reason(name: str) -> str:
    """Return the sentence that says which other arguments leave ``name`` without an effect."""
    others = RULES.get(name, ((), None))[0]
    return _("Grey, because it has no effect with the present choice of: {settings}.").format(
        settings=", ".join(_(LABELS[other]) for other in others)
    )


def bind_sensitivity(config, name: str, *widgets) -> None:
    """Grey out ``widgets`` whenever the argument ``name`` has no effect; their tooltips then say why."""
    tips = [widget.get_tooltip_text() for widget in widgets]

    def update(*_args):
        is_used = has_effect(config, name)
        for widget, tip in zip(widgets, tips):  # noqa: B905 - not in 3.9
            widget.set_sensitive(is_used)
            widget.set_tooltip_text(tip if is_used else "\n".join(filter(None, (reason(name), tip))))

    for other in RULES.get(name, ((), None))[0]:
        config.connect(f"notify::{other}", update)
    update()
