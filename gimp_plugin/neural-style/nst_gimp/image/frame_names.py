"""What GIMP's animation tools read from the names of layers: "walk 3 (80ms) (replace)". Works without GIMP.

A frame without a word is combined with those below it, as Filters > Animation > Playback does.
"""

from __future__ import annotations

REPLACED, COMBINED = "(replace)", "(combine)"


def is_replaced(name: str) -> bool:
    """Return whether a frame is shown alone. The last word counts, as GIMP appends it."""
    return name.rfind(REPLACED) > name.rfind(COMBINED)
