"""Neural style transfer by optimisation (Gatys, Ecker and Bethge, CVPR 2016): the engine.

    from nst_core import stylize
    painted = stylize(photo, painting, {"strength": 60, "size": 512}).pixels

Pictures are numpy arrays, ``(height, width)`` or ``(height, width, 1..4)``: grey, grey + alpha, RGB or RGB +
alpha; 8 or 16 bits, or floats in 0..1. See nst_core/README.md.
"""

from nst_core.arrays import Painting, stylize
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Plan, Preview, Progress
from nst_core.settings import Settings, make_settings

__version__ = "0.1.0"

__all__ = [
    "ErrorCode",
    "Event",
    "Notice",
    "NstError",
    "Painting",
    "Plan",
    "Preview",
    "Progress",
    "Settings",
    "__version__",
    "make_settings",
    "stylize",
]
