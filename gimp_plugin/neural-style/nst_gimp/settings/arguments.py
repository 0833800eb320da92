"""The procedure's arguments: declared from the table of the engine's settings, read and checked.

GIMP silently replaces a value outside an argument's range by the default. Therefore the ranges declared to
GIMP are as wide as possible and choices are strings. The real limits are checked here, with messages.
"""

from __future__ import annotations

import difflib
import math
from contextlib import suppress

from nst_gimp.settings import how_long
from nst_gimp.settings.settings_table import SETTINGS
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

INT_LIMIT = 2**31 - 1
DOUBLE_LIMIT = 1e300
"""Not infinity: GIMP writes the limit to its pluginrc and cannot read infinity back."""

LAST_LAYER = "last-style-layer"
OUTSIDE = ("style", "keep")
EXTRAS = (
    "style-weight",
    "more-styles",
    "fine-style",
    "region-masks",
    "region-styles",
    "region-colors",
    "outside",
    "strength-mask",
)
"""Further arguments besides the style and the engine's settings. ``run_request`` explains them."""

SOURCE = "source"
SOURCES = ("layer", "original")
"""What a script paints if the layer is a painting: itself, or the layer that it was painted from."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def declare(procedure) -> None:
    """Add the arguments for the style and one argument for each of the engine's settings to ``procedure``."""
    from gi.repository import GObject

    flags = GObject.ParamFlags.READWRITE
    declare_styles(procedure, flags)
    _declare_regions(procedure, flags)
    _declare_source(procedure, flags)
    declare_settings(procedure, flags)


def declare_styles(procedure, flags) -> None:
    """Add the arguments for the style, and for those that are blended with it."""
    from gi.repository import Gimp

    # ANY, not OPEN: with OPEN GIMP itself refuses a missing file, with a cryptic message.
    procedure.add_file_argument(
        "style-file",
        _("Style picture"),
        _("Picture file to take the style from, in any format that GIMP opens"),
        Gimp.FileChooserAction.ANY,
        True,
        None,
        flags,
    )
    procedure.add_layer_argument(
        "style-layer",
        _("Style layer"),
        _("Layer of any open image to take the style from, instead of a file"),
        True,
        flags,
    )
    _declare_blend(procedure, flags)


def declare_settings(procedure, flags) -> None:
    """Add an argument for each of the engine's settings, and those that are only stored."""
    # GIMP does not store layers among the last values. It does store this string, which identifies the layer.
    procedure.add_string_aux_argument(LAST_LAYER, LAST_LAYER, None, "", flags)
    procedure.add_string_aux_argument(how_long.NAME, how_long.NAME, None, "", flags)
    for setting in SETTINGS:
        label, text = _(setting.label), help_text(setting)
        if setting.kind == "double":
            procedure.add_double_argument(
                setting.name, label, text, -DOUBLE_LIMIT, DOUBLE_LIMIT, setting.default, flags
            )
        elif setting.kind == "int":
            procedure.add_int_argument(
                setting.name, label, text, -INT_LIMIT, INT_LIMIT, setting.default, flags
            )
        elif setting.kind == "boolean":
            procedure.add_boolean_argument(setting.name, label, text, setting.default, flags)
        else:
            procedure.add_string_argument(setting.name, label, text, setting.default, flags)


def _declare_blend(procedure, flags) -> None:
    procedure.add_double_argument(
        "style-weight",
        _("Style weight"),
        _("Weight of the style in a blend with more-styles"),
        -DOUBLE_LIMIT,
        DOUBLE_LIMIT,
        1.0,
        flags,
    )
    procedure.add_string_array_argument(
        "more-styles",
        _("More styles"),
        _(
            "Styles to blend with the first: picture files, names of kept styles or layer:NAME, "
            "each with an optional :WEIGHT"
        ),
        flags,
    )
    procedure.add_string_argument(
        "fine-style",
        _("Strokes from"),
        _("Style to take the fine strokes from; empty keeps the strokes of the other styles"),
        "",
        flags,
    )


def _declare_regions(procedure, flags) -> None:
    procedure.add_string_array_argument(
        "region-masks",
        _("Regions"),
        _("Names of channels, layers (their masks, or else their opaque area) or groups of such layers"),
        flags,
    )
    procedure.add_string_array_argument(
        "region-styles",
        _("Region styles"),
        _("A style for each region, as in more-styles; an empty entry means the style named like the mask"),
        flags,
    )
    procedure.add_string_array_argument(
        "region-colors",
        _("Region colours"),
        _("keep-colors for each region; leave an entry empty to use the global setting"),
        flags,
    )
    procedure.add_string_argument(
        "outside",
        _("Outside the regions"),
        _("style: paint it in the style, if there is one. keep: leave it unchanged."),
        OUTSIDE[0],
        flags,
    )
    procedure.add_string_argument(
        "strength-mask",
        _("Strength mask"),
        _("Name of a channel or layer: white is painted at full strength, black stays unchanged"),
        "",
        flags,
    )


