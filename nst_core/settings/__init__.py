"""The settings of a run, each declared once: type, range, default, help, origin and where it applies.

The command line, the GIMP plug-in's arguments and dialog, the style library and the documentation derive
from this table; nothing else names a default. The meaning of a setting does not depend on the network, the
picture's size or the device.
"""

from nst_core.settings.metadata import Choice, SettingInfo, info_of
from nst_core.settings.table import Settings
from nst_core.settings.validation import (
    fields,
    is_style_setting,
    make_settings,
    names_applying_to,
    setting_infos,
    with_underscores,
)
from nst_core.settings.values import Crop, KeepColors, LayerWeight, parse_bytes

__all__ = [
    "Choice",
    "Crop",
    "KeepColors",
    "LayerWeight",
    "SettingInfo",
    "Settings",
    "fields",
    "info_of",
    "is_style_setting",
    "make_settings",
    "names_applying_to",
    "parse_bytes",
    "setting_infos",
    "with_underscores",
]
