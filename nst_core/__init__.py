"""Neural style transfer by optimisation (Gatys, Ecker and Bethge, CVPR 2016): the engine.

    from nst_core import stylize
    result = stylize(photo, painting, {"strength": 60, "size": 512}).pixels

Pictures are numpy arrays of shape ``(height, width)`` or ``(height, width, 1..4)``: grey, grey + alpha, RGB
or RGB + alpha, as 8 or 16 bits or floats in 0..1. See nst_core/README.md.
"""

import importlib
import os
from typing import TYPE_CHECKING

from nst_core.contract import VERSION

if TYPE_CHECKING:
    from nst_core.api import Painting as Painting
    from nst_core.api import stylize as stylize
    from nst_core.errors import ErrorCode as ErrorCode
    from nst_core.errors import NstError as NstError
    from nst_core.events import Event as Event
    from nst_core.events import Notice as Notice
    from nst_core.events import Plan as Plan
    from nst_core.events import Preview as Preview
    from nst_core.events import Progress as Progress
    from nst_core.settings import Settings as Settings
    from nst_core.settings import make_settings as make_settings

__version__ = VERSION

# ONNX Runtime's official builds send telemetry unless this is set before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULE_OF = {
    "Painting": "api",
    "stylize": "api",
    "ErrorCode": "errors",
    "NstError": "errors",
    "Event": "events",
    "Notice": "events",
    "Plan": "events",
    "Preview": "events",
    "Progress": "events",
    "Settings": "settings",
    "make_settings": "settings",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``nst --help`` does not wait for ONNX Runtime."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"nst_core.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'nst_core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