def _declare_source(procedure, flags) -> None:
    procedure.add_string_argument(
        SOURCE,
        _("Source"),
        _(
            "What to paint if the layer is a painting. layer: the painting itself. original: the layer that "
            "it was painted from, as the dialog does."
        ),
        SOURCES[0],
        flags,
    )


def help_text(setting) -> str:
    """Return a setting's help with its valid values, for the procedure browser and the batch script."""
    text = _(setting.help)
    if setting.choices:
        return " ".join(
            [text, *(f"{choice}: {_(setting.choice_help[choice])}" for choice in setting.choices)]
        )
    if setting.minimum is not None and setting.maximum is not None:
        number = "{:d}" if setting.kind == "int" else "{:g}"
        return text + f" ({number} … {number})".format(setting.minimum, setting.maximum)
    return text


def read(config) -> dict:
    """Return the checked settings by name.

    Raises:
        CallError: a value is invalid. The message gives the valid ones.
    """
    values = {}
    for setting in SETTINGS:
        value = config.get_property(setting.name)
        values[setting.name] = check(setting, "" if value is None else value)
    return values


def reset_invalid(config) -> None:
    """Reset invalid values to their defaults. Another version may have stored them."""
    for setting in SETTINGS:
        value = config.get_property(setting.name)
        try:
            check(setting, "" if value is None else value)
        except CallError:
            config.set_property(setting.name, setting.default)


def check_choice(name: str, value, choices) -> str:
    """Return ``value`` if it is one of ``choices``, or the first choice if it is empty.

    Raises:
        CallError: it is not one of them. The message gives the choices and the most similar one.
    """
    value = value or choices[0]
    if value not in choices:
        similar = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.5)
        raise CallError(
            _("{name} cannot be “{value}”.").format(name=name, value=value),
            _("Valid values: {choices}.").format(choices=", ".join(choices))
            + (" " + _("Did you mean “{value}”?").format(value=similar[0]) if similar else ""),
            "bad-setting",
        )
    return value


def check(setting, value):
    """Return ``value`` if it is valid for the setting.

    Raises:
        CallError: it is not.
    """
    name = setting.name
    if setting.kind == "choice":
        return check_choice(name, value, setting.choices)
    if setting.kind in ("double", "int"):
        low, high = setting.minimum, setting.maximum
        inside = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
        if not inside:
            raise CallError(
                _("{name} cannot be {value:g}.").format(name=name, value=value),
                _("Use a number from {low:g} to {high:g}.").format(
                    low=-math.inf if low is None else low, high=math.inf if high is None else high
                ),
                "bad-setting",
            )
    return value


KINDS = {"double": (int, float), "int": int, "boolean": bool, "choice": str, "string": str}


def keep_valid(values: dict) -> dict:
    """Return the valid ones of ``values``. Another version may have written others."""
    valid = {}
    for name, value in values.items():
        setting = BY_NAME.get(name)
        if setting is None or not isinstance(value, KINDS[setting.kind]):
            continue
        if isinstance(value, bool) and setting.kind != "boolean":
            continue
        with suppress(CallError, OverflowError, UnicodeEncodeError):
            str(value).encode()  # JSON can hold lone surrogates, which GTK cannot show
            valid[name] = check(setting, value)
    return valid


def parse_crop(text: str, width: int, height: int):
    """Read a crop "x,y,width,height" of a style picture of ``width`` x ``height``; None if it is empty.

    Raises:
        CallError: it is not four whole numbers, or not inside the picture.
    """
    if not text.strip():
        return None
    try:
        x, y, w, h = (int(number) for number in text.split(","))
    except ValueError:
        raise CallError(
            _("style-crop cannot be “{value}”.").format(value=text),
            _("Use four whole numbers: x,y,width,height."),
            "bad-setting",
        ) from None
    if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > height:
        raise CallError(
            _("The crop {value} is not inside the style picture.").format(value=text),
            _("The style picture has {width} × {height} pixels.").format(width=width, height=height),
            "bad-setting",
        )
    return x, y, w, h
