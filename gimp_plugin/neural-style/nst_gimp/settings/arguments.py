"""The procedure's arguments: declared from the engine's table, read back and checked.

GIMP replaces a value that is out of an argument's range by the default, without a word to the caller.
So the ranges given to GIMP are wide open, choices are strings, and what was really asked for is checked
here, in words.
"""

from __future__ import annotations

import difflib
import math
from contextlib import suppress

from nst_gimp.settings.settings_table import SETTINGS
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

INT_LIMIT = 2**31 - 1
DOUBLE_LIMIT = 1e300
"""Not infinity: GIMP writes it into its pluginrc and cannot read that again."""

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
"""Arguments beside the style and the engine's settings; what they mean is in ``recipe``."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def declare(procedure) -> None:
    """Add the style arguments and one argument for each of the engine's settings to ``procedure``."""
    from gi.repository import Gimp, GObject

    flags = GObject.ParamFlags.READWRITE
    # ANY, not OPEN: GIMP would refuse a missing file before run() can say so in words.
    procedure.add_file_argument(
        "style-file",
        _("Style picture"),
        _("File with the painting whose style is taken; any format that GIMP opens"),
        Gimp.FileChooserAction.ANY,
        True,
        None,
        flags,
    )
    procedure.add_layer_argument(
        "style-layer",
        _("Style layer"),
        _("Layer of any open image whose style is taken, in place of a file"),
        True,
        flags,
    )
    _declare_extras(procedure, flags)
    # GIMP stores no layers among the last values; this, which it does store, finds the layer again.
    procedure.add_string_aux_argument(LAST_LAYER, LAST_LAYER, None, "", flags)
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


def _declare_extras(procedure, flags) -> None:
    procedure.add_double_argument(
        "style-weight",
        _("Weight of the style"),
        _("Its share beside the styles in more-styles"),
        -DOUBLE_LIMIT,
        DOUBLE_LIMIT,
        1.0,
        flags,
    )
    procedure.add_string_array_argument(
        "more-styles",
        _("More styles"),
        _("Styles blended with the first: files, names of kept styles or layer:NAME, also with :WEIGHT"),
        flags,
    )
    procedure.add_string_argument(
        "fine-style",
        _("Strokes from"),
        _("Style whose fine strokes are taken with the composition of the others; empty for their own"),
        "",
        flags,
    )
    procedure.add_string_array_argument(
        "region-masks",
        _("Regions"),
        _("Names of channels, layers (their masks, else what they cover) or groups of such layers"),
        flags,
    )
    procedure.add_string_array_argument(
        "region-styles",
        _("Styles of the regions"),
        _("For each region a style, as in more-styles; an empty one is called like the mask"),
        flags,
    )
    procedure.add_string_array_argument(
        "region-colors",
        _("Colours of the regions"),
        _("For each region what keep-colors is for the whole picture; an empty one, or none, is as that"),
        flags,
    )
    procedure.add_string_argument(
        "outside",
        _("Outside of the regions"),
        _("style: painted in the style, where one is given. keep: stays as it is."),
        OUTSIDE[0],
        flags,
    )
    procedure.add_string_argument(
        "strength-mask",
        _("Strength by place"),
        _("Name of a channel or layer: white is painted at full strength, black stays as it is"),
        "",
        flags,
    )


def help_text(setting) -> str:
    """Return a setting's help with the values it may take, for the procedure browser and tooltips."""
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
        CallError: the first value that is not possible, with what is.
    """
    values = {}
    for setting in SETTINGS:
        value = config.get_property(setting.name)
        values[setting.name] = check(setting, "" if value is None else value)
    return values


def reset_invalid(config) -> None:
    """Put the default in the place of what cannot be: another version may have stored it."""
    for setting in SETTINGS:
        value = config.get_property(setting.name)
        try:
            check(setting, "" if value is None else value)
        except CallError:
            config.set_property(setting.name, setting.default)


def check_choice(name: str, value, choices) -> str:
    """Return ``value`` if it is one of ``choices``, the first of them where it is empty.

    Raises:
        CallError: it is none; says what it can be, and what was meant.
    """
    value = value or choices[0]
    if value not in choices:
        near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.5)
        raise CallError(
            _("{name} cannot be “{value}”.").format(name=name, value=value),
            _("It can be {choices}.").format(choices=", ".join(choices))
            + (" " + _("Did you mean “{value}”?").format(value=near[0]) if near else ""),
            "bad-setting",
        )
    return value


def check(setting, value):
    """Return ``value`` if the setting can have it.

    Raises:
        CallError: it cannot.
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
                _("It can be a number from {low:g} to {high:g}.").format(
                    low=-math.inf if low is None else low, high=math.inf if high is None else high
                ),
                "bad-setting",
            )
    return value


KINDS = {"double": (int, float), "int": int, "boolean": bool, "choice": str, "string": str}


def keep_valid(values: dict) -> dict:
    """Return those of ``values`` that settings can have; another version may have written more."""
    found = {}
    for name, value in values.items():
        setting = BY_NAME.get(name)
        if setting is None or not isinstance(value, KINDS[setting.kind]):
            continue
        if isinstance(value, bool) and setting.kind != "boolean":
            continue
        with suppress(CallError, OverflowError, UnicodeEncodeError):
            str(value).encode()  # JSON can hold halves of characters, which GTK cannot show
            found[name] = check(setting, value)
    return found


def parse_crop(text: str, width: int, height: int):
    """Read "x,y,width,height" within a style picture of ``width`` x ``height``; None where there is none.

    Raises:
        CallError: it is not four numbers, or not inside the picture.
    """
    if not text.strip():
        return None
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError:
        raise CallError(
            _("style-crop cannot be “{value}”.").format(value=text),
            _("It is four whole numbers: x,y,width,height."),
            "bad-setting",
        ) from None
    if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > height:
        raise CallError(
            _("The style crop {value} is not inside the style picture.").format(value=text),
            _("The style picture has {width} × {height} pixels.").format(width=width, height=height),
            "bad-setting",
        )
    return x, y, w, h
